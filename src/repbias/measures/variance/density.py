"""Density: over how many units a feature's variance is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray
from repbias.core.results import measures_table
from repbias.features.inference import Features
from repbias.figures.drawings import Curves
from repbias.measures.result import MeasureResult
from repbias.measures.variance.explained import variance_explained
from repbias.measures.variance.fitter import VarianceExplained
from repbias.measures.variance.regression import ratio

THRESHOLDS = (0.05, 0.1, 0.25)


@dataclass(frozen=True, eq=False, repr=False)
class Density(MeasureResult):
    """Over how many of a layer's units each feature is spread.

    Constant units count as units with an R2 of 0.

    `plot` draws the R2 of the units, from the highest to the lowest, for each feature.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> variance = repbias.variance_explained(x, labels)
    >>> repbias.Density.from_variance(variance).fraction_above[:, 0].tolist()
    [0.5, 0.5]
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    curve: FloatArray
    """R2 of each unit, sorted from high to low, `[feature, unit]`; may be negative."""

    thresholds: tuple[float, ...]
    """The R2 thresholds of `fraction_above`, `[threshold]`."""

    fraction_above: FloatArray
    """Fraction of all units whose R2 is above each threshold, `[feature, threshold]`."""

    participation: FloatArray
    """Participation ratio of the explained variance over units, in units, `[feature]`: 1 where a single unit carries
    all of it, the number of units where all carry the same, 0 where nothing is explained."""

    @property
    def participation_fraction(self) -> FloatArray:
        """The participation ratio as a fraction of all units, `[feature]`."""
        return self.participation / self.curve.shape[1]

    @classmethod
    def from_variance(cls, variance: VarianceExplained, thresholds: Sequence[float] = THRESHOLDS) -> Density:
        """Return the density of features whose variance explained has been measured already; see `density`."""
        limits = tuple(float(threshold) for threshold in thresholds)
        if not limits or not all(0 <= limit < 1 for limit in limits):
            raise ValueError(f"thresholds must be one or more R2 values, 0 or more and below 1, got {limits}")
        curve = -np.sort(-variance.unit_r2, axis=1)
        explained = np.maximum(variance.unit_r2, 0) * variance.unit_total
        return cls(
            names=variance.names,
            curve=curve,
            thresholds=limits,
            fraction_above=np.stack([(curve > limit).mean(1) for limit in limits], axis=1),
            participation=ratio(explained.sum(1) ** 2, (explained**2).sum(1)),
        )

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `fraction_above_0.05` (and so on for each threshold), `participation`, `participation_fraction`.
        """
        fractions = dict(zip(self.thresholds, self.fraction_above.T, strict=True))
        by_feature = {f"fraction_above_{limit:g}": values for limit, values in fractions.items()}
        shares = {"participation": self.participation, "participation_fraction": self.participation_fraction}
        return measures_table(self.names, by_feature | shares)

    def _drawing(self) -> Curves:
        units = np.arange(1, self.curve.shape[1] + 1)
        labels = "unit, sorted by R2", "variance explained (R2) of the unit"
        return Curves(self.names, units, self.curve, labels)

    def _title(self) -> str:
        return f"Density over {self.curve.shape[1]} units"


def density(
    representation: ArrayLike,
    labels: Features,
    *,
    test_representation: ArrayLike | None = None,
    test_labels: Features | None = None,
    names: Sequence[str] | None = None,
    folds: int = 5,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Density:
    """Measure over how many units each feature's variance is spread.

    With r_u the variance of unit u that a feature explains on stimuli the fit never saw (R2 of the unit times the
    unit's variance; a negative R2 counts as 0),

        fraction above t       share of all units with R2 > t
        participation ratio    (sum_u r_u)^2 / sum_u r_u^2       in units; 0 where nothing is explained

    The fraction counts the units that carry the feature, whatever their scale; the participation ratio those that
    share the explained variance, and a few units of large variance can dominate it. Where a feature explains next to
    nothing, both describe noise: read them beside its R2.

    Parameters
    ----------
    representation : `[stimulus, unit]`, as in `variance_explained`, and so are the next five.
    labels : features of any kind, as in `variance_explained`.
    test_representation : `[stimulus, unit]`, other stimuli to score on. Give both test arrays or neither.
    test_labels : the same features of these stimuli, in the same form.
    names : the features' names.
    folds : number of cross-validation folds, where no test arrays are given.
    thresholds : R2 thresholds, 0 or more and below 1.

    Returns
    -------
    A `Density`. Where `variance_explained` has been called already, `Density.from_variance` takes its result.

    Raises
    ------
    ValueError, TypeError : as `variance_explained`; ValueError for a threshold that is no R2.

    When not to use it: to compare layers after a rotation. Unlike the pooled R2, density depends on the axes.

    Source: the claim is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; the statistics are this project's choice.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.density(x, labels)
    >>> found.participation.round(1).tolist()  # each feature in one unit
    [1.0, 1.0]
    """
    variance = variance_explained(
        representation,
        labels,
        test_representation=test_representation,
        test_labels=test_labels,
        names=names,
        folds=folds,
    )
    return Density.from_variance(variance, thresholds)
