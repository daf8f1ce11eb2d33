"""Permutation tests of the variance that a feature explains and of how well it is decoded, and their power.

For any labels, the tests need only the number and the sum of the stimuli of each class in each fold, so a permutation
costs one matrix product.
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
LEAST_P = 1e-6  # a few hundred permutations do not determine smaller tails
ROUNDING = 1e-12


def class_sums(activity: FoldedActivity, labels: Labellings, n_classes: int) -> Regression:
    """Return the regressions on labellings `[labelling, stimulus]`, one for each fold and labelling, in this order."""
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

    R2 here is the numerator of `r2_unbiased`, divided by a sum of squares that is the same for all labellings.
    """
    r2, accuracy = [], []
    for some in batches(activity, labels, n_classes):
        sums = class_sums(activity, some, n_classes)
        r2.append(explained(sums) / (activity.total or 1.0))
        accuracy.append(balanced_accuracy(activity.deviations, activity.fold_of, maps, sums.class_means, some))
    return np.concatenate(r2), np.concatenate(accuracy)


def p_value(observed: float, null: FloatArray, n_clusters: int) -> float:
    """Return the one-sided p value of a permutation test.

    It is (1 + b) / (1 + permutations), with b the number of permutations that score as high as the data or higher. If b
    is below 10, which is too few to estimate a small p, and 20 clusters or more are permuted, the tail comes from a
    gamma distribution (Pearson's type III) with the mean, variance and skewness of the permutations; p is then 1e-6 or
    more.

    Source: Winkler et al. (2016), NeuroImage 141, 502-516.
    """
    exceeding = int((null >= observed - ROUNDING).sum())
    counted = (1 + exceeding) / (1 + len(null))
    if exceeding >= FEW_EXCEEDANCES or n_clusters < FEW_CLUSTERS or np.ptp(null) < ROUNDING:
        return counted
    tail = float(stats.pearson3.sf(observed, stats.skew(null), null.mean(), null.std(ddof=1)))
    return max(tail, LEAST_P)


def critical_value(null: FloatArray, level: float) -> float:
    """Return what a score must exceed for (1 + b) / (1 + permutations) to be at most `level`; infinity if none does."""
    allowed = int(np.floor(level * (1 + len(null)) + ROUNDING)) - 1
    return float(np.sort(null)[::-1][allowed]) + ROUNDING if allowed >= 0 else float("inf")


def planted_power(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[Share, Share]:
    """Return the smallest R2 of planted features that is detected with 80 % power, and the rate of false positives.

    A feature with labels `y`, a permutation of the real labels, is planted by adding s D_y to the activity. D has one
    random direction for each class, isotropic over the axes along which the activity varies, about their weighted mean;
    s sets the share of the variance. The feature is detected if its R2 is above `critical`, the 5 % point of the
    permutation test. A planted feature of strength 0 that is detected is a false positive.

    Both sums of squares of R2 are quadratic in s, so all strengths cost little more than one. For each planted feature
    they give the smallest strength from which on it is detected; the detectable R2 is the 80 % quantile of these.

    Parameters
    ----------
    activity : of the layer.
    labels : of the planted features, `[planted, stimulus]`.
    n_classes : number of classes of the feature.
    critical : R2 above which the test detects a feature.
    generator : draws the directions.
    """
    found = [_found(activity, some, n_classes, critical, generator) for some in batches(activity, labels, n_classes)]
    at_zero = np.concatenate([zero for zero, _ in found])
    hits = np.concatenate([by_strength for _, by_strength in found])
    return found_with_power(_smallest(hits)), rate(int(at_zero.sum()), len(at_zero))


def found_with_power(smallest: FloatArray) -> Share:
    """Return the R2 at which 80 % of planted features are detected, and its exact 95 % interval.

    `smallest` is the R2 from which on each is detected, NaN for never, `[planted]`. The result is NaN where more than a
    fifth are never detected.
    """
    smallest, n = np.sort(smallest), len(smallest)
    rank = int(np.ceil(POWER * n)) - 1
    low, high = stats.binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], n, POWER).astype(int)
    return float(smallest[rank]), (float(smallest[max(low - 1, 0)]), float(smallest[min(high, n - 1)]))


def rate(found: int, n: int) -> Share:
    """Return the share of `n` tests that were significant, and its exact 95 % interval."""
    exact = stats.binomtest(found, n).proportion_ci(CONFIDENCE)
    return found / n, (float(exact.low), float(exact.high))


def _smallest(hits: BoolArray) -> FloatArray:
    """Return the R2 from which on each planted feature is detected, `[planted]`; NaN, which sorts last, for never."""
    lasting = np.logical_and.accumulate(hits[:, ::-1], axis=1)[:, ::-1]
    return np.where(lasting.any(1), STRENGTHS[lasting.argmax(1)], np.nan)


def _found(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return which features are detected at strength 0, `[planted]`, and at each strength, `[planted, strength]`."""
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
