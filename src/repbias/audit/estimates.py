"""Cross-validated variance explained, stimulus by stimulus, by linear regressions from features' codes.

With z a stimulus's activity about the mean of the folds it is not in, q what the regression fitted on those folds
predicts for it, and x its activity about the mean of all,

    cross = q.z,    gain = ||z||^2 - ||q - z||^2 = 2 q.z - ||q||^2,    total = x.z,    squares = ||z||^2

    r2_unbiased = sum(cross) / sum(total)        r2 = sum(gain) / sum(squares)

as in `repbias.measures.variance`. Intervals of both have the spread of the gains: the fit minimises their loss, so an
error of the fit enters in second order only, and stimuli may be resampled without fitting again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.feature import Feature
from repbias.measures.variance.regression import Designs, Regression, block, ratio
from repbias.measures.variance.sums import OneHotCode, Sums


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each stimulus adds to the sums of a pooled R2, over all units, `[stimulus]` each."""

    cross: FloatArray
    gain: FloatArray
    total: FloatArray
    squares: FloatArray | None = None
    """`total` where None."""

    @property
    def r2_unbiased(self) -> float:
        """The share of variance explained in the population; 0 for a representation without variance."""
        return _share(self.cross, self.total)

    @property
    def r2(self) -> float:
        """The held-out share of variance explained; 0 for a representation without variance."""
        return _share(self.gain, self.total if self.squares is None else self.squares)

    def held_out(self) -> Contributions:
        """Return the contributions to `r2`, in the place of those to `r2_unbiased`."""
        return Contributions(self.gain, self.gain, self.total if self.squares is None else self.squares)

    def __sub__(self, other: Contributions) -> Contributions:
        """Return the contributions to the difference of two R2 of the same representation."""
        return Contributions(self.cross - other.cross, self.gain - other.gain, self.total, self.squares)


def _share(part: FloatArray, whole: FloatArray) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else 0.0


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
    deviations = np.empty_like(x)
    for fold in range(int(fold_of.max()) + 1):
        held = fold_of == fold
        deviations[held] = x[held] - x[~held].mean(0)
    return FoldedActivity(x, fold_of, deviations)


def cross_validated(x: FloatArray, design: FloatArray, fold_of: IntArray) -> Regression:
    """Return the regressions on a design of each fold, fitted on the others, for `designs`.

    Parameters
    ----------
    x : `[stimulus, unit]`, centred, so that sums of squares lose nothing.
    design : codes, of one feature or several side by side, `[stimulus, column]`.
    fold_of : `[stimulus]`.
    """
    by_fold = [(x[held], design[held]) for held in (fold_of == fold for fold in range(int(fold_of.max()) + 1))]
    folds = Sums(
        n=np.array([float(len(one)) for one, _ in by_fold]),
        counts=np.stack([code.sum(0) for _, code in by_fold]),
        sums=np.stack([code.T @ one for one, code in by_fold]),
        total=np.stack([one.sum(0) for one, _ in by_fold]),
        squares=np.stack([np.einsum("su,su->u", one, one) for one, _ in by_fold]),
        gram=np.stack([code.T @ code for _, code in by_fold]),
    )
    return Regression(OneHotCode((design.shape[1],)), folds.others(), folds)


def held_out_predictions(x: FloatArray, design: FloatArray, fold_of: IntArray) -> FloatArray:
    """Return the predictions of the deviations of `folded`, `[stimulus, unit]`, by regressions on `design` that are
    fitted without each stimulus's fold; see `cross_validated`."""
    found = cross_validated(x, design, fold_of)
    designs, columns = found.designs(), np.arange(design.shape[1])
    predictions = np.empty_like(x)
    for fold, weights in enumerate(designs.inverse(columns) @ designs.measured):
        held = fold_of == fold
        predictions[held] = (design[held] - found.code_mean[fold]) @ weights
    return predictions


def contributions(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> Contributions:
    """Return what each stimulus adds, pooled over units; `x` is centred, the others are held out."""
    cross = np.einsum("su,su->s", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->s", predictions, predictions)
    totals = (np.einsum("su,su->s", one, deviations) for one in (x, deviations))
    return Contributions(cross, gain, *totals)


def unit_r2(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `r2` and `r2_unbiased` of each unit, `[unit]` each; 0 where it does not vary."""
    cross = np.einsum("su,su->u", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->u", predictions, predictions)
    total, squares = (np.einsum("su,su->u", one, deviations) for one in (x, deviations))
    return ratio(gain, squares), ratio(cross, total)


@dataclass(frozen=True, eq=False)
class Loads:
    """Some stimuli of one fold, in terms of the columns of all features' codes.

    rows : which of the stimuli they are, `[stimulus]`.
    code : their codes about the mean of the fit, `[stimulus, column]`.
    activity : their activity times the fit's sums of products of code and activity, `[stimulus, column]`.
    total, squares : as in `Contributions`.
    """

    rows: IntArray
    code: FloatArray
    activity: FloatArray
    total: FloatArray
    squares: FloatArray


@dataclass(frozen=True, eq=False)
class Encodings:
    """What regressions on any of the features side by side explain of single stimuli."""

    designs: Designs
    loads: Sequence[Loads]
    """Of each fold."""

    columns_of: dict[str, IntArray]
    """The columns of each feature's code."""

    def columns(self, features: Iterable[str]) -> IntArray:
        """Return the columns of several features."""
        return np.concatenate([self.columns_of[name] for name in features])

    def explained(self, features: Iterable[str]) -> Contributions:
        """Return what each stimulus adds to the R2 of one regression on several features."""
        columns = self.columns(features)
        inverses = self.designs.inverse(columns)
        fitted = block(self.designs.fitted_fitted, columns)
        found = np.empty((4, sum(len(one.rows) for one in self.loads)))
        for one, inverse, fit in zip(self.loads, inverses, fitted, strict=True):
            weights = one.code[:, columns] @ inverse
            cross = np.einsum("sc,sc->s", weights, one.activity[:, columns])
            gain = 2 * cross - np.einsum("sc,sc->s", weights @ fit, weights)
            found[:, one.rows] = cross, gain, one.total, one.squares
        return Contributions(*found)


def encodings(activity: FoldedActivity, features: Sequence[Feature]) -> Encodings:
    """Return the encodings of a layer's activity by any of the features."""
    design = np.hstack([feature.code for feature in features])
    found = cross_validated(activity.x, design, activity.fold_of)
    designs, loads = found.designs(), []
    for fold in range(activity.n_folds):
        rows = np.flatnonzero(activity.fold_of == fold)
        x, z = activity.x[rows], activity.deviations[rows]
        totals = (np.einsum("su,su->s", one, z) for one in (x, z))
        loads.append(Loads(rows, design[rows] - found.code_mean[fold], z @ designs.measured[fold].T, *totals))
    ends = np.cumsum([feature.n_classes for feature in features])
    columns_of = {one.name: np.arange(end - one.n_classes, end) for one, end in zip(features, ends, strict=True)}
    return Encodings(designs, loads, columns_of)
