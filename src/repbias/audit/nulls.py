"""Permutation tests of the variance that a feature explains and of how well it is decoded, at the cost of class sums.

Both need only the number and the sum of the stimuli of each class in each fold, under any labels; so a permutation
costs no more than one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from repbias.audit.decoding import FoldMaps, balanced_accuracy
from repbias.audit.estimates import FoldedActivity
from repbias.core.arrays import FloatArray
from repbias.features.labels import Labellings
from repbias.features.permutations import FEW_CLUSTERS
from repbias.measures.variance.regression import Regression
from repbias.measures.variance.sums import OneHotCode, Sums

VALUES_PER_BATCH = 2**22
FEW_EXCEEDANCES = 10
LEAST_P = 1e-6  # a few hundred permutations do not reach tails beyond
ROUNDING = 1e-12


def class_sums(activity: FoldedActivity, labels: Labellings, n_classes: int) -> Regression:
    """Return the regressions on several labellings `[labelling, stimulus]`; leading axes `[fold, labelling]`."""
    x, fold_of = activity.x, activity.fold_of
    shape = (activity.n_folds, len(labels), n_classes)
    counts, sums = np.empty(shape), np.empty((*shape, x.shape[1]))
    for fold in range(activity.n_folds):
        held = fold_of == fold
        code = (labels[:, held, None] == np.arange(n_classes)).transpose(0, 2, 1).astype(float)  # [labelling, class, s]
        counts[fold] = code.sum(2)
        sums[fold] = (code.reshape(-1, code.shape[2]) @ x[held]).reshape(sums[fold].shape)
    totals = np.stack([x[fold_of == fold].sum(0) for fold in range(activity.n_folds)])
    folds = Sums(np.bincount(fold_of).astype(float)[:, None], counts, sums, totals[:, None])
    return Regression(OneHotCode((n_classes,)), folds.others(), folds)


def explained(sums: Regression) -> FloatArray:
    """Return the explained sum of squares (the sum of `cross`), `[labelling]`."""
    return np.einsum("fpcu,fpcu->p", sums.class_means, sums.held_sums)


def batches(activity: FoldedActivity, labels: Labellings, n_classes: int) -> Iterator[Labellings]:
    """Cut labellings `[labelling, stimulus]` into batches that take little memory."""
    size = max(1, VALUES_PER_BATCH // (n_classes * (activity.n_folds * activity.x.shape[1] + len(activity.x))))
    for start in range(0, len(labels), size):
        yield labels[start : start + size]


def null_scores(
    activity: FoldedActivity, maps: FoldMaps, labels: Labellings, n_classes: int
) -> tuple[FloatArray, FloatArray]:
    """Return R2 and the balanced accuracy of the discriminant under each labelling `[labelling, stimulus]`.

    R2 is the numerator of `r2_unbiased` over the sum of squares, which is the same for all labellings.
    """
    r2, accuracy = [], []
    for some in batches(activity, labels, n_classes):
        sums = class_sums(activity, some, n_classes)
        r2.append(explained(sums) / (activity.total or 1.0))
        accuracy.append(balanced_accuracy(activity.deviations, activity.fold_of, maps, sums.class_means, some))
    return np.concatenate(r2), np.concatenate(accuracy)


def p_value(observed: float, null: FloatArray, n_clusters: int) -> float:
    """Return the p value of a permutation test, one-sided.

    It is (1 + b) / (1 + permutations), b the number of permutations that score as high. Where b is below 10, too few to
    estimate a small p, and there are 20 clusters or more to permute, a gamma distribution (Pearson's type III) with the
    mean, variance and skewness of the permutations gives the tail, down to 1e-6.

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
