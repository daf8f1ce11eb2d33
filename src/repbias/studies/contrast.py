"""What a claim is decided by: one number a member, computed from the tidy table of one condition.

A contrast is data: what is compared, where, and when. Members that do not report every feature involved with more
than 95 % test accuracy at the end (the gate) get NaN: they are counted and shown, and are not averaged. So do members
of which the table says nothing at their last step.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd

from repbias.measures.density import THRESHOLDS
from repbias.specs import Spec
from repbias.training.job import ANALYSIS_GATE

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
    """One number a member."""

    @abstractmethod
    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""

    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """What it reads: features, which must pass the gate, and probes, which have none."""

    def gated(self) -> tuple[str, ...]:
        """Which of them must pass the gate for a member to count: all, where nothing else is said."""
        return self.features()

    @abstractmethod
    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """The layers it reads of a network whose hidden layers are `layers`, input to output."""

    def measures_read(self) -> tuple[str, ...]:
        """The measures it reads."""
        return ("r2_final",)

    @abstractmethod
    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return one number a member from a condition's table; `layers` are its hidden layers, input to output."""

    def per_member(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return `compute`, with NaN for every member that misses the gate on one of the features."""
        accuracy = at_last_step(table, "accuracy").droplevel("layer")
        reported = set(table.loc[table["measure"] == "accuracy", "feature"])
        gated = [name for name in self.gated() if name in reported]
        passed = (accuracy[gated] > ANALYSIS_GATE).all(axis=1)
        members = pd.Index(np.sort(table["member"].unique()), name="member")
        return self.compute(table, layers).reindex(members).where(passed.reindex(members, fill_value=False))


def at_last_step(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure at each member's last step: rows (member, layer), one column a feature.

    Members of which it was not taken there have no rows.
    """
    last = table["step"] == table.groupby("member")["step"].transform("max")
    rows = table[last & (table["measure"] == measure)]
    values = rows.set_index(["member", "layer", "feature"])["value"].unstack("feature")
    return values.reindex(columns=table["feature"].unique())


def chosen_layer(layer: str, layers: tuple[str, ...]) -> str:
    """Return the layer that is meant: the one named, or of the hidden ones the last."""
    return layers[-1] if layer == PENULTIMATE else layer


def in_layer(table: pd.DataFrame, measure: str, layer: str, features: tuple[str, ...]) -> pd.DataFrame:
    """Return a measure in one layer at each member's last step, `[member, feature]`; NaN where it was not taken."""
    values = at_last_step(table, measure).reindex(columns=list(features))
    return values[values.index.get_level_values("layer") == layer].droplevel("layer")


def symbol(measure: str) -> str:
    """Return how a measure is written in a statistic."""
    if measure.startswith("density_"):
        return f"share of units with R2 > {measure.removeprefix('density_')}"
    return {"r2": "R2", "r2_per_stimulus": "R2 per stimulus"}.get(measure, measure)
