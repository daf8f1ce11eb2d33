"""Cross-validated variance explained, stimulus by stimulus, by a linear regression from one-hot codes.

With z a stimulus's activity about the mean of the folds it is not in, and q what the regression fitted on those folds
predicts for it,

    cross    q.z              adds up to the explained sum of squares: on average that of the population, since the
                              noise of the fit is independent of the stimulus (the estimate behind crossnobis)
    gain     ||z||^2 - ||q - z||^2 = 2 q.z - ||q||^2         the usual R2 of new stimuli; lower by the noise of the fit
    total    x.z, x the stimulus's activity about the mean of all: on average the variance, to which ||z||^2 adds the
             noise of the mean

An estimate is sum(cross) / sum(total). Its spread is that of the gains: the fit minimises their loss, so that an error
of the fit enters in second order only and stimuli may be resampled without fitting anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray

SINGULAR = 1e-10


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each stimulus adds to the sums of a pooled R2, over all units, `[stimulus]` each."""

    cross: FloatArray
    gain: FloatArray
    total: FloatArray

    @property
    def r2(self) -> float:
        """The share of variance explained; 0 for a representation without variance."""
        total = float(self.total.sum())
        return float(self.cross.sum()) / total if total > 0 else 0.0

    def __sub__(self, other: Contributions) -> Contributions:
        """Return the contributions to the difference of two R2 of the same representation."""
        return Contributions(self.cross - other.cross, self.gain - other.gain, self.total)


@dataclass(frozen=True, eq=False)
class FoldedActivity:
    """A representation and its cross-validation folds."""

    x: FloatArray
    """Centred activity, `[stimulus, unit]`."""

    fold_of: IntArray
    """`[stimulus]`."""

    deviations: FloatArray
    """Activity about the mean of the folds that a stimulus is not in, `[stimulus, unit]`."""

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1

    @property
    def total(self) -> float:
        """The sum of squares of `deviations`."""
        return float(np.vdot(self.deviations, self.deviations))


def folded(x: FloatArray, fold_of: IntArray) -> FoldedActivity:
    """Return centred activity `[stimulus, unit]` with its folds `[stimulus]`."""
    return FoldedActivity(x, fold_of, held_out_deviations(x, fold_of))


def held_out_deviations(x: FloatArray, fold_of: IntArray) -> FloatArray:
    """Return each stimulus's activity `[stimulus, unit]` about the mean of the folds it is not in."""
    deviations = np.empty_like(x)
    for fold in range(int(fold_of.max()) + 1):
        held = fold_of == fold
        deviations[held] = x[held] - x[~held].mean(0)
    return deviations


def held_out_predictions(x: FloatArray, design: FloatArray, fold_of: IntArray) -> FloatArray:
    """Return what a regression on `design` predicts of `held_out_deviations`, fitted without each stimulus's fold.

    Parameters
    ----------
    x : `[stimulus, unit]`, centred, so that sums of squares lose nothing.
    design : one-hot codes, of one feature or several side by side, `[stimulus, column]`. Of dependent columns the
        shortest solution is taken.
    fold_of : `[stimulus]`.
    """
    predictions = np.empty_like(x)
    gram, products = design.T @ design, design.T @ x
    sums, activity, n = design.sum(0), x.sum(0), len(x)
    for fold in range(int(fold_of.max()) + 1):
        held = fold_of == fold
        code, response, left = design[held], x[held], n - int(held.sum())
        mean = (sums - code.sum(0)) / left
        covariance = gram - code.T @ code - left * np.outer(mean, mean)
        crossed = products - code.T @ response - np.outer(mean, activity - response.sum(0))
        weights = np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True) @ crossed
        predictions[held] = (code - mean) @ weights
    return predictions


def contributions(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> Contributions:
    """Return what each stimulus adds, pooled over units; `x` is centred, the others are held out."""
    cross = np.einsum("su,su->s", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->s", predictions, predictions)
    return Contributions(cross, gain, np.einsum("su,su->s", x, deviations))


def unit_r2(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> FloatArray:
    """Return the R2 of each unit, `[unit]`; 0 where it does not vary."""
    total = np.einsum("su,su->u", x, deviations)
    cross = np.einsum("su,su->u", predictions, deviations)
    return np.divide(cross, total, out=np.zeros_like(total), where=total > 0)
