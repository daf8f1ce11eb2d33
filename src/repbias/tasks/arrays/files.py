"""Stimuli and labels in one file: NumPy archives (.npz) without pickles, and .safetensors."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

Content = dict[str, NDArray[np.generic]]
INPUTS = "inputs"


def read_file(path: Path) -> tuple[NDArray[np.generic], Content]:
    """Return the array "inputs" of a file, and its other arrays by name.

    Raises
    ------
    ValueError : the file cannot be read, is of another kind, holds pickled objects, or has no "inputs".
    """
    try:
        status = path.stat()
    except OSError as error:
        where = "" if path.is_absolute() else f"; looked for in {Path.cwd()}"
        raise ValueError(f"{path}: {error.strerror}{where}") from error
    content = dict(_read(path.resolve(), status.st_mtime_ns, status.st_size))
    if INPUTS not in content:
        raise ValueError(
            f"{path} must hold the stimuli as an array called 'inputs' and one array [stimulus] for each feature; "
            f"it holds {', '.join(content) or 'nothing'}"
        )
    return content.pop(INPUTS), content


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int, _size: int) -> Content:
    """Read a file once, although every condition and every seed of a study names it."""
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} is not a safetensors file: {error}") from error
    raise ValueError(f"{path} must end in .npz or .safetensors, got {path.suffix!r}")


def _read_npz(path: Path) -> Content:
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle
        raise ValueError(f"{path} is not an .npz archive; write one with np.savez")
    content = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                try:
                    content[name] = archive[name]
                except ValueError as error:
                    raise ValueError(
                        f"{path}: array {name!r} holds pickled objects, which are never loaded because they can run "
                        "code; save it as numbers or as text, such as np.asarray(values, dtype=str)"
                    ) from error
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ValueError(f"{path} is not an .npz archive: {error}") from error
    return content


def write_file(path: Path, content: Content) -> None:
    """Write arrays by name; a .safetensors file holds no text.

    Raises
    ------
    ValueError : another kind of file, a file that exists already, or text in a .safetensors file.
    """
    if path.exists():
        raise ValueError(f"{path} exists already; give another name, or delete it first")
    if path.suffix == ".npz":
        np.savez_compressed(path, **content)  # type: ignore[arg-type]
    elif path.suffix == ".safetensors":
        if text := [name for name, array in content.items() if array.dtype.kind not in "buif"]:
            raise ValueError(f"a .safetensors file holds numbers alone, and {text[0]!r} is text; write an .npz file")
        save_file({name: np.ascontiguousarray(array) for name, array in content.items()}, path)
    else:
        raise ValueError(f"{path} must end in .npz or .safetensors, got {path.suffix!r}")
