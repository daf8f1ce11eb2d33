"""The variance of a layer's activity that linear regressions on features explain, cross-validated, by stimulus.

For a stimulus, let z be its activity about the mean of the folds that it is not in, q the prediction of z by a
regression that was fitted on those folds, and x its activity about the mean of all stimuli:

    cross = q.z,    gain = ||z||^2 - ||q - z||^2 = 2 q.z - ||q||^2,    total = x.z,    squares = ||z||^2

    r2_unbiased = sum(cross) / sum(total)        r2 = sum(gain) / sum(squares)

as in `repbias.measures.variance`. The intervals of both are computed from the gains. The fit minimises the loss that
they measure, so an error of the fit changes them in second order only, and stimuli can be resampled without fitting
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from repbias.audit.intervals import Contributions
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.features.permutations import Feature
from repbias.measures.variance.regression import Designs, Regression, block, ratio
from repbias.measures.variance.sums import OneHotCode, Sums

LEAST_SHARE = 1e-14  # of the largest component's variance; eigenvalues below are rounding errors


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One layer, along its principal components.

    No measure of the audit depends on the scale of the activity, and no pooled measure on its rotation. So pooled
    measures are computed along the components that have variance, which may be far fewer than the units.
    """

    centred: FloatArray
    """Activity about each unit's mean, scaled to a mean square of 1 over stimuli and units, `[stimulus, unit]`. A unit
    that never changes is exactly 0."""

    scores: FloatArray
    """Scores of the principal components, largest first, `[stimulus, component]`."""

    shares: FloatArray
    """Their shares of the variance, which add up to 1, `[component]`."""

    axes: FloatArray
    """The principal axes, `[unit, component]`."""

    @property
    def standardising(self) -> FloatArray:
        """The map of the scores, `[component, component]`, that gives them the products of the stimuli that they would
        have if all units had a variance of 1."""
        size = self.centred.std(0)
        loadings = self.axes / np.where(size > 0, size, 1.0)[:, None]
        variances, vectors = np.linalg.eigh(loadings.T @ loadings)
        return np.asarray((vectors * np.sqrt(np.maximum(variances, 0))) @ vectors.T)

    @property
    def kernel_scores(self) -> FloatArray:
        """The scores, each times its standard deviation. With K the centred linear kernel of the stimuli, the sum of
        their squares is || K ||^2, so a share of their variance is a share of the variance of K."""
        return self.scores * np.sqrt(self.shares / (self.shares[0] or 1.0))


def coordinates(values: FloatArray) -> Coordinates:
    """Return the coordinates of activity `[stimulus, unit]`; a layer without variance has one component, of zeros."""
    size = float(np.abs(values - values[0]).max()) or 1.0  # scaled first, so that no square overflows
    centred = (values - values[0]) / size
    centred -= centred.mean(0)
    centred[:, np.ptp(values, axis=0) == 0] = 0.0
    centred /= np.sqrt((centred**2).mean()) or 1.0
    if not centred.any():
        return Coordinates(centred, np.zeros((len(values), 1)), np.zeros(1), np.zeros((values.shape[1], 1)))
    wide = centred.shape[1] > len(centred)
    variances, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = np.flatnonzero(variances > LEAST_SHARE * variances[-1])[::-1]
    variances, vectors = variances[kept], vectors[:, kept]
    scores = vectors * np.sqrt(variances) if wide else centred @ vectors
    axes = centred.T @ vectors / np.sqrt(variances) if wide else vectors
    return Coordinates(centred, scores, variances / variances.sum(), axes)


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


def cross_validated(x: FloatArray, design: FloatArray, fold_of: IntArray) -> Regression:
    """Return for each fold the regression on a design that is fitted on the other folds.

    Parameters
    ----------
    x : `[stimulus, unit]`, centred, so that sums of squares lose no digits.
    design : codes, of one feature or several side by side, `[stimulus, column]`.
    fold_of : `[stimulus]`.
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
    return Regression(OneHotCode((design.shape[1],)), folds.others(), folds)


def held_out_predictions(x: FloatArray, design: FloatArray, fold_of: IntArray) -> FloatArray:
    """Return what the regressions of `cross_validated` predict of the deviations of `folded`, `[stimulus, unit]`."""
    found = cross_validated(x, design, fold_of)
    designs, columns = found.designs(), np.arange(design.shape[1])
    predictions = np.empty_like(x)
    by_fold = zip(each_fold(fold_of), found.code_mean, designs.inverse(columns) @ designs.measured, strict=True)
    for held, mean, weights in by_fold:
        predictions[held] = (design[held] - mean) @ weights
    return predictions


def contributions(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> Contributions:
    """Return what each stimulus adds to R2, pooled over units; `x` is centred, and predictions are held out."""
    cross = np.einsum("su,su->s", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->s", predictions, predictions)
    totals = (np.einsum("su,su->s", one, deviations) for one in (x, deviations))
    return Contributions.of(cross, gain, *totals)


def unit_r2(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `r2` and `r2_unbiased` of each unit, `[unit]` each; 0 for a unit that does not vary."""
    cross = np.einsum("su,su->u", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->u", predictions, predictions)
    total, squares = (np.einsum("su,su->u", one, deviations) for one in (x, deviations))
    return ratio(gain, squares), ratio(cross, total)


@dataclass(frozen=True, eq=False)
class Loads:
    """What regressions on any features need to know of some stimuli of one fold.

    rows : their indices among all stimuli of the encodings, `[stimulus]`.
    code : their codes of all features about the mean of the fit, `[stimulus, column]`.
    activity : their activity, times the sums of products of code and activity over the fit, `[stimulus, column]`.
    totals : their terms total and squares, `[2, stimulus]`.
    """

    rows: IntArray
    code: FloatArray
    activity: FloatArray
    totals: FloatArray


@dataclass(frozen=True, eq=False)
class Encodings:
    """What regressions on any set of features explain, stimulus by stimulus."""

    designs: Designs
    loads: Sequence[Loads]
    """One for each fold."""

    columns_of: dict[str, IntArray]
    """The columns of each feature's code."""

    of_all: tuple[float, float, int] | None = None
    """The sums of total and squares over all stimuli, and their number; None where the loads are of all stimuli."""

    def explained(self, features: Iterable[str]) -> Contributions:
        """Return what each stimulus adds to the R2 of one regression on all of these features."""
        columns = np.concatenate([self.columns_of[name] for name in features])
        inverses = self.designs.inverse(columns)
        fitted = block(self.designs.fitted_fitted, columns)
        found = np.empty((4, sum(len(one.rows) for one in self.loads)))
        for one, inverse, fit in zip(self.loads, inverses, fitted, strict=True):
            weights = one.code[:, columns] @ inverse
            cross = np.einsum("sc,sc->s", weights, one.activity[:, columns])
            gain = 2 * cross - np.einsum("sc,sc->s", weights @ fit, weights)
            found[:, one.rows] = cross, gain, *one.totals
        if self.of_all is None:
            return Contributions.of(*found)
        total, squares, n = self.of_all
        return Contributions(found, np.array([*self.designs.explained(columns), total, squares]), n)


def encodings(activity: FoldedActivity, features: Sequence[Feature]) -> Encodings:
    """Return the encodings of a layer's activity by any of the features."""
    design = np.hstack([feature.code for feature in features])
    found = cross_validated(activity.x, design, activity.fold_of)
    designs, loads = found.designs(), []
    for fold, held in enumerate(each_fold(activity.fold_of)):
        rows = np.flatnonzero(held)
        x, z = activity.x[rows], activity.deviations[rows]
        totals = np.stack([np.einsum("su,su->s", one, z) for one in (x, z)])
        loads.append(Loads(rows, design[rows] - found.code_mean[fold], z @ designs.measured[fold].T, totals))
    ends = np.cumsum([feature.n_classes for feature in features])
    columns_of = {one.name: np.arange(end - one.n_classes, end) for one, end in zip(features, ends, strict=True)}
    return Encodings(designs, loads, columns_of)
