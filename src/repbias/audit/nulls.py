"""Permutation tests of the variance that a feature explains and of how well it is read out, at the cost of class sums.

All that either asks of the stimuli, under any labels, is the number and the sum of each class in each fold; so no
permutation costs more than one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from repbias.audit.decoding import FoldMaps, balanced_accuracy
from repbias.audit.estimates import FoldedActivity
from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray, Labellings

VALUES_A_BATCH = 2**22
FEW_EXCEEDANCES = 10
FEW_CLUSTERS = 20
LEAST_P = 1e-6  # a few hundred permutations say nothing about tails beyond
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class ClassSums:
    """Class means in the folds that are fitted, and class sums in the one that is scored, for several labellings.

    counts, fitted_counts : number of stimuli of each class in the fold, and in all others, `[fold, labelling, class]`.
    fitted : class mean in the other folds about their mean, `[fold, labelling, class, unit]`; 0 without stimuli.
    scored : sum over the fold's stimuli of their activity about the same mean, `[fold, labelling, class, unit]`.
    """

    counts: FloatArray
    fitted_counts: FloatArray
    fitted: FloatArray
    scored: FloatArray

    def explained(self) -> FloatArray:
        """Return the explained sum of squares (the sum of `cross`), `[labelling]`."""
        return np.einsum("fpcu,fpcu->p", self.fitted, self.scored)


def class_sums(activity: FoldedActivity, labels: Labellings, n_classes: int) -> ClassSums:
    """Return the class sums of several labellings `[labelling, stimulus]`."""
    x, folds = activity.x, range(activity.n_folds)
    n_units = x.shape[1]
    shape = (len(folds), len(labels), n_classes)
    counts, sums = np.empty(shape), np.empty((*shape, n_units))
    scored = np.empty_like(sums)
    totals = np.stack([x[activity.fold_of == fold].sum(0) for fold in folds])
    sizes = np.bincount(activity.fold_of)
    for fold in folds:
        held = activity.fold_of == fold
        code = (labels[:, held, None] == np.arange(n_classes)).transpose(0, 2, 1).astype(float)  # [labelling, class, s]
        counts[fold] = code.sum(2)
        sums[fold] = (code.reshape(-1, code.shape[2]) @ x[held]).reshape(sums[fold].shape)
    others, other_counts = sums.sum(0) - sums, counts.sum(0) - counts
    for fold in folds:
        mean = (totals.sum(0) - totals[fold]) / (sizes.sum() - sizes[fold])
        scored[fold] = sums[fold] - counts[fold][:, :, None] * mean
        others[fold] -= other_counts[fold][:, :, None] * mean
    fitted = others / np.maximum(other_counts, 1)[..., None]
    return ClassSums(counts, other_counts, fitted, scored)


def batches(activity: FoldedActivity, labels: Labellings, n_classes: int) -> Iterator[Labellings]:
    """Cut labellings `[labelling, stimulus]` into as many at a time as memory should hold."""
    size = max(1, VALUES_A_BATCH // (n_classes * (activity.n_folds * activity.x.shape[1] + len(activity.x))))
    for start in range(0, len(labels), size):
        yield labels[start : start + size]


def between_clusters(labels: IntArray, cluster: IntArray) -> bool:
    """Return whether each cluster has a single label; clusters are 0, 1, ..., without gaps."""
    of_cluster = labels[np.unique(cluster, return_index=True)[1]]
    return bool((of_cluster[cluster] == labels).all())


def permuted(
    labels: IntArray, cluster: IntArray, fold_of: IntArray, n: int, generator: np.random.Generator
) -> Labellings:
    """Return `n` permutations of labels, `[permutation, stimulus]`, that keep what groups share.

    Where each cluster has a single label (always so where clusters are single stimuli), labels change places between
    clusters of the same fold, so that folds hold as much of each class as before, which is how they were made; with
    fewer than 20 clusters, too few a fold, between all. Else they change places within each cluster.
    """
    if not between_clusters(labels, cluster):
        return _exchanged(labels, cluster, n, generator)
    first = np.unique(cluster, return_index=True)[1]
    blocks = fold_of[first] if len(first) >= FEW_CLUSTERS else np.zeros(len(first), dtype=np.int64)
    return _exchanged(labels[first], blocks, n, generator)[:, cluster]


def _exchanged(labels: IntArray, block: IntArray, n: int, generator: np.random.Generator) -> Labellings:
    """Return `n` permutations of labels within each block, `[permutation, label]`, in as few bytes as hold them."""
    found = np.empty((n, len(labels)), dtype=np.min_scalar_type(labels.max()))
    by_block = np.argsort(block, kind="stable")
    for one in found:
        one[by_block] = labels[np.argsort(block + generator.random(len(labels)))]
    return found


def null_scores(
    activity: FoldedActivity, maps: FoldMaps, labels: Labellings, n_classes: int
) -> tuple[FloatArray, FloatArray]:
    """Return the R2 and the balanced accuracy of the discriminant under each labelling `[labelling, stimulus]`."""
    r2, accuracy = [], []
    for some in batches(activity, labels, n_classes):
        sums = class_sums(activity, some, n_classes)
        r2.append(sums.explained() / (activity.total or 1.0))
        accuracy.append(balanced_accuracy(activity.deviations, activity.fold_of, maps, sums.fitted, some))
    return np.concatenate(r2), np.concatenate(accuracy)


def p_value(observed: float, null: FloatArray, n_clusters: int) -> float:
    """Return the p value of a permutation test, one-sided.

    It is (1 + b) / (1 + permutations), b the number of permutations that score as high. Where b is below 10, so that
    the count no longer tells how small p is, and there are 20 clusters or more to permute, a gamma distribution
    (Pearson's type III) with the mean, variance and skewness of the permutations gives the tail, down to 1e-6.

    Source: Winkler et al. (2016), NeuroImage 141, 502-516.
    """
    exceeding = int((null >= observed - ROUNDING).sum())
    counted = (1 + exceeding) / (1 + len(null))
    if exceeding >= FEW_EXCEEDANCES or n_clusters < FEW_CLUSTERS or np.ptp(null) < ROUNDING:
        return counted
    tail = float(stats.pearson3.sf(observed, stats.skew(null), null.mean(), null.std(ddof=1)))
    return max(tail, LEAST_P)


def critical_value(null: FloatArray, level: float) -> float:
    """Return what a score must exceed for (1 + b) / (1 + permutations) to be at most `level`; infinite if none can."""
    allowed = int(np.floor(level * (1 + len(null)) + ROUNDING)) - 1
    return float(np.sort(null)[::-1][allowed]) + ROUNDING if allowed >= 0 else float("inf")
