"""Features as a user gives them: categorical, continuous, circular, or several columns that are one feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, BoolArray, FloatArray
from repbias.core.display import Displayed
from repbias.core.specs import refuse_unknown
from repbias.features.codes import CODES, as_number_columns, refuse_unusable
from repbias.features.columns import as_column
from repbias.features.labels import as_classes, is_missing
from repbias.features.values import Kind, Values

BASES = ("linear", "spline")


@dataclass(frozen=True, eq=False, repr=False)
class Feature(Displayed):
    """The values of a feature for each stimulus, with its kind.

    `categorical`, `continuous`, `circular` and `columns` make it. A feature may be given wherever a measure or an audit
    takes labels.
    """

    kind: Kind

    given: Any
    """What the user gave, with the index that it carries."""

    columns: FloatArray | pd.Series[Any]
    """The labels, `[stimulus]`, or numbers `[stimulus, column]`, NaN where missing."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the kind needs beside the values, such as the period of an angle."""

    def __len__(self) -> int:
        return len(self.columns)

    def _display(self) -> tuple[str, pd.DataFrame]:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        shape = "" if self.kind != "columns" else f", {np.shape(self.columns)[1]} columns"
        return f"{self.kind.capitalize()} feature of {len(self):,} stimuli{shape}{settings}", pd.DataFrame()

    def missing(self) -> BoolArray:
        """Return which stimuli have no value, `[stimulus]`."""
        if isinstance(self.columns, pd.Series):
            return is_missing(self.columns)
        return np.asarray(np.isnan(self.columns).any(1))

    def joined(self, other: Feature) -> Feature:
        """Return the feature of these stimuli and of those of `other` after them, which must be of the same kind."""
        if (self.kind, self.settings) != (other.kind, other.settings):
            raise ValueError(f"a feature must be of one kind for all stimuli, got {self!r} and {other!r}")
        if isinstance(self.columns, pd.Series) and isinstance(other.columns, pd.Series):
            return replace(self, columns=pd.concat([self.columns, other.columns], ignore_index=True))
        return replace(self, columns=np.concatenate([self.columns, other.columns]))

    def values(self, kept: BoolArray | None = None, what: str = "the feature") -> Values:
        """Return the values of some stimuli, by default all, as numbers; raise where they cannot be used.

        Parameters
        ----------
        kept : which stimuli, `[stimulus]`; none of them may lack a value.
        what : what errors call the feature.
        """
        if isinstance(self.columns, pd.Series):
            return Values.of(as_classes(self.columns if kept is None else self.columns[kept], what))
        numbers = self.columns if kept is None else self.columns[kept]
        refuse_unusable(numbers, np.arange(len(self)) if kept is None else np.flatnonzero(kept), what)
        return CODES[self.kind](numbers, what, **self.settings)


def categorical(labels: ArrayLike | pd.Series[Any]) -> Feature:
    """Return a feature whose values are classes, without an order or a distance.

    Parameters
    ----------
    labels : `[stimulus]`, whole numbers, truth values or text. Whole numbers and text are taken as classes without this
        call; use it for numbers of which many occur once or are not whole.

    Returns
    -------
    A `Feature`.

    Raises
    ------
    ValueError : more than one axis.

    When not to use it: for numbers whose distance means something, see `continuous`.

    Source: one-hot coding, as in `sklearn.preprocessing.OneHotEncoder`.

    Examples
    --------
    >>> import repbias
    >>> repbias.categorical(["cube", "ball", "cube"])
    Categorical feature of 3 stimuli
    """
    column = as_column(labels, "labels")
    if column.dtype.kind == "f":
        numbers = column.to_numpy(float)
        if not (numbers[~np.isnan(numbers)] % 1 == 0).all():
            column = column.map(lambda value: None if np.isnan(value) else f"{value:g}")
    return Feature("categorical", labels, column)


def continuous(values: ArrayLike | pd.Series[Any], *, basis: str = "linear", knots: int = 5) -> Feature:
    """Return a feature whose values are numbers with an order and a distance, such as speed or size.

    A regression from the feature is on the number itself, or on cubic B-splines of it, which also describe units that
    prefer medium values.

    Parameters
    ----------
    values : `[stimulus]`; NaN where missing.
    basis : "linear", or "spline" for cubic B-splines (scikit-learn's `SplineTransformer`).
    knots : number of knots of the splines, at quantiles of the values, 2 or more; there are `knots` + 1 columns.

    Returns
    -------
    A `Feature`. Decoders predict the number; similarities are computed from differences of it.

    Raises
    ------
    ValueError, TypeError : values that are not numbers `[stimulus]`, or an unknown basis.

    When not to use it: for angles, which `circular` treats; for numbers that name classes, see `categorical`.

    Source: Eilers & Marx (1996), Statistical Science 11, 89-121, for regressions on B-splines.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> speed = rng.gamma(2, size=300)
    >>> x = np.outer(np.abs(speed - 2), [1.0, 0.0]) + 0.3 * rng.normal(size=(300, 2))
    >>> for basis in ("linear", "spline"):
    ...     feature = repbias.continuous(speed, basis=basis)
    ...     print(basis, repbias.variance_explained(x, {"speed": feature}).r2.round(1))
    linear [0.2]
    spline [0.8]
    """
    refuse_unknown(basis, BASES, "basis")
    if knots < 2:
        raise ValueError(f"knots must be 2 or more, got {knots}")
    settings = {"basis": basis} | ({"knots": knots} if basis == "spline" else {})
    return Feature("continuous", values, as_number_columns(values, "values", one=True), settings)


def circular(angle: ArrayLike | pd.Series[Any], *, period: float, harmonics: int = 1) -> Feature:
    """Return a feature whose values are angles, or other numbers that repeat after a period.

    A regression from the feature is on cos(2 pi h angle / period) and the sine, for each harmonic h.

    Parameters
    ----------
    angle : `[stimulus]`; NaN where missing.
    period : 360 for directions in degrees, 180 for orientations, 24 for hours of the day.
    harmonics : number of harmonics, 1 or more; more describe units that are tuned more sharply than a cosine.

    Returns
    -------
    A `Feature`. Decoders predict cosine and sine of the first harmonic; similarities are computed from their distance.

    Raises
    ------
    ValueError, TypeError : values that are not numbers `[stimulus]`, a period that is not above 0, or fewer than one
        harmonic.

    When not to use it: for numbers whose two ends are far apart, see `continuous`.

    Source: Fisher (1993), Statistical Analysis of Circular Data.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> degrees = rng.uniform(0, 180, 300)
    >>> tuning = np.cos(2 * np.deg2rad(degrees[:, None] - [0, 60, 120]))
    >>> x = tuning + 0.3 * rng.normal(size=(300, 3))
    >>> repbias.variance_explained(x, {"orientation": repbias.circular(degrees, period=180)}).r2.round(1).tolist()
    [0.9]
    """
    if not (np.isfinite(period) and period > 0):
        raise ValueError(f"period must be finite and above 0, got {period}: give 360 for directions in degrees")
    if harmonics < 1:
        raise ValueError(f"harmonics must be 1 or more, got {harmonics}")
    settings = {"period": period} | ({"harmonics": harmonics} if harmonics > 1 else {})
    return Feature("circular", angle, as_number_columns(angle, "angle", one=True), settings)


def columns(matrix: ArrayLike | pd.DataFrame) -> Feature:
    """Return several columns as one feature, such as an embedding of words or the motion energy of films.

    Columns are standardised. A regression from the feature has a ridge penalty, chosen on the stimuli of each fit.

    Parameters
    ----------
    matrix : `[stimulus, column]`; a stimulus lacks the feature where a column is NaN.

    Returns
    -------
    A `Feature`. Decoders predict all columns; similarities are computed from their distance.

    Raises
    ------
    ValueError, TypeError : values that are not numbers `[stimulus, column]`.

    When not to use it: for columns whose separate contributions are of interest: give each as a feature of its own.

    Source: Nunez-Elizalde, Huth & Gallant (2019), NeuroImage 197, 482-492, for penalised feature spaces.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> embedding = rng.normal(size=(300, 20))
    >>> x = embedding @ rng.normal(size=(20, 5)) + rng.normal(size=(300, 5))
    >>> repbias.variance_explained(x, {"word": repbias.columns(embedding)}).r2.round(1).tolist()
    [0.9]
    """
    return Feature("columns", matrix, as_number_columns(matrix, "matrix", one=False))
