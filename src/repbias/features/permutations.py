"""Permutations of a feature's values over stimuli that keep what clusters of stimuli share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import IntArray
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
    """Number of items (stimuli, or clusters of them) that change places in a permutation."""

    @classmethod
    def with_permutations(cls, name: str, values: Values, rule: Exchange, n: int, *, seed: int) -> PermutedFeature:
        """Return a feature with `n` permuted and `n` planted orders, drawn by its exchange rule."""
        permuted, planted = (rule.orders(n, rng(seed, "audit", what, name)) for what in ("permutations", "planted"))
        return cls(name, values, permuted, planted, rule.n)
