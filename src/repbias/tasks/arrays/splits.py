"""Training, validation and test stimuli of arrays: drawn from a seed, with each class's share, or as given."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from repbias.core.arrays import IntArray
from repbias.core.randomness import rng
from repbias.tasks.arrays.data import Arrays
from repbias.tasks.generated import class_counts, drawn_alike
from repbias.tasks.task import SPLITS

Parts = tuple[IntArray, IntArray, IntArray]  # the indices of the training, validation and test stimuli
_DRAWS = 100


class Splitter:
    """Divides the stimuli of arrays into three splits.

    Where stimuli have groups, every seed puts as many groups into a split, each group into one. Groups may differ in
    size; each split is therefore cut to as many stimuli as that number of the smallest groups holds.

    Parameters
    ----------
    fractions : of training, validation and test stimuli (of groups, where there are some), which sum to 1; not used
        where the arrays have a split.
    """

    def __init__(self, arrays: Arrays, fractions: tuple[float, float, float]) -> None:
        self._arrays = arrays
        self._fractions = fractions
        self._joint = np.unique(arrays.labels, axis=0, return_inverse=True)[1].reshape(-1)
        if min(self.sizes) < 1:
            raise ValueError(
                f"the splits have {', '.join(map(str, self.sizes))} stimuli for training, validation and test, and "
                "each needs some: give larger fractions or more stimuli"
            )

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """The number of training, validation and test stimuli, the same for every seed."""
        if self._arrays.split is not None:
            train, validation, test = (int((self._arrays.split == number).sum()) for number in range(3))
        elif self._arrays.groups is not None:
            smallest = np.concatenate([[0], np.cumsum(np.sort(np.bincount(self._arrays.groups)))])
            train, validation, test = (
                int(smallest[count]) for count in self._counts(int(self._arrays.groups.max()) + 1)
            )
        else:
            train, validation, test = self._counts(len(self._joint))
        return train, validation, test

    def parts(self, seed: int) -> Parts:
        """Return the indices of each split; they are drawn again where a class is absent from one, 100 times at most.

        Raises
        ------
        ValueError : a class is absent from a split.
        """
        if self._arrays.split is not None:
            given = self._arrays.split
            drawn: Parts = (np.flatnonzero(given == 0), np.flatnonzero(given == 1), np.flatnonzero(given == 2))
            missing = next(self._absent(drawn), None)
        else:
            for draw in range(_DRAWS):
                random = rng(seed, "data", "split", draw)
                drawn = self._drawn(random) if self._arrays.groups is None else self._drawn_groups(random)
                if (missing := next(self._absent(drawn), None)) is None:
                    break
        if missing is not None:
            raise ValueError(
                f"{missing}, but validation and test measure, and training learns, every class: merge rare classes, "
                "drop them, or enlarge the split"
            )
        return drawn

    def _counts(self, n: int) -> tuple[int, int, int]:
        train, validation, test = class_counts(n, self._fractions)
        return train, validation, test

    def _drawn(self, random: np.random.Generator) -> Parts:
        return _divided(random, self._joint, self.sizes)

    def _drawn_groups(self, random: np.random.Generator) -> Parts:
        groups = self._arrays.groups
        assert groups is not None
        # The class of a group is the most frequent of its stimuli.
        table = np.zeros((groups.max() + 1, self._joint.max() + 1), dtype=np.int64)
        np.add.at(table, (groups, self._joint), 1)
        chosen = _divided(random, table.argmax(axis=1), self._counts(len(table)))
        train, validation, test = (
            self._cut(random, np.flatnonzero(np.isin(groups, own)), size)
            for own, size in zip(chosen, self.sizes, strict=True)
        )
        return train, validation, test

    def _cut(self, random: np.random.Generator, index: IntArray, size: int) -> IntArray:
        return index[drawn_alike(random, self._joint[index], size)]

    def _absent(self, parts: Parts) -> Iterator[str]:
        for name, labels in self._arrays.features.items():
            for split, index in zip(SPLITS, parts, strict=True):
                counts = np.bincount(labels.numbers[index], minlength=len(labels.classes))
                for label in np.flatnonzero(counts == 0):
                    yield f"class {labels.classes[label]!r} of feature {name!r} is absent from the {split} split"


def _divided(random: np.random.Generator, strata: NDArray[np.int64], sizes: tuple[int, int, int]) -> Parts:
    """Return the indices of three parts of these sizes, in each of which a class has nearly its share of all items."""
    everything = np.arange(len(strata))
    is_test = drawn_alike(random, strata, sizes[2])
    rest = everything[~is_test]
    is_validation = drawn_alike(random, strata[rest], sizes[1])
    return rest[~is_validation], rest[is_validation], everything[is_test]
