"""Contrasts of what each network learned: how late by output position, and how strongly where only some was trained."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from repbias.experiments.contrast import PENULTIMATE, Contrast, at_last_step, chosen_layer, in_layer, symbol
from repbias.experiments.growth import events
from repbias.experiments.positions import slope_over_positions
from repbias.training.job import ACCURACY_CRITERION


class MasterySlope(Contrast):
    """How much later a feature is mastered for each output position later: the slope of log2 of the step of mastery.

    Over the features of one network; 0 where all positions are learned at once, 1 where each takes twice as many steps
    as the one before it. A feature that is mastered before training counts as mastered at step 1.

    Attributes
    ----------
    of : the features, two or more; all must pass the accuracy criterion.
    """

    kind: Literal["mastery slope"] = "mastery slope"
    of: tuple[str, ...] = Field(min_length=2)

    def describe(self) -> str:
        """See `Contrast`."""
        return "rise of log2 of the step of mastery per output position"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`: it reads outputs only."""
        return ()

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`: it reads steps of mastery only."""
        return ()

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`; NaN for every network where the table tells no positions."""
        steps = events(table).reindex(columns=list(self.of)).astype(float).clip(lower=1)
        return slope_over_positions(steps.apply(np.log2), table)


class LearnedLevel(Contrast):
    """How much of `measure` those of some features have that the network learned: their mean at its last step.

    For conditions that train one feature each and differ in which: the others do not pass the accuracy criterion
    and are left out.
    A network that learned none of them has no number.

    Attributes
    ----------
    of : the features. layer : a layer's name, or "penultimate" for the last hidden one.
    """

    kind: Literal["learned level"] = "learned level"
    measure: str = "r2"
    of: tuple[str, ...] = Field(min_length=1)
    layer: str = PENULTIMATE

    def describe(self) -> str:
        """See `Contrast`."""
        of = ", ".join(self.of)
        return f"mean {symbol(self.measure)} of those of {of} that pass the criterion, {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of

    def criterion_features(self) -> tuple[str, ...]:
        """See `Contrast`: each feature has its own gate."""
        return ()

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (chosen_layer(self.layer, layers),)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        (layer,) = self.layers_read(layers)
        values = in_layer(table, self.measure, layer, self.of)
        accuracy = at_last_step(table, "accuracy").droplevel("layer").reindex(values.index, columns=list(self.of))
        return values.where(accuracy > ACCURACY_CRITERION).mean(axis=1)
