"""Scores of a model that represents one feature alone against a layer, before and after shares are made equal.

The squared distances between stimuli in such a model are those of the feature's values: 0 within a class and a constant
between classes, or squared differences of numbers. RSA is their correlation with the distances in the layer.
Debiased CKA with linear kernels is the correlation of the same distances after the means of rows and columns are
subtracted (Szekely & Rizzo 2014, Annals of Statistics 42, 2382-2412). Both scores and all their resamples therefore
follow from the same sums over pairs of stimuli.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from repbias.audit.estimates import contributions
from repbias.audit.findings import Row, row
from repbias.audit.intervals import NO_INTERVAL, Contributions, Interval, normal_interval
from repbias.audit.plan import Plan
from repbias.core.arrays import BoolArray, FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import each_fold
from repbias.features.permutations import PermutedFeature
from repbias.measures.similarity.rdm import squared_distances
from repbias.measures.variance.equalize import equalising_map
from repbias.measures.variance.predictions import FoldedActivity, held_out_predictions
from repbias.measures.variance.regression import fit_joint_encoding

MOST_STIMULI = 1000
MOST_RESAMPLES = 200
ROUNDING = 1e-10


def score_rows(
    activity: FoldedActivity, plan: Plan, alone: dict[str, Contributions], unique: dict[str, Contributions]
) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows of RSA, CKA and R2 before and after shares are made equal, and the features whose shares were.

    These are the features whose interval of `r2_unique` is above 0, because the map rests on a regression on all of
    them together. With fewer than two such features nothing changes.

    Parameters
    ----------
    activity : of the layer.
    alone, unique : what each feature explains by itself, and its unique part, by name.
    """
    own = {name: found.r2_unbiased for name, found in unique.items() if found.interval(plan.draws)[0] > 0}
    equalising = fit_equalising(activity, plan.features, own)
    rows = list(_similarities(activity.x, plan, ""))
    if not equalising.features:
        same = [(name, f"{measure}_equalised", value, low, high, p) for name, measure, value, low, high, p in rows]
        return rows + same + [_equalised_row(name, one, plan) for name, one in alone.items()], ()
    rows += _similarities(activity.x + equalising.added(activity.deviations), plan, "_equalised")
    for feature in plan.features:
        rows.append(_equalised_row(feature.name, _equalised_r2(activity, equalising, feature), plan))
    return rows, equalising.features


def _equalised_row(feature: str, found: Contributions, plan: Plan) -> Row:
    return row(feature, "r2_equalised", found.r2_unbiased, found.interval(plan.draws))


def _equalised_r2(activity: FoldedActivity, equalising: Equalising, feature: PermutedFeature) -> Contributions:
    """Return what a feature explains of the mapped layer; the map applies to predictions as it does to activity."""
    predictions = held_out_predictions(activity.x, feature.values, activity.fold_of, unbiased=True)
    x, predictions, deviations = (
        values + equalising.added(values) for values in (activity.x, predictions, activity.deviations)
    )
    return contributions(x, predictions, deviations)


def _similarities(x: FloatArray, plan: Plan, suffix: str) -> Iterator[Row]:
    """Yield RSA and CKA of each feature with activity `[stimulus, unit]`, over at most 1,000 stimuli."""
    sample = sampled(len(x), plan.seed)
    cluster = plan.cluster[sample]
    weights, n_clusters = plan.draws.weights[:MOST_RESAMPLES, cluster], len(np.unique(cluster))
    distances = Distances.of(x[sample], np.vstack([np.ones(len(sample)), weights]))
    for feature in plan.features:
        for measure, found in distances.scores(feature.values.targets[sample]).items():
            yield row(feature.name, f"{measure}{suffix}", float(found[0]), score_interval(found, n_clusters))


def sampled(n: int, seed: int) -> IntArray:
    """Return the indices of the stimuli of the distance matrices: all, or 1,000 at random, increasing."""
    if n <= MOST_STIMULI:
        return np.arange(n)
    return np.sort(rng(seed, "audit", "scores").choice(n, MOST_STIMULI, replace=False))


@dataclass(frozen=True, eq=False)
class Distances:
    """The squared distances of a layer, and their sums under weights of the stimuli, of which the first row is all 1.

    A stimulus that is drawn twice has distance 0 from itself, in the layer and in every feature.
    """

    values: FloatArray
    """`[stimulus, stimulus]`."""

    weights: FloatArray
    """`[resample, stimulus]`."""

    rows: FloatArray
    """Weighted sum of each stimulus's distances, `[resample, stimulus]`."""

    squares: FloatArray
    """Weighted sum of squared distances over pairs, `[resample]`."""

    @classmethod
    def of(cls, x: FloatArray, weights: FloatArray) -> Distances:
        values = squared_distances(x - x.mean(0))
        values /= values.mean() or 1.0
        return cls(values, weights, weights @ values, _form(weights, values**2))

    def scores(self, targets: FloatArray) -> dict[str, FloatArray]:
        """Return RSA and debiased CKA with the values of a feature `[stimulus, dimension]`, `[resample]` each.

        They are NaN where the layer or the feature does not vary.
        """
        w, n = self.weights, self.weights.sum(1)
        model = squared_distances(targets - targets.mean(0))
        model /= model.mean() or 1.0
        of_model, model_squares = w @ model, _form(w, model**2)
        crossed = _form(w, self.values * model)
        total, model_total = (w * self.rows).sum(1), (w * of_model).sum(1)
        pairs = n**2 - (w**2).sum(1)
        rsa = _ratio(
            crossed - total * model_total / pairs,
            (self.squares - total**2 / pairs, self.squares),
            (model_squares - model_total**2 / pairs, model_squares),
        )
        cka = _ratio(
            _centred(crossed, (w * self.rows * of_model).sum(1), total, model_total, n),
            (_centred(self.squares, (w * self.rows**2).sum(1), total, total, n), self.squares),
            (_centred(model_squares, (w * of_model**2).sum(1), model_total, model_total, n), model_squares),
        )
        return {"rsa": rsa, "cka": cka}


def _form(weights: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return w'Mw for each row of weights, `[resample]`."""
    return np.asarray(((weights @ matrix) * weights).sum(1))


def _centred(
    products: FloatArray, of_rows: FloatArray, total: FloatArray, other: FloatArray, n: FloatArray
) -> FloatArray:
    """Return the sum of products of two matrices after centring that leaves out their diagonals, `[resample]`.

    products, of_rows : sum of products of entries, and of sums of rows. total, other : sums of the two matrices.
    """
    return products - 2 * of_rows / (n - 2) + total * other / ((n - 1) * (n - 2))


def _ratio(both: FloatArray, one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return both / sqrt(one other), `[resample]`; NaN where one of the two is a rounding error of its second part."""
    (first, first_size), (second, second_size) = one, other
    varies = (first > ROUNDING * first_size) & (second > ROUNDING * second_size)
    return np.divide(both, np.sqrt(np.where(varies, first * second, 1.0)), out=np.full_like(both, np.nan), where=varies)


def score_interval(found: FloatArray, n_clusters: int) -> Interval:
    """Return the interval of a score from its value and those of the resamples, `[1 + resample]`.

    Near a score of 0 it is too wide, because the spread of the score falls faster with the number of stimuli than that
    of the bootstrap.
    """
    resampled = found[1:][np.isfinite(found[1:])]
    if not np.isfinite(found[0]) or not len(resampled):
        return NO_INTERVAL
    return normal_interval(float(found[0]), resampled, n_clusters, -1.0, 1.0)


def equal_share_notes(equalised: dict[str, tuple[str, ...]], features: Sequence[str], n: int) -> tuple[str, ...]:
    """Return notes on which shares were made equal in which layers, and on how many stimuli RSA and CKA use."""
    layers: dict[tuple[str, ...], list[str]] = {}
    for layer, names in equalised.items():
        layers.setdefault(names, []).append(layer)
    notes = []
    for names, of in layers.items():
        if not names:
            notes.append(f"Scores are not equalised in {', '.join(of)}: fewer than two features have unique variance.")
            continue
        left = [name for name in features if name not in names]
        rest = f", but not of {', '.join(left)}, whose unique variance is too small or too uncertain" if left else ""
        notes.append(f"In {', '.join(of)}, shares are made equal of {', '.join(names)}{rest}.")
    if n > MOST_STIMULI:
        notes.append(f"RSA and CKA use {MOST_STIMULI} of {n} stimuli, drawn at random.")
    return tuple(notes)


@dataclass(frozen=True, eq=False)
class Equalising:
    """Linear maps of the centred activity of a layer, one per fold, that give features equal shares.

    A map is `I + B' C B`, with B `[direction, unit]` an orthonormal basis of the directions of the features. It changes
    nothing outside their span.
    """

    features: tuple[str, ...]
    """The features whose shares are made equal; none, or two or more."""

    maps: tuple[tuple[FloatArray, FloatArray], ...]
    """B and C for the stimuli of each fold, fitted on all other folds; none where no shares are made equal."""

    fold_of: IntArray
    """`[stimulus]`."""

    def added(self, deviations: FloatArray) -> FloatArray:
        """Return what the maps add to held-out deviations, or to predictions of them, `[stimulus, unit]`."""
        found = np.zeros_like(deviations)
        for held, (basis, change) in zip(each_fold(self.fold_of), self.maps, strict=False):
            found[held] = deviations[held] @ basis.T @ change @ basis
        return found


def fit_equalising(
    activity: FoldedActivity, features: Sequence[PermutedFeature], strength: Mapping[str, float]
) -> Equalising:
    """Return the maps that `equalize` finds for the features in `strength`, one for each fold.

    `equalize` refuses a direction that it cannot distinguish from noise or from that of another feature, or that it
    would stretch too far. The weakest feature is then left out, until the others are accepted or fewer than two remain.

    Parameters
    ----------
    activity : of the layer.
    features : all features of the audit.
    strength : what each feature that may be equalised explains, by name.
    """
    chosen = [feature for feature in features if feature.name in strength]
    while len(chosen) > 1:
        try:
            maps = tuple(_map(activity, ~held, chosen) for held in each_fold(activity.fold_of))
        except ValueError:  # its message is about arguments of `equalize`, which the user did not give
            chosen.remove(min(chosen, key=lambda feature: strength[feature.name]))
        else:
            return Equalising(tuple(feature.name for feature in chosen), maps, activity.fold_of)
    return Equalising((), (), activity.fold_of)


def _map(
    activity: FoldedActivity, fitted: BoolArray, features: Sequence[PermutedFeature]
) -> tuple[FloatArray, FloatArray]:
    """Fit a map on some of the stimuli; outside the span of the directions of the features it is the identity."""
    x = activity.x[fitted] - activity.x[fitted].mean(0)
    values = [feature.values.take(np.flatnonzero(fitted)) for feature in features]
    _, spread, axes = np.linalg.svd(fit_joint_encoding(x, values).weights, full_matrices=False)
    basis = axes[spread > 1e-10 * spread[0]]
    found = equalising_map(x @ basis.T, values, [feature.name for feature in features])
    return basis, found.map - np.eye(len(basis))
