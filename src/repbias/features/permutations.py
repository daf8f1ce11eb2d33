"""Permutations of a feature's values over stimuli that keep what clusters of stimuli, or neighbours, share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, lgamma, prod

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import IntArray
from repbias.core.association import determines
from repbias.core.randomness import rng
from repbias.features.values import Values

FEW_CLUSTERS = 20
Orders = npt.NDArray[np.int32]  # the stimulus whose value each stimulus gets, `[permutation, stimulus]`


@dataclass(frozen=True, eq=False)
class Exchange:
    """Which values change places in a permutation: those of exchangeable items, within blocks of items.

    An item is a stimulus, or all stimuli that share one value, such as those of a group.
    """

    item: IntArray
    """The item of each stimulus, 0, 1, ..., `[stimulus]`."""

    block: IntArray
    """The block within which each item changes places, `[item]`."""

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.block)

    def orders(self, n: int, generator: np.random.Generator) -> Orders:
        """Return for `n` permutations the stimulus whose value each stimulus gets, `[permutation, stimulus]`."""
        first = np.unique(self.item, return_index=True)[1].astype(np.int32)
        found = np.empty((n, self.n), dtype=np.int32)
        by_block = np.argsort(self.block, kind="stable")
        for one in found:
            one[by_block] = first[np.argsort(self.block + generator.random(self.n))]
        return found[:, self.item]

    def labellings(self, identity: IntArray) -> float:
        """Return how many ways of dividing the stimuli into classes the permutations of these values have."""
        first = np.unique(self.item, return_index=True)[1]
        classes, of_item = np.unique(identity[first], return_inverse=True)
        counts = np.zeros((len(classes), int(self.block.max()) + 1))
        np.add.at(counts, (of_item.reshape(-1), self.block), 1)
        log = sum(lgamma(n + 1) for n in counts.sum(0)) - sum(lgamma(n + 1) for n in counts.ravel())
        # Classes with the same counts can change their names without any other effect.
        alike = prod(factorial(n) for n in np.unique(counts, axis=0, return_counts=True)[1].tolist())
        return float(np.exp(min(log, 700.0)) / alike)


@dataclass(frozen=True, eq=False)
class Shifts:
    """Circular shifts of the values along sequences of stimuli, by an amount of its own in each sequence.

    The values keep their runs, and what neighbours share stays in place.
    """

    sequence: IntArray
    """The sequence of each stimulus, 0, 1, ..., `[stimulus]`."""

    place: IntArray
    """The place of each stimulus in its sequence, 0, 1, ..., `[stimulus]`."""

    @property
    def n(self) -> int:
        """Number of sequences that are shifted independently."""
        return int(self.sequence.max()) + 1

    def orders(self, n: int, generator: np.random.Generator) -> Orders:
        """Return for `n` shifts the stimulus whose value each stimulus gets, `[permutation, stimulus]`.

        A single sequence has one shift fewer than stimuli, each of which is drawn once at most; where there are fewer
        than `n`, all of them are returned.
        """
        sizes = np.bincount(self.sequence)
        if len(sizes) == 1:
            shifts = 1 + generator.permutation(sizes[0] - 1)[:n, None]
        else:
            shifts = generator.integers(0, sizes, (n, len(sizes)))
        return self.shifted(shifts)

    def shifted(self, shifts: IntArray) -> Orders:
        """Return the orders of given shifts `[permutation, sequence]`."""
        sizes = np.bincount(self.sequence)
        by_place = np.lexsort([self.place, self.sequence]).astype(np.int32)
        starts = np.cumsum(sizes) - sizes
        found = np.empty((len(shifts), len(self.sequence)), dtype=np.int32)
        for one, by in zip(found, shifts, strict=True):
            one[:] = by_place[starts[self.sequence] + (self.place - by[self.sequence]) % sizes[self.sequence]]
        return found

    def labellings(self, identity: IntArray) -> float:
        """Return how many ways of dividing the stimuli into classes the shifts of these values have."""
        ordered = identity[np.lexsort([self.place, self.sequence])]
        if self.n == 1:
            return float(_period(ordered, _same_classes))
        # Classes are not renamed here, which changes little, as the numbers of all sequences multiply.
        parts = np.split(ordered, np.cumsum(np.bincount(self.sequence))[:-1])
        return float(np.exp(min(sum(np.log(_period(part, np.array_equal)) for part in parts), 700.0)))


def _period(values: IntArray, same: Callable[[IntArray, IntArray], bool]) -> int:
    """Return the smallest circular shift after which values are the same; it divides their number."""
    n = len(values)
    return next(by for by in range(1, n + 1) if n % by == 0 and same(values, np.roll(values, by)))


def _same_classes(first: IntArray, second: IntArray) -> bool:
    return determines(first, second) and determines(second, first)


Rule = Exchange | Shifts


def exchange(identity: IntArray, cluster: IntArray, fold_of: IntArray) -> Exchange:
    """Return how values may change places without breaking up what clusters share.

    Where each cluster has a single value (always so where clusters are single stimuli), values change places between
    clusters of the same fold, so that folds keep their share of each class, as they were made; with fewer than 20
    clusters, too few per fold, between all. Otherwise they change places within each cluster.

    Parameters
    ----------
    identity, cluster, fold_of : `[stimulus]`; which stimuli have the same value; clusters are 0, 1, ..., without gaps,
        each within one fold.
    """
    if not one_value_each(identity, cluster):
        return Exchange(np.arange(len(identity)), cluster)
    first = np.unique(cluster, return_index=True)[1]
    return Exchange(cluster, fold_of[first] if len(first) >= FEW_CLUSTERS else np.zeros(len(first), dtype=np.int64))


def one_value_each(identity: IntArray, cluster: IntArray) -> bool:
    """Return whether each cluster has a single value; clusters are 0, 1, ..., without gaps."""
    of_cluster = identity[np.unique(cluster, return_index=True)[1]]
    return bool((of_cluster[cluster] == identity).all())


@dataclass(frozen=True, eq=False)
class PermutedFeature:
    """A feature, and the orders of its values in the tests, the same in every layer."""

    name: str
    values: Values

    permuted: Orders
    """Orders of the values in the permutation test, `[permutation, stimulus]`."""

    planted: Orders
    """Orders of the values of the features that are planted to estimate power, `[planted, stimulus]`."""

    n_exchanged: int
    """Number of items (stimuli, or clusters of them) that change places in a permutation, or of shifted sequences."""

    @classmethod
    def with_permutations(
        cls, name: str, values: Values, rule: Rule, n: int, *, seed: int, planted: Rule | None = None
    ) -> PermutedFeature:
        """Return a feature with at most `n` permuted and `n` planted orders, drawn by its rule.

        Parameters
        ----------
        planted : the rule of planted orders, if another.
        """
        rules = {"permutations": rule, "planted": planted or rule}
        orders = {what: one.orders(n, rng(seed, "audit", what, name)) for what, one in rules.items()}
        return cls(name, values, orders["permutations"], orders["planted"], rule.n)
