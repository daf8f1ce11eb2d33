"""95 % intervals by resampling stimuli, or whole groups of them."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.sparse import csr_array

from repbias.auditing.estimates import Contributions
from repbias.auditing.labels import IntArray
from repbias.measures._arrays import FloatArray
from repbias.randomness import rng

CONFIDENCE = 0.95
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
TINY = 1e-9
NO_INTERVAL = (float("nan"), float("nan"))

Interval = tuple[float, float]


class Resamples:
    """How often each cluster is drawn in each bootstrap resample; the same draws for all that is asked."""

    def __init__(self, cluster: IntArray, resamples: int, *, seed: int) -> None:
        n_clusters = int(cluster.max()) + 1
        self._gather = csr_array((np.ones(len(cluster)), (cluster, np.arange(len(cluster)))))
        self.weights: FloatArray = (
            rng(seed, "audit", "bootstrap")
            .multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=resamples)
            .astype(float)
        )

    def by_cluster(self, values: FloatArray) -> FloatArray:
        """Return the sums over the stimuli of each cluster, `[stimulus, ...]` to `[cluster, ...]`."""
        return np.asarray(self._gather @ values)

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sum of `values` `[stimulus, ...]` over each resample, `[resample, ...]`."""
        return np.asarray(self.weights @ self.by_cluster(values))


def r2_interval(found: Contributions, draws: Resamples) -> Interval:
    """Return the interval of a pooled R2, or of a difference of two: the studentised bootstrap.

    With R the ratio of the sums of gains and totals, s its standard error by linearisation, and * a resample, the
    quantiles of (R* - R) / s* are laid about the estimate. That allows for few and for skewed clusters, whose
    percentiles would be too near.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 12.5.
    """
    gain, total = draws.by_cluster(found.gain), draws.by_cluster(found.total)
    if total.sum() == 0:
        return 0.0, 0.0
    ratio, error = _ratio_and_error(np.ones((1, len(gain))), gain, total)
    ratios, errors = _ratio_and_error(draws.weights, gain, total)
    usable = errors > 1e-9 * max(error[0], 1e-300)  # a resample of one cluster alone has no error to divide by
    if error[0] == 0 or not usable.any():
        return found.r2, found.r2
    low, high = np.quantile((ratios[usable] - ratio[0]) / errors[usable], TAILS)
    return found.r2 - float(high * error[0]), found.r2 - float(low * error[0])


def normal_interval(value: float, resampled: FloatArray, least: float, most: float) -> Interval:
    """Return value -+ 1.96 standard deviations over resamples, within what the measure can be."""
    half = 1.959964 * float(resampled.std())
    return max(value - half, least), min(value + half, most)


def mean_share_interval(share: FloatArray, n: FloatArray, tail: float) -> Interval:
    """Return the interval of the mean of several shares: those of Clopper & Pearson, of each, make one of their mean.

    Parameters
    ----------
    share, n : the shares, and of how many independent stimuli each is, not always a whole number.
    tail : probability beyond either end.

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
    """Return sum(gain) / sum(total) and its standard error under each row of weights `[resample, cluster]`."""
    sums = weights @ np.column_stack([gain, total, gain**2, gain * total, total**2])
    ratio = sums[:, 0] / sums[:, 1]
    squares = sums[:, 2] - 2 * ratio * sums[:, 3] + ratio**2 * sums[:, 4]
    n = len(gain)
    return ratio, np.sqrt(np.maximum(squares, 0) * n / (n - 1)) / sums[:, 1]
