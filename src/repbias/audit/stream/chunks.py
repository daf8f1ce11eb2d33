"""Checks of the chunks of a stream: the same units of each layer in all, and as many stimuli in total as labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from repbias.core.arrays import ArrayLike, as_representation

Chunk: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
AnyFloats = npt.NDArray[np.floating[Any]]
UNNAMED = "activity"


def checked_chunks(chunks: Iterable[Chunk], n: int) -> Iterator[tuple[int, dict[str, AnyFloats]]]:
    """Yield the running number of each chunk's first stimulus, and its activity by layer, float32 or float64.

    Parameters
    ----------
    chunks : as in `audit_stream`; a bare array is of a layer called "activity".
    n : number of stimuli that there are labels for.
    """
    first = 0
    n_units: dict[str, int] = {}
    for number, chunk in enumerate(_iterable(chunks)):
        layers = _layers(chunk, number)
        if n_units and layers.keys() != n_units.keys():
            raise ValueError(
                f"chunk {number} holds the layers {sorted(layers)}, the chunks before it {sorted(n_units)}: give the "
                "same layers in all"
            )
        found = {}
        for layer, values in layers.items():
            what = f"layer {layer!r} of chunk {number}"
            found[layer] = _floats(as_representation(values, what, first=first, n_units=n_units.get(layer)))
            n_units[layer] = found[layer].shape[1]
        size = _size(found, number)
        if first + size > n:
            raise ValueError(
                f"features have labels of {n} stimuli, and the chunks up to number {number} hold {first + size}: check "
                "that both are of the same stimuli, in the same order"
            )
        yield first, found
        first += size
    if first < n:
        came = f"the chunks held {first}" if first else "there were no chunks (an iterator that was used up holds none)"
        raise ValueError(
            f"features have labels of {n} stimuli, and {came}: give each stimulus once, from a fresh iterable, in the "
            "order of the labels"
        )


def _iterable(chunks: object) -> Iterator[Any]:
    if isinstance(chunks, (np.ndarray, Tensor, Mapping, str)) or not isinstance(chunks, Iterable):
        raise TypeError(
            f"chunks must be an iterable of arrays, or of mappings of layers to arrays, got {type(chunks).__name__}: "
            "for activity that fits in memory use audit_arrays"
        )
    return iter(chunks)


def _layers(chunk: object, number: int) -> dict[str, Any]:
    if not isinstance(chunk, Mapping):
        return {UNNAMED: chunk}
    if not chunk:
        raise ValueError(f"chunk {number} names no layer: give {{'layer': array}}")
    for name in chunk:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"layers must have names, got {name!r} in chunk {number}: rename it")
    return dict(chunk)


def _floats(tensor: Tensor) -> AnyFloats:
    """Return float64 for tensors that float32 cannot represent, else float32."""
    narrow = tensor.is_floating_point() and tensor.itemsize <= 4
    return np.asarray(tensor.to("cpu", torch.float32 if narrow else torch.float64).numpy())


def _size(found: dict[str, AnyFloats], number: int) -> int:
    sizes = {layer: len(values) for layer, values in found.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"all layers of a chunk must hold the same stimuli, got {sizes} in chunk {number}: align them")
    return next(iter(sizes.values()))
