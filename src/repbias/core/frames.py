"""What objects of pandas, xarray, SciPy and Arrow hold: their numbers, and the index that names their stimuli.

xarray and SciPy are not imported: their objects are recognised by their attributes.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

Index = pd.Index


def refuse_masked(values: object, what: str) -> None:
    """Raise for a masked array, because the mask would be lost."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array, whose mask would be lost: drop or fill what is masked first")


def as_dense(values: Any, what: str) -> Any:
    """Return a tensor or an array of numbers: sparse ones dense, and frames and objects that hold numbers as numbers.

    Missing values become NaN. What does not hold numbers is returned as an array of its own type.
    """
    refuse_masked(values, what)
    if isinstance(values, Tensor):
        return _strided(values, what)
    if isinstance(values, pd.DataFrame | pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return _of_pandas(values, what)
    array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return _numbers_in(array) if array.dtype == object else array


def _strided(tensor: Tensor, what: str) -> Tensor:
    if tensor.is_nested:
        raise TypeError(
            f"{what} is a nested tensor: pad it with .to_padded_tensor(...), or average over what is nested"
        )
    if tensor.is_meta:
        raise TypeError(f"{what} is on the meta device, which holds no values: load them first")
    return tensor.detach() if tensor.layout == _STRIDED else tensor.detach().to_dense()


_STRIDED = Tensor().layout


def _of_pandas(values: Any, what: str) -> npt.NDArray[Any]:
    """Return pandas objects as an array of numbers; raise where a column of a frame holds none."""
    if isinstance(values, pd.DataFrame):
        refuse_index_column(values, what)
    columns = values.items() if isinstance(values, pd.DataFrame) else [(None, values)]
    other = [(name, column.dtype) for name, column in columns if not _numeric(column)]
    if not other:
        kinds = set(values.dtypes) if isinstance(values, pd.DataFrame) else {values.dtype}
        if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind != "O":
            return np.asarray(values)
        return np.asarray(pd.DataFrame(values).to_numpy(np.float64, na_value=np.nan)).reshape(values.shape)
    name, kind = other[0]
    if name is not None:
        raise TypeError(f"{what} must hold numbers, got {kind} in column {name!r}: leave that column out")
    return np.asarray(values)


def refuse_index_column(frame: pd.DataFrame, what: str) -> None:
    """Raise where a frame was read from a file that was saved with its index, which became a column."""
    if "Unnamed: 0" in frame.columns:
        raise ValueError(
            f"{what} has the column 'Unnamed: 0', which is the index of a saved frame: read the file with index_col=0"
        )


def _numeric(column: Any) -> bool:
    """Return whether a column holds real numbers, by its type or, where that is object, by its values."""
    if column.dtype == object:
        return bool(_numbers_in(np.asarray(column)).dtype != object)
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(column.dtype) and not kinds.is_complex_dtype(column.dtype))


def _numbers_in(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of objects as float64 where all are real numbers or missing, otherwise as it is."""
    missing = pd.isna(array)
    if array.size and all(isinstance(value, numbers.Real | Decimal) for value in array[~missing]):
        return np.where(missing, np.nan, array).astype(np.float64)
    return array


def shared_index(given: Mapping[str, Any]) -> Index[Any] | None:
    """Return the index of the stimuli that several objects carry; None where none carries one.

    Without an index of another kind, pandas numbers rows from 0. Such numbers count as an index beside other whole
    numbers only, because a frame whose rows were reordered or selected keeps them.

    Parameters
    ----------
    given : objects by name, of the same stimuli; mappings of names to objects; or None.

    Raises
    ------
    ValueError : indices that differ, or xarray objects with the stimuli on dimensions of different names. They are not
        aligned here, because only the user knows which stimuli are meant.
    """
    named = list(_flat(given))
    _refuse_other_dimensions(named)
    indexed = [(name, index) for name, values in named if (index := stimulus_index(values)) is not None]
    if not indexed:
        return None
    first, expected = next((one for one in indexed if not is_default(one[1])), indexed[0])
    for name, index in indexed:
        refuse_other_index(index, expected, name, first)
    return expected


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, values in given.items():
        if isinstance(values, Mapping):
            yield from ((str(one), values[one]) for one in values)
        else:
            yield name, values


def stimulus_index(values: Any) -> Index[Any] | None:
    """Return the names of the stimuli that an object of pandas or xarray carries, or a feature that was made of one."""
    values = getattr(values, "given", values)
    if isinstance(values, pd.DataFrame | pd.Series):
        return values.index
    if _of_xarray(values):
        found: Index[Any] | None = values.indexes.get(values.dims[0])
        return found
    return None


def is_default(index: Index[Any]) -> bool:
    """Return whether an index holds the running numbers 0, 1, ... that pandas gives by default."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def refuse_other_index(index: Index[Any], expected: Index[Any], name: str, first: str) -> None:
    """Raise where the index of the object `name` is not that of the object `first`."""
    if _same(index, expected):
        return
    if (is_default(index) and not _whole(expected)) or (is_default(expected) and not _whole(index)):
        return
    common = set(index.tolist()) & set(expected.tolist())
    if len(index) == len(expected) and sorted(map(repr, index.tolist())) == sorted(map(repr, expected.tolist())):
        came = "got an index in another order: align them first, e.g. with .loc[index]"
    else:
        came = f"got an index that shares {len(common)} of {len(expected)} names: select the same stimuli on both sides"
    raise ValueError(
        f"{name!r} must hold the stimuli in the order of {first!r}, {came}, or drop an index that does not name "
        "the stimuli, e.g. with .reset_index(drop=True)"
    )


def _same(index: Index[Any], expected: Index[Any]) -> bool:
    if index.nlevels != expected.nlevels or len(index) != len(expected):
        return False
    return index.tolist() == expected.tolist() or bool(index.equals(expected))


def _whole(index: Index[Any]) -> bool:
    return index.nlevels == 1 and pd.api.types.is_integer_dtype(index.dtype)


def _of_xarray(values: Any) -> bool:
    return hasattr(values, "dims") and hasattr(values, "indexes") and len(values.dims) > 0


def _refuse_other_dimensions(named: Sequence[tuple[str, Any]]) -> None:
    dims = {name: str(values.dims[0]) for name, values in named if _of_xarray(values)}
    known = {name: dim for name, dim in dims.items() if not dim.startswith("dim_")}  # xarray's names for unnamed ones
    if len(set(known.values())) > 1:
        raise ValueError(
            f"the first dimension must be that of the stimuli, under one name, got {known}: transpose or rename it"
        )
