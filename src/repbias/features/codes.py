"""Numbers of a feature as a design matrix: standardised, as splines, as harmonics of an angle, or as columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import SplineTransformer
from torch import Tensor

from repbias.core.arrays import FloatArray, IntArray, as_numpy
from repbias.features.values import Kind, Values

STRATA = 5
"""Strata of similar values, of which each fold holds its share."""
DEGREE = 3


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


def refuse_unusable(numbers: FloatArray, stimuli: IntArray, what: str) -> None:
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


CODES: dict[Kind, Callable[..., Values]] = {"continuous": _continuous, "circular": _circular, "columns": _columns}


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
