"""The permutation test of the variance explained, and its power, from their distribution with many stimuli.

Let labels be permuted within folds, and s_fc be the sum of class c in fold f about the mean of the fold. With many
stimuli these sums are nearly Gaussian, with the covariance (n_fc [c = d] - n_fc n_fd / n_f) S between classes c and d,
where S is the covariance of the activity. The explained sum of squares

    T = sum_c sum_{f != g} s_fc . s_gc / n_c(-f),      n_c(-f) the stimuli of class c in the other folds,

is a quadratic form in them. Its k-th cumulant is 2^(k-1) (k-1)! times the trace of the k-th power of a small matrix,
times the trace of the k-th power of S. The null distribution is the gamma distribution (Pearson's type III) with the
first three cumulants, as in `p_value` where few permutations exceed the score. The sums of different folds are
independent, so the mean is 0, and the variance does not depend on the distribution of the activity. The estimate of the
trace of S^2 is somewhat too large with outliers, or with many units compared with stimuli; the test is then
conservative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from repbias.audit.estimates import coordinates
from repbias.audit.findings import Share
from repbias.audit.nulls import LEAST_P, LEVEL, batches, found_with_power, rate, reordered
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.variance import StreamRegression
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.permutations import exchange
from repbias.features.values import Values
from repbias.measures.variance.predictions import FoldedActivity, folded

LEAST_SKEW = 1e-6
MOST_STIMULI = 1_000


@dataclass(frozen=True)
class Null:
    """The distribution of R2 under labels that are independent of the activity; its mean is 0."""

    deviation: float
    skewness: float

    def p_value(self, observed: float) -> float:
        """Return the probability of this R2 or a larger one, at least 1e-6."""
        if self.deviation == 0:
            return 1.0
        return max(float(stats.pearson3.sf(observed / self.deviation, self.skewness)), LEAST_P)

    def critical_value(self) -> float:
        """Return the R2 that is exceeded with a probability of 5 %; infinity where activity does not vary."""
        if self.deviation == 0:
            return float("inf")
        return self.deviation * float(stats.pearson3.isf(LEVEL, self.skewness))

    def draw(self, n: int, generator: np.random.Generator) -> FloatArray:
        """Return `n` random values, `[draw]`."""
        return self.deviation * np.asarray(stats.pearson3.ppf(generator.random(n), self.skewness))


def null_of_classes(counts: FloatArray, shares: FloatArray) -> Null:
    """Return the null distribution of the R2 of a categorical feature.

    Parameters
    ----------
    counts : number of stimuli of each class, `[fold, class]`.
    shares : share of the variance along each principal axis, `[axis]`.
    """
    folds, classes = counts.shape
    others = np.maximum(counts.sum(0) - counts, 1)
    form = (1 / others[:, None] + 1 / others[None]) / 2 * (1 - np.eye(folds))[:, :, None]  # [fold, fold, class]
    covariance = counts[:, :, None] * np.eye(classes) - np.einsum("fc,fd,f->fcd", counts, counts, 1 / counts.sum(1))
    product = np.einsum("fgc,gcd->fcgd", form, covariance).reshape(folds * classes, -1)
    return _null(product, counts.sum() - folds, shares)


def null_of_sums(found: StreamRegression, of: slice, values: Values, shares: FloatArray) -> Null:
    """Return the null distribution of the R2 of a feature of any kind.

    Parameters
    ----------
    found : the regressions on all features. of : the columns of this one.
    shares : share of the variance along each principal axis, `[axis]`.
    """
    if values.categorical:
        return null_of_classes(found.held.counts[:, of], shares)
    gram, counts, n = found.held.gram, found.held.counts[:, of], found.held.n
    assert gram is not None
    return null_of_columns(found.inverse(of), gram[:, of, of], counts, n, shares)


def null_of_columns(
    inverse: FloatArray, gram: FloatArray, counts: FloatArray, n: FloatArray, shares: FloatArray
) -> Null:
    """Return the null distribution of the R2 of a feature with a design matrix of columns.

    Parameters
    ----------
    inverse : of the columns' covariance over each fit, `[fold, column, column]`.
    gram, counts, n : sums of products of codes, of codes, and number of stimuli, `[fold, ...]`.
    shares : share of the variance along each principal axis, `[axis]`.
    """
    folds, columns = counts.shape
    form = (inverse[:, None] + inverse[None]) / 2 * (1 - np.eye(folds))[:, :, None, None]
    covariance = gram - counts[:, :, None] * counts[:, None] / n[:, None, None]
    product = np.einsum("fgce,ged->fcgd", form, covariance).reshape(folds * columns, -1)
    return _null(product, float(n.sum()) - folds, shares)


def _null(product: FloatArray, spread: float, shares: FloatArray) -> Null:
    """Return the null distribution from the product of quadratic form and covariance of the sums.

    `spread` is the number of degrees of freedom about the means of the folds.
    """
    square = product @ product
    second, third = float(np.trace(square)), float(np.vdot(square, product.T))
    if shares.sum() == 0 or second <= 0:
        return Null(0.0, 0.0)
    variance = 2 * second * float((shares**2).sum()) / spread**2
    skewness = 8 * third * float((shares**3).sum()) / spread**3 / variance**1.5
    return Null(float(np.sqrt(variance)), skewness if abs(skewness) > LEAST_SKEW else 0.0)


def detectable_r2(
    null: Null, freedom: int, n: int, shares: FloatArray, n_planted: int, generator: np.random.Generator
) -> Share:
    """Return the smallest R2 of a planted feature that the test detects with 80 % power, and its 95 % interval.

    As in `planted_power`, a feature in random directions, isotropic over the axes along which activity varies, is added
    to activity that is independent of it. With b^2 = R2 / (1 - R2), its R2 is

        (N + L b + b^2) / (1 + L b + b^2)

    N is the R2 of the labels by chance. L is twice the overlap by chance of noise and planted means; its variance is
    4 v / n, with v the share of the variance along a random direction.

    Parameters
    ----------
    null : the null distribution of the R2 of the feature.
    freedom : degrees of freedom of the feature. n : number of stimuli.
    shares : share of the variance along each principal axis, `[axis]`.
    n_planted : number of planted features.
    generator : draws N and L.

    Returns
    -------
    R2 and its interval; NaN where no R2 would be detected.
    """
    critical = null.critical_value()
    if critical >= 1:
        return float("nan"), (float("nan"), float("nan"))
    chance = null.draw(n_planted, generator)
    along = _along_random_directions(shares, freedom, n_planted, generator)
    shared = generator.normal(size=n_planted) * np.sqrt(4 * along / n)
    inside = shared**2 - 4 * (chance - critical) / (1 - critical)
    strength = np.maximum(np.sqrt(np.maximum(inside, 0)) - shared, 0) / 2 * (inside > 0)
    return found_with_power(strength**2 / (1 + strength**2))


def _along_random_directions(shares: FloatArray, dimensions: int, n: int, generator: np.random.Generator) -> FloatArray:
    """Return the mean share of the variance along `dimensions` random directions, `[draw]`.

    It is drawn from the gamma distribution with the right mean and variance.
    """
    axes = len(shares)
    mean = 1 / axes
    variance = max(float((shares**2).sum()) - mean, 0.0) * mean / (axes * dimensions / 2 + 1)
    if variance < (1e-6 * mean) ** 2:
        return np.full(n, mean)
    return generator.gamma(mean**2 / variance, variance / mean, n)


def false_positives(sums: LayerSums, plan: StreamPlan, n_planted: int) -> dict[str, Share]:
    """Return, by feature, the share of shuffled labels whose R2 is significant, and its exact 95 % interval.

    The test is that of `null_r2`, on up to 1,000 stimuli, whose class sums are less nearly Gaussian than those of all
    stimuli. Labels are shuffled within folds.
    """
    generator = rng(plan.seed, "audit", "stream calibration")
    n = len(plan.representative)
    chosen = np.sort(generator.choice(n, min(n, MOST_STIMULI), replace=False))
    rows, stimuli = plan.sample.representative[chosen], plan.representative[chosen]
    fold_of = np.unique(plan.fold_of[stimuli], return_inverse=True)[1]
    of_layer = coordinates(sums.sample[rows].astype(float))
    activity = folded(of_layer.scores, fold_of)
    rates: dict[str, Share] = {}
    for feature, of_all in plan.features.items():
        values = of_all.take(stimuli)
        null = _null_of_sample(activity, values, of_layer.shares)
        rule = exchange(values.identity, np.arange(len(chosen)), fold_of)
        orders = rule.orders(n_planted, generator)
        r2 = [reordered(activity, values, some).explained for some in batches(activity, values, orders)]
        critical = null.critical_value()
        found = int((np.concatenate(r2) > critical * activity.total).sum()) if activity.total else 0
        rates[feature] = rate(found, n_planted)
    return rates


def _null_of_sample(activity: FoldedActivity, values: Values, shares: FloatArray) -> Null:
    sums = reordered(activity, values, np.arange(values.n, dtype=np.int32)[None])
    codes = sums.codes[:, 0]
    if sums.inverse is None:
        return null_of_classes(codes, shares)
    return null_of_columns(sums.inverse[:, 0], sums.gram[:, 0], codes, sums.n, shares)
