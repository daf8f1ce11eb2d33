"""Read the arrays of an audit from files: activity by layer, whole or in parts; the inputs of a model; masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.audit.files.delimited import numbers_rows
from repbias.audit.files.table import TABLE_SUFFIXES, check_file, guarded, read_table
from repbias.audit.inputs import refuse_other_counts

Array: TypeAlias = npt.NDArray[np.generic]

ARRAY_SUFFIXES = (".npy", ".npz", ".csv", ".parquet", ".safetensors")
BYTES_PER_CHUNK = 2**26


def read_arrays(paths: Sequence[Path]) -> dict[str, Array]:
    """Read activity `[stimulus, unit]` by layer.

    Parameters
    ----------
    paths : in a ``.npz`` or ``.safetensors`` file each array is a layer of that name. A ``.npy``, ``.csv`` or
        ``.parquet`` file is one layer, named after the file; the first line of a ``.csv`` file names the units.

    Returns
    -------
    Arrays of real numbers by layer, in the order of the files and of their contents.

    Raises
    ------
    ValueError : there is no file; a file is missing, empty, damaged, pickled or of an unknown kind; two layers have the
        same name; or an array does not hold real numbers or does not have two axes.
    """
    if not paths:
        raise ValueError("no array is given: name at least one file, such as data.npz")
    layers: dict[str, Array] = {}
    for path in paths:
        for name, array in _read(path).items():
            if name in layers:
                raise ValueError(f"{path}: a layer called {name!r} was read before; give each layer another name")
            layers[name] = _matrix(array, name, path)
    return layers


def read_inputs(path: Path) -> Array | dict[str, Array]:
    """Read the inputs of a model: one array `[stimulus, ...]`, or several by name, which are keyword arguments.

    Raises
    ------
    ValueError : as `read_arrays`, but arrays may have any number of axes from one.
    """
    arrays = _read(path)
    if scalar := [name for name, array in arrays.items() if array.ndim == 0]:
        raise ValueError(f"{path}: {scalar[0]!r} is a single number; the first axis of inputs must be the stimuli")
    refuse_other_counts(arrays, f"{path}: the first axis of all arrays must be the same stimuli")
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def read_mask(path: Path) -> Array:
    """Read an attention mask, `[stimulus, token]`, 0 at padding.

    Raises
    ------
    ValueError : as `read_arrays`; or the file holds several arrays.
    """
    arrays = read_arrays([path])
    if len(arrays) > 1:
        raise ValueError(f"{path} holds {len(arrays)} arrays ({', '.join(arrays)}); an attention mask is one")
    return next(iter(arrays.values()))


def read_chunks(paths: Sequence[Path]) -> Iterator[dict[str, Array]]:
    """Return an iterator over parts of the activity `[stimulus, unit]`, by layer.

    Parameters
    ----------
    paths : ``.npy`` files, the only kind that can be read in parts. Each is one layer, named after the file.

    Raises
    ------
    ValueError : as `read_arrays`, or the files hold different numbers of stimuli; at once, before the first part.
    """
    if not paths:
        raise ValueError("no array is given: name at least one file, such as data.npy")
    layers: dict[str, Array] = {}
    for path in paths:
        if path.stem in layers:
            raise ValueError(f"{path}: a layer called {path.stem!r} was named before; rename one file")
        layers[path.stem] = _mapped(path)
    refuse_other_counts(layers, "all arrays must hold the same stimuli, in the same order")
    return _parts(layers)


def _read(path: Path) -> dict[str, Array]:
    """Return the arrays of a file by name: real numbers of any shape."""
    check_file(path, ARRAY_SUFFIXES)
    if path.suffix.lower() in TABLE_SUFFIXES:
        arrays: Mapping[str, object] = {path.stem: _units(read_table(path), path)}
    else:
        arrays = guarded(path, _read_safetensors if path.suffix.lower() == ".safetensors" else _read_numpy)
    if not arrays:
        raise ValueError(f"{path} holds no arrays")
    found = {name: _numbers(array, name, path) for name, array in arrays.items()}
    return {name: array.astype(np.uint8) if array.dtype.kind == "b" else array for name, array in found.items()}


def _read_numpy(path: Path) -> Mapping[str, object]:
    """Read one array or several: NumPy decides by the content of the file, not by its suffix."""
    with path.open("rb") as file:  # NumPy leaves a file open that it cannot read
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {path.stem: loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}


def _read_safetensors(path: Path) -> Mapping[str, object]:
    import torch
    from safetensors.torch import load_file

    # NumPy has no bfloat16.
    tensors = load_file(path)
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in tensors.items()}


def _units(table: pd.DataFrame, path: Path) -> Array:
    """Return a table of numbers as activity; its columns are units."""
    names = list(table.columns)
    counted = [[str(first + place) for place in range(len(names))] for first in (0, 1)]
    if names not in counted and _are_numbers(names):
        raise ValueError(
            f"{path}: the first line holds numbers; it must name the units, followed by one line per stimulus"
        )
    if len(names) > 1 and len(table) > 2 and numbers_rows(table.iloc[:, 0]):
        raise ValueError(f"{path}: column {names[0]!r} numbers the rows, so it is no unit; leave it out of the file")
    words = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if words:
        raise ValueError(f"{path}: column {words[0]!r} does not hold numbers; each column must be a unit")
    return table.to_numpy(dtype=np.float64, na_value=np.nan)


def _are_numbers(names: Sequence[str]) -> bool:
    try:
        np.array(names, dtype=float)
    except ValueError:
        return False
    return True


def _numbers(array: object, name: str, path: Path) -> Array:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: {name!r} is not an array; a .npz file is what numpy.savez writes")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name!r} holds {array.dtype}, not real numbers")
    if array.size == 0:
        raise ValueError(f"{path}: {name!r} is empty, its shape is {array.shape}; it needs one row per stimulus")
    return array


def _mapped(path: Path) -> Array:
    if path.suffix.lower() in ARRAY_SUFFIXES and path.suffix.lower() != ".npy":
        raise ValueError(
            f"{path}: --stream reads files in parts, which only .npy allows; save each array with numpy.save"
        )
    check_file(path, (".npy",))
    array = guarded(path, partial(np.load, mmap_mode="r", allow_pickle=False))
    return _matrix(_numbers(array, path.stem, path), path.stem, path)


def _matrix(array: Array, name: str, path: Path) -> Array:
    if array.ndim != 2:
        raise ValueError(
            f"{path}: {name!r} has shape {array.shape}; it must be [stimulus, unit]: average or flatten further axes"
        )
    return array


def _parts(layers: dict[str, Array]) -> Iterator[dict[str, Array]]:
    rows = max(1, BYTES_PER_CHUNK // sum(array.shape[1] * 8 for array in layers.values()))
    n = len(next(iter(layers.values())))
    for first in range(0, n, rows):
        yield {name: np.array(array[first : first + rows]) for name, array in layers.items()}
