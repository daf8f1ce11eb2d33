"""What a claim may compare over conditions: a difference between two, a trend over many, member by member.

The same seed draws the same stimuli and weights in every condition as far as they are alike, so conditions are
compared within seeds. The conditions that are alike but for one factor form a group, and each group is judged apart.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from repbias.specs import Spec, did_you_mean


class Comparison(Spec):
    """One number a member from its numbers in the conditions of a group.

    Attributes
    ----------
    factor : what differs between the conditions of a group; they are equal in all others.
    """

    factor: str

    @property
    def varying(self) -> tuple[str, ...]:
        """The factors in which the conditions of a group may differ."""
        return (self.factor,)

    @abstractmethod
    def describe(self, statistic: str) -> str:
        """Return the comparison of a contrast in words."""

    @abstractmethod
    def compute(self, values: pd.DataFrame) -> pd.Series:
        """Return one number a member, NaN where its conditions are too few, from `[member, level of the factor]`."""

    def problems(self, levels: Sequence[str]) -> list[str]:
        """Return what keeps the comparison from being made in a group with these levels of the factor."""
        return []


class LevelDifference(Comparison):
    """How much larger a contrast is at one level of the factor than at another."""

    kind: Literal["difference"] = "difference"
    more: str
    less: str

    def describe(self, statistic: str) -> str:
        """See `Comparison`."""
        return f"{statistic}: {self.factor} {self.more} minus {self.less}"

    def compute(self, values: pd.DataFrame) -> pd.Series:
        """See `Comparison`."""
        return values[self.more] - values[self.less]

    def problems(self, levels: Sequence[str]) -> list[str]:
        """See `Comparison`."""
        return [
            f"no condition has {self.factor} {level!r}; {did_you_mean(level, levels)}"
            for level in (self.more, self.less)
            if level not in levels
        ]


class Trend(Comparison):
    """The least-squares slope of a contrast over the levels of a factor, read as numbers.

    A member counts where it was analysed at two thirds of the levels or more, and at two at least.

    Attributes
    ----------
    scale : "linear", or "log2": the slope is then per doubling.
    falling : count a fall as positive.
    along : factors that change along with it, such as the names of the levels; several conditions of a group may then
        have one level, and each counts.
    """

    kind: Literal["trend"] = "trend"
    scale: Literal["linear", "log2"] = "linear"
    falling: bool = False
    along: tuple[str, ...] = ()

    @property
    def varying(self) -> tuple[str, ...]:
        """See `Comparison`."""
        return (self.factor, *self.along)

    def describe(self, statistic: str) -> str:
        """See `Comparison`."""
        per = f"doubling of {self.factor}" if self.scale == "log2" else f"unit of {self.factor}"
        return f"{'fall' if self.falling else 'rise'} of {statistic}, per {per}"

    def compute(self, values: pd.DataFrame) -> pd.Series:
        """See `Comparison`."""
        x = np.array([float(level) for level in values.columns])
        x = np.log2(x) if self.scale == "log2" else x
        needed = max(2, int(np.ceil(len(x) * 2 / 3)))
        slopes = {member: _slope(x, row.to_numpy(float), needed) for member, row in values.iterrows()}
        return pd.Series(slopes, dtype=float) * (-1 if self.falling else 1)

    def problems(self, levels: Sequence[str]) -> list[str]:
        """See `Comparison`."""
        if len(levels) < 2:
            return [f"a trend over {self.factor} needs two levels or more, got {', '.join(levels) or 'none'}"]
        unusable = [level for level in levels if not _usable(level, self.scale)]
        above = " above 0" if self.scale == "log2" else ""
        return [f"a trend over {self.factor} reads numbers{above}, got {level!r}" for level in unusable]


AnyComparison = Annotated[LevelDifference | Trend, Field(discriminator="kind")]


def _usable(level: str, scale: str) -> bool:
    try:
        number = float(level)
    except ValueError:
        return False
    return bool(np.isfinite(number)) and (number > 0 or scale == "linear")


def _slope(x: np.ndarray, y: np.ndarray, needed: int) -> float:
    known = np.isfinite(y)
    if known.sum() < needed:
        return float("nan")
    centred = x[known] - x[known].mean()
    return float(centred @ y[known] / (centred @ centred))
