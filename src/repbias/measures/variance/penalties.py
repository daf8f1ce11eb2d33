"""The choice of the penalties of ridge and banded ridge inside the folds, from sums alone.

The penalties of a fold are chosen on the other folds, each of which is predicted from the rest of them, for the least
squared error summed over stimuli and units. In the terms of `Designs`, a regression of the inverse
P = (C + diag(penalty of each column))^-1 lowers the sum of squares of the predicted stimuli by

    gain = 2 sum P * H - sum (P K P) * M,

with M the products of sums over the fit, H those with the sums over the predicted stimuli, and K the covariance of the
columns there, all `[column, column]`. So the search takes no longer for more stimuli or units. It takes a whole grid of
penalties of one band in little more time than one fit, because with the other penalties fixed

    P = B + Z diag(1 / (e + penalty)) Z',

where B, Z `[column, column of the band]` and e do not depend on the penalty of the band.
"""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.measures.variance.regression import Designs
from repbias.measures.variance.ridge import penalised_inverse

GRID = 10.0 ** np.arange(-5, 5.5, 0.5)  # times the number of stimuli; below, rounding errors exceed 1e-6 of the gain
MOST_SWEEPS = 20
LEAST_GAIN = 1e-9  # of the gain so far; less is a rounding error


def choose_penalties(
    designs: Designs, band_of: IntArray, grid: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """Return the penalty of each band, `[band]`, with which the inner folds are predicted best.

    The best single penalty of all bands is found first. Then each band in turn gets its best penalty beside those of
    the others, until none changes. Every step lowers the error.

    Parameters
    ----------
    designs : of the inner folds, standardised.
    band_of : the band of each column, 0, 1, ..., `[column]`.
    grid : the penalties to choose from, above 0, `[candidate]`.
    start : penalties to begin with in place of the best single one, `[band]`.
    """
    n_bands = int(band_of.max()) + 1
    penalties = np.full(n_bands, grid[len(grid) // 2]) if start is None else start.copy()
    if start is None:
        inverse = penalised_inverse(designs.covariance, penalties[band_of])
        penalties[:], _ = _best_along(designs, inverse, np.arange(len(band_of)), penalties[0], grid)
    unchanged, step = 0, 0
    while unchanged < n_bands and step < MOST_SWEEPS * n_bands and n_bands > 1:
        band = step % n_bands
        if band == 0:  # afresh for each sweep, since updates add up rounding errors
            inverse = penalised_inverse(designs.covariance, penalties[band_of])
        before, columns = penalties[band], np.flatnonzero(band_of == band)
        penalties[band], inverse = _best_along(designs, inverse, columns, before, grid)
        unchanged = unchanged + 1 if penalties[band] == before else 1
        step += 1
    return penalties


def _best_along(
    designs: Designs, inverse: FloatArray, columns: IntArray, penalty: float, grid: FloatArray
) -> tuple[float, FloatArray]:
    """Return the best penalty of some columns, which all have the same, beside those of the others, and its inverse.

    Parameters
    ----------
    inverse : with the penalties so far, `[fold, column, column]`.
    penalty : that of these columns so far.
    """
    spread, axes = np.linalg.eigh(inverse[:, columns[:, None], columns])
    e = np.maximum(1 / spread - penalty, 0)
    z = inverse[:, :, columns] @ (axes / spread[:, None])
    changes = 1 / (e + grid[:, None, None]) - 1 / (e + penalty)  # [candidate, fold, column of the band]
    held, fitted = designs.held_covariance @ z, designs.fitted_fitted @ z
    linear = (z * (designs.held_fitted @ z)).sum(1) - (held * (inverse @ fitted)).sum(1)
    squared = (z.swapaxes(1, 2) @ held) * (z.swapaxes(1, 2) @ fitted)
    gains = 2 * (changes * linear).sum((1, 2)) - np.einsum("kfi,fij,kfj->k", changes, squared, changes, optimize=True)
    best = int(gains.argmax())
    if gains[best] <= LEAST_GAIN * np.abs(inverse * designs.held_fitted).sum():
        return penalty, inverse
    return float(grid[best]), inverse + (z * changes[best][:, None]) @ z.swapaxes(1, 2)
