"""The edits whose effects an audit compares: a feature erased from a layer, or steered in it to another value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from repbias.activations.layout import Change
from repbias.audit.causal.outcomes import Outcome
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.values import Values
from repbias.measures.interventions.erasure import Eraser, LeaceFitter, projection_eraser
from repbias.measures.variance.predictions import encoding_weights

Kind = Literal["ablation", "steering"]
KINDS: tuple[Kind, ...] = ("ablation", "steering")

STIMULI_A_UNIT = 2
"""Stimuli per unit that LEACE needs for its fit; with fewer, the inverse covariance is mostly noise."""


@dataclass(frozen=True)
class Target:
    """What an edit changes: one feature in one layer."""

    layer: str
    feature: str
    kind: Kind
    control: bool
    """Whether the edit is fitted on shuffled labels of the feature."""


@dataclass(frozen=True, eq=False)
class Erasure:
    """Erasure of a feature from one layer, for each stimulus by a map that was fitted on other stimuli."""

    target: Target

    erasers: tuple[Eraser, ...]
    """The maps: one for each half of the stimuli, fitted on the other half; for the control, such a pair for each
    shuffle."""

    which: IntArray
    """The map of each stimulus of the model, -1 for those that are not audited, `[stimulus]`."""

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""
        which = self.which[rows]

        def erase(values: Tensor) -> Tensor:
            erased = values.clone()
            for used in np.unique(which[which >= 0]):
                some = torch.from_numpy(np.flatnonzero(which == used)).to(values.device)
                erased[some] = self.erasers[used].apply_at_positions(values[some])
            return erased

        return erase

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return how much of the outcome of a batch was lost, `[stimulus, change]`."""
        return outcome.lost(before, after, rows)


@dataclass(frozen=True, eq=False)
class Steering:
    """Steering of each stimulus in one layer along a feature: to the next class, or by one step of its value.

    The activity changes as a regression on the feature, fitted on other stimuli, predicts of the step.
    """

    target: Target

    steps: FloatArray
    """How far each stimulus of the model moves along each column of the feature's design matrix, `[stimulus, column]`;
    0 for those that are not audited."""

    fits: tuple[Encoding, ...]
    """The regressions: one for each half of the stimuli, fitted on the other half; for the control, such a pair for
    each shuffle."""

    which: IntArray
    """The regression of each stimulus of the model, -1 for those that are not audited, `[stimulus]`."""

    towards: IntArray
    """The class that each stimulus is steered towards; -1 for other kinds of features, and for stimuli that are not
    audited, `[stimulus]`."""

    lengths: FloatArray | None = None
    """The length that each stimulus's push gets, `[stimulus]`; None for its own."""

    def pushes(self, rows: slice) -> FloatArray:
        """Return what is added to the activity of a batch of the model's stimuli, `[stimulus, unit]`."""
        steps, which = self.steps[rows], self.which[rows]
        found = np.zeros((len(steps), self.fits[0].weights.shape[1]))
        for used in np.unique(which[which >= 0]):
            found[which == used] = self.fits[used].moved(steps[which == used])
        return found if self.lengths is None else as_long_as(found, self.lengths[rows])

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""
        push = torch.from_numpy(self.pushes(rows).astype(np.float32))[:, None]
        return lambda values: values + push.to(values)

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return which outcomes of a batch changed to the class steered towards, `[stimulus, change]`."""
        return outcome.turned(before, after, self.target.feature, self.towards[rows])


Edit: TypeAlias = Erasure | Steering


class EraserFitter:
    """Fits maps that erase features from the activity of some stimuli.

    They are those of LEACE. With fewer than two stimuli per unit, the encoding directions of the feature are projected
    out instead: for classes, the span of the class means about the mean.

    Parameters
    ----------
    activity : float64 `[stimulus, unit]`.

    Source: Belrose et al. (2023), arXiv 2306.03819.
    """

    def __init__(self, activity: FloatArray) -> None:
        self._activity = activity
        enough = len(activity) >= STIMULI_A_UNIT * activity.shape[1]
        self._leace = LeaceFitter(torch.from_numpy(activity)) if enough else None

    def fit(self, code: FloatArray) -> Eraser:
        """Return the map that erases a feature, given by its design matrix `[stimulus, column]`."""
        if self._leace is not None:
            return self._leace.fit(torch.from_numpy(code))
        mean = self._activity.mean(0)
        directions = (code - code.mean(0)).T @ (self._activity - mean)
        if directions.any():
            return projection_eraser(directions, mean)
        nothing = np.zeros((len(mean), 0))
        return Eraser(*map(torch.from_numpy, (mean, nothing, nothing.T)))


@dataclass(frozen=True, eq=False)
class Encoding:
    """A regression from a feature, fitted on some stimuli."""

    weights: FloatArray
    """`[column, unit]`; class means for classes."""

    unknown: FloatArray
    """1 for a class without stimuli, which the fit knows nothing of, else 0, `[column]`."""

    @classmethod
    def of(cls, activity: FloatArray, values: Values) -> Encoding:
        """Fit the regression to activity, float64 `[stimulus, unit]`."""
        unknown = np.zeros(values.n_columns)
        if values.categorical:
            unknown = (values.code.sum(0) == 0).astype(float)
        return cls(encoding_weights(activity, values), unknown)

    def moved(self, steps: FloatArray) -> FloatArray:
        """Return the change of activity for steps `[stimulus, column]`; 0 for one to or from an unknown class."""
        known = np.abs(steps) @ self.unknown == 0
        return np.asarray(np.where(known[:, None], steps @ self.weights, 0.0))


def as_long_as(pushes: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return pushes `[push, unit]` scaled to lengths `[push]`; a push of length 0 stays 0."""
    own = np.linalg.norm(pushes, axis=1)
    return np.asarray(pushes * np.divide(lengths, own, out=np.zeros_like(own), where=own > 0)[:, None])
