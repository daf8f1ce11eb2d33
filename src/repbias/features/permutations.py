"""Permutations of a feature's values over stimuli that keep what clusters of stimuli share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import one_hot
from repbias.features.labels import Labellings, Labels

FEW_CLUSTERS = 20


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

    def permuted(self, labels: IntArray, n: int, generator: np.random.Generator) -> Labellings:
        """Return `n` permutations of labels `[stimulus]`, `[permutation, stimulus]`, in as few bytes as hold them."""
        of_item = labels[np.unique(self.item, return_index=True)[1]]
        found = np.empty((n, self.n), dtype=np.min_scalar_type(labels.max()))
        by_block = np.argsort(self.block, kind="stable")
        for one in found:
            one[by_block] = of_item[np.argsort(self.block + generator.random(self.n))]
        return found[:, self.item]


def exchange(labels: IntArray, cluster: IntArray, fold_of: IntArray) -> Exchange:
    """Return how labels may change places without breaking up what clusters share.

    Where each cluster has a single label (always so where clusters are single stimuli), labels change places between
    clusters of the same fold, so that folds keep their share of each class, as they were made; with fewer than 20
    clusters, too few per fold, between all. Otherwise they change places within each cluster.

    Parameters
    ----------
    labels, cluster, fold_of : `[stimulus]`; clusters are 0, 1, ..., without gaps, each within one fold.
    """
    if not one_label_each(labels, cluster):
        return Exchange(np.arange(len(labels)), cluster)
    first = np.unique(cluster, return_index=True)[1]
    return Exchange(cluster, fold_of[first] if len(first) >= FEW_CLUSTERS else np.zeros(len(first), dtype=np.int64))


def one_label_each(labels: IntArray, cluster: IntArray) -> bool:
    """Return whether each cluster has a single label; clusters are 0, 1, ..., without gaps."""
    of_cluster = labels[np.unique(cluster, return_index=True)[1]]
    return bool((of_cluster[cluster] == labels).all())


@dataclass(frozen=True, eq=False)
class Feature:
    """A categorical feature, and the labellings of its tests, the same in every layer."""

    name: str
    labels: Labels
    code: FloatArray
    """Design matrix of a regression from the feature: its one-hot code, `[stimulus, class]`."""

    permuted: Labellings
    """Labels of the permutation test, `[permutation, stimulus]`."""

    planted: Labellings
    """Labels of the features that are planted to estimate power, `[planted, stimulus]`."""

    n_exchanged: int
    """Number of items (stimuli, or clusters of them) that change places in a permutation."""

    @property
    def n_classes(self) -> int:
        return len(self.labels.classes)

    @classmethod
    def with_permutations(cls, name: str, labels: Labels, rule: Exchange, n: int, *, seed: int) -> Feature:
        """Return a feature with `n` permuted and `n` planted labellings, drawn by its exchange rule."""
        permuted, planted = (
            rule.permuted(labels.numbers, n, rng(seed, "audit", what, name)) for what in ("permutations", "planted")
        )
        return cls(name, labels, one_hot(labels.numbers, len(labels.classes)), permuted, planted, rule.n)
