"""What tasks that draw their own stimuli share: exact class shares, splits without overlap, and binary features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Set
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from repbias.core.randomness import rng
from repbias.core.specs import Spec
from repbias.tasks.task import SPLITS, UNLABELLED, Manipulation, Split, Stimuli, Task

MAX_ROUNDS = 100
MIN_ITEMS = 30
_LONGEST_KEY = 256  # bytes; a longer stimulus is represented by a digest

Labels = NDArray[np.int64]


def balanced_labels(random: np.random.Generator, n: int, prevalence: float = 0.5) -> Labels:
    """Return `n` randomly ordered labels, `[stimulus]`, of which exactly round(prevalence * n) are 1 and the rest 0.

    For one state of `random`, the ones of a smaller prevalence are among the ones of a larger.
    """
    return (random.permutation(n) < round(prevalence * n)).astype(np.int64)


def balanced_classes(random: np.random.Generator, n: int, classes: int) -> Labels:
    """Return `n` labels 0 ... classes - 1 in random order, `[stimulus]`, all equally often to within one."""
    return random.permutation(n) % classes


def class_counts(n: int, shares: tuple[float, ...]) -> list[int]:
    """Return how many of `n` items each class has: its share, rounded so that all add up (largest remainders)."""
    exact = n * np.array(shares) / sum(shares)
    counts = np.floor(exact).astype(np.int64)
    most_cut = np.argsort(counts - exact, kind="stable")
    counts[most_cut[: n - counts.sum()]] += 1
    return [int(count) for count in counts]


def labels_with_shares(random: np.random.Generator, n: int, shares: tuple[float, ...]) -> Labels:
    """Return `n` randomly ordered labels, `[stimulus]`, with exactly these shares of the classes."""
    labels: Labels = np.repeat(np.arange(len(shares)), class_counts(n, shares))[random.permutation(n)]
    return labels


def labelled_mask(random: np.random.Generator, labels: Labels, labelled: float, prevalence: float) -> NDArray[np.bool_]:
    """Return which items have a label for a binary feature, `[stimulus]`: exactly round(labelled * n), at random.

    Among the labelled items the share of ones is `prevalence`, as nearly as whole numbers allow.
    """
    total, n_ones = round(labelled * len(labels)), int(labels.sum())
    most, least = min(n_ones, total), max(0, total - (len(labels) - n_ones))
    labelled_ones = min(max(round(prevalence * total), least), most)
    order = random.permutation(len(labels))
    ones_first = order[np.argsort(1 - labels[order], kind="stable")]
    mask = np.zeros(len(labels), dtype=bool)
    mask[ones_first[:labelled_ones]] = True
    mask[ones_first[n_ones : n_ones + total - labelled_ones]] = True
    return mask


def drawn_alike(random: np.random.Generator, labels: Labels, total: int) -> NDArray[np.bool_]:
    """Return exactly `total` of the items at random, `[stimulus]`, the same share of every class to within one item."""
    order = random.permutation(len(labels))
    turn = np.empty(len(labels))
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = (np.arange(len(own)) + random.random()) / len(own)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.argsort(turn, kind="stable")[:total]] = True
    return chosen


def agreeing(random: np.random.Generator, first: Labels, classes: int, share: float) -> Labels:
    """Return labels `[stimulus]` equal to `first` in exactly round(share * n) items, and different in the others.

    Where `first` is balanced, so are they, to within a few items: the other classes are assigned in turn.
    """
    differs = np.flatnonzero(~drawn_alike(random, first, round(share * len(first))))
    second = first.copy()
    for label in range(classes):
        own = random.permutation(differs[first[differs] == label])
        second[own] = (label + 1 + balanced_classes(random, len(own), classes - 1)) % classes
    return second


def stimulus_keys(inputs: NDArray[np.generic]) -> list[bytes]:
    """Return a key for each stimulus of `[stimulus, ...]`: equal if and only if two stimuli are the same.

    The key is the stimulus's bytes or, for longer stimuli such as pictures, a digest of 16 bytes, which saves memory;
    a collision of digests is practically impossible.
    """
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    length = rows.shape[1] * rows.itemsize
    if length > _LONGEST_KEY:
        return [blake2b(row, digest_size=16).digest() for row in rows]
    keys: list[bytes] = rows.view(f"V{length}").ravel().tolist()
    return keys


def draw_unseen(draw: Callable[[NDArray[np.intp]], NDArray[np.uint8]], n: int, seen: Set[bytes]) -> NDArray[np.uint8]:
    """Return `n` stimuli of which none is in `seen`; those that are in it are drawn again.

    Parameters
    ----------
    draw : makes stimuli `[index, ...]` for an array of indices `[index]`, different ones at each call.
    n : how many stimuli.
    seen : the `stimulus_keys` of the splits drawn before.

    After 100 rounds, stimuli that still occur in `seen` stay: the space is then too small, and `check_design` reports
    it.
    """
    pending = np.arange(n)
    inputs = draw(pending)
    for _ in range(MAX_ROUNDS if seen else 0):
        keys = stimulus_keys(inputs[pending])
        pending = pending[np.fromiter((key in seen for key in keys), dtype=bool, count=len(keys))]
        if not len(pending):
            break
        inputs[pending] = draw(pending)
    return inputs


class GeneratedTask(Task):
    """A task that draws its stimuli split by split.

    Attributes
    ----------
    features : the features by name; their order is the order of the labels and of the outputs.
    train, validation, test : how many stimuli each split has.
    """

    features: dict[str, Any]
    train: int = Field(default=16384, ge=2)
    validation: int = Field(default=4096, ge=2)
    test: int = Field(default=4096, ge=2)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order declared."""
        return tuple(self.features)

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """The sizes of the three splits."""
        return self.train, self.validation, self.test

    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine.

        In each split every feature is exactly balanced (in training: exactly as its manipulation declares), and
        independent of the others. No stimulus occurs in two splits where the space allows; within a split one may
        recur. Where training covers nearly all of a small space (for bits at the default sizes: 13 or fewer), the
        stimuli that are left for validation and test are no longer typical of it, which `check_design` reports as
        `foreign bits` and `overlap`.
        """
        seen: set[bytes] = set()
        splits = []
        for name, n in zip(SPLITS, self.n_stimuli, strict=True):
            splits.append(self.draw(seed, name, n, seen))
            seen.update(stimulus_keys(self.content(splits[-1].inputs)))
        return Stimuli(*splits)

    @abstractmethod
    def draw(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        """Draw a split of `n` stimuli whose `content` has none of the keys in `seen`; see `draw_unseen`."""


class BinaryFeature(Spec):
    """A feature with the values 0 and 1.

    Attributes
    ----------
    prevalence : the share of ones among the training items with a label for it; one half in validation and test.
    labelled : the share of training items with a label for it; elsewhere its label is -1.
    """

    prevalence: float = Field(default=0.5, gt=0, lt=1)
    labelled: float = Field(default=1.0, gt=0, le=1)

    @property
    def is_manipulated(self) -> bool:
        """Whether the training set treats this feature differently from validation and test."""
        return self.prevalence != 0.5 or self.labelled != 1


class BinaryTask(GeneratedTask):
    """A task that draws its stimuli and whose features are all binary."""

    @property
    def n_classes(self) -> tuple[int, ...]:
        """Two for every feature."""
        return (2,) * len(self.features)

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that are manipulated in the training split, with their prevalence and labelled fraction."""
        return {
            name: Manipulation((1 - feature.prevalence, feature.prevalence), feature.labelled)
            for name, feature in self.features.items()
            if feature.is_manipulated
        }

    def too_rare(self) -> Iterator[str]:
        """Yield in words which manipulated features have fewer than 30 training items of either value."""
        for name, feature in self.features.items():
            items = round(feature.labelled * self.train)
            ones = round(feature.prevalence * items)
            if feature.is_manipulated and min(ones, items - ones) < MIN_ITEMS:
                yield (
                    f"{name}: prevalence={feature.prevalence:g} and labelled={feature.labelled:g} of {self.train} "
                    f"training items leave {ones} ones and {items - ones} zeros; {MIN_ITEMS} of each are needed"
                )

    def values(self, seed: int, split: str, n: int) -> Labels:
        """Return the value of every feature in the stimuli of a split, `[stimulus, feature]`."""
        columns = []
        for name, feature in self.features.items():
            prevalence = feature.prevalence if split == "train" else 0.5
            columns.append(balanced_labels(rng(seed, "data", split, "labels", name), n, prevalence))
        return np.stack(columns, axis=1)

    def labels(self, seed: int, split: str, values: Labels) -> Labels:
        """Return the labels `[stimulus, feature]`: the values, and -1 in training items without a label."""
        if split != "train":
            return values
        masks = [
            labelled_mask(rng(seed, "data", "train", "asked", name), column, feature.labelled, feature.prevalence)
            for (name, feature), column in zip(self.features.items(), values.T, strict=True)
        ]
        return np.where(np.stack(masks, axis=1), values, UNLABELLED)


def consecutive(sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the numbers that each name owns if each owns as many as its size, one after another from 0."""
    owned, start = {}, 0
    for name, size in sizes.items():
        owned[name] = tuple(range(start, start + size))
        start += size
    return owned
