"""Comparisons of conditions within seeds: a difference, an interaction, and a trend over many.

The same seed draws the same stimuli and weights in every condition as far as they are alike, so conditions are compared
within seeds. Conditions that differ in one factor only (for an interaction, in two) form a group, and each group is
judged separately.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from repbias.core.specs import Spec, refuse_all, unknown_names


class Comparison(Spec):
    """One number per seed, from that of its network in each condition of a group.

    Attributes
    ----------
    factor : what differs between the conditions of a group; they are equal in all others.
    """

    factor: str

    @property
    def varying(self) -> tuple[str, ...]:
        """The factors in which the conditions of a group may differ."""
        return (self.factor,)

    def level(self, factors: Mapping[str, str]) -> str:
        """Return what distinguishes a condition with these factors from the others of its group."""
        return factors[self.factor]

    @abstractmethod
    def describe(self, statistic: str) -> str:
        """Return the comparison of a contrast in words."""

    @abstractmethod
    def compute(self, values: pd.DataFrame) -> pd.Series:
        """Return one number per seed, NaN where too few conditions have one, from `[seed, level]`; see `level`."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The levels without which a group cannot be compared; see `level`."""
        return ()

    def problems(self, levels: Sequence[str]) -> list[str]:
        """Return what keeps the comparison from being made in a group with these levels, one sentence per problem."""
        return list(unknown_names(f"no condition has {' × '.join(self.varying)}", self.needed, levels))


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

    @property
    def needed(self) -> tuple[str, ...]:
        """See `Comparison`."""
        return self.more, self.less


class Interaction(Comparison):
    """How much larger the difference of a contrast between two levels of the factor is at one level of another factor.

    A difference of differences: (more - less) at `by_more`, minus (more - less) at `by_less`. It is the same with the
    two factors exchanged, and 0 where the effect of neither depends on the other.

    Attributes
    ----------
    by : the other factor, with its levels `by_more` and `by_less`.
    """

    kind: Literal["interaction"] = "interaction"
    more: str
    less: str
    by: str
    by_more: str
    by_less: str

    @model_validator(mode="after")
    def _two_factors_of_two_levels(self) -> Interaction:
        problems = []
        if self.by == self.factor:
            problems.append(f"an interaction is between two factors, got {self.by!r} twice; set by to another")
        for names, more, less in (
            ("more and less", self.more, self.less),
            ("by_more and by_less", self.by_more, self.by_less),
        ):
            if more == less:
                problems.append(f"{names} are different levels, got {more!r} twice")
        refuse_all(problems)
        return self

    @property
    def varying(self) -> tuple[str, ...]:
        """See `Comparison`."""
        return self.factor, self.by

    def level(self, factors: Mapping[str, str]) -> str:
        """See `Comparison`: the levels of both factors."""
        return _both(factors[self.factor], factors[self.by])

    def describe(self, statistic: str) -> str:
        """See `Comparison`."""
        difference = f"{self.factor} {self.more} minus {self.less}"
        return f"{statistic}: {difference}, at {self.by} {self.by_more} minus the same at {self.by_less}"

    def compute(self, values: pd.DataFrame) -> pd.Series:
        """See `Comparison`."""
        at_more, at_less = (
            values[_both(self.more, by)] - values[_both(self.less, by)] for by in (self.by_more, self.by_less)
        )
        return at_more - at_less

    @property
    def needed(self) -> tuple[str, ...]:
        """See `Comparison`."""
        return tuple(_both(own, by) for own in (self.more, self.less) for by in (self.by_more, self.by_less))


class Trend(Comparison):
    """The least-squares slope of a contrast over the levels of a factor, read as numbers.

    A seed counts where its networks have a number at two thirds of the levels or more, and at two at least.

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
        slopes = {network: _slope(x, row.to_numpy(float), needed) for network, row in values.iterrows()}
        return pd.Series(slopes, dtype=float) * (-1 if self.falling else 1)

    def problems(self, levels: Sequence[str]) -> list[str]:
        """See `Comparison`."""
        if len(levels) < 2:
            return [f"a trend over {self.factor} needs two levels or more, got {', '.join(levels) or 'none'}"]
        unusable = [level for level in levels if not _usable(level, self.scale)]
        above = " above 0" if self.scale == "log2" else ""
        return [f"a trend over {self.factor} reads numbers{above}, got {level!r}" for level in unusable]


AnyComparison = Annotated[LevelDifference | Interaction | Trend, Field(discriminator="kind")]


def _both(first: str, second: str) -> str:
    return f"{first} × {second}"


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
