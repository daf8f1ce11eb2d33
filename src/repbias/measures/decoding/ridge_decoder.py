"""Decoding of features that are not classes: ridge regressions from a representation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from repbias.core.arrays import BoolArray, FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.features.permutations import Orders
from repbias.measures.variance.gcv import GRID, generalised_error

RESOLVED = 1e-7  # of the largest singular value
VALUES_AT_ONCE = 2**22


class RidgeDecoder:
    """Ridge regressions whose penalty generalised cross-validation chooses on each fit.

    Parameters
    ----------
    x : activity `[stimulus, axis]`. fold_of : `[stimulus]`.
    """

    def __init__(self, x: FloatArray, fold_of: IntArray) -> None:
        self._folds = []
        for held in each_fold(fold_of):
            mean = x[~held].mean(0)
            left, spread, axes = np.linalg.svd(x[~held] - mean, full_matrices=False)
            kept = spread > RESOLVED * spread[:1]
            self._folds.append((held, left[:, kept], spread[kept], (x[held] - mean) @ axes[kept].T))

    def scored(self, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what each stimulus adds to the explained and to the total sum of squares of the targets."""
        gain, total = np.empty(len(targets)), np.empty(len(targets))
        for held, predicted, centred in self._predictions(targets[None]):
            total[held] = (centred[0] ** 2).sum(1)
            gain[held] = total[held] - ((centred[0] - predicted[0]) ** 2).sum(1)
        return gain, total

    def r2(self, targets: FloatArray, orders: Orders) -> FloatArray:
        """Return the held-out R2 of the targets in each order, `[order]`."""
        found = []
        size = max(1, VALUES_AT_ONCE // targets.size)
        for start in range(0, len(orders), size):
            some = targets[orders[start : start + size]]
            sums = [
                ((centred**2).sum((1, 2)), ((centred - predicted) ** 2).sum((1, 2)))
                for _, predicted, centred in self._predictions(some)
            ]
            total, error = np.sum(sums, axis=0)
            found.append(1 - error / total)
        return np.concatenate(found)

    def _predictions(self, targets: FloatArray) -> Iterator[tuple[BoolArray, FloatArray, FloatArray]]:
        """Yield for each fold its stimuli, and the predictions and the targets `[order, stimulus, dimension]` about the
        mean of the fit."""
        for held, left, spread, scores in self._folds:
            mean = targets[:, ~held].mean(1, keepdims=True)
            fitted = targets[:, ~held] - mean
            along = left.T @ fitted  # [order, axis, dimension]
            shrunk = _shrinkage(spread, (along**2).sum(2), (fitted**2).sum((1, 2)), len(left))
            yield held, (scores / spread) @ (shrunk[..., None] * along), targets[:, held] - mean


def _shrinkage(spread: FloatArray, strength: FloatArray, squares: FloatArray, n: int) -> FloatArray:
    """Return by how much each axis is shrunk under the penalty with the least GCV, `[order, axis]`.

    Parameters
    ----------
    spread : singular values of the fit, `[axis]`. strength : explained sum of squares, `[order, axis]`.
    squares : sum of squares of the targets, `[order]`. n : stimuli of the fit.
    """
    if not len(spread):
        return np.zeros_like(strength)
    shrunk = spread**2 / (spread**2 + (GRID * float((spread**2).mean()))[:, None])  # [grid, axis]
    residual = squares[:, None] - strength @ ((2 - shrunk) * shrunk).T
    scores = generalised_error(residual, shrunk.sum(1), np.asarray(float(n)))
    return np.asarray(shrunk[scores.argmin(1)])
