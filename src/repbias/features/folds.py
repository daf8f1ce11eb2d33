"""Cross-validation folds: which of at most five parts of the data each stimulus belongs to.

`assign_folds` is the rule wherever the labels are known beforehand, as in an audit: clusters of stimuli (groups,
repeats) stay together, and each fold holds its share of every class of every feature. `running_folds` is the rule where
stimuli arrive in batches and no label is known in advance, as in `VarianceFitter`: the fold is a function of a
stimulus's running index alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng

FOLDS = 5
DEALT_SINGLY = 20_000  # stimuli up to which the folds are balanced one by one; beyond, that would take minutes


def one_hot(labels: IntArray, n_classes: int) -> FloatArray:
    """Return the one-hot code `[stimulus, class]` of labels 0, 1, ..., `[stimulus]`."""
    return np.asarray(np.eye(n_classes)[labels])


def each_fold(fold_of: IntArray) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield for each fold 0, 1, ... which stimuli are in it, `[stimulus]`."""
    for fold in range(int(fold_of.max()) + 1):
        yield fold_of == fold


def assign_folds(strata: IntArray, cluster: IntArray | None = None, *, seed: int) -> IntArray:
    """Return the fold of each stimulus, `[stimulus]`: at most five folds, and no more than there are clusters.

    Clusters are dealt one by one, those that hold most of a class first, each to the fold that has least of what it
    holds; a class counts for more the rarer it is. More than 20,000 single stimuli are dealt in the time of a sort:
    laid out by the rarest class that each has, rarest first, and within it by their other classes, they go to the folds
    in turn, so that rare classes are shared out most evenly.

    Parameters
    ----------
    strata : classes 0, 1, ... that each fold should hold its share of, `[stimulus]` or `[stimulus, feature]`.
    cluster : what is kept together, 0, 1, ..., `[stimulus]`, such as groups; None if stimuli are independent.
    seed : breaks ties.

    Source: the greedy rule follows Sechidis, Tsoumakas & Vlahavas (2011), ECML PKDD.
    """
    strata = strata.reshape(len(strata), -1)
    starts = np.cumsum(strata.max(0) + 1)
    columns = strata + np.r_[0, starts[:-1]]
    singles = np.arange(len(strata))
    if cluster is None or (len(cluster) == cluster.max() + 1 and (cluster == singles).all()):
        if len(strata) > DEALT_SINGLY:
            return _dealt_in_order(columns, seed)
        cluster = singles
    held = np.zeros((int(cluster.max()) + 1, int(starts[-1]) + 1))
    for column in columns.T:
        np.add.at(held, (cluster, column), 1.0)
    np.add.at(held[:, -1], cluster, 1.0)
    return _dealt_by_need(held / held.sum(0), seed)[cluster]


def _dealt_by_need(held: FloatArray, seed: int) -> IntArray:
    """Return the fold of each cluster, from its share of each class and of the stimuli, `[cluster, class]`."""
    n_clusters = len(held)
    order = rng(seed, "audit", "folds").permutation(n_clusters)
    order = order[np.argsort(-held[order].max(1), kind="stable")]
    filled = np.zeros((min(FOLDS, n_clusters), held.shape[1]))
    fold_of = np.empty(n_clusters, dtype=np.int64)
    for one in order:
        fold_of[one] = (filled @ held[one]).argmin()
        filled[fold_of[one]] += held[one]
    return fold_of


def _dealt_in_order(columns: IntArray, seed: int) -> IntArray:
    """Return the fold of each of many stimuli; `columns` `[stimulus, feature]` number the classes of all features."""
    generator = rng(seed, "audit", "stream folds")
    how_many = np.bincount(columns.ravel())
    rarest = columns[np.arange(len(columns)), how_many[columns].argmin(1)]
    rank = np.empty_like(how_many)
    rank[np.argsort(how_many, kind="stable")] = np.arange(len(how_many))
    order = np.lexsort([generator.random(len(columns)), *columns.T, rank[rarest]])
    fold_of = np.empty(len(columns), dtype=np.int64)
    fold_of[order] = np.arange(len(columns)) % FOLDS
    return fold_of


def running_folds(start: int, stop: int, folds: int) -> IntArray:
    """Return the fold of each stimulus with a running index from `start` up to but not including `stop`.

    Within each block of `folds` consecutive stimuli the folds 0, 1, ... appear once, in a pseudo-random order that is
    a hash of the indices. So batches of any size give the same folds, folds differ in size by one at most, and data
    that are sorted or periodic are spread over all folds.
    """
    first_block, last_block = start // folds, -(-stop // folds)
    indices = np.arange(first_block * folds, last_block * folds, dtype=np.uint64)
    order = _hash(indices).reshape(-1, folds).argsort(axis=1)
    return order.reshape(-1)[start - first_block * folds :][: stop - start]


def _hash(indices: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea & Flood 2014): a fixed bijection of 64-bit integers that looks random."""
    z = indices * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
