"""What a regression on one-hot codes needs to know of the stimuli: sums, gathered chunk by chunk.

The regression of a representation on a feature's one-hot code is the mean of each class, so it and its score follow
from counts, class sums and sums of squares; several features at once need the counts of their co-occurrence too.

Chunks are computed in their own precision about a shift near their mean, so that nothing is lost where the mean is
large beside the standard deviation (in floating point, the difference of two near numbers is exact), and are
accumulated in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from repbias.core.arrays import FloatArray

CHUNK_VALUES = 2**20
DENSE_CLASSES = 8  # classes a feature, on average, up to which a one-hot matmul beats index_add


class OneHotCode:
    """The columns of the one-hot codes of all features, side by side: feature by feature, class by class."""

    def __init__(self, n_classes: tuple[int, ...]) -> None:
        self.n_classes = n_classes
        *starts, self.n_columns = accumulate(n_classes, initial=0)
        self.starts = np.array(starts)

    def columns(self, labels: Tensor) -> Tensor:
        """Return the column of each label, int64 `[stimulus, feature]`."""
        return labels + torch.from_numpy(self.starts).to(labels.device)

    def by_feature(self, values: npt.NDArray[np.float64]) -> FloatArray:
        """Return `values` `[column, ...]` added up over the classes of each feature, `[feature, ...]`."""
        return np.add.reduceat(values, self.starts, axis=0)

    def class_sums(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the sum of `rows` `[stimulus, unit]` over each class, `[column, unit]`."""
        if self.n_columns <= DENSE_CLASSES * len(self.n_classes):
            return self.one_hot(columns, rows.dtype).T @ rows
        sums = rows.new_zeros(self.n_columns, rows.shape[1])
        for column in columns.T:
            sums.index_add_(0, column, rows)
        return sums

    def one_hot(self, columns: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the code itself, `[stimulus, column]`."""
        code = torch.zeros(len(columns), self.n_columns, dtype=dtype, device=columns.device)
        return code.scatter_(1, columns, 1)


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums over one set of stimuli; representations are measured from a reference point `[unit]`.

    counts: stimuli in each class, `[column]`.
    sums: sum over each class, `[column, unit]`.
    total: sum over all stimuli, `[unit]`.
    squares: sum of squares, `[unit]`.
    gram: stimuli that are in both classes, `[column, column]`, or None where it was not asked for.
    n: number of stimuli.
    """

    counts: FloatArray
    sums: FloatArray
    total: FloatArray
    squares: FloatArray
    gram: FloatArray | None
    n: int

    def __sub__(self, other: Sums) -> Sums:
        """Return the sums over the stimuli of this set that are not in `other`."""
        gram = None if self.gram is None or other.gram is None else self.gram - other.gram
        return Sums(
            self.counts - other.counts,
            self.sums - other.sums,
            self.total - other.total,
            self.squares - other.squares,
            gram,
            self.n - other.n,
        )


class SumsByFold:
    """Accumulates `Sums` for each fold, about `reference` `[unit]`."""

    def __init__(self, code: OneHotCode, reference: FloatArray, *, folds: int, gram: bool) -> None:
        n_columns, n_units = code.n_columns, len(reference)
        self.code, self.reference, self.folds = code, reference, folds
        self._counts = np.zeros((folds, n_columns))
        self._sums = np.zeros((folds, n_columns, n_units))
        self._squares = np.zeros((folds, n_units))
        self._gram = np.zeros((folds, n_columns, n_columns)) if gram else None
        self._n = np.zeros(folds, dtype=np.int64)

    def add(self, piece: Piece, columns: Tensor, *, squares: Tensor | None) -> None:
        """Add a piece to its fold; its `squares` are not needed for stimuli that are never scored."""
        counts = torch.bincount(columns.reshape(-1), minlength=self.code.n_columns).cpu().numpy()
        sums = as_float64(self.code.class_sums(piece.centred, columns))
        total = sums[: self.code.n_classes[0]].sum(0)
        move = as_float64(piece.shift) - self.reference
        self._counts[piece.fold] += counts
        self._sums[piece.fold] += sums + counts[:, None] * move
        self._n[piece.fold] += len(columns)
        if squares is not None:
            squared = as_float64(squares.sum(0))
            if not np.isfinite(squared).all():
                raise ValueError(
                    "the representation's squares overflow: divide it by a constant, or pass it as float64"
                )
            self._squares[piece.fold] += squared + 2 * move * total + len(columns) * move**2
        if self._gram is not None:
            code = self.code.one_hot(columns, piece.centred.dtype)
            self._gram[piece.fold] += as_float64(code.T @ code)

    def of(self, fold: int) -> Sums:
        """Return the sums over one fold."""
        return self._pack(slice(fold, fold + 1))

    def all(self) -> Sums:
        """Return the sums over all folds."""
        return self._pack(slice(None))

    def _pack(self, folds: slice) -> Sums:
        sums = self._sums[folds].sum(0)
        return Sums(
            counts=self._counts[folds].sum(0),
            sums=sums,
            total=sums[: self.code.n_classes[0]].sum(0),
            squares=self._squares[folds].sum(0),
            gram=None if self._gram is None else self._gram[folds].sum(0),
            n=int(self._n[folds].sum()),
        )


@dataclass(frozen=True, eq=False)
class Piece:
    """Some stimuli of one fold, small enough for the processor's cache. Its arrays are overwritten by the next piece.

    fold: the fold they are in.
    rows: where they are in the batch.
    shift: what was taken from their representations, `[unit]`.
    centred: their representations less `shift`, `[stimulus, unit]`, in the `working_dtype`.
    """

    fold: int
    rows: slice | Tensor
    shift: Tensor
    centred: Tensor
    _scratch: Tensor

    def squares(self) -> Tensor:
        """Return the squares of `centred`."""
        return torch.mul(self.centred, self.centred, out=self._scratch[: len(self.centred)])


def pieces(
    representation: Tensor,
    fold_of: npt.NDArray[np.int64] | None,
    shift_of: Callable[[int, Tensor], Tensor],
) -> Iterator[Piece]:
    """Cut a batch into pieces, each of one fold.

    Without `fold_of` `[stimulus]` all stimuli are in fold 0. `shift_of(fold, rows)` returns what to take from the
    rows of a piece. Fresh memory is dear, so all pieces share the same.
    """
    n, n_units = representation.shape
    step = min(n, max(256, CHUNK_VALUES // n_units))
    scratch = representation.new_empty(2, step, n_units, dtype=working_dtype(representation))
    for fold, rows in _fold_rows(n, step, fold_of):
        here = rows if isinstance(rows, slice) else rows.to(representation.device)
        values = representation[here]
        shift = shift_of(fold, values)
        yield Piece(fold, here, shift, torch.sub(values, shift, out=scratch[0, : len(values)]), scratch[1])


def _fold_rows(n: int, step: int, fold_of: npt.NDArray[np.int64] | None) -> Iterator[tuple[int, slice | Tensor]]:
    for start in range(0, n, step):
        if fold_of is None:
            yield 0, slice(start, start + step)
            continue
        here = fold_of[start : start + step]
        for fold in np.unique(here).tolist():
            yield fold, torch.from_numpy(start + np.flatnonzero(here == fold))


def working_dtype(representation: Tensor) -> torch.dtype:
    """Return float32 for float32 and narrower, else float64; on CUDA always float64.

    On CUDA float32 matmuls may be set to TensorFloat-32, which loses what is promised here, and reading the memory
    takes longer than the float64 arithmetic.
    """
    narrow = representation.dtype in {torch.float32, torch.float16, torch.bfloat16}
    return torch.float32 if narrow and not representation.is_cuda else torch.float64


def near_mean(fold: int, rows: Tensor) -> Tensor:
    """Return a point near the mean of `rows`, `[unit]`, from some of them; exactly the value of a constant unit."""
    some = rows[:: max(1, len(rows) // 64)].to(working_dtype(rows))
    return some[0] + (some - some[0]).mean(0)


def as_float64(values: Tensor) -> FloatArray:
    """Return a tensor as a float64 NumPy array."""
    return values.detach().cpu().double().numpy()
