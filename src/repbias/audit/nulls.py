"""Permutation tests of the variance that a feature explains and of how well it is decoded, and their power.

All need only the number and the sum of the stimuli of each class in each fold, under any labels; so a permutation
costs no more than one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from repbias.audit.decoding import FoldMaps, balanced_accuracy
from repbias.audit.estimates import FoldedActivity
from repbias.audit.findings import Share
from repbias.audit.inputs import BoolArray
from repbias.audit.intervals import CONFIDENCE
from repbias.core.arrays import FloatArray
from repbias.features.folds import each_fold
from repbias.features.labels import Labellings
from repbias.features.permutations import FEW_CLUSTERS
from repbias.measures.variance.regression import Regression
from repbias.measures.variance.sums import OneHotCode, Sums

POWER = 0.8
LEVEL = 0.05
STRENGTHS: FloatArray = np.geomspace(1e-6, 0.99, 600)  # R2 in steps of 2.3 %
VALUES_PER_BATCH = 2**22
FEW_EXCEEDANCES = 10
LEAST_P = 1e-6  # a few hundred permutations do not reach tails beyond
ROUNDING = 1e-12


def class_sums(activity: FoldedActivity, labels: Labellings, n_classes: int) -> Regression:
    """Return the regressions on several labellings `[labelling, stimulus]`; leading axes `[fold, labelling]`."""
    x, fold_of = activity.x, activity.fold_of
    shape = (activity.n_folds, len(labels), n_classes)
    counts, sums = np.empty(shape), np.empty((*shape, x.shape[1]))
    for fold, held in enumerate(each_fold(fold_of)):
        code = (labels[:, held, None] == np.arange(n_classes)).transpose(0, 2, 1).astype(float)  # [labelling, class, s]
        counts[fold] = code.sum(2)
        sums[fold] = (code.reshape(-1, code.shape[2]) @ x[held]).reshape(sums[fold].shape)
    totals = np.stack([x[held].sum(0) for held in each_fold(fold_of)])
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

    R2 here is the numerator of `r2_unbiased` over the sum of squares, which is the same for all labellings.
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


def planted_power(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[Share, Share]:
    """Return the smallest R2 of planted features that is found with 80 % power, and the rate of false positives.

    A feature with labels `y` (a permutation of the real feature's labels, so that classes have the same sizes) is
    planted by adding s D_y to the activity, with D a random direction for each class, isotropic over the axes along
    which activity varies, about their weighted mean; s sets its share of the variance. It is found where its R2 is
    above `critical`, the 5 % point of the permutation test. A planted feature of strength 0 that is found is a false
    positive.

    Both sums of squares are quadratic in s, so that all strengths cost no more than one. So the smallest strength from
    which on a planted feature is found is known for each, and the detectable R2 is its 80 % quantile.

    Parameters
    ----------
    activity : `[stimulus, unit]`, and its folds.
    labels : labels of the planted features, `[planted, stimulus]`.
    n_classes : number of classes.
    critical : R2 above which the test finds a feature.
    generator : of the directions.
    """
    found = [_found(activity, some, n_classes, critical, generator) for some in batches(activity, labels, n_classes)]
    at_zero = np.concatenate([zero for zero, _ in found])
    hits = np.concatenate([by_strength for _, by_strength in found])
    return found_with_power(_smallest(hits)), rate(int(at_zero.sum()), len(at_zero))


def found_with_power(smallest: FloatArray) -> Share:
    """Return the 80 % quantile of the R2 from which on planted features are found, `[planted]`, and its exact 95 %
    interval; NaN stands for a feature that is never found, and is returned where more than a fifth are."""
    smallest, n = np.sort(smallest), len(smallest)
    rank = int(np.ceil(POWER * n)) - 1
    low, high = stats.binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], n, POWER).astype(int)
    return float(smallest[rank]), (float(smallest[max(low - 1, 0)]), float(smallest[min(high, n - 1)]))


def rate(found: int, n: int) -> Share:
    """Return the share of `n` tests that found something, and its exact 95 % interval."""
    exact = stats.binomtest(found, n).proportion_ci(CONFIDENCE)
    return found / n, (float(exact.low), float(exact.high))


def _smallest(hits: BoolArray) -> FloatArray:
    """Return the R2 from which on a planted feature is found, `[planted]`; NaN (sorted last) where it never is."""
    lasting = np.logical_and.accumulate(hits[:, ::-1], axis=1)[:, ::-1]
    return np.where(lasting.any(1), STRENGTHS[lasting.argmax(1)], np.nan)


def _found(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return whether features of strength zero are found, `[planted]`, and of each strength, `[planted, strength]`."""
    sums = class_sums(activity, labels, n_classes)
    shares = sums.held.counts.sum(0) / labels.shape[1]
    directions = generator.normal(size=(len(labels), n_classes, activity.x.shape[1]))
    directions -= np.einsum("pc,pcu->pu", shares, directions)[:, None]
    directions /= np.sqrt(np.einsum("pc,pcu->p", shares, directions**2))[:, None, None]
    linear = np.zeros(len(labels))
    drift, squares = np.zeros(len(labels)), np.zeros(len(labels))
    for counts, fitted_counts, fitted, scored in zip(
        sums.held.counts, sums.fit.counts, sums.class_means, sums.held_sums, strict=True
    ):
        weights = fitted_counts / fitted_counts.sum(1, keepdims=True)
        moved = directions - np.einsum("pc,pcu->pu", weights, directions)[:, None]
        drift += np.einsum("pcu,pcu->p", moved, scored)
        linear += np.einsum("pc,pcu,pcu->p", counts, fitted, moved)
        squares += np.einsum("pc,pcu->p", counts, moved**2)
    at_zero, total = explained(sums), activity.total
    variance = total / labels.shape[1]
    s = np.sqrt(variance * STRENGTHS / (1 - STRENGTHS))
    numerator = at_zero[:, None] + (drift + linear)[:, None] * s + squares[:, None] * s**2
    denominator = total + 2 * drift[:, None] * s + squares[:, None] * s**2
    return at_zero > critical * total, numerator > critical * denominator
