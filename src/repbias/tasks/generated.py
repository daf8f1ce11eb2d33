"""What tasks that draw their own stimuli share: sizes of the splits, the loop over them, and binary features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import Field

from repbias.core.randomness import rng
from repbias.core.specs import Spec
from repbias.tasks.sampling import MIN_ITEMS, Labels, balanced_labels, labelled_mask, stimulus_keys
from repbias.tasks.task import SPLITS, UNLABELLED, Manipulation, Split, Stimuli, Task


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
