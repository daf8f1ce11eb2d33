"""The sums that a regression on one-hot codes needs, gathered from the stimuli chunk by chunk.

The regression of a representation on a feature's one-hot code predicts the mean of each class, so the fit and its score
follow from counts, class sums and sums of squares; several features at once also need how often their classes occur
together.

Chunks are computed in their own precision about a shift near their mean, so that nothing is lost where the mean is
large beside the standard deviation (in floating point, the difference of two near numbers is exact), and are
accumulated in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from repbias.core.arrays import FloatArray, IntArray, as_float64

CHUNK_VALUES = 2**20
DENSE_CLASSES = 8  # mean classes per feature up to which a one-hot product is faster than index_add


class SideBySide:
    """The columns of the design matrices of several features, side by side."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        *starts, self.n_columns = accumulate(widths, initial=0)
        self.widths, self.starts = widths, np.array(starts)
        self.features = [slice(at, at + n) for at, n in zip(starts, widths, strict=True)]
        """The columns of each feature."""

    def by_feature(self, values: FloatArray, axis: int = 0) -> FloatArray:
        """Return `values` added up over the columns of each feature, along an axis of columns."""
        if len(self.widths) == 1:  # in less time than below
            return np.asarray(values.sum(axis, keepdims=True))
        return np.add.reduceat(values, self.starts, axis=axis)


class OneHotCode(SideBySide):
    """The columns of the one-hot codes of all features, side by side: feature by feature, class by class."""

    @property
    def n_classes(self) -> tuple[int, ...]:
        """The number of classes of each feature."""
        return self.widths

    def columns(self, labels: Tensor) -> Tensor:
        """Return the column of each label, int64 `[stimulus, feature]`."""
        return labels + torch.from_numpy(self.starts).to(labels.device)

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
    """Sums over sets of stimuli, one set for each entry of the leading axes `...`, such as folds or labellings.

    Representations are measured from any common point `[unit]`.

    n: number of stimuli, `[...]`.
    counts: stimuli in each class, `[..., column]`.
    sums: sum over each class, `[..., column, unit]`.
    total: sum over all stimuli, `[..., unit]`.
    squares: sum of squares, `[..., unit]`, or None where nothing is scored.
    gram: stimuli that are in both of two classes, `[..., column, column]`, or None without joint regressions.
    """

    n: FloatArray
    counts: FloatArray
    sums: FloatArray
    total: FloatArray
    squares: FloatArray | None = None
    gram: FloatArray | None = None

    def whole(self) -> Sums:
        """Return the sums over all sets along the first axis, which stays, with a length of 1."""
        return self._of(lambda one: one.sum(0, keepdims=True))

    def others(self) -> Sums:
        """Return for each set along the first axis the sums over all other sets."""
        return self._of(lambda one: one.sum(0) - one)

    def without(self, which: int) -> Sums:
        """Return the sums over all sets along the first axis but one."""
        return self._of(lambda one: np.delete(one, which, 0))

    def of(self, which: IntArray) -> Sums:
        """Return the sums over some sets along the first axis."""
        return self._of(lambda one: one[which])

    def _of(self, combine: Callable[[FloatArray], FloatArray]) -> Sums:
        squares, gram = (None if one is None else combine(one) for one in (self.squares, self.gram))
        return Sums(combine(self.n), combine(self.counts), combine(self.sums), combine(self.total), squares, gram)


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

    def by_fold(self) -> Sums:
        """Return the sums over each fold, `[fold, ...]`."""
        total = self._sums[:, : self.code.n_classes[0]].sum(1)
        return Sums(self._n.astype(float), self._counts, self._sums, total, self._squares, self._gram)


@dataclass(frozen=True, eq=False)
class Piece:
    """Some stimuli of one fold, small enough for the processor's cache. Its arrays are overwritten by the next piece.

    fold: the fold of its stimuli.
    rows: their places in the batch.
    shift: the point from which their representations are measured, `[unit]`.
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
    representation: Tensor, fold_of: IntArray | None, shift_of: Callable[[int, Tensor], Tensor]
) -> Iterator[Piece]:
    """Cut a batch into pieces, each of one fold.

    Without `fold_of` `[stimulus]` all stimuli are in fold 0. `shift_of(fold, rows)` returns the shift of a
    piece. Allocating is slow, so all pieces share the same memory.
    """
    n, n_units = representation.shape
    step = min(n, max(256, CHUNK_VALUES // n_units))
    scratch = representation.new_empty(2, step, n_units, dtype=working_dtype(representation))
    for fold, rows in _fold_rows(n, step, fold_of):
        here = rows if isinstance(rows, slice) else rows.to(representation.device)
        values = representation[here]
        shift = shift_of(fold, values)
        yield Piece(fold, here, shift, torch.sub(values, shift, out=scratch[0, : len(values)]), scratch[1])


def _fold_rows(n: int, step: int, fold_of: IntArray | None) -> Iterator[tuple[int, slice | Tensor]]:
    for start in range(0, n, step):
        if fold_of is None:
            yield 0, slice(start, start + step)
            continue
        here = fold_of[start : start + step]
        for fold in np.unique(here).tolist():
            yield fold, torch.from_numpy(start + np.flatnonzero(here == fold))


def working_dtype(representation: Tensor) -> torch.dtype:
    """Return float32 for float32 and narrower, else float64; on CUDA always float64.

    On CUDA float32 matmuls may be set to TensorFloat-32, which is too imprecise here, and reading memory takes
    longer than the float64 arithmetic.
    """
    narrow = representation.dtype in {torch.float32, torch.float16, torch.bfloat16}
    return torch.float32 if narrow and not representation.is_cuda else torch.float64


def near_mean(fold: int, rows: Tensor) -> Tensor:
    """Return a point near the mean of `rows`, `[unit]`, from some of them; exactly the value of a constant unit."""
    some = rows[:: max(1, len(rows) // 64)].to(working_dtype(rows))
    return some[0] + (some - some[0]).mean(0)


class StimulusScores:
    """Adds up each stimulus's 1 - ||W f - phi||^2 / ||phi||^2 under one fit; a stimulus with phi = 0 counts as 0.

    The fit mean m cannot be represented exactly in the representation's precision, so stimuli are measured from the
    nearest number, `mean`, and the rest `m - mean` enters as one more column of the product with the class means d:
    1 - ||d - phi||^2 / ||phi||^2 = (2 d.phi - ||d||^2) / ||phi||^2, with phi = (representation - mean) - (m - mean).

    Parameters
    ----------
    mean : of the fit, `[unit]`.
    class_means : each class's distance from it, `[column, unit]`.
    like : a representation of the precision and on the device of what is scored.
    """

    def __init__(self, mean: FloatArray, class_means: FloatArray, like: Tensor) -> None:
        dtype = working_dtype(like)
        self.mean = torch.from_numpy(mean).to(like.device, dtype)
        rest = mean - as_float64(self.mean)
        self._directions = torch.from_numpy(np.vstack([class_means, rest])).to(like.device, dtype)
        self._offset = torch.from_numpy(2 * class_means @ rest + (class_means**2).sum(1))
        self._rest_squared = float(rest @ rest)

    def add_up(self, piece: Piece, columns: Tensor, *, squares: Tensor) -> FloatArray:
        """Return the sum of R2 over stimuli, `[feature]`; the piece's shift is `mean`."""
        products = (piece.centred @ self._directions.T).cpu().double()
        columns = columns.cpu()
        length = squares.sum(1).cpu().double() + self._rest_squared - 2 * products[:, -1]
        gained = 2 * products.gather(1, columns) - self._offset[columns]
        scores = torch.where(length[:, None] > 0, gained / length[:, None], 0.0)
        return as_float64(scores.sum(0))
