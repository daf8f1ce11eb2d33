"""Ridge and banded ridge regression from sums by fold: the fit, and the choice of its penalties inside the folds.

With D the columns of all features, standardised and about their means over the stimuli of the fit, X the activity about
its mean, C = D'D, F = D'X, and a penalty for each band (the columns of one feature), the fit minimises

    || D W - X ||^2 + sum over bands b of penalty_b || W_b ||^2,        W = (C + diag(penalty of each column))^-1 F

Penalties are in the units of scikit-learn and himalaya: they are added to sums of squares over the stimuli of the fit,
of columns whose variance is 1.

`repbias.measures.variance.penalties` chooses the penalties.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.measures.variance.regression import SINGULAR, Designs, Regression, block
from repbias.measures.variance.sums import OneHotCode, Sums

CONSTANT = 1e-12  # of a column's mean square over all stimuli; a variance below is a rounding error


def sums_by_fold(x: FloatArray, design: FloatArray, fold_of: IntArray) -> Sums:
    """Return the sums of each fold, `[fold, ...]`.

    Parameters
    ----------
    x : activity `[stimulus, unit]`, centred, so that sums of squares lose no digits.
    design : `[stimulus, column]`, centred for the same reason.
    fold_of : the fold of each stimulus, `[stimulus]`.
    """
    by_fold = [(x[held], design[held]) for held in each_fold(fold_of)]
    return Sums(
        n=np.array([float(len(one)) for one, _ in by_fold]),
        counts=np.stack([columns.sum(0) for _, columns in by_fold]),
        sums=np.stack([columns.T @ one for one, columns in by_fold]),
        total=np.stack([one.sum(0) for one, _ in by_fold]),
        squares=np.stack([np.einsum("su,su->u", one, one) for one, _ in by_fold]),
        gram=np.stack([columns.T @ columns for _, columns in by_fold]),
    )


def leave_one_fold_out(sums: Sums) -> Regression:
    """Return for each fold the regression that is fitted on the other folds and scored on it."""
    return Regression(OneHotCode((sums.counts.shape[1],)), sums.others(), sums)


def without_fold(sums: Sums, fold: int) -> Sums:
    """Return the sums of the other folds, on which the penalties of this one are chosen."""
    assert sums.squares is not None
    assert sums.gram is not None
    kept = np.arange(len(sums.n)) != fold
    return Sums(sums.n[kept], sums.counts[kept], sums.sums[kept], sums.total[kept], sums.squares[kept], sums.gram[kept])


def column_scales(regression: Regression) -> FloatArray:
    """Return what standardises each column over the stimuli of the fit, `[fold, column]`; 0 for a constant one."""
    fit, held = regression.fit, regression.held
    assert fit.gram is not None
    assert held.gram is not None
    squares, held_squares = (np.diagonal(one, axis1=-2, axis2=-1) for one in (fit.gram, held.gram))
    variance = squares / fit.n[:, None] - regression.code_mean**2
    varies = variance > CONSTANT * (squares + held_squares) / (fit.n + held.n)[:, None]
    return np.divide(1.0, np.sqrt(np.where(varies, variance, 1.0)), out=np.zeros(variance.shape), where=varies)


def standardised(regression: Regression) -> Designs:
    """Return what regressions on any of the columns explain, with every column standardised."""
    designs, scale = regression.designs(), column_scales(regression)
    both = scale[:, :, None] * scale[:, None, :]
    return Designs(
        covariance=designs.covariance * both,
        held_covariance=designs.held_covariance * both,
        held_fitted=designs.held_fitted * both,
        fitted_fitted=designs.fitted_fitted * both,
        measured=designs.measured * scale[:, :, None],
    )


def some_columns(designs: Designs, columns: IntArray) -> Designs:
    """Return the same of some columns alone."""
    return replace(
        designs,
        covariance=block(designs.covariance, columns),
        held_covariance=block(designs.held_covariance, columns),
        held_fitted=block(designs.held_fitted, columns),
        fitted_fitted=block(designs.fitted_fitted, columns),
        measured=designs.measured[:, columns],
    )


def penalised_inverse(covariance: FloatArray, penalties: FloatArray) -> FloatArray:
    """Return (C + diag(penalties))^-1, `[fold, column, column]`.

    Where a penalty is too small for the inverse to exist in floating point, such as 0, the pseudo-inverse gives the
    shortest solution, as regressions without penalties take it.

    Parameters
    ----------
    covariance : of the columns, times the number of stimuli, `[fold, column, column]`.
    penalties : of each column, 0 or more, `[column]` or `[fold, column]`.
    """
    penalties = np.broadcast_to(penalties, covariance.shape[:2])
    penalised = covariance + penalties[..., None] * np.eye(covariance.shape[-1])
    largest = np.diagonal(covariance, axis1=-2, axis2=-1).max() or 1.0
    if penalties.min() > SINGULAR * largest:
        return np.stack([_positive_inverse(one) for one in penalised])
    shrunk = 1 / np.sqrt(1 + penalties / largest)  # or a large penalty would make other columns look singular
    both = shrunk[:, :, None] * shrunk[:, None, :]
    return np.asarray(both * np.linalg.pinv(both * penalised, rcond=SINGULAR, hermitian=True), float)


def _positive_inverse(matrix: FloatArray) -> FloatArray:
    """Return the inverse of a positive definite matrix, in less time than `np.linalg.inv`."""
    factor, failed = dpotrf(matrix, lower=True)
    if failed:
        return np.asarray(np.linalg.inv(matrix))
    lower = np.tril(dpotri(factor, lower=True)[0])
    return np.asarray(lower + np.tril(lower, -1).T)


@dataclass(frozen=True, eq=False)
class RidgeFits:
    """Ridge regressions on any of the columns, each fitted on all folds but one and scored on that one."""

    designs: Designs
    """With every column standardised over the stimuli of the fit, `[fold, ...]`."""

    held_sums: FloatArray
    """Sums of products of such columns and activity over the scored stimuli, `[fold, column, unit]`."""

    total: FloatArray
    """Sum of squares of the scored stimuli about the mean of the fit, over all folds, `[unit]`."""

    @classmethod
    def of(cls, sums: Sums) -> RidgeFits:
        """Return those of sums by fold."""
        regression = leave_one_fold_out(sums)
        held, scale = regression.held, column_scales(regression)
        rest = regression.code_mean[..., None] * (held.total - held.n[:, None] * regression.mean)[:, None]
        held_sums = (regression.held_sums - rest) * scale[..., None]
        return cls(standardised(regression), held_sums, regression.total().sum(0))

    def weights(self, columns: IntArray, penalties: FloatArray) -> FloatArray:
        """Return the weights of a regression on some columns, standardised, `[fold, column, unit]`.

        Parameters
        ----------
        columns : those that the activity is regressed on.
        penalties : of each of them, `[column]` or `[fold, column]`.
        """
        return penalised_inverse(block(self.designs.covariance, columns), penalties) @ self.designs.measured[:, columns]

    def gains(self, columns: IntArray, penalties: FloatArray) -> FloatArray:
        """Return what each column adds to the explained sum of squares of the scored stimuli, `[column, unit]`.

        With q the prediction of the regression of `weights`, q_c its part from column c, and z the activity about the
        mean of the fit, that is the sum of q_c (2 z - q) over stimuli. Over all columns it adds up to
        sum z^2 - sum (q - z)^2.
        """
        weights = self.weights(columns, penalties)
        fitted = block(self.designs.held_covariance, columns) @ weights
        return np.asarray((weights * (2 * self.held_sums[:, columns] - fitted)).sum(0))
