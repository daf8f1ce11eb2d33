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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repbias.audit.intervals import Contributions
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.features.permutations import PermutedFeature
from repbias.measures.variance.predictions import (
    FoldedActivity,
    Penalties,
    choose_penalties,
    cross_validated,
    few_columns,
    side_by_side,
)
from repbias.measures.variance.regression import Designs, block

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
        have if all units had a variance of 1.

        A unit whose variance is too small for the components to describe it is left out: what they hold of it is
        rounding errors, which would outweigh all other units.
        """
        size, largest = self.centred.std(0), self.shares[0] * len(self.axes)
        described = size**2 > LEAST_SHARE * largest
        loadings = self.axes * (described / np.where(described, size, 1.0))[:, None]
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


def contributions(x: FloatArray, predictions: FloatArray, deviations: FloatArray) -> Contributions:
    """Return what each stimulus adds to R2, pooled over units; `x` is centred, and predictions are held out."""
    cross = np.einsum("su,su->s", predictions, deviations)
    gain = 2 * cross - np.einsum("su,su->s", predictions, predictions)
    totals = (np.einsum("su,su->s", one, deviations) for one in (x, deviations))
    return Contributions.of(cross, gain, *totals)


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

    penalties: Penalties | None = None
    """None where no feature needs a penalty."""

    @property
    def n_fit(self) -> FloatArray:
        """Number of stimuli of each fit, `[fold]`."""
        sizes = np.array([float(len(one.rows)) for one in self.loads])
        whole = sizes.sum() if self.of_all is None else float(self.of_all[2])
        return np.asarray(whole * (1 - sizes / sizes.sum()))

    def explained(self, features: Sequence[str], *, predicting: bool = False) -> Contributions:
        """Return what each stimulus adds to the R2 of one regression on all of these features.

        Features with many columns are penalised where the regression is to predict well, or where their columns are too
        many for least squares, for which `r2_unbiased` has no bias.
        """
        columns = np.concatenate([self.columns_of[name] for name in features])
        penalty = None
        if self.penalties is not None and (predicting or not few_columns(len(columns), self.n_fit)):
            penalty = self.penalties.alone if len(features) == 1 else self.penalties.joint
        inverses = self.designs.inverse(columns, penalty)
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
        return Contributions(found, np.array([*self.designs.explained(columns, penalty), total, squares]), n)


def encodings(
    activity: FoldedActivity, features: Sequence[PermutedFeature], penalties: Penalties | None = None
) -> Encodings:
    """Return the encodings of a layer's activity by any of the features; their penalties are chosen where none are
    given."""
    design = np.hstack([feature.values.code for feature in features])
    found = cross_validated(activity.x, design, activity.fold_of)
    designs, loads = found.designs(), []
    for fold, held in enumerate(each_fold(activity.fold_of)):
        rows = np.flatnonzero(held)
        x, z = activity.x[rows], activity.deviations[rows]
        totals = np.stack([np.einsum("su,su->s", one, z) for one in (x, z)])
        loads.append(Loads(rows, design[rows] - found.code_mean[fold], z @ designs.measured[fold].T, totals))
    columns_of = side_by_side({one.name: one.values for one in features})
    bands = [columns_of[one.name] for one in features if one.values.penalised]
    return Encodings(designs, loads, columns_of, penalties=penalties or choose_penalties(found, designs, bands))
