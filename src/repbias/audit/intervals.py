"""What each stimulus adds to both kinds of R2, and 95 % intervals by resampling stimuli or whole clusters of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats
from scipy.sparse import csr_array

from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng

CONFIDENCE = 0.95
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
TINY = 1e-9
FEWEST_RESAMPLED = 5
SAME = 1e-6  # a resample's error below this share of the whole sample's is rounding, which is about 1e-8
NO_INTERVAL = (float("nan"), float("nan"))

Interval = tuple[float, float]


def group_sums(group: IntArray, n: int | None = None, dtype: type[np.floating[Any]] = np.float64) -> csr_array:
    """Return the matrix `[group, stimulus]` whose product with an array adds up the stimuli of each group.

    Parameters
    ----------
    group : the group of each stimulus, 0, 1, ..., `[stimulus]`; or several of each, `[which, stimulus]`.
    n : number of groups, where the last may have no stimulus.
    """
    stimulus = np.broadcast_to(np.arange(group.shape[-1]), group.shape).ravel()
    shape = (int(group.max()) + 1 if n is None else n, group.shape[-1])
    return csr_array((np.ones(group.size, dtype), (group.ravel(), stimulus)), shape=shape)


class Resamples:
    """How often each cluster is drawn in each bootstrap resample; the same draws for all measures."""

    def __init__(self, cluster: IntArray, resamples: int, *, seed: int) -> None:
        n_clusters = int(cluster.max()) + 1
        self._sums = group_sums(cluster)
        self.weights: FloatArray = (
            rng(seed, "audit", "bootstrap")
            .multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=resamples)
            .astype(float)
        )

    def by_cluster(self, values: FloatArray) -> FloatArray:
        """Return the sums over the stimuli of each cluster, `[stimulus, ...]` to `[cluster, ...]`."""
        return np.asarray(self._sums @ values)

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sum of `values` `[stimulus, ...]` over each resample, `[resample, ...]`."""
        return np.asarray(self.weights @ self.by_cluster(values))


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each stimulus adds to the sums of an R2 that is pooled over units.

    Where the stimuli are a random sample, `sums` and `n` are still those of all stimuli.
    """

    parts: FloatArray
    """The terms cross, gain, total and squares of each stimulus, `[4, stimulus]`; see `repbias.audit.estimates`."""

    sums: FloatArray
    """Their sums over all stimuli, `[4]`."""

    n: int
    """Number of all stimuli."""

    @classmethod
    def of(cls, *parts: FloatArray) -> Contributions:
        """Return the contributions of all stimuli: cross, gain, total and squares, `[stimulus]` each."""
        stacked = np.stack(parts)
        return cls(stacked, stacked.sum(1), stacked.shape[1])

    @property
    def r2_unbiased(self) -> float:
        """The share of variance explained in the population; 0 for a representation without variance."""
        cross, _, total, _ = self.sums.tolist()
        return cross / total if total > 0 else 0.0

    @property
    def r2(self) -> float:
        """The held-out share of variance explained; 0 for a representation without variance."""
        return self.held_out().r2_unbiased

    def held_out(self) -> Contributions:
        """Return contributions whose `r2_unbiased` is the `r2` of these."""
        return replace(self, parts=self.parts[[1, 1, 3, 3]], sums=self.sums[[1, 1, 3, 3]])

    def interval(self, draws: Resamples) -> Interval:
        """Return the 95 % interval of `r2_unbiased`, or of a difference of two.

        It is that of `ratio_interval`, cut at 1, the largest share in any population, or at the estimate if that is
        larger.
        """
        _, gain, total, _ = self.parts
        narrower = float(np.sqrt(len(total) / self.n))
        low, high = ratio_interval(self.r2_unbiased, gain, total, draws, narrower=narrower)
        return low, max(min(high, 1.0), self.r2_unbiased)

    def __sub__(self, other: Contributions) -> Contributions:
        """Return the contributions to the difference of two R2 of the same representation."""
        explained = np.array([1.0, 1.0, 0.0, 0.0])
        parts = self.parts - explained[:, None] * other.parts
        return replace(self, parts=parts, sums=self.sums - explained * other.sums)


def ratio_interval(
    value: float, gain: FloatArray, total: FloatArray, draws: Resamples, *, narrower: float = 1.0
) -> Interval:
    """Return the interval of a ratio of two sums over stimuli, by the studentised bootstrap.

    With R the ratio of the sums of gains and totals, s its standard error by linearisation, and * a resample, the
    interval is [value - s q_high, value - s q_low], q the quantiles of (R* - R) / s*. It stays valid for few or skewed
    clusters, for which percentiles of R* are too narrow. Fewer than 5 clusters have too few different resamples, so
    Student's interval is returned: with 2 groups of equal size it covers 94 %, where the bootstrap would cover 26 %.

    Parameters
    ----------
    value : the estimate.
    gain, total : what each stimulus adds to the two sums, `[stimulus]`.
    narrower : factor of the standard error, such as that over all stimuli divided by that over a sample of them.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 12.5.
    """
    gain, total = draws.by_cluster(gain), draws.by_cluster(total)
    counts = (total != 0) | (gain != 0)
    n = int(counts.sum())
    if total.sum() == 0:
        return value, value
    (ratio,), (error,) = _ratio_and_error(np.ones((1, n)), gain[counts], total[counts])
    if n < FEWEST_RESAMPLED:
        half = float(stats.t.ppf(TAILS[1], max(n - 1, 1)) * error) * narrower
        return value - half, value + half
    ratios, errors = _ratio_and_error(draws.weights[:, counts], gain[counts], total[counts])
    usable = errors > SAME * max(error, 1e-300)  # a resample of one cluster alone has no error
    if error == 0 or not usable.any():
        return value, value
    low, high = np.quantile((ratios[usable] - ratio) / errors[usable], TAILS) * error * narrower
    return value - float(high), value - float(low)


def fieller_interval(part: float, gain: FloatArray, whole: FloatArray, draws: Resamples) -> Interval:
    """Return the interval of a ratio of two sums over stimuli whose denominator is noisy, by Fieller's method.

    With A and B the two sums, and variances and covariance estimated between clusters, the interval holds all r for
    which A - r B differs from 0 by less than Student's quantile of its standard error. Unlike an interval about A / B
    it stays valid where B is only a few standard errors from 0. Where B may be 0 it has no bounds, and is NaN.

    Parameters
    ----------
    part : A.
    gain : what each stimulus adds to A, as far as its error is concerned; its sum may differ from A, `[stimulus]`.
    whole : what each stimulus adds to B, `[stimulus]`.

    Source: Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185.
    """
    gain, whole = draws.by_cluster(gain), draws.by_cluster(whole)
    counts = (whole != 0) | (gain != 0)
    n, total = int(counts.sum()), float(whole.sum())
    if n < 2:
        return NO_INTERVAL
    squared = float(stats.t.ppf(TAILS[1], n - 1)) ** 2
    (of_part, both), (_, of_whole) = n * np.cov(gain[counts], whole[counts]) * squared
    a, b, c = total**2 - of_whole, part * total - both, part**2 - of_part  # r is tenable where a r^2 - 2 b r + c <= 0
    if a <= 0 or total <= 0:
        return NO_INTERVAL
    half = float(np.sqrt(max(b**2 - a * c, 0.0)))
    return (b - half) / a, (b + half) / a


def normal_interval(value: float, resampled: FloatArray, n_clusters: int, least: float, most: float) -> Interval:
    """Return Student's interval from the standard deviation over resamples of clusters, cut to a measure's range.

    Over resamples the deviation is too small by a factor sqrt(1 - 1 / clusters), which is corrected.
    """
    spread = float(resampled.std()) * np.sqrt(n_clusters / (n_clusters - 1))
    half = float(stats.t.ppf(TAILS[1], n_clusters - 1)) * spread
    return max(value - half, least), min(value + half, most)


def mean_share_interval(share: FloatArray, n: FloatArray, tail: float) -> Interval:
    """Return the interval of the mean of several shares, from the Clopper-Pearson interval of each.

    Parameters
    ----------
    share, n : the shares, and the number of independent stimuli of each, which need not be whole.
    tail : probability beyond each end.

    Source: Clopper & Pearson (1934), Biometrika 26, 404-413; the interval of a mean from those of its parts is the
    MOVER of Zou & Donner (2008), Statistics in Medicine 27, 1693-1702.
    """
    hits = n * share
    low = np.where(hits > 0, stats.beta.ppf(tail, np.maximum(hits, TINY), n - hits + 1), 0.0)
    high = np.where(hits < n, stats.beta.isf(tail, hits + 1, np.maximum(n - hits, TINY)), 1.0)
    mean = float(share.mean())
    return (
        mean - float(np.linalg.norm(share - low)) / len(share),
        mean + float(np.linalg.norm(high - share)) / len(share),
    )


def _ratio_and_error(weights: FloatArray, gain: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return sum(gain) / sum(total) and its standard error under each row of weights `[resample, cluster]`.

    Both are 0 where the sum of totals is not above 0, for example where no cluster with repeats is drawn.
    """
    sums = weights @ np.column_stack([gain, total, gain**2, gain * total, total**2])
    whole, positive = sums[:, 1], sums[:, 1] > 0
    ratio = np.divide(sums[:, 0], whole, out=np.zeros_like(whole), where=positive)
    squares = sums[:, 2] - 2 * ratio * sums[:, 3] + ratio**2 * sums[:, 4]
    n = len(gain)
    error = np.sqrt(np.maximum(squares, 0) * n / max(n - 1, 1))
    return ratio, np.divide(error, whole, out=np.zeros_like(whole), where=positive)
