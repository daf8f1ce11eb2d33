"""Populations of stimuli and units in which the share of variance of every feature is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from benchmarks.calibration.sources import Source

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.kinds import Feature

Truths = dict[tuple[str, str], float]
COMMON = 0.3
"""Share of the noise that all units have in common, each with its own sign."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one call of the audit takes."""

    activity: FloatArray
    """`[stimulus, unit]`."""

    features: dict[str, Feature]
    options: dict[str, Any]


@dataclass(frozen=True)
class Effect:
    """Normal values that stimuli have in common, independent in each unit.

    share : of the variance that no feature explains.
    index : which value each stimulus has, `[stimulus]`.
    fixed : whether all data sets have the same values; they are then scaled to the share exactly.
    repeated : whether presentations of a stimulus reproduce it.
    """

    share: float
    index: IntArray
    fixed: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows of a data set.

    planted, null : which rows have the same value of the planted feature and of the one without effect, `[stimulus]`.
    effects : what rows have in common beside the features.
    options : arguments of the audit, such as groups.
    """

    planted: IntArray
    null: IntArray
    effects: tuple[Effect, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


Noise = Callable[[np.random.Generator, int, int], FloatArray]


def normal_noise(rng: np.random.Generator, n: int, units: int) -> FloatArray:
    """Return normal noise `[stimulus, unit]` of variance 1, part of which all units have in common."""
    common = rng.normal(size=(n, 1)) * np.where(np.arange(units) % 2, 1.0, -1.0)
    return np.sqrt(1 - COMMON) * rng.normal(size=(n, units)) + np.sqrt(COMMON) * common


def heavy_tailed_noise(rng: np.random.Generator, n: int, units: int) -> FloatArray:
    """Return noise of variance 1 with Student's t distribution of 4 degrees of freedom, scaled stimulus by stimulus."""
    return normal_noise(rng, n, units) * np.sqrt(2 / rng.chisquare(4, size=(n, 1)))


def autocorrelated_noise(rng: np.random.Generator, n: int, units: int) -> FloatArray:
    """Return normal noise of variance 1 in which neighbouring rows have a correlation of .8, an AR(1) process."""
    fresh = normal_noise(rng, n, units)
    found = fresh.copy()
    for row in range(1, n):
        found[row] = 0.8 * found[row - 1] + 0.6 * fresh[row]
    return found


@dataclass(frozen=True, eq=False)
class Population:
    """A planted feature that explains a share of the variance, and a feature `null` without effect.

    All data sets of a population have the same directions of the planted feature, so that decoding has one truth.
    """

    rows: Rows
    planted: Source
    null: Source
    units: int = 20
    r2: float = 0.1
    """Share of the variance that the planted features explain, where units have noise of the same variance."""

    noise: Noise = normal_noise
    unit_sd: FloatArray | None = None
    """Standard deviation of the noise of each unit; 1 by default, `[unit]`."""

    scale: str = "none"

    @cached_property
    def _sd(self) -> FloatArray:
        return np.ones(self.units) if self.unit_sd is None else self.unit_sd

    @cached_property
    def weights(self) -> FloatArray:
        """The effect of each column of the planted features, `[column, unit]`."""
        found = np.random.default_rng(1).normal(size=(len(self.planted.covariance), self.units))
        explained = np.einsum("cu,cd,du->", found, self.planted.covariance, found)
        return np.asarray(found * np.sqrt(self.r2 / (1 - self.r2) * self.units / explained))

    def simulate(self, rng: np.random.Generator) -> Dataset:
        """Return a data set of new stimuli."""
        rows, n = self.rows, len(self.rows.planted)
        numbers, code = self.planted.draw(rng, int(rows.planted.max()) + 1)
        without, _ = self.null.draw(rng, int(rows.null.max()) + 1)
        of_null = self.null.features(without[rows.null])["planted"]
        left = 1 - sum(effect.share for effect in rows.effects)
        unexplained = np.sqrt(left) * self.noise(rng, n, self.units)
        for place, effect in enumerate(rows.effects):
            unexplained += self._values(effect, place, rng)[effect.index]
        activity = code[rows.planted] @ self.weights + unexplained * self._sd
        options = dict(rows.options) | ({} if self.scale == "none" else {"scale": self.scale})
        return Dataset(activity, self.planted.features(numbers[rows.planted]) | {"null": of_null}, options)

    def _values(self, effect: Effect, place: int, rng: np.random.Generator) -> FloatArray:
        shape = (int(effect.index.max()) + 1, self.units)
        if not effect.fixed:
            return np.asarray(np.sqrt(effect.share) * rng.normal(size=shape))
        found = np.random.default_rng(2 + place).normal(size=shape)
        return np.asarray(np.sqrt(effect.share) * (found - found.mean(0)) / found.std(0))

    @cached_property
    def truths(self) -> Truths:
        """The true value of each feature and measure, beside decodability."""
        columns = self.planted.columns
        found: Truths = {("null", "r2_unbiased"): 0.0}
        for name in columns:
            found[name, "r2_unbiased"] = self._share(self._explained([name]))
            if len(columns) > 1:
                others = [other for other in columns if other != name]
                found[name, "r2_unique"] = self._share(self._explained(list(columns)) - self._explained(others))
        if "repeats" in self.rows.options:
            explained = self._explained(list(columns))
            kept = explained + sum(one.share for one in self.rows.effects if one.repeated) * self._sd**2
            found["(all)", "noise_ceiling"] = self._share(kept)
            found["planted", "r2_of_ceiling"] = self._share(explained) / self._share(kept)
        return found

    def _explained(self, names: list[str]) -> FloatArray:
        """Return the variance of each unit that a regression on these features explains in the population, `[unit]`."""
        columns = np.concatenate([self.planted.columns[name] for name in names])
        covariance = self.planted.covariance
        with_units = (covariance @ self.weights)[columns]
        inverse = np.linalg.pinv(covariance[np.ix_(columns, columns)], rcond=1e-10, hermitian=True)
        return np.asarray(np.einsum("cu,cd,du->u", with_units, inverse, with_units))

    def _share(self, explained: FloatArray) -> float:
        total = self._explained(list(self.planted.columns)) + self._sd**2
        return float((explained / total).mean() if self.scale == "zscore" else explained.sum() / total.sum())
