"""Ridge penalties of features with many columns, chosen on the stimuli of each fit by generalised cross-validation.

For a regression of the representation on centred columns with covariance C = V diag(l) V' (times their number) and
sums of products F with the representation, a penalty p gives the weights (C + p)^-1 F, and over the n stimuli of a fit

    RSS = sum ||phi||^2 - sum_j (2 s_j - l_j s_j^2) || V_j' F ||^2        s_j = 1 / (l_j + p)
    GCV = RSS / (n - 1 - sum_j l_j s_j)^2

The penalty with the least GCV is taken. It needs products of F with itself only, so one choice costs the same for any
number of units.

Source: Golub, Heath & Wahba (1979), Technometrics 21, 215-223; one penalty for each feature is the banded ridge
regression of Nunez-Elizalde, Huth & Gallant (2019), NeuroImage 197, 482-492.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.measures.variance.regression import block

GRID: FloatArray = np.geomspace(1e-4, 1e4, 25)  # times the mean variance of the columns
MOST_FREEDOM = 0.9  # of the stimuli; beyond, GCV divides two numbers near 0
SWEEPS = 3
LARGE = 1e200


def ridge_penalty(covariance: FloatArray, products: FloatArray, squares: FloatArray, n: FloatArray) -> FloatArray:
    """Return the penalty of one feature with the least GCV, `[...]`.

    Parameters
    ----------
    covariance : C of the fit, `[..., column, column]`.
    products : F F', `[..., column, column]`.
    squares : sum of squares of the representation about its mean over the fit, `[...]`.
    n : stimuli of the fit, `[...]`.
    """
    spectrum, axes = np.linalg.eigh(covariance)
    spectrum = np.maximum(spectrum, 0)
    strength = np.einsum("...ck,...cd,...dk->...k", axes, products, axes)
    penalties = GRID * (spectrum.mean(-1, keepdims=True) + np.finfo(float).tiny)  # [..., grid]
    scale = 1 / (spectrum[..., None, :] + penalties[..., None])  # [..., grid, column]
    fitted = spectrum[..., None, :] * scale
    residual = squares[..., None] - ((2 - fitted) * scale * strength[..., None, :]).sum(-1)
    scores = generalised_error(residual, fitted.sum(-1), n[..., None])
    return np.take_along_axis(penalties, scores.argmin(-1)[..., None], -1)[..., 0]


def banded_penalties(
    covariance: FloatArray, products: FloatArray, squares: FloatArray, n: FloatArray, bands: Sequence[IntArray]
) -> FloatArray:
    """Return the penalties of a regression on all columns, one for each band, `[fold, column]`; 0 elsewhere.

    They are found by coordinate search: a common penalty first, then each band in turn, three times.

    Parameters
    ----------
    covariance, products, squares, n : as in `ridge_penalty`, with an axis of folds.
    bands : the columns of each feature that is penalised.
    """
    found = np.zeros(covariance.shape[:2])
    every = np.concatenate(bands)
    unit = np.maximum(np.einsum("fcc->fc", covariance)[:, every].mean(1), np.finfo(float).tiny)
    for fold in range(len(found)):
        sums = covariance[fold], products[fold], float(squares[fold]), float(n[fold])
        _search(found[fold], every, unit[fold] * GRID, *sums)
        for _ in range(SWEEPS if len(bands) > 1 else 0):
            before = found[fold].copy()
            for band in bands:
                _search(found[fold], band, unit[fold] * GRID, *sums)
            if (before == found[fold]).all():
                break
    return found


def _search(
    penalty: FloatArray, band: IntArray, grid: FloatArray, covariance: FloatArray, products: FloatArray,
    squares: float, n: float,
) -> None:  # fmt: skip
    """Set the penalty of one band, in place, to that of a grid with the least GCV."""
    scores = []
    for value in grid:
        penalty[band] = value
        inverse = np.linalg.pinv(covariance + np.diag(penalty), hermitian=True)
        fitted = inverse @ covariance
        residual = squares - float((inverse * products).sum() * 2 - ((fitted @ inverse) * products).sum())
        scores.append(float(generalised_error(np.asarray(residual), np.trace(fitted), np.asarray(n))))
    penalty[band] = grid[int(np.argmin(scores))]


def generalised_error(residual: FloatArray, freedom: FloatArray, n: FloatArray) -> FloatArray:
    """Return the GCV; where too many degrees of freedom are used, a large number that falls with them."""
    usable = freedom <= MOST_FREEDOM * (n - 1)
    return np.where(usable, residual / np.where(usable, n - 1 - freedom, 1.0) ** 2, LARGE * freedom)


def penalties_of(
    covariance: FloatArray, products: FloatArray, squares: FloatArray, n: FloatArray, bands: Sequence[IntArray]
) -> FloatArray:
    """Return the penalty of each band alone, `[fold, column]`; 0 elsewhere; as in `banded_penalties`."""
    found = np.zeros(covariance.shape[:2])
    for band in bands:
        found[:, band] = ridge_penalty(block(covariance, band), block(products, band), squares, n)[:, None]
    return found
