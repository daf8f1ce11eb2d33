"""Held-out predictions of a representation by regressions on features of any kind, for data that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import BoolArray, FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.features.values import Values
from repbias.measures.variance.gcv import banded_penalties, penalties_of, ridge_penalty
from repbias.measures.variance.regression import SINGULAR, Designs, Regression, ratio
from repbias.measures.variance.sums import OneHotCode, Sums

STIMULI_A_COLUMN = 2.0  # of a fit by least squares; with fewer its noise exceeds what it estimates


@dataclass(frozen=True, eq=False)
class FoldedActivity:
    """A representation with its cross-validation folds."""

    x: FloatArray
    """Centred activity, `[stimulus, unit]`."""

    fold_of: IntArray
    """`[stimulus]`."""

    deviations: FloatArray
    """Activity of each stimulus about the mean of the folds that it is not in, `[stimulus, unit]`."""

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1

    @property
    def total(self) -> float:
        """The sum of squares of `deviations`."""
        return float(np.vdot(self.deviations, self.deviations))


def folded(x: FloatArray, fold_of: IntArray) -> FoldedActivity:
    """Return centred activity `[stimulus, unit]` with its folds `[stimulus]`."""
    deviations = np.empty_like(x)
    for held in each_fold(fold_of):
        deviations[held] = x[held] - x[~held].mean(0)
    return FoldedActivity(x, fold_of, deviations)


def cross_validated(
    x: FloatArray, design: FloatArray, fold_of: IntArray, *, scored: BoolArray | None = None
) -> Regression:
    """Return for each fold the regression on a design that is fitted on the other folds.

    Parameters
    ----------
    x : `[stimulus, unit]`, centred, so that sums of squares lose no digits.
    design : codes, of one feature or several side by side, `[stimulus, column]`.
    fold_of : `[stimulus]`.
    scored : stimuli of the folds that are scored, `[stimulus]`; by default all are.
    """
    by_fold = [(x[held], design[held]) for held in each_fold(fold_of)]
    folds = Sums(
        n=np.array([float(len(one)) for one, _ in by_fold]),
        counts=np.stack([code.sum(0) for _, code in by_fold]),
        sums=np.stack([code.T @ one for one, code in by_fold]),
        total=np.stack([one.sum(0) for one, _ in by_fold]),
        squares=np.stack([np.einsum("su,su->u", one, one) for one, _ in by_fold]),
        gram=np.stack([code.T @ code for _, code in by_fold]),
    )
    kept = np.unique(fold_of if scored is None else fold_of[scored])
    return Regression(OneHotCode((design.shape[1],)), folds.others().of(kept), folds.of(kept))


def held_out_predictions(x: FloatArray, values: Values, fold_of: IntArray, *, unbiased: bool = False) -> FloatArray:
    """Return what the regressions of `cross_validated` predict of the deviations of `folded`, `[stimulus, unit]`.

    A feature with many columns is penalised, to predict well; `unbiased` asks for predictions by least squares instead,
    for which `r2_unbiased` has no bias, where there are stimuli enough.
    """
    design = values.code
    found = cross_validated(x, design, fold_of)
    designs, columns = found.designs(), np.arange(design.shape[1])
    penalised = values.penalised and not (unbiased and few_columns(len(columns), found.fit.n))
    penalty = fold_penalties(found, designs, [columns], penalties_of) if penalised else None
    predictions = np.empty_like(x)
    weights_of = designs.inverse(columns, penalty) @ designs.measured
    for held, mean, weights in zip(each_fold(fold_of), found.code_mean, weights_of, strict=True):
        predictions[held] = (design[held] - mean) @ weights
    return predictions


def few_columns(n_columns: int, n: FloatArray) -> bool:
    """Return whether least squares can fit so many columns to each of the fits on `n` stimuli, `[fold]`."""
    return bool((n_columns <= n / STIMULI_A_COLUMN).all())


def fold_penalties(
    found: Regression, designs: Designs, bands: Sequence[IntArray], choose: Callable[..., FloatArray]
) -> FloatArray:
    """Return the penalties of some columns, chosen on the stimuli of each fit, `[fold, column]`."""
    assert found.fit.squares is not None
    squares = (found.fit.squares - found.fit.n[:, None] * found.mean**2).sum(1)
    return choose(designs.covariance, designs.fitted_fitted, squares, found.fit.n, bands)


def unit_r2(activity: FoldedActivity, predictions: FloatArray, unbiased: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `r2` and `r2_unbiased` of each unit, `[unit]` each; 0 for a unit that does not vary.

    Parameters
    ----------
    predictions, unbiased : from `held_out_predictions`, `[stimulus, unit]`; the same where nothing is penalised.
    """
    x, z = activity.x, activity.deviations
    gain = np.einsum("su,su->u", predictions, 2 * z - predictions)
    cross = np.einsum("su,su->u", unbiased, z)
    total, squares = (np.einsum("su,su->u", one, z) for one in (x, z))
    return ratio(gain, squares), ratio(cross, total)


@dataclass(frozen=True, eq=False)
class Penalties:
    """Ridge penalties of the columns of all features, `[fold, column]`; 0 where a feature needs none."""

    alone: FloatArray
    """In regressions on one feature."""

    joint: FloatArray
    """In regressions on several features."""


def choose_penalties(found: Regression, designs: Designs, bands: Sequence[IntArray]) -> Penalties | None:
    """Return the penalties of the features whose columns are `bands`; None without any."""
    if not bands:
        return None
    return Penalties(*(fold_penalties(found, designs, bands, choose) for choose in (penalties_of, banded_penalties)))


def side_by_side(features: Mapping[str, Values]) -> dict[str, IntArray]:
    """Return which columns each feature has where the design matrices of all stand side by side."""
    ends = np.cumsum([values.n_columns for values in features.values()])
    return {
        name: np.arange(end - values.n_columns, end) for (name, values), end in zip(features.items(), ends, strict=True)
    }


def encoding_weights(x: FloatArray, values: Values) -> FloatArray:
    """Return the weights of one regression from a feature, `[column, unit]`; for classes, their means about the mean.

    A class without stimuli has weights of 0.
    """
    code, centred = values.code - values.code.mean(0), x - x.mean(0)
    fitted = code.T @ centred
    if values.categorical:
        return np.asarray(fitted / np.maximum(values.code.sum(0), 1)[:, None])
    covariance, n = code.T @ code, np.asarray(float(len(x)))
    if values.penalised:
        penalty = ridge_penalty(covariance, fitted @ fitted.T, np.asarray((centred**2).sum()), n)
        covariance = covariance + penalty * np.eye(len(covariance))
    return np.asarray(np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True) @ fitted)
