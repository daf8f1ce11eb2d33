"""One value for each stimulus, from whatever holds it: arrays, lists, tensors, and the columns of data frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from repbias.core.arrays import as_numpy
from repbias.core.frames import as_dense, refuse_masked


def as_column(values: Any, what: str) -> pd.Series[Any]:
    """Return one value for each stimulus as a pandas series with a fresh index."""
    refuse_masked(values, what)
    if isinstance(values, str):
        raise TypeError(f"{what} must be one label for each stimulus, got the text {values!r}")
    if isinstance(values, Tensor):
        values = as_numpy(as_dense(values, what))
    if not isinstance(values, pd.Series | pd.Categorical):
        values = values if isinstance(values, np.ndarray) else _as_array(values, what)
        if values.ndim != 1:
            raise ValueError(
                f"{what} must be [stimulus], one label for each, got shape {values.shape}: give each column as a "
                "separate feature, or all as one with repbias.columns(matrix)"
            )
    column = pd.Series(values).reset_index(drop=True)
    return pd.Series(np.asarray(column)) if isinstance(column.dtype, pd.SparseDtype) else column


def _as_array(values: Any, what: str) -> npt.NDArray[Any]:
    """Return a list as an array that keeps the type of each value; NumPy would turn [1, "a"] into text."""
    if isinstance(values, (list, tuple)) and any(isinstance(value, str) or value is None for value in values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what} must be [stimulus], one label for each, got lists of different lengths") from error
