"""Permutation tests of the variance that a feature explains and of how well it is decoded, and their power.

For any order of a feature's values, the test of R2 needs only sums of products over each fold, so a permutation costs
one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from repbias.audit.findings import Share
from repbias.audit.intervals import CONFIDENCE
from repbias.core.arrays import BoolArray, FloatArray
from repbias.features.folds import each_fold
from repbias.features.permutations import FEW_CLUSTERS, Orders
from repbias.features.values import Values
from repbias.measures.variance.gcv import ridge_penalty
from repbias.measures.variance.predictions import FoldedActivity
from repbias.measures.variance.regression import SINGULAR

POWER = 0.8
LEVEL = 0.05
STRENGTHS: FloatArray = np.geomspace(1e-6, 0.99, 600)  # R2 in steps of 2.3 %
VALUES_PER_BATCH = 2**22
FEW_EXCEEDANCES = 10
LEAST_P = 1e-6  # a few hundred permutations do not determine smaller tails
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Reordered:
    """Regressions on a feature whose values are in other orders, one for each fold and order, in this sequence.

    weights : fitted on the other folds, `[fold, order, column, unit]`.
    products : sums of products of codes and activity of the fold, about the means of the fit,
        `[fold, order, column, unit]`.
    gram : sums of products of codes of the fold, `[fold, order, column, column]`, or its diagonal where codes are
        one-hot and the rest is 0, `[fold, order, column]`.
    codes : sums of codes of the fold, and `means` of the fit, `[fold, order, column]`.
    n : stimuli of the fold, `[fold]`.
    inverse : of the codes' covariance over the fit, `[fold, order, column, column]`; None for classes.
    """

    weights: FloatArray
    products: FloatArray
    gram: FloatArray
    codes: FloatArray
    means: FloatArray
    n: FloatArray
    inverse: FloatArray | None = None

    @property
    def explained(self) -> FloatArray:
        """The explained sum of squares (the sum of `cross`), `[order]`."""
        return np.einsum("fpcu,fpcu->p", self.weights, self.products)

    def covered(self, directions: FloatArray) -> FloatArray:
        """Return the products of codes about the mean of the fit, times directions `[order, column, unit]`."""
        diagonal = self.gram.ndim == self.codes.ndim
        found = self.gram[..., None] * directions if diagonal else self.gram @ directions
        of_mean, of_codes = (np.einsum("fpc,pcu->fpu", one, directions)[:, :, None] for one in (self.means, self.codes))
        moved = self.n[:, None, None] * self.means - self.codes
        return np.asarray(found + moved[..., None] * of_mean - self.means[..., None] * of_codes)


def reordered(activity: FoldedActivity, values: Values, orders: Orders) -> Reordered:
    """Return the regressions on a feature whose values are in the orders `[order, stimulus]`."""
    x, fold_of, n_columns = activity.x, activity.fold_of, values.n_columns
    shape = (activity.n_folds, len(orders), n_columns)
    codes, sums = np.empty(shape), np.empty((*shape, x.shape[1]))
    gram = np.empty(shape if values.categorical else (*shape, n_columns))
    for fold, held in enumerate(each_fold(fold_of)):
        code = values.code[orders[:, held]].transpose(0, 2, 1)  # [order, column, stimulus]
        codes[fold] = code.sum(2)
        sums[fold] = (code.reshape(-1, code.shape[2]) @ x[held]).reshape(sums[fold].shape)
        gram[fold] = codes[fold] if values.categorical else code @ code.swapaxes(1, 2)
    n = np.bincount(fold_of).astype(float)
    totals = np.stack([x[held].sum(0) for held in each_fold(fold_of)])
    fit_n, fit_codes = n.sum() - n, codes.sum(0) - codes
    mean, means = (totals.sum(0) - totals) / fit_n[:, None], fit_codes / fit_n[:, None, None]
    fitted = sums.sum(0) - sums - fit_codes[..., None] * mean[:, None, None]
    moved = totals - n[:, None] * mean
    products = sums - codes[..., None] * mean[:, None, None] - means[..., None] * moved[:, None, None]
    if values.categorical:
        class_means = fitted / np.maximum(fit_codes, 1)[..., None]
        return Reordered(class_means, products, gram, codes, means, n)
    covariance = gram.sum(0) - gram - fit_codes[..., None] * means[..., None, :]
    inverse = _inverse(values, covariance, fitted, activity, fit_n)
    return Reordered(inverse @ fitted, products, gram, codes, means, n, inverse)


def _inverse(
    values: Values, covariance: FloatArray, fitted: FloatArray, activity: FoldedActivity, n: FloatArray
) -> FloatArray:
    """Return the inverse of the codes' covariance over each fit, penalised where the feature needs it."""
    if values.penalised:
        fits = [activity.x[~held] for held in each_fold(activity.fold_of)]
        squares = np.array([((one - one.mean(0)) ** 2).sum() for one in fits])
        penalty = ridge_penalty(covariance, fitted @ fitted.swapaxes(-1, -2), squares[:, None], n[:, None])
        covariance = covariance + penalty[..., None, None] * np.eye(values.n_columns)
    return np.asarray(np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True))


def batches(activity: FoldedActivity, values: Values, orders: Orders) -> Iterator[Orders]:
    """Cut orders `[order, stimulus]` into batches that take little memory."""
    per_column = activity.n_folds * (activity.x.shape[1] + values.n_columns) + len(activity.x)
    size = max(1, VALUES_PER_BATCH // (values.n_columns * per_column))
    for start in range(0, len(orders), size):
        yield orders[start : start + size]


def null_scores(
    activity: FoldedActivity, values: Values, orders: Orders, decoded: Callable[[Reordered, Orders], FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return R2 and the score of a decoder with the values in each order, `[order]` each.

    R2 here is the numerator of `r2_unbiased`, divided by a sum of squares that is the same for all orders.
    """
    r2, scores = [], []
    for some in batches(activity, values, orders):
        sums = reordered(activity, values, some)
        r2.append(sums.explained / (activity.total or 1.0))
        scores.append(decoded(sums, some))
    return np.concatenate(r2), np.concatenate(scores)


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
    activity: FoldedActivity, values: Values, orders: Orders, critical: float, generator: np.random.Generator
) -> tuple[Share, Share]:
    """Return the smallest R2 of planted features that is detected with 80 % power, and the rate of false positives.

    A feature with the values `y`, a permutation of the real ones, is planted by adding s y D to the activity, with y
    its design matrix about its mean. D has one random direction for each column (each class), isotropic over the axes
    along which the activity varies; s sets the share of the variance. The feature is detected if its R2 is above
    `critical`, the 5 % point of the permutation test. A planted feature of strength 0 that is detected is a false
    positive.

    Both sums of squares of R2 are quadratic in s, so all strengths cost little more than one. For each planted feature
    they give the smallest strength from which on it is detected; the detectable R2 is the 80 % quantile of these. The
    weights of a penalised regression are taken to have the penalty that they have at strength 0, which makes the
    detectable R2 of such a feature somewhat too large.

    Parameters
    ----------
    activity : of the layer.
    values : of the feature.
    orders : of the values of the planted features, `[planted, stimulus]`.
    critical : R2 above which the test detects a feature.
    generator : draws the directions.
    """
    found = [_found(activity, values, some, critical, generator) for some in batches(activity, values, orders)]
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
    activity: FoldedActivity, values: Values, orders: Orders, critical: float, generator: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return which features are detected at strength 0, `[planted]`, and at each strength, `[planted, strength]`."""
    sums = reordered(activity, values, orders)
    directions = _directions(activity, values, len(orders), generator)
    spanned = sums.covered(directions)
    drift = np.einsum("pcu,fpcu->p", directions, sums.products)
    linear = np.einsum("fpcu,fpcu->p", sums.weights, spanned)
    squares = np.einsum("pcu,fpcu->p", directions, spanned)
    at_zero, total = sums.explained, activity.total
    variance = total / orders.shape[1]
    s = np.sqrt(variance * STRENGTHS / (1 - STRENGTHS))
    numerator = at_zero[:, None] + (drift + linear)[:, None] * s + squares[:, None] * s**2
    denominator = total + 2 * drift[:, None] * s + squares[:, None] * s**2
    return at_zero > critical * total, numerator > critical * denominator


def _directions(activity: FoldedActivity, values: Values, n: int, generator: np.random.Generator) -> FloatArray:
    """Return random directions, `[planted, column, unit]`, in which the feature has a variance of 1."""
    code = values.code - values.code.mean(0)
    covariance = code.T @ code / len(code)
    found = generator.normal(size=(n, values.n_columns, activity.x.shape[1]))
    return np.asarray(found / np.sqrt(np.einsum("pcu,cd,pdu->p", found, covariance, found))[:, None, None])
