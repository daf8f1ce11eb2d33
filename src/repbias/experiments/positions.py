"""Contrasts of sequence models: how a feature's share, and the step of its mastery, change with its output position."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from repbias.experiments.contrast import PENULTIMATE, Contrast, at_last_step, chosen_layer, in_layer, symbol
from repbias.experiments.growth import events
from repbias.tasks.task import OUTPUT_POSITION as OUTPUT_POSITION


class PositionSlope(Contrast):
    """How much less of `measure` a feature has for each output position later, over features within a network.

    The negative least-squares slope of the measure over the positions at which the network reports the features: above
    0 where earlier ones have more. Over networks whose orders balance one another, what a feature is does not enter.

    Attributes
    ----------
    of : the features, two or more; all must pass the accuracy criterion.
    layer : a layer's name, or "penultimate" for the last that is read by default.
    """

    kind: Literal["position slope"] = "position slope"
    measure: str = "r2"
    of: tuple[str, ...] = Field(min_length=2)
    layer: str = PENULTIMATE

    def describe(self) -> str:
        """See `Contrast`."""
        return f"fall of {symbol(self.measure)} per output position, {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (chosen_layer(self.layer, layers),)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`; NaN for every network where the table holds no positions."""
        (layer,) = self.layers_read(layers)
        return -slope_over_positions(in_layer(table, self.measure, layer, self.of), table)


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
        """See `Contrast`; NaN for every network where the table holds no positions."""
        steps = events(table).reindex(columns=list(self.of)).astype(float).clip(lower=1)
        return slope_over_positions(steps.apply(np.log2), table)


def slope_over_positions(values: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Return each network's least-squares slope of some value over the output positions of its features.

    Parameters
    ----------
    values : `[seed, feature]`.
    table : tidy, with the position at which each network reports each feature; NaN where it does not.
    """
    places = at_last_step(table, OUTPUT_POSITION).droplevel("layer").reindex(values.index, columns=values.columns)
    x = places.to_numpy(float)
    x = x - x.mean(axis=1, keepdims=True)
    slopes = (x * values.to_numpy(float)).sum(axis=1) / (x**2).sum(axis=1) if len(x) else np.empty(0)
    return pd.Series(slopes, index=values.index)
