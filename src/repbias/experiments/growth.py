"""Contrasts of learning: when features are mastered, and how much a feature's variance grows between masteries."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from repbias.experiments.contrast import END, START, Contrast, slope_over_positions

Interval = tuple[str, str]


class Growth(Contrast):
    """How much a feature's variance explained grows in one stretch of training, or more than in another.

    Variance is on the scale of the network's final total variance, in the penultimate layer. A stretch runs from one
    event to another: the name of a feature stands for the step at which it was mastered, "start" for step 0 and "end"
    for the last step. NaN where the first stretch does not run forwards (the features were mastered in the other
    order, or at the same step).

    Attributes
    ----------
    per_step : divide each growth by the length of its stretch, and give it per 1,000 steps. A rate does not depend on
        how long training goes on; an amount does.
    """

    kind: Literal["growth"] = "growth"
    feature: str
    over: Interval
    minus: Interval | None = None
    per_step: bool = False

    def describe(self) -> str:
        """See `Contrast`."""
        growth = f"growth of R2({self.feature})" + " per 1,000 steps" * self.per_step
        first = f"{growth} from {_event(self.over[0])} to {_event(self.over[1])}"
        if self.minus is None:
            return f"{first}, penultimate layer, final-variance scale"
        return f"{first}, minus growth from {_event(self.minus[0])} to {_event(self.minus[1])}, penultimate layer"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        mastered = (event for event in (*self.over, *(self.minus or ())) if event not in (START, END))
        return tuple(dict.fromkeys((self.feature, *mastered)))

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return layers[-1:]

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        steps = events(table).assign(**{START: 0})
        chosen = (table["measure"] == "r2_final") & (table["layer"] == layers[-1]) & (table["feature"] == self.feature)
        curve = table[chosen].set_index(["seed", "step"])["value"]
        growth = self._grown(curve, steps, self.over)
        if self.minus is not None:
            growth = growth - self._grown(curve, steps, self.minus)
        return growth.where(steps[self.over[0]] < steps[self.over[1]])

    def _grown(self, curve: pd.Series, steps: pd.DataFrame, stretch: Interval) -> pd.Series:
        before, after = (
            curve.reindex(pd.MultiIndex.from_arrays([steps.index, steps[event].fillna(-1).astype(int)])).to_numpy()
            for event in stretch
        )
        growth = pd.Series(after - before, index=steps.index)
        return growth * 1000 / (steps[stretch[1]] - steps[stretch[0]]) if self.per_step else growth


class OutputContrast(Contrast):
    """A contrast of outputs only: of the steps at which features are mastered."""

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return ()

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return ()


class Mastery(OutputContrast):
    """How late a feature is mastered: log2 of the step, or of how many times later than another feature it is.

    A feature that is mastered before training counts as mastered at step 1. A network that never masters a feature has
    no number, so where many do not, the mean is that of the networks that learn fast.

    Attributes
    ----------
    later, earlier : features; without `earlier`, the step itself is taken.
    """

    kind: Literal["mastery"] = "mastery"
    later: str
    earlier: str | None = None

    def describe(self) -> str:
        """See `Contrast`."""
        step = f"step at which {self.later} is mastered"
        return f"log2 of the {step}" if self.earlier is None else f"log2 of the {step} over that of {self.earlier}"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.later,) if self.earlier is None else (self.later, self.earlier)

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        steps = events(table).astype(float).clip(lower=1)
        times = steps[self.later] if self.earlier is None else steps[self.later] / steps[self.earlier]
        return pd.Series(np.log2(times), index=steps.index)


class MasterySlope(OutputContrast):
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

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`; NaN for every network where the table holds no positions."""
        steps = events(table).reindex(columns=list(self.of)).astype(float).clip(lower=1)
        return slope_over_positions(steps.apply(np.log2), table)


def events(table: pd.DataFrame) -> pd.DataFrame:
    """Return the step of each event: one row per network, a column for each feature's mastery and one for "end"."""
    mastery = table[table["measure"] == "mastery_step"].pivot(index="seed", columns="feature", values="step")
    last = table[table["measure"] == "accuracy"].groupby("seed")["step"].max().rename(END)
    return mastery.reindex(columns=table["feature"].unique()).join(last, how="right")


def _event(name: str) -> str:
    return f"the {name}" if name in (START, END) else f"mastery of {name}"
