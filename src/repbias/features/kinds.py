"""Features as a user gives them: categorical, continuous, circular, or several columns that are one feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import SplineTransformer
from torch import Tensor

from repbias.core.arrays import ArrayLike, BoolArray, FloatArray, IntArray, as_numpy
from repbias.core.display import Displayed
from repbias.core.specs import refuse_unknown
from repbias.features.columns import as_column
from repbias.features.labels import as_classes, is_missing
from repbias.features.values import Kind, Values

BASES = ("linear", "spline")
STRATA = 5
"""Strata of similar values, of which each fold holds its share."""
DEGREE = 3


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
        _refuse_unusable(numbers, np.arange(len(self)) if kept is None else np.flatnonzero(kept), what)
        return _CODES[self.kind](numbers, what, **self.settings)


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


def as_number_columns(values: Any, what: str, *, one: bool) -> FloatArray:
    """Return numbers `[stimulus, column]`, NaN where missing; `one` asks for a single column, `[stimulus]`."""
    if isinstance(values, pd.DataFrame | pd.Series):
        found = _of_pandas(values, what)
    else:
        array = as_numpy(values) if isinstance(values, Tensor) else np.asarray(values)
        if array.dtype == object:
            array = _of_pandas(pd.DataFrame(array), what).reshape(array.shape)
        if array.dtype.kind not in "buif":
            raise TypeError(f"{what} must hold numbers, got dtype {array.dtype}: for classes use repbias.categorical")
        found = array.astype(np.float64)
    expected, form = (1, "[stimulus]") if one else (2, "[stimulus, column]")
    if found.ndim != expected or 0 in found.shape:
        hint = "give several columns as repbias.columns(matrix)" if one else "give one column as repbias.continuous(x)"
        raise ValueError(f"{what} must be {form}, got shape {found.shape}: {hint}")
    return found.reshape(len(found), -1)


def _of_pandas(values: pd.DataFrame | pd.Series[Any], what: str) -> FloatArray:
    try:
        return np.asarray(values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must hold numbers: for classes use repbias.categorical ({error})") from error


def _refuse_unusable(numbers: FloatArray, stimuli: IntArray, what: str) -> None:
    """Raise for infinite values, naming the first of the `stimuli` that has one, and for values that do not vary."""
    if not np.isfinite(numbers).all():
        first = stimuli[(~np.isfinite(numbers)).any(1).argmax()]
        raise ValueError(
            f"{what} must hold finite numbers, got an infinite one at stimulus {first}: correct it, or give NaN where "
            "it is missing"
        )
    if (np.ptp(numbers, axis=0) == 0).all():
        raise ValueError(f"{what} must vary, got {numbers[0, 0]:g} for all {len(numbers)} stimuli: leave it out")


def _continuous(numbers: FloatArray, what: str, *, basis: str, knots: int = 0) -> Values:
    x, spread = numbers[:, 0], float(numbers.std())
    linear = standardised(numbers)
    if basis == "linear":
        return Values("continuous", strata(x), columns=linear, step=np.ones_like(linear))
    places = np.unique(np.quantile(x, np.linspace(0, 1, knots)))
    if len(places) < 2 or len(np.unique(x)) <= DEGREE:
        raise ValueError(
            f'{what} has only {len(np.unique(x))} different values, too few for splines: use basis="linear"'
        )
    spline = SplineTransformer(degree=DEGREE, knots=places[:, None], extrapolation="linear", include_bias=False)
    code = spline.fit_transform(numbers)
    step = spline.transform(numbers + spread) - code
    return Values("continuous", strata(x), columns=code - code.mean(0), value=linear, step=step)


def _circular(numbers: FloatArray, what: str, *, period: float, harmonics: int = 1) -> Values:
    def waves(phase: FloatArray) -> FloatArray:
        angles = 2 * np.pi * phase * np.arange(1, harmonics + 1)
        return np.hstack([np.cos(angles), np.sin(angles)])

    phase = numbers / period % 1
    code = waves(phase)
    value = None if harmonics == 1 else code[:, [0, harmonics]]
    return Values(
        "circular",
        strata(phase[:, 0]),
        columns=code - code.mean(0),
        value=value,
        step=waves(phase + 0.25) - code,
    )


def _columns(numbers: FloatArray, what: str) -> Values:
    code = standardised(numbers)
    axis = np.linalg.svd(code, full_matrices=False)[2][0]
    along = code @ axis
    step = np.broadcast_to(axis * along.std(), code.shape)
    return Values("columns", strata(along), columns=code, step=step, penalised=code.shape[1] > 1)


_CODES: dict[Kind, Callable[..., Values]] = {"continuous": _continuous, "circular": _circular, "columns": _columns}


def standardised(numbers: FloatArray) -> FloatArray:
    """Return columns of mean 0 and standard deviation 1, `[stimulus, column]`; a constant column is 0."""
    centred = numbers - numbers.mean(0)
    spread = centred.std(0)
    constant = np.ptp(numbers, axis=0) == 0
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))


def strata(x: FloatArray) -> IntArray:
    """Return for each of `x` `[stimulus]` one of at most five strata 0, 1, ... of about as many stimuli each.

    Equal values are in one stratum.
    """
    edges = np.unique(np.quantile(x, np.arange(1, STRATA) / STRATA))
    found = np.digitize(x, edges)
    return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)
