"""The base of contrasts: one number per network, computed from the tidy table of one condition.

A contrast is data: it names what is compared, where, and when. Networks that fail the accuracy criterion on a feature
involved have no number (NaN): they are counted and shown, and not averaged. Networks that were not measured at their
last step have no number either.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd

from repbias.core.results import OUTPUT_POSITION
from repbias.core.specs import Spec
from repbias.core.statistics import slopes
from repbias.measures.variance.density import THRESHOLDS
from repbias.training.job import passes

START, END = "start", "end"
PENULTIMATE = "penultimate"
MEASURES = (
    "r2",
    "r2_final",
    "r2_per_stimulus",
    "participation",
    "unique",
    "joint_r2",
    *(f"density_{limit:g}" for limit in THRESHOLDS),
)


class Contrast(Spec):
    """One number per network."""

    @abstractmethod
    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""

    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Return what it reads: features, which must pass the accuracy criterion, and probes, which have none."""

    def criterion_features(self) -> tuple[str, ...]:
        """Return the features on which a network must pass the accuracy criterion to count; by default all it reads."""
        return self.features()

    @abstractmethod
    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """Return the layers it reads of a network whose hidden layers are `layers`, from input to output."""

    def measures_read(self) -> tuple[str, ...]:
        """Return the measures it reads."""
        return ("r2_final",)

    @abstractmethod
    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return one number per network from a condition's table; `layers` are its hidden layers, input to output."""

    def per_seed(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return `compute`, with NaN for every network that fails the accuracy criterion on one of the features."""
        accuracy = at_last_step(table, "accuracy").droplevel("layer")
        reported = set(table.loc[table["measure"] == "accuracy", "feature"])
        gated = [name for name in self.criterion_features() if name in reported]
        passed = passes(accuracy[gated]).all(axis=1)
        networks = _networks(table)
        return self.compute(table, layers).reindex(networks).where(passed.reindex(networks, fill_value=False))

    def per_seed_ungated(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return `compute` for every network, those that fail the accuracy criterion read at their last step.

        A feature that was never mastered counts as mastered at the last step.
        """
        return self.compute(_mastered_at_last(table), layers).reindex(_networks(table))


class LayerContrast(Contrast):
    """A contrast of one measure in one layer, at the network's last step.

    Attributes
    ----------
    layer : a layer's name, or "penultimate" for the last that is read by default.
    """

    measure: str = "r2"
    layer: str = PENULTIMATE

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (layers[-1] if self.layer == PENULTIMATE else self.layer,)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

    def values(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.DataFrame:
        """Return the measure of the features that it reads, `[seed, feature]`; NaN where it was not measured."""
        (layer,) = self.layers_read(layers)
        values = at_last_step(table, self.measure).reindex(columns=list(self.features()))
        return values[values.index.get_level_values("layer") == layer].droplevel("layer")


def _networks(table: pd.DataFrame) -> pd.Index:
    return pd.Index(np.sort(table["seed"].unique()), name="seed")


def _mastered_at_last(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a step of mastery for every feature that is reported: the last, where it was never mastered."""
    keys = ["seed", "feature"]
    reported = table[table["measure"] == "accuracy"]
    last = reported.loc[reported["step"] == reported.groupby("seed")["step"].transform("max")]
    mastered = pd.MultiIndex.from_frame(table.loc[table["measure"] == "mastery_step", keys])
    never = last[~pd.MultiIndex.from_frame(last[keys]).isin(mastered)]
    return pd.concat([table, never.assign(measure="mastery_step", value=never["step"].astype(float))])


def by_condition(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of a table by the name of their condition."""
    return {str(name): rows for name, rows in table.groupby("condition", sort=False)}


def at_last_step(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure at each network's last step: rows (seed, layer), one column per feature.

    Networks for which it was not measured there have no rows.
    """
    last = table["step"] == table.groupby("seed")["step"].transform("max")
    rows = table[last & (table["measure"] == measure)]
    values = rows.set_index(["seed", "layer", "feature"])["value"].unstack("feature")
    return values.reindex(columns=table["feature"].unique())


def symbol(measure: str) -> str:
    """Return how a measure is written in a statistic."""
    if measure.startswith("density_"):
        return f"share of units with R2 > {measure.removeprefix('density_')}"
    return {"r2": "R2", "r2_per_stimulus": "R2 per stimulus"}.get(measure, measure)


def slope_over_positions(values: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Return each network's least-squares slope of some value over the output positions of its features.

    Parameters
    ----------
    values : `[seed, feature]`.
    table : tidy, with the position at which each network reports each feature; NaN where it does not.
    """
    places = at_last_step(table, OUTPUT_POSITION).droplevel("layer").reindex(values.index, columns=values.columns)
    return pd.Series(slopes(places.to_numpy(float), values.to_numpy(float)), index=values.index)
