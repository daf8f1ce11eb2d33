"""What somebody brings to an audit, read from files: arrays by layer, inputs, masks, tables.

Nothing here executes what a file holds: pickled content is refused, and the safe way is named.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError

Array: TypeAlias = npt.NDArray[np.generic]
_Content = TypeVar("_Content")

ARRAY_SUFFIXES = (".npy", ".npz", ".csv", ".parquet", ".safetensors")
TABLE_SUFFIXES = (".csv", ".parquet")
_PICKLED_SUFFIXES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib"}
_SAFE_WAY = "save arrays with numpy.save or numpy.savez, tensors with safetensors.torch.save_file"
_UNREADABLE = (
    ValueError, EOFError, KeyError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error, SafetensorError,
    pd.errors.ParserWarning,
)  # fmt: skip


def read_arrays(paths: Sequence[Path]) -> dict[str, Array]:
    """Read responses `[stimulus, unit]` by layer.

    Parameters
    ----------
    paths : ``.npz`` and ``.safetensors`` hold a layer an array, by its name; ``.npy``, ``.csv`` and ``.parquet`` hold
        one layer, named by the file; the first line of a ``.csv`` names the units.

    Returns
    -------
    arrays of real numbers by layer, in the order of the files and of what is in them.

    Raises
    ------
    ValueError : no file, one that is missing, empty, damaged, pickled or of an unknown kind, two layers of one name, or
        an array that is not of real numbers or has not two axes.
    """
    if not paths:
        raise ValueError("no array is given: name at least one file, such as data.npz")
    layers: dict[str, Array] = {}
    for path in paths:
        for name, array in _read(path).items():
            if name in layers:
                raise ValueError(f"{path}: a layer called {name!r} was read before; give each layer a name of its own")
            if array.ndim != 2:
                raise ValueError(
                    f"{path}: {name!r} has shape {array.shape}; it must be [stimulus, unit]: average or flatten "
                    "further axes"
                )
            layers[name] = array
    return layers


def read_inputs(path: Path) -> Array | dict[str, Array]:
    """Read a model's inputs, the first axis the stimuli: one array, or several by name, as keyword arguments.

    Raises
    ------
    ValueError : as `read_arrays`; any number of axes from one is allowed.
    """
    arrays = _read(path)
    if scalar := [name for name, array in arrays.items() if array.ndim == 0]:
        raise ValueError(f"{path}: {scalar[0]!r} is a single number; the first axis of inputs is the stimuli")
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{path}: the arrays differ in their number of stimuli, {counts}; the first axis is stimuli")
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def read_mask(path: Path) -> Array:
    """Read where a model's tokens are no padding, `[stimulus, token]`.

    Raises
    ------
    ValueError : as `read_arrays`; several arrays in the file.
    """
    arrays = read_arrays([path])
    if len(arrays) > 1:
        raise ValueError(f"{path} holds {len(arrays)} arrays ({', '.join(arrays)}); an attention mask is one")
    return next(iter(arrays.values()))


def check_out(path: Path, *, overwrite: bool) -> None:
    """Refuse a page that could not be written, or that stands in another's place, before anything is computed.

    Raises
    ------
    ValueError : not an ``.html`` file, no such folder, or a file that is there and may not be overwritten.
    """
    if path.suffix.lower() != ".html":
        raise ValueError(f"--out ends in .html, got {str(path)!r}")
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} is there already; name another file, or add --overwrite")


def _read(path: Path) -> dict[str, Array]:
    """The arrays of a file by name, of real numbers and any shape."""
    check_file(path, ARRAY_SUFFIXES)
    if path.suffix.lower() in TABLE_SUFFIXES:
        arrays: Mapping[str, object] = {path.stem: _units(read_table(path), path)}
    else:
        arrays = _guarded(path, _read_safetensors if path.suffix.lower() == ".safetensors" else _read_numpy)
    if not arrays:
        raise ValueError(f"{path} holds no arrays")
    return {name: _numbers(array, name, path) for name, array in arrays.items()}


def check_file(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a file that is not there, is empty, or ends in none of the suffixes; if pickled, name the safe way."""
    suffix = path.suffix.lower()
    if suffix in _PICKLED_SUFFIXES:
        raise ValueError(
            f"{path}: {suffix} files are pickled, and reading one runs whatever code it holds; open it yourself where "
            f"you trust it, then {_SAFE_WAY}"
        )
    if suffix not in suffixes:
        raise ValueError(f"{path}: {suffix or 'a file without an ending'} is not read; use {', '.join(suffixes)}")
    if not path.exists():
        raise ValueError(f"{path}: there is no such file")
    if not path.is_file():
        raise ValueError(f"{path} is not a file; name a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes); write it again")


def _guarded(path: Path, read: Callable[[Path], _Content]) -> _Content:
    """What `read` makes of a file; what the libraries say of a damaged one stands behind what to do."""
    try:
        return read(path)
    except MemoryError as error:
        raise ValueError(f"{path} needs more memory than there is, or is damaged; split or write it again") from error
    except _UNREADABLE as error:
        said = str(error) or type(error).__name__
        if "pickle" in said.lower():
            raise ValueError(f"{path} holds pickled objects, which could run code when read; {_SAFE_WAY}") from error
        raise ValueError(
            f"{path} cannot be read as {path.suffix}: it may be truncated or of another kind; write it again "
            f"({said.splitlines()[0]})"
        ) from error


def _read_numpy(path: Path) -> Mapping[str, object]:
    """NumPy tells one array from several by what the file holds, not by how its name ends."""
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


def read_table(path: Path) -> pd.DataFrame:
    """A table with at least one row, each of its columns named by a text of its own."""
    table = _guarded(path, pd.read_parquet if path.suffix.lower() == ".parquet" else _read_csv)
    names = [str(name) for name in table.columns]
    if table.empty:
        raise ValueError(f"{path} has no rows below its column names; it needs a row a stimulus")
    for place, name in enumerate(names):
        if not name.strip():
            raise ValueError(f"{path}: column {place + 1} has no name; name it, or save without an index (index=False)")
        if name in names[:place]:
            raise ValueError(f"{path}: two columns are called {name!r}; give each a name of its own")
    return table.set_axis(names, axis=1)


def _read_csv(path: Path) -> pd.DataFrame:
    """A table whose column names are as written: pandas would name empty ones, and rename the second of two equal."""
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0].tolist()
    with warnings.catch_warnings():
        # Without this, a row longer than the first line would be shortened.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(path, index_col=False).set_axis(names, axis=1)


def _units(table: pd.DataFrame, path: Path) -> Array:
    """A table of numbers as responses, its columns the units."""
    names = list(table.columns)
    if all(map(_is_number, names)) and not _counts(names):
        raise ValueError(f"{path}: the first line holds numbers; it must name the units, then a line a stimulus")
    words = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if words:
        raise ValueError(f"{path}: column {words[0]!r} does not hold numbers; each column must be a unit")
    return table.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _counts(names: Sequence[str]) -> bool:
    """Whether the names only number the units, from 0 or 1."""
    return any(names == [str(start + place) for place in range(len(names))] for start in (0, 1))


def _numbers(array: object, name: str, path: Path) -> Array:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: {name!r} is not an array; a .npz file is what numpy.savez writes")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name!r} holds {array.dtype}, not real numbers")
    if array.size == 0:
        raise ValueError(f"{path}: {name!r} is empty, its shape is {array.shape}; it needs a row a stimulus")
    return array.astype(np.uint8) if array.dtype.kind == "b" else array
