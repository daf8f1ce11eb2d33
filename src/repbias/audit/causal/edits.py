"""The edits whose effects an audit compares: a feature erased from a layer, or steered to another of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from repbias.activations.reading import Float32Array
from repbias.audit.causal.edited import Change
from repbias.audit.causal.outcomes import Outcome
from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray
from repbias.measures.interventions.erasure import Eraser

Kind = Literal["ablation", "steering"]
KINDS: tuple[Kind, ...] = ("ablation", "steering")


@dataclass(frozen=True)
class Target:
    """What is edited."""

    layer: str
    feature: str
    kind: Kind
    control: bool
    """Whether it is the control: the feature's labels in random orders."""


class Edit(Protocol):
    """An edit of one layer, and how far it changes what the model does."""

    @property
    def target(self) -> Target:
        """What is edited."""

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return how far the edit changed the outcome of a batch, `[stimulus, change]`."""


@dataclass(frozen=True, eq=False)
class Erasure:
    """A feature erased from one layer, on each stimulus by a map that was fitted without it."""

    target: Target

    erasers: tuple[Eraser, ...]
    """The maps: for the first half of the stimuli, fitted on the second, and the other way round; and again for each
    random order."""

    which: IntArray
    """The map for each of the model's stimuli, -1 for those that are not audited, `[stimulus]`."""

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""
        which = self.which[rows]

        def erase(values: Tensor) -> Tensor:
            erased = values.clone()
            for used in np.unique(which[which >= 0]):
                some = torch.from_numpy(np.flatnonzero(which == used)).to(values.device)
                flat = values[some].flatten(0, 1)
                erased[some] = self.erasers[used].apply(flat).reshape(len(some), *values.shape[1:])
            return erased

        return erase

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return what of the outcome of a batch was lost, `[stimulus, change]`."""
        return outcome.lost(before, after, rows)


@dataclass(frozen=True, eq=False)
class Steering:
    """Each stimulus pushed from its own class of a feature to another, in one layer, by means of other stimuli."""

    target: Target

    pushes: Float32Array
    """The pushes, `[push, unit]`."""

    which: IntArray
    """The push for each of the model's stimuli, -1 for those that are not audited, `[stimulus]`."""

    towards: IntArray
    """The class that each stimulus is steered towards, -1 for those that are not audited, `[stimulus]`."""

    def on(self, rows: slice) -> Change:
        """Return the change of the layer for a batch of the model's stimuli."""
        which = self.which[rows]
        push = torch.from_numpy(np.where(which[:, None] >= 0, self.pushes[which], 0))[:, None]
        return lambda values: values + push.to(values)

    def effect(self, outcome: Outcome, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return which outcomes of a batch turned, `[stimulus, change]`."""
        return outcome.turned(before, after, self.target.feature, self.towards[rows])
