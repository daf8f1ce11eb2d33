"""The edits whose effects an audit compares: a feature erased from a layer, or steered to another of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from repbias.activations.layout import Change
from repbias.activations.reading import Float32Array
from repbias.audit.causal.outcomes import Outcome
from repbias.core.arrays import FloatArray, IntArray
from repbias.measures.interventions.erasure import Eraser, LeaceFitter, projection_eraser

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
    """Steering of each stimulus in one layer from its class of a feature to the next, by means of other stimuli."""

    target: Target

    pushes: Float32Array
    """Differences of class means that are added to the activity, `[push, unit]`."""

    which: IntArray
    """The push of each stimulus of the model, -1 for those that are not audited, `[stimulus]`."""

    towards: IntArray
    """The class that each stimulus is steered towards, -1 for those that are not audited, `[stimulus]`."""

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""
        which = self.which[rows]
        push = torch.from_numpy(np.where(which[:, None] >= 0, self.pushes[which], 0))[:, None]
        return lambda values: values + push.to(values)

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return which outcomes of a batch changed to the class steered towards, `[stimulus, change]`."""
        return outcome.turned(before, after, self.target.feature, self.towards[rows])


Edit: TypeAlias = Erasure | Steering


class EraserFitter:
    """Fits maps that erase class labels from the activity of some stimuli.

    They are those of LEACE. With fewer than two stimuli per unit, the span of the class means about the mean is
    projected out instead.

    Parameters
    ----------
    activity : float64 `[stimulus, unit]`.

    Source: Belrose et al. (2023), arXiv 2306.03819.
    """

    def __init__(self, activity: FloatArray) -> None:
        self._activity = activity
        enough = len(activity) >= STIMULI_A_UNIT * activity.shape[1]
        self._leace = LeaceFitter(torch.from_numpy(activity)) if enough else None

    def fit(self, labels: IntArray) -> Eraser:
        """Return the map that erases these labels, whole numbers `[stimulus]`."""
        code = (labels[:, None] == np.unique(labels)).astype(np.float64)
        if self._leace is not None:
            return self._leace.fit(torch.from_numpy(code))
        mean = self._activity.mean(0)
        deviations = ((self._activity - mean).T @ code / code.sum(0)).T
        if deviations.any():
            return projection_eraser(deviations, mean)
        nothing = np.zeros((len(mean), 0))
        return Eraser(*map(torch.from_numpy, (mean, nothing, nothing.T)))


def next_class(labels: IntArray, n_classes: int) -> IntArray:
    """Return the class that each stimulus is steered towards: the next class, or the first after the last."""
    return (labels + 1) % n_classes


def class_pushes(activity: FloatArray, labels: IntArray, n_classes: int) -> FloatArray:
    """Return the mean of the next class less that of each class, `[class, unit]`; 0 where either has no stimulus.

    Parameters
    ----------
    activity : float64 `[stimulus, unit]`. labels : 0 to `n_classes` - 1, `[stimulus]`.
    """
    code = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
    counts = code.sum(0)
    means = code.T @ activity / np.maximum(counts, 1)[:, None]
    following = next_class(np.arange(n_classes), n_classes)
    both = (counts > 0) & (counts[following] > 0)
    return np.asarray(np.where(both[:, None], means[following] - means, 0))


def as_long_as(pushes: FloatArray, lengths_of: FloatArray) -> FloatArray:
    """Return pushes `[push, unit]` scaled to the lengths of others; a push of length 0 stays 0."""
    own, wanted = (np.linalg.norm(values, axis=1, keepdims=True) for values in (pushes, lengths_of))
    return np.asarray(pushes * np.divide(wanted, own, out=np.zeros_like(own), where=own > 0))
