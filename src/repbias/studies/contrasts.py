"""What a claim is decided by: one number a member, computed from the tidy table of one condition.

A contrast is data: what is compared, where, and when. Members that do not report every feature involved with more
than 95 % test accuracy at the end (the gate) get NaN: they are counted and shown, and are not averaged. So do members
of which the table says nothing at their last step.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from repbias.measures.density import THRESHOLDS
from repbias.specs import Spec
from repbias.training.job import ANALYSIS_GATE

END = "end"
MEASURES = ("r2", "r2_final", "r2_per_stimulus", "participation", *(f"density_{limit:g}" for limit in THRESHOLDS))
Interval = tuple[str, str]


class Contrast(Spec):
    """One number a member."""

    @abstractmethod
    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""

    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """The features that must pass the gate."""

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
        passed = (accuracy[list(self.features())] > ANALYSIS_GATE).all(axis=1)
        members = pd.Index(np.sort(table["member"].unique()), name="member")
        return self.compute(table, layers).reindex(members).where(passed.reindex(members, fill_value=False))


class FeatureDifference(Contrast):
    """How much more of `measure` one feature has than another, in one layer, at the member's last step.

    Attributes
    ----------
    layer : a layer's name, or "penultimate" for the last hidden one.
    """

    kind: Literal["difference"] = "difference"
    measure: str = "r2"
    more: str
    less: str
    layer: str = "penultimate"

    def describe(self) -> str:
        """See `Contrast`."""
        symbol = _symbol(self.measure)
        return f"{symbol}({self.more}) - {symbol}({self.less}), {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.more, self.less

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        (layer,) = self.layers_read(layers)
        return _gaps(table, self.measure, self.more, self.less)[layer]

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (layers[-1] if self.layer == "penultimate" else self.layer,)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)


class Growth(Contrast):
    """How much a feature's variance explained grows in one stretch of training, or more than in another.

    Variance is on the scale of the member's final total variance, in the penultimate layer. A stretch runs from one
    event to another: the name of a feature stands for the step at which it was mastered, "end" for the last step.
    NaN where the first stretch does not run forwards (the features were mastered in the other order, or at once).
    """

    kind: Literal["growth"] = "growth"
    feature: str
    over: Interval
    minus: Interval | None = None

    def describe(self) -> str:
        """See `Contrast`."""
        first = f"growth of R2({self.feature}) from {_event(self.over[0])} to {_event(self.over[1])}"
        if self.minus is None:
            return f"{first}, penultimate layer, final-variance scale"
        return f"{first}, minus growth from {_event(self.minus[0])} to {_event(self.minus[1])}, penultimate layer"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        mastered = (event for event in (*self.over, *(self.minus or ())) if event != END)
        return tuple(dict.fromkeys((self.feature, *mastered)))

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return layers[-1:]

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        steps = events(table)
        chosen = (table["measure"] == "r2_final") & (table["layer"] == layers[-1]) & (table["feature"] == self.feature)
        curve = table[chosen].set_index(["member", "step"])["value"]
        growth = _grown(curve, steps, self.over)
        if self.minus is not None:
            growth = growth - _grown(curve, steps, self.minus)
        return growth.where(steps[self.over[0]] < steps[self.over[1]])


class LayerSlope(Contrast):
    """The least-squares slope, per hidden layer, of the difference between two features from first layer to last."""

    kind: Literal["layer slope"] = "layer slope"
    measure: str = "r2"
    more: str
    less: str

    def describe(self) -> str:
        """See `Contrast`."""
        symbol = _symbol(self.measure)
        return f"slope of {symbol}({self.more}) - {symbol}({self.less}) over the hidden layers, per layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.more, self.less

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return layers

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        gaps = _gaps(table, self.measure, self.more, self.less)[list(layers)]
        positions = np.arange(len(layers)) - (len(layers) - 1) / 2
        return pd.Series(gaps.to_numpy() @ positions / (positions @ positions), index=gaps.index)


AnyContrast = Annotated[FeatureDifference | Growth | LayerSlope, Field(discriminator="kind")]


def at_last_step(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure at each member's last step: rows (member, layer), one column a feature.

    Members of which it was not taken there have no rows.
    """
    last = table["step"] == table.groupby("member")["step"].transform("max")
    rows = table[last & (table["measure"] == measure)]
    values = rows.set_index(["member", "layer", "feature"])["value"].unstack("feature")
    return values.reindex(columns=table["feature"].unique())


def _gaps(table: pd.DataFrame, measure: str, more: str, less: str) -> pd.DataFrame:
    """Return one feature's measure minus another's at the last step: one row a member, one column a layer."""
    values = at_last_step(table, measure)
    return (values[more] - values[less]).unstack("layer").reindex(columns=table["layer"].unique())


def events(table: pd.DataFrame) -> pd.DataFrame:
    """Return the step of each event: one row a member, a column for each feature's mastery and one for "end"."""
    mastery = table[table["measure"] == "mastery_step"].pivot(index="member", columns="feature", values="step")
    last = table[table["measure"] == "accuracy"].groupby("member")["step"].max().rename(END)
    return mastery.reindex(columns=table["feature"].unique()).join(last, how="right")


def _grown(curve: pd.Series, steps: pd.DataFrame, stretch: Interval) -> pd.Series:
    def at(event: str) -> np.ndarray:
        keys = pd.MultiIndex.from_arrays([steps.index, steps[event].fillna(-1).astype(int)])
        return curve.reindex(keys).to_numpy()

    return pd.Series(at(stretch[1]) - at(stretch[0]), index=steps.index)


def _event(name: str) -> str:
    return "the end" if name == END else f"mastery of {name}"


def _symbol(measure: str) -> str:
    if measure.startswith("density_"):
        return f"share of units with R2 > {measure.removeprefix('density_')}"
    return {"r2": "R2", "r2_per_stimulus": "R2 per stimulus"}.get(measure, measure)
