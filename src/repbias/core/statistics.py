"""Intervals and tests over seeds, where each network (or subject) is one observation.

They take one number per seed, never one per stimulus or unit: the stimuli and units of one network are not independent
observations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from repbias.core.display import Displayed

Values = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True, repr=False)
class Estimate(Displayed):
    """A mean over seeds with its confidence interval.

    Attributes
    ----------
    mean : the mean over the seeds.
    ci_low, ci_high : the interval; minus and plus infinity for one seed, whose spread is unknown.
    n : how many seeds.
    confidence : the nominal share of such intervals that contain the true mean, between 0 and 1.
    """

    mean: float
    ci_low: float
    ci_high: float
    n: int
    confidence: float

    def _display(self) -> tuple[str, pd.DataFrame]:
        share = f"{100 * self.confidence:g} % interval"
        title = f"{self.mean:.3f} [{self.ci_low:.3f}, {self.ci_high:.3f}] ({share}, n = {self.n})"
        return title, pd.DataFrame()


def mean_interval(values: Values, confidence: float = 0.95) -> Estimate:
    """Estimate the mean over seeds: mean +- t(n - 1) * sd / sqrt(n), Student's interval, for every n.

    Measured coverage of a nominal 95 % (20,000 simulated experiments; bootstraps 2,000, with 1,999 resamples):

    ======================================  =================  =================  =================
    distribution of the seeds               t, n = 4, 10, 20   BCa bootstrap      percentile
    ======================================  =================  =================  =================
    normal                                  .951 .950 .952     .792 .903 .933     .789 .903 .935
    beta(2, 8), bounded, skewed             .931 .933 .943     .804 .900 .917     .800 .897 .910
    beta(0.5, 4.5), most of it near zero    .850 .887 .913     .748 .873 .913     .731 .851 .897
    two clusters, 30 % at .1, 70 % at .5    .782 .936 .941     .754 .950 .957     .742 .914 .929
    ======================================  =================  =================  =================

    With few seeds both bootstraps are much too narrow, and with twenty they are hardly better, so Student's interval is
    always used. Four seeds are too few for any of them where some seeds differ from the rest (networks that never learn
    a feature): inspect the seeds, and train ten or more. Seeds with equal values give an interval of zero width,
    because it reflects only the observed spread. The interval may exceed the range of a bounded measure.

    Parameters
    ----------
    values : `[seed]`, finite.
    confidence : between 0 and 1.

    Returns
    -------
    The estimate; for one seed the interval is (-inf, inf).

    Raises
    ------
    ValueError : no values, values that are not finite, or an array of more than one axis.

    Examples
    --------
    >>> import repbias
    >>> found = repbias.mean_interval([0.5, 0.6, 0.7, 0.6])
    >>> round(found.mean, 3), round(found.ci_low, 3), round(found.ci_high, 3)
    (0.6, 0.47, 0.73)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}")
    seeds = _one_number_per_seed(values)
    n, mean = len(seeds), float(seeds.mean())
    half = math.inf if n == 1 else float(stats.t.ppf((1 + confidence) / 2, n - 1) * stats.sem(seeds))
    return Estimate(mean, mean - half, mean + half, n, confidence)


def mean_intervals(values: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return `mean_interval` of the column value in each group of rows: the columns `by`, value, ci_low, ci_high, n."""
    rows = []
    for place, seeds in values.dropna(subset=["value"]).groupby(list(by), sort=False)["value"]:
        mean = mean_interval(seeds.to_numpy(float))
        rows.append((*place, mean.mean, mean.ci_low, mean.ci_high, mean.n))
    return pd.DataFrame(rows, columns=[*by, "value", "ci_low", "ci_high", "n"])


def contrast_interval(values: NDArray[np.floating], weights: Values, confidence: float = 0.95) -> Estimate:
    """Estimate a weighted sum of cell means over seeds, where some seeds have no value in some cells.

    A cell's mean is that of the seeds that have a value there. The spread is taken over seeds, so that it includes what
    a seed's cells have in common: each seed contributes the weighted sum of its distances from the cells' means, each
    scaled by sqrt(n / (n - 1)) with n the seeds of the cell, which makes the variance unbiased where cells are
    independent; the degrees of freedom are Satterthwaite's for independent cells (CR2, Bell & McCaffrey 2002). Where
    every seed has every cell, the result equals `mean_interval` of the seeds' sums.

    Measured coverage of a nominal 95 % (4,000 simulated experiments, 10 seeds in a 2 x 2 x 3 design, main effect of the
    first factor; random values are missing, but at least two per cell are left): none missing .946, a third .951, two
    thirds .951, nine tenths .959. With a third missing: .960 where all cells of a seed share noise of twice the size,
    .942 where those of a level do, .942 with spreads that differ fourfold between cells, .954 with 4 seeds, not 10.

    Parameters
    ----------
    values : `[seed, cell]`, NaN where a seed has none.
    weights : `[cell]`.
    confidence : between 0 and 1.

    Returns
    -------
    The estimate, `n` the seeds with a value in any cell of weight; the interval is (-inf, inf) where such a cell has
    one seed.

    Raises
    ------
    ValueError : a cell of weight that no seed has, no weight, or shapes that do not fit.
    """
    values, weight = np.asarray(values, float), np.asarray(weights, float)
    if values.ndim != 2 or weight.shape != values.shape[1:]:
        raise ValueError(f"expected [seed, cell] and one weight per cell, got {values.shape} and {weight.shape}")
    values, weight = values[:, weight != 0], weight[weight != 0]
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    if not len(weight) or not counts.all():
        raise ValueError("a contrast needs cells with a weight, and a seed with a value in each of them")
    means = np.where(known, values, 0).sum(axis=0) / counts
    estimate, n = float(means @ weight), int(known.any(axis=1).sum())
    if counts.min() < 2:
        return Estimate(estimate, -math.inf, math.inf, n, confidence)
    share = weight / np.sqrt(counts * (counts - 1.0))  # of a value's distance from its cell's mean
    residuals = np.where(known, values - means, 0) @ share
    # Covariance of the seeds' residuals if all values are independent with equal variance, `[seed, seed]`.
    joint = -np.einsum("sc,tc,c->st", known, known, share**2 / counts)
    joint[np.diag_indices(len(joint))] += known @ share**2
    freedom = np.trace(joint) ** 2 / (joint**2).sum()
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(float(residuals @ residuals))
    return Estimate(estimate, estimate - half, estimate + half, n, confidence)


def _one_number_per_seed(values: Values) -> NDArray[np.float64]:
    seeds = np.asarray(values, dtype=np.float64)
    if seeds.ndim != 1:
        raise ValueError(
            f"expected one number per seed, [seed], got shape {seeds.shape}; average within each seed first"
        )
    if not len(seeds):
        raise ValueError("expected at least one seed's value, got none")
    bad = np.flatnonzero(~np.isfinite(seeds))
    if len(bad):
        raise ValueError(
            f"expected finite values, got {seeds[bad[0]]} at seed index {bad[0]} ({len(bad)} of {len(seeds)} in all); "
            "find out why before leaving seeds out"
        )
    return seeds


def holm(p_values: Values) -> NDArray[np.float64]:
    """Return p values corrected for their number by Holm's (1979) step-down rule; NaN stays NaN."""
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(p.shape, np.nan)
    tests = np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    stepped = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected


def jackknife(seeds: Sequence[int], statistic: Callable[[Sequence[int]], float]) -> NDArray[np.float64]:
    """Return the jackknife pseudo-values of a statistic of several seeds at once, one per seed.

    With theta the statistic of all n seeds and theta_s that without seed s, the pseudo-value of s is
    n theta - (n - 1) theta_s. The numbers in a mean over pairs of seeds are not independent, since each seed is in
    many pairs; its pseudo-values have the same mean, and from their spread `mean_interval` gives the interval (Tukey).

    Parameters
    ----------
    seeds : two or more different seeds. statistic : takes any subset of them and returns a number.

    Returns
    -------
    `[seed]`, in the order of the seeds; NaN where the statistic is.

    Raises
    ------
    ValueError : fewer than two seeds.

    When not to use it: for a statistic that jumps when a seed is left out, such as a median of few values.
    """
    if len(seeds) < 2:
        raise ValueError(f"a jackknife over seeds needs two or more, got {len(seeds)}")
    n, whole = len(seeds), statistic(seeds)
    without = np.array([statistic([seed for seed in seeds if seed != left]) for left in seeds])
    pseudo: NDArray[np.float64] = n * whole - (n - 1) * without
    return pseudo


def slopes(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the least-squares slope of y over x in each row.

    Parameters
    ----------
    x, y : `[row, point]`.

    Returns
    -------
    `[row]`; NaN where a row holds one.
    """
    if not len(x):
        return np.empty(0)
    x = x - x.mean(axis=1, keepdims=True)
    fitted: NDArray[np.float64] = (x * y).sum(axis=1) / (x**2).sum(axis=1)
    return fitted
