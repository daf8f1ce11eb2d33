"""Which share of the variance the permutation test of R2 detects with n stimuli, from the spectrum of the activity.

With five folds of the same composition, let z_kj be the sum of activity on axis k times column j of a feature's
whitened design matrix over all stimuli, divided by sqrt(n). For a feature that explains nothing, z_kj is nearly
Gaussian, of variance s_k, the share of the variance along the axis, and the R2 of the audit is

    N / n,    N = sum_kj (z_kj^2 - s_k q_kj / 4),    q_kj of the chi-squared distribution with 4 degrees of freedom

where q comes from the differences between folds. A feature that explains the share r adds b u_kj to z_kj / sqrt(n),
with b^2 = r / (1 - r) and u its direction, of length 1. It is detected if

    N / n + L b / sqrt(n) + b^2 > c,    L = 2 sum_kj z_kj u_kj

where c is the critical value of the permutation test: that of the gamma distribution with the first three cumulants of
N / n, for activity that includes what the feature adds. The test estimates it from the data: it is in proportion to the
square root of an estimate of tr(S^2), whose logarithm has the variance 2 tr(S^4) / (n tr(S^2)^2) + 1 / n^2. Classes
have the same proportions in all data sets; the values of other features are drawn, so that b^2 is that of the
population times their variance in the data. All are shares of the variance that the feature does not explain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from repbias.audit.findings import Share
from repbias.audit.intervals import TAILS
from repbias.audit.planning.spectrum import Spectrum
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import FOLDS

DRAWS = 10_000
DIRECTIONS = 100
DRAWS_PER_DIRECTION = 2_000
MOST_ITERATIONS = 50
LARGEST_SHARE = 0.99
FEWEST_STIMULI = 20
FEWEST_PER_CLASS = 5
PRECISION = 1e-4


@dataclass(frozen=True)
class Wanted:
    """Which detection is wanted, and of what kind of feature.

    power : probability of a detection. level : of one test, after correction.
    freedom : degrees of freedom of the feature.
    varying : variance of the squared length of a stimulus's whitened values, relative to its mean; 0 for classes, whose
        proportions are fixed, and 2 for normally distributed numbers.
    """

    power: float
    level: float
    freedom: int
    varying: float = 0.0

    @property
    def fewest(self) -> int:
        """The fewest stimuli for which sums over classes are Gaussian enough."""
        return max(FEWEST_STIMULI, FEWEST_PER_CLASS * (self.freedom + 1))


class Draws(NamedTuple):
    """Random N and L, and standardised deviations of log c and of the feature's log variance, `[..., draw]`."""

    chance: FloatArray
    overlap: FloatArray
    critical: FloatArray
    variance: FloatArray


class Chances:
    """Random directions of features, and random sums over stimuli, the same for all spectra with the same axes."""

    def __init__(self, axes: IntArray, freedom: int, seed: int) -> None:
        generator = rng(seed, "audit", "planning")
        self._along = generator.normal(size=(DRAWS, len(axes)))  # z in the direction of the feature
        across = generator.gamma((axes * freedom - 1) / 2, 2.0, (DRAWS, len(axes)))
        within = generator.gamma(axes * freedom * (FOLDS - 1) / 2, 2.0, (DRAWS, len(axes)))
        self._squares = self._along**2 + across - within / (FOLDS - 1)
        lengths = generator.gamma(axes * freedom / 2, 2.0, (DRAWS, len(axes)))
        self._directions = np.sqrt(lengths / lengths.sum(1, keepdims=True))
        self._deviations = generator.normal(size=(2, DRAWS))

    def pooled(self, spectrum: Spectrum) -> Draws:
        """Return draws, each with a direction of its own, `[draw]`."""
        overlap = (self._along * self._directions) @ np.sqrt(spectrum.shares)
        return Draws(self._squares @ spectrum.shares, 2 * overlap, *self._deviations)

    def by_direction(self, spectrum: Spectrum) -> Draws:
        """Return draws for each of several directions; only L differs between these, `[direction, draw]`."""
        some = slice(DRAWS_PER_DIRECTION)
        weights = self._directions[:DIRECTIONS] * np.sqrt(spectrum.shares)
        overlap = 2 * weights @ self._along[some].T
        return Draws(self._squares[some] @ spectrum.shares, overlap, *self._deviations[:, some])


@dataclass(frozen=True, eq=False)
class Detection:
    """Which shares are detected with any number of stimuli, with uncertainty.

    spectra : the spectrum of the activity; and, of pilot data, those without each part of the stimuli.
    chances : random sums, for all of these spectra.
    variance : that of the activity whose spectrum it is, such as the mean of several presentations, relative to that of
        which shares are returned.
    """

    spectra: Sequence[Spectrum]
    wanted: Wanted
    chances: Chances
    variance: float

    def share(self, n: float) -> Share:
        """Return the smallest share that is detected with `n` stimuli, and its 95 % interval; NaN if none is.

        With pilot data, the interval is that of a jackknife of the logarithm over parts of the stimuli; otherwise 95 %
        of random directions of the feature have a detectable share inside it.
        """
        value = self._value(n)
        low, high = self._ends(n)
        return value, (value * low, value * high)

    def stimuli(self, share: float) -> Share:
        """Return the number of stimuli with which this share is detected, and its 95 % interval; see `share`."""

        def ended(end: int) -> Callable[[float], float]:
            return lambda n: self._value(n) * self._ends(n)[end]

        value, low, high = (self._solved(curve, share) for curve in (self._value, ended(0), ended(1)))
        return value, (low, high)

    def _solved(self, curve: Callable[[float], float], share: float) -> float:
        """Return the number of stimuli, a whole number, at which a curve, nearly in proportion to 1 / n, falls to a
        share."""
        n = float(self.wanted.fewest)
        for _ in range(MOST_ITERATIONS):
            found = curve(n)
            before, n = n, max(n * (found / share if found < 1 else 2.0), float(self.wanted.fewest))
            if abs(n / before - 1) < PRECISION:
                break
        return float(np.ceil(n))

    def _value(self, n: float) -> float:
        found = detectable(self.spectra[0], self.wanted, self.chances.pooled(self.spectra[0]), n)
        return float(found) * self.variance

    def _ends(self, n: float) -> tuple[float, float]:
        """Return both ends of the interval of the share with `n` stimuli, divided by the share."""
        spectrum, *without = self.spectra
        if without:
            shares = [float(detectable(one, self.wanted, self.chances.pooled(one), n)) for one in without]
            error = np.std(np.log(shares)) * np.sqrt(len(shares) - 1)
            half = float(np.exp(stats.t.ppf(TAILS[1], len(shares) - 1) * error))
            return 1 / half, half
        draws = self.chances.by_direction(spectrum)
        pooled = Draws(*(np.broadcast_to(one, draws.overlap.shape).ravel() for one in draws))
        every = detectable(spectrum, self.wanted, pooled, n)
        low, high = np.quantile(detectable(spectrum, self.wanted, draws, n) / every, TAILS)
        return min(float(low), 1.0), max(float(high), 1.0)


def detectable(spectrum: Spectrum, wanted: Wanted, draws: Draws, n: float) -> FloatArray:
    """Return the smallest share that is detected with the wanted power; NaN if none up to 0.99 is.

    Parameters
    ----------
    draws : the result has their axes but the last.
    n : number of stimuli.
    """
    chance, overlap = draws.chance / n, draws.overlap / np.sqrt(n)
    of_critical = 2 * spectrum.trace(4) / spectrum.trace(2) ** 2 / n + 1 / n**2
    factor = np.exp(np.sqrt(of_critical) * draws.critical - of_critical)
    of_values = wanted.varying / n
    deviation = np.exp(np.sqrt(of_values) / 2 * draws.variance - of_values / 4)
    squared, found = 0.0, np.asarray(np.nan)
    for _ in range(MOST_ITERATIONS):
        inside = overlap**2 - 4 * (chance - critical_value(spectrum, wanted, n, squared) * factor)
        strength = np.maximum(np.sqrt(np.maximum(inside, 0)) - overlap, 0) / (2 * deviation) * (inside > 0)
        found = np.quantile(strength, wanted.power, axis=-1) ** 2
        before, squared = squared, float(found.mean())
        if squared > LARGEST_SHARE / (1 - LARGEST_SHARE):
            return np.full_like(found, np.nan)
        if abs(squared - before) <= 1e-4 * squared:
            break
    return np.asarray(found / (1 + found))


def critical_value(spectrum: Spectrum, wanted: Wanted, n: float, squared: float) -> float:
    """Return the explained variance that the permutation test needs, where the feature adds the variance `squared`.

    The feature's own directions are isotropic, as far as the cumulants depend on them.
    """
    d, of_square = wanted.freedom, spectrum.trace(2)
    second = of_square + 2 * squared / spectrum.n_axes + squared**2 / d
    third = (
        spectrum.trace(3)
        + 3 * squared * of_square / spectrum.n_axes
        + 3 * squared**2 / (d * spectrum.n_axes)
        + squared**3 / d**2
    )
    deviation = np.sqrt(2 * d * FOLDS / (FOLDS - 1) * second)
    skewness = 8 * d * (1 - 1 / (FOLDS - 1) ** 2) * third / deviation**3
    return float(stats.pearson3.isf(wanted.level, skewness) * deviation / n)
