"""What a claim is decided by: one number a network, computed from the tidy table of one condition.

A contrast is data: what is compared, where, and when. Networks that do not report every feature involved with more
than 95 % test accuracy at the end (the gate) get NaN: they are counted and shown, and are not averaged. So do networks
of which the table says nothing at their last step.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd

from repbias.core.specs import Spec
from repbias.measures.variance.density import THRESHOLDS
from repbias.training.job import ACCURACY_CRITERION

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
    """One number a network."""

    @abstractmethod
    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""

    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """What it reads: features, which must pass the accuracy criterion, and probes, which have none."""

    def criterion_features(self) -> tuple[str, ...]:
        """Which of them must pass the accuracy criterion for a network to count: all, where nothing else is said."""
        return self.features()

    @abstractmethod
    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """The layers it reads of a network whose hidden layers are `layers`, input to output."""

    def measures_read(self) -> tuple[str, ...]:
        """The measures it reads."""
        return ("r2_final",)

    @abstractmethod
    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return one number a network from a condition's table; `layers` are its hidden layers, input to output."""

    def per_seed(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """Return `compute`, with NaN for every network that fails the accuracy criterion on one of the features."""
        accuracy = at_last_step(table, "accuracy").droplevel("layer")
        reported = set(table.loc[table["measure"] == "accuracy", "feature"])
        gated = [name for name in self.criterion_features() if name in reported]
        passed = (accuracy[gated] > ACCURACY_CRITERION).all(axis=1)
        networks = pd.Index(np.sort(table["seed"].unique()), name="seed")
        return self.compute(table, layers).reindex(networks).where(passed.reindex(networks, fill_value=False))


def at_last_step(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure at each network's last step: rows (network, layer), one column a feature.

    Networks of which it was not taken there have no rows.
    """
    last = table["step"] == table.groupby("seed")["step"].transform("max")
    rows = table[last & (table["measure"] == measure)]
    values = rows.set_index(["seed", "layer", "feature"])["value"].unstack("feature")
    return values.reindex(columns=table["feature"].unique())


def chosen_layer(layer: str, layers: tuple[str, ...]) -> str:
    """Return the layer that is meant: the one named, or of the hidden ones the last."""
    return layers[-1] if layer == PENULTIMATE else layer


def in_layer(table: pd.DataFrame, measure: str, layer: str, features: tuple[str, ...]) -> pd.DataFrame:
    """Return a measure in one layer at each network's last step, `[network, feature]`; NaN where it was not taken."""
    values = at_last_step(table, measure).reindex(columns=list(features))
    return values[values.index.get_level_values("layer") == layer].droplevel("layer")


def symbol(measure: str) -> str:
    """Return how a measure is written in a statistic."""
    if measure.startswith("density_"):
        return f"share of units with R2 > {measure.removeprefix('density_')}"
    return {"r2": "R2", "r2_per_stimulus": "R2 per stimulus"}.get(measure, measure)
