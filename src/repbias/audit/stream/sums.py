"""One pass over a stream: the checks of its chunks, the sums of each fold, and the activity of the sample.

In the precision in which it comes, activity is shifted to a point near its mean and scaled to a size of about 1. It is
then multiplied in float32, some thousand stimuli at a time, and the products are added up in float64. So no digits are
lost where the mean is large compared with the standard deviation, and the error of a sum does not grow with the number
of stimuli.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from repbias.audit.inputs import refuse_other_counts
from repbias.audit.stream.plan import StreamPlan
from repbias.core.arrays import ArrayLike, FloatArray, IntArray, as_representation
from repbias.core.frames import is_default, refuse_other_index, stimulus_index

Chunk: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
AnyFloats = npt.NDArray[np.floating[Any]]
Float32Array = npt.NDArray[np.float32]
UNNAMED = "activity"
BUFFER_VALUES = 2**25  # 128 MB per layer


def checked_chunks(
    chunks: Iterable[Chunk], n: int, index: pd.Index[Any] | None = None
) -> Iterator[tuple[int, dict[str, AnyFloats]]]:
    """Yield the index of the first stimulus of each chunk, and its activity by layer, float32 or float64.

    Parameters
    ----------
    chunks : as in `audit_stream`; an array without a name is the layer "activity".
    n : number of stimuli that have labels.
    index : of the labels, which chunks that carry one must share.
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
            own = stimulus_index(values)
            if index is not None and own is not None and not is_default(own):
                refuse_other_index(own, index[first : first + len(own)], what, "the labels")
            found[layer] = _floats(as_representation(values, what, first=first, n_units=n_units.get(layer)))
            n_units[layer] = found[layer].shape[1]
        refuse_other_counts(found, f"all layers of chunk {number} must hold the same stimuli")
        size = len(next(iter(found.values())))
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
    """Return tensors that float32 can represent as float32, others as float64."""
    narrow = tensor.is_floating_point() and tensor.itemsize <= 4
    return np.asarray(tensor.to("cpu", torch.float32 if narrow else torch.float64).numpy())


@dataclass(frozen=True, eq=False)
class LayerSums:
    """The sums of one layer about a common point, by fold.

    part_sums : sums of products of codes and activity, for classes the sum of its activity,
        `[fold, part, column, unit]`.
    part_totals : sum of the activity, `[fold, part, unit]`.
    gram : sum of products of units, `[fold, unit, unit]`.
    cubes : sum over stimuli of the squared length of the activity, times the activity, `[fold, unit]`.
    fourths : sum over stimuli of the square of the squared length, `[fold]`.
    sample : activity of the sampled stimuli, `[sampled, unit]`.
    varies : whether a unit ever changes, `[unit]`; a unit that does not is 0 in all of the above.
    silent : whether a unit is always 0, `[unit]`.
    """

    part_sums: FloatArray
    part_totals: FloatArray
    gram: FloatArray
    cubes: FloatArray
    fourths: FloatArray
    sample: Float32Array
    varies: npt.NDArray[np.bool_]
    silent: npt.NDArray[np.bool_]

    @cached_property
    def totals(self) -> FloatArray:
        """Sum of the activity, `[fold, unit]`."""
        return np.asarray(self.part_totals.sum(1))

    @cached_property
    def code_sums(self) -> FloatArray:
        """Sums of products of codes and activity, `[fold, column, unit]`."""
        return np.asarray(self.part_sums.sum(1))


def read_sums(
    chunks: Iterable[Chunk], plan: StreamPlan, on_read: Callable[[int], None] | None = None
) -> dict[str, LayerSums]:
    """Read a stream once, and return the sums of each layer.

    `on_read` is called with the number of stimuli that were read so far.
    """
    layers: dict[str, _Layer] = {}
    for first, chunk in checked_chunks(chunks, plan.stimuli.n_given, plan.stimuli.index):
        for name, values in chunk.items():
            if name not in layers:
                layers[name] = _Layer(name, values, plan)
            layers[name].add(values, first)
        if on_read is not None:
            on_read(first + len(values))
    return {name: layer.finish() for name, layer in layers.items()}


class _Layer:
    """The sums of one layer so far, and a buffer for each fold of stimuli that are not added yet."""

    def __init__(self, name: str, values: AnyFloats, plan: StreamPlan) -> None:
        n_units, folds = values.shape[1], plan.n_folds
        self._name, self._plan, self._point = name, plan, _near_mean(values)
        size = float(np.abs(values - self._point).max() or np.abs(values).max())
        limit = np.finfo(values.dtype).maxexp - 8
        self._scale = float(2.0 ** -np.clip(np.frexp(size)[1], -limit, limit)) if size else 1.0
        self._part_sums = np.zeros((folds, plan.n_parts, plan.code.n_columns, n_units))
        self._part_totals = np.zeros((folds, plan.n_parts, n_units))
        self._gram = np.zeros((folds, n_units, n_units))
        self._cubes, self._fourths = np.zeros((folds, n_units)), np.zeros(folds)
        self._least, self._most = np.full(n_units, np.inf, np.float32), np.full(n_units, -np.inf, np.float32)
        self._sample = np.empty((len(plan.sample.rows), n_units), np.float32)
        rows = max(1, min(BUFFER_VALUES // (folds * n_units), int(plan.sizes.max())))
        self._waiting = np.empty((folds, rows, n_units), np.float32)
        self._stimuli = np.empty((folds, rows), np.int64)
        self._filled = np.zeros(folds, np.int64)

    def add(self, values: AnyFloats, first: int) -> None:
        """Add the activity of a chunk, `[stimulus, unit]`; `first` is the index of its first stimulus."""
        plan = self._plan
        kept = plan.stimuli.kept
        start, stop = np.searchsorted(kept, [first, first + len(values)])
        where = kept[start:stop] - first
        for fold in range(plan.n_folds):
            here = np.flatnonzero(plan.fold_of[start:stop] == fold)
            self._wait(values, where[here], start + here, fold)
        begin, end = np.searchsorted(plan.sample.rows, [start, stop])
        self._sample[begin:end] = self._standard(values[where[plan.sample.rows[begin:end] - start]])

    def finish(self) -> LayerSums:
        """Add what is left in the buffers, and return the sums."""
        for fold in range(self._plan.n_folds):
            self._empty(fold)
        if not (np.isfinite(np.einsum("fuu->f", self._gram)).all() and np.isfinite(self._fourths).all()):
            raise ValueError(
                f"layer {self._name!r} holds values so large beside its first chunk that their squares overflow: "
                "divide it by a constant, or find what made them"
            )
        varies = self._most > self._least
        for sums in (self._part_sums, self._part_totals, self._cubes, self._sample):
            sums[..., ~varies] = 0
        self._gram[:, ~varies] = 0
        self._gram[:, :, ~varies] = 0
        silent = ~varies & (self._least == 0) & (self._point == 0)
        return LayerSums(
            self._part_sums, self._part_totals, self._gram, self._cubes, self._fourths, self._sample, varies, silent
        )

    def _standard(self, values: AnyFloats) -> Float32Array:
        with np.errstate(over="ignore"):  # `finish` raises where it matters
            return np.asarray((values - self._point) * self._scale, dtype=np.float32)

    def _wait(self, values: AnyFloats, where: IntArray, stimuli: IntArray, fold: int) -> None:
        """Put the stimuli at `where` of a chunk into the buffer of their fold."""
        done = 0
        while done < len(where):
            filled = int(self._filled[fold])
            n = min(len(where) - done, self._waiting.shape[1] - filled)
            into = slice(filled, filled + n)
            self._waiting[fold, into] = self._standard(values[where[done : done + n]])
            self._stimuli[fold, into] = stimuli[done : done + n]
            self._filled[fold] += n
            done += n
            if self._filled[fold] == self._waiting.shape[1]:
                self._empty(fold)

    def _empty(self, fold: int) -> None:
        """Add the buffer of a fold to its sums."""
        n = int(self._filled[fold])
        self._filled[fold] = 0
        if n == 0:
            return
        x, stimuli = self._waiting[fold, :n], self._stimuli[fold, :n]
        with np.errstate(over="ignore", invalid="ignore"):  # `finish` raises where it matters
            squares = np.einsum("su,su->s", x, x)
            for part in range(self._plan.n_parts):
                here = self._plan.part_of[stimuli] == part
                self._part_sums[fold, part] += self._plan.code.sums(x[here], stimuli[here])
                self._part_totals[fold, part] += x[here].sum(0, dtype=np.float64)
            torch.from_numpy(self._gram[fold]).add_(torch.from_numpy(x.T @ x))  # NumPy multiplies one half only
            self._cubes[fold] += squares @ x
            self._fourths[fold] += (squares.astype(float) ** 2).sum()
            np.minimum(self._least, x.min(0), out=self._least)
            np.maximum(self._most, x.max(0), out=self._most)


def _near_mean(values: AnyFloats) -> AnyFloats:
    """Return the mean of the first chunk; for a unit that is constant there, exactly its value."""
    mean = values.mean(0, dtype=np.float64).astype(values.dtype)
    return np.where(np.ptp(values, axis=0) == 0, values[0], mean)
