"""The activity of an audit's layers, checked once, and notes on what is unusual in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from repbias.audit.inputs import BoolArray, Stimuli, named_values, refuse_masked
from repbias.core.arrays import ArrayLike, FloatArray, as_representation
from repbias.measures.variance.sums import as_float64


def check_layers(arrays: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    """Return activity by layer as finite float64 arrays `[stimulus, unit]` of the same stimuli, or raise."""
    named = named_values(arrays, "arrays", "{'layer': array}")
    layers = {name: _activity(values, f"the array {name!r}") for name, values in named.items()}
    first, n = next((name, len(values)) for name, values in layers.items())
    for name, values in layers.items():
        if len(values) != n:
            raise ValueError(
                f"all arrays must hold the same stimuli, got {n} in {first!r} and {len(values)} in {name!r}: "
                "align them first"
            )
    return layers


def refuse_other_order(
    arrays: Mapping[str, Any], features: Mapping[str, Any] | pd.DataFrame, groups: Any, repeats: Any
) -> None:
    """Raise where arrays and labels carry an index of the same stimuli in different orders."""
    labels = {"features": features} if isinstance(features, pd.DataFrame) else features
    given = (*arrays.items(), *labels.items(), ("groups", groups), ("repeats", repeats))
    named = [(name, index) for name, values in given if (index := _index(values)) is not None]
    for name, index in named[1:]:
        first, expected = named[0]
        if not index.equals(expected) and index.isin(expected).any():
            raise ValueError(
                f"{name!r} must hold the stimuli in the order of {first!r}, got an index in another order: align them "
                "first, e.g. with .loc[index], or drop an index that does not name the stimuli"
            )


def _index(values: Any) -> pd.Index[Any] | None:
    """Return the names of the stimuli that pandas or xarray objects carry; None for bare running numbers."""
    if isinstance(values, pd.DataFrame | pd.Series):
        return None if isinstance(values.index, pd.RangeIndex) else values.index
    if hasattr(values, "dims") and hasattr(values, "indexes"):  # xarray's, which is not imported
        index: pd.Index[Any] | None = values.indexes.get(values.dims[0])
        return index
    return None


def unit_notes(constant: Mapping[str, BoolArray], zero: Mapping[str, BoolArray]) -> Iterator[str]:
    """Yield a note for each layer with units that never change: which do, `[unit]` by layer, and which are always 0."""
    for name, units in constant.items():
        if units.any():
            yield (
                f"{int(units.sum())} of {len(units)} units of {name!r} never change ({int((units & zero[name]).sum())} "
                "are always 0); they are kept, and count as units that no feature explains."
            )


def activity_notes(layers: Mapping[str, FloatArray], stimuli: Stimuli) -> tuple[str, ...]:
    """Return notes on units that never change, and on stimuli whose activity is that of another."""
    constant = {name: np.ptp(values, axis=0) == 0 for name, values in layers.items()}
    notes = [*unit_notes(constant, {name: values[0] == 0 for name, values in layers.items()})]
    distinct = len(set(zip(*([hash(row.tobytes()) for row in values] for values in layers.values()), strict=True)))
    if stimuli.repeats is None and 1 < distinct < stimuli.n_stimuli:
        notes.append(
            f"{stimuli.n_stimuli - distinct} of {stimuli.n_stimuli} stimuli have exactly the same activity as an "
            "earlier one. If they are presentations or copies of the same stimulus, say so with repeats=: otherwise a "
            "classifier is fitted on some copies and scored on others."
        )
    return tuple(notes)


def _activity(values: Any, what: str) -> FloatArray:
    """Return activity as float64 `[stimulus, unit]`, finite."""
    refuse_masked(values, what)
    if isinstance(values, pd.DataFrame):
        numeric = all(pd.api.types.is_numeric_dtype(kind) for kind in values.dtypes)  # also pandas' nullable types
        values = values.to_numpy(np.float64, na_value=np.nan) if numeric else values.to_numpy()
    elif isinstance(values, Tensor):
        values = values.to_dense()
    elif hasattr(values, "toarray"):  # of SciPy's sparse kinds
        values = values.toarray()
    try:
        found = as_float64(as_representation(values, what))
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{what} must be an array [stimulus, unit], got rows of different lengths") from error
        raise
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(np.square(found).sum())
    if overflows:
        raise ValueError(f"{what} holds values so large that their squares overflow: divide it by a constant")
    return found
