"""Exact balance, and stimuli that no other split has seen: what every task's sampling is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_ROUNDS = 100
MIN_ITEMS = 30
_LONGEST_KEY = 256  # bytes; a longer stimulus has a digest for a key


class Manipulated(Protocol):
    """A binary feature, and what the training split does to it."""

    @property
    def prevalence(self) -> float:
        """The share of ones among the training items with a label for it."""

    @property
    def labelled(self) -> float:
        """The share of training items with a label for it."""

    @property
    def is_manipulated(self) -> bool:
        """Whether training is otherwise than validation and test."""


def too_rare(features: Mapping[str, Manipulated], train: int) -> Iterator[str]:
    """Yield in words which manipulated features have fewer than 30 of `train` training items of either value."""
    for name, feature in features.items():
        items = round(feature.labelled * train)
        ones = round(feature.prevalence * items)
        if feature.is_manipulated and min(ones, items - ones) < MIN_ITEMS:
            yield (
                f"{name}: prevalence={feature.prevalence:g} and labelled={feature.labelled:g} of {train} training "
                f"items leave {ones} ones and {items - ones} zeros; {MIN_ITEMS} of each are needed"
            )


def balanced_labels(rng: np.random.Generator, n: int, prevalence: float = 0.5) -> NDArray[np.int64]:
    """Return `n` labels in random order, `[stimulus]`, of which exactly round(prevalence * n) are 1 and the rest 0.

    For one state of `rng`, the ones of a smaller prevalence are among the ones of a larger.
    """
    return (rng.permutation(n) < round(prevalence * n)).astype(np.int64)


def balanced_classes(rng: np.random.Generator, n: int, classes: int) -> NDArray[np.int64]:
    """Return `n` labels 0 ... classes - 1 in random order, `[stimulus]`, all equally often to within one."""
    return rng.permutation(n) % classes


def labelled_mask(
    rng: np.random.Generator, labels: NDArray[np.int64], labelled: float, prevalence: float
) -> NDArray[np.bool_]:
    """Return which items have a label for a binary feature, `[stimulus]`: exactly round(labelled * n), at random.

    Among the labelled items the share of ones is `prevalence`, as nearly as whole numbers allow.
    """
    total, n_ones = round(labelled * len(labels)), int(labels.sum())
    most, least = min(n_ones, total), max(0, total - (len(labels) - n_ones))
    labelled_ones = min(max(round(prevalence * total), least), most)
    order = rng.permutation(len(labels))
    ones_first = order[np.argsort(1 - labels[order], kind="stable")]
    mask = np.zeros(len(labels), dtype=bool)
    mask[ones_first[:labelled_ones]] = True
    mask[ones_first[n_ones : n_ones + total - labelled_ones]] = True
    return mask


def stimulus_keys(inputs: NDArray[np.generic]) -> list[bytes]:
    """Return a key of each stimulus of `[stimulus, ...]`: equal where and only where two stimuli are the same.

    It is the stimulus's bytes, or a digest of 16 bytes of longer stimuli, such as pictures, whose bytes would fill the
    memory; that two of those share a digest is as good as impossible.
    """
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    length = rows.shape[1] * rows.itemsize
    if length > _LONGEST_KEY:
        return [blake2b(row, digest_size=16).digest() for row in rows]
    keys: list[bytes] = rows.view(f"V{length}").ravel().tolist()
    return keys


def draw_unseen(draw: Callable[[NDArray[np.intp]], NDArray[np.uint8]], n: int, seen: Set[bytes]) -> NDArray[np.uint8]:
    """Return `n` stimuli of which none is in `seen`, if need be by drawing those that are again.

    Parameters
    ----------
    draw : makes stimuli `[index, ...]` for an array of indices `[index]`, other ones at each call.
    n : how many stimuli.
    seen : the `stimulus_keys` of the splits drawn before.

    After 100 rounds, stimuli that still occur in `seen` stay: where the space is too small, no better can be done,
    and `check_design` reports it.
    """
    pending = np.arange(n)
    inputs = draw(pending)
    for _ in range(MAX_ROUNDS):
        keys = stimulus_keys(inputs[pending])
        pending = pending[np.fromiter((key in seen for key in keys), dtype=bool, count=len(keys))]
        if not len(pending):
            break
        inputs[pending] = draw(pending)
    return inputs
