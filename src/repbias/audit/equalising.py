"""A layer whose features have equal shares of the variance, by maps that are fitted without the stimuli they map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from repbias.audit.estimates import FoldedActivity
from repbias.core.arrays import FloatArray
from repbias.features.feature import Feature
from repbias.measures.variance.equalize import equalize
from repbias.measures.variance.regression import fit_joint_encoding


@dataclass(frozen=True, eq=False)
class FoldMap:
    """A linear map `I + B' C B` of the activity about its mean, which changes only the span of features' directions."""

    basis: FloatArray
    """Orthonormal basis B of that span, `[direction, unit]`."""

    change: FloatArray
    """The map within the span less the identity, C, `[direction, direction]`."""

    def added(self, deviations: FloatArray) -> FloatArray:
        """Return what the map adds to activity about its mean, `[stimulus, unit]`."""
        return np.asarray(deviations @ self.basis.T @ self.change @ self.basis)


@dataclass(frozen=True, eq=False)
class Equalising:
    """The maps of a layer, one per fold."""

    features: tuple[str, ...]
    """The features whose shares are made equal; none where there are not two."""

    maps: tuple[FoldMap, ...]
    """The map for the stimuli of each fold, fitted on all others; none where no features are made equal."""

    def added(self, deviations: FloatArray, activity: FoldedActivity) -> FloatArray:
        """Return what the maps add to held-out deviations, or to predictions of them, `[stimulus, unit]`."""
        found = np.zeros_like(deviations)
        for fold, one in enumerate(self.maps):
            held = activity.fold_of == fold
            found[held] = one.added(deviations[held])
        return found


def fit_equalising(activity: FoldedActivity, features: Sequence[Feature], strength: Mapping[str, float]) -> Equalising:
    """Return the maps that `equalize` finds for the features in `strength`, by fold.

    Where it refuses them (a direction that it cannot distinguish from noise or from another feature's, or that it would
    stretch too far) the weakest is left out, until it takes the others or fewer than two are left.

    Parameters
    ----------
    activity : of the layer.
    features : of the audit.
    strength : of each feature that may be equalised, by name.
    """
    chosen = [feature for feature in features if feature.name in strength]
    while len(chosen) > 1:
        try:
            maps = tuple(_fold_map(activity, fold, chosen) for fold in range(activity.n_folds))
        except ValueError:  # its message speaks of the arguments of `equalize`
            chosen.remove(min(chosen, key=lambda feature: strength[feature.name]))
        else:
            return Equalising(tuple(feature.name for feature in chosen), maps)
    return Equalising((), ())


def _fold_map(activity: FoldedActivity, fold: int, features: Sequence[Feature]) -> FoldMap:
    """Fit the map on all folds but one, within the span of the features' directions: elsewhere it is the identity."""
    fitted = activity.fold_of != fold
    x = activity.x[fitted] - activity.x[fitted].mean(0)
    labels = torch.from_numpy(np.column_stack([feature.labels.numbers[fitted] for feature in features]))
    encoding = fit_joint_encoding(x, labels, tuple(feature.n_classes for feature in features))
    _, spread, axes = np.linalg.svd(encoding.weights, full_matrices=False)
    basis = axes[spread > 1e-10 * spread[0]]
    found = equalize(x @ basis.T, labels, names=[feature.name for feature in features])
    return FoldMap(basis, found.map - np.eye(len(basis)))
