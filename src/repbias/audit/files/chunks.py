"""Arrays that are read from disk a part at a time, for an audit that does not hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from repbias.audit.files.arrays import ARRAY_SUFFIXES, check_file

BYTES_A_CHUNK = 2**26


def read_chunks(paths: Sequence[Path]) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
    """Return an iterator over parts of responses `[stimulus, unit]`, by layer; each file is a layer, named by it.

    Parameters
    ----------
    paths : ``.npy`` files, as they can be read in parts.

    Raises
    ------
    ValueError : at once: no file, one that is missing, empty, damaged, pickled or of another kind, two of one name,
        an array that is not of floating-point numbers or has not two axes, or files of other numbers of stimuli.
    """
    if not paths:
        raise ValueError("no array is given: name at least one file, such as data.npy")
    layers: dict[str, npt.NDArray[np.generic]] = {}
    for path in paths:
        if path.stem in layers:
            raise ValueError(f"{path}: a layer called {path.stem!r} was named before; give each a name of its own")
        layers[path.stem] = _mapped(path)
    counts = {name: len(array) for name, array in layers.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"all arrays must hold the same stimuli, in the same order, got {counts}: align them first")
    return _parts(layers)


def _mapped(path: Path) -> npt.NDArray[np.generic]:
    if path.suffix.lower() in ARRAY_SUFFIXES and path.suffix.lower() != ".npy":
        raise ValueError(
            f"{path}: --stream reads files in parts, which only .npy allows; save each array with numpy.save"
        )
    check_file(path, (".npy",))
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read in parts as .npy: it may be truncated, pickled or of another kind; write it with "
            f"numpy.save, an array of numbers ({error})"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} holds several arrays; save each with numpy.save, as a file of its own")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{path} has shape {array.shape}; it must be [stimulus, unit]: average or flatten further axes"
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds {array.dtype}, not real numbers")
    return array


def _parts(layers: dict[str, npt.NDArray[np.generic]]) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
    rows = max(1, BYTES_A_CHUNK // sum(array.shape[1] * 8 for array in layers.values()))
    n = len(next(iter(layers.values())))
    for first in range(0, n, rows):
        yield {name: np.array(array[first : first + rows]) for name, array in layers.items()}
