"""Cross-validation folds that keep groups together and give each fold its share of every class of every feature."""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.labels import IntArray

FOLDS = 5


def one_hot(labels: IntArray, n_classes: int) -> FloatArray:
    """Return the one-hot code `[stimulus, class]` of labels 0, 1, ..., `[stimulus]`."""
    return np.asarray(np.eye(n_classes)[labels])


def assign_folds(design: FloatArray, cluster: IntArray, *, seed: int) -> IntArray:
    """Return the fold of each stimulus: at most `FOLDS`, and no more than there are clusters.

    Clusters are dealt one by one, those that hold most of a class first, each to the fold that has least of what it
    holds; a class counts for more the rarer it is.

    Parameters
    ----------
    design : the one-hot codes of all features side by side, `[stimulus, column]`.
    cluster : what is kept together, 0, 1, ..., `[stimulus]`: the groups, or each stimulus by itself.
    seed : breaks ties.

    Source: the greedy rule follows Sechidis, Tsoumakas & Vlahavas (2011), ECML PKDD.
    """
    n_clusters = int(cluster.max()) + 1
    held = np.zeros((n_clusters, design.shape[1] + 1))
    np.add.at(held, cluster, np.column_stack([design, np.ones(len(design))]))
    held /= held.sum(0)  # each cluster's share of each class, and of the stimuli
    order = rng(seed, "audit", "folds").permutation(n_clusters)
    order = order[np.argsort(-held[order].max(1), kind="stable")]
    folds = min(FOLDS, n_clusters)
    filled = np.zeros((folds, held.shape[1]))
    fold_of = np.empty(n_clusters, dtype=np.int64)
    for one in order:
        fold_of[one] = (filled @ held[one]).argmin()
        filled[fold_of[one]] += held[one]
    return fold_of[cluster]
