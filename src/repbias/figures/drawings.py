"""What the plot of a measure's result shows, as numbers and names; `figures.measures` draws it.

Nothing here imports Matplotlib, so that a measure can describe its plot without loading it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True, eq=False)
class Bars:
    """One bar for each feature, and marks for the values that it is compared with."""

    names: Sequence[str]
    """Names of the bars, `[bar]`; one in parentheses, such as ``(remainder)``, is drawn in grey."""

    values: npt.ArrayLike
    """Shares, `[bar]`."""

    label: str
    """Label of the axis of the values."""

    references: Mapping[str, npt.ArrayLike | None] = field(default_factory=dict)
    """By name, other values for each bar, `[bar]`; None is left out."""

    groups: Sequence[str] | None = None
    """Bars of the same group have the same colour, `[bar]`; by default each has its own."""

    per_cent: bool = True
    """Whether values are printed in per cent."""

    title: str = ""

    @property
    def compared(self) -> dict[str, npt.NDArray[np.float64]]:
        """The references that there are."""
        return {name: np.asarray(them, dtype=float) for name, them in self.references.items() if them is not None}


@dataclass(frozen=True, eq=False)
class Curves:
    """One curve of shares for each feature."""

    names: Sequence[str]
    """Names of the curves, `[curve]`."""

    x: npt.ArrayLike
    """`[point]`, the same for every curve."""

    curves: npt.ArrayLike
    """Shares, `[curve, point]`."""

    labels: tuple[str, str]
    """Labels of the horizontal and of the vertical axis."""

    levels: npt.ArrayLike | None = None
    """A level for each curve, such as chance, drawn as a dotted line, `[curve]`."""

    points: bool = False
    """Whether each point is marked."""

    interval: tuple[npt.ArrayLike, npt.ArrayLike] | None = None
    """Both ends of the interval of each point, `[curve, point]` each."""

    ticks: Sequence[str] | None = None
    """Names of the points, `[point]`, where `x` holds their places, such as layers."""

    @classmethod
    def of_layers(cls, r2: pd.DataFrame) -> Curves:
        """Describe R2 by layer; `r2` has the columns layer, feature, r2, ci_low and ci_high, in the order of layers."""
        layers, names = list(dict.fromkeys(r2["layer"])), list(dict.fromkeys(r2["feature"]))
        value, low, high = (
            r2.pivot(index="feature", columns="layer", values=column).loc[names, layers].to_numpy(float)
            for column in ("r2", "ci_low", "ci_high")
        )
        return cls(
            names,
            np.arange(len(layers)),
            value,
            ("layer", "share of variance explained"),
            points=True,
            interval=(np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)),
            ticks=layers,
        )

    @classmethod
    def of_units(cls, r2: pd.DataFrame) -> Curves:
        """Describe the R2 of the units of a layer, sorted for each feature; `r2` has the columns unit, feature, r2."""
        names = list(dict.fromkeys(r2["feature"]))
        curves = [np.sort(r2.loc[r2["feature"] == name, "r2"].to_numpy(float))[::-1] for name in names]
        labels = "unit, sorted by R2", "variance explained (R2) of the unit"
        return cls(names, np.arange(1, len(curves[0]) + 1), np.stack(curves), labels)


@dataclass(frozen=True, eq=False)
class Line:
    """One curve that belongs to no feature, from 0 upwards."""

    x: npt.ArrayLike
    y: npt.ArrayLike
    labels: tuple[str, str]


@dataclass(frozen=True, eq=False)
class OwnedBars:
    """The shares of the first components, each in the colour of the feature that it shows."""

    names: Sequence[str]
    """Names of all features."""

    share: npt.ArrayLike
    """`[component]`."""

    owner: Sequence[str | None]
    """The feature that each component shows, `[component]`; None for no feature."""

    most: int = 20
    """Number of components that are drawn."""


Drawing: TypeAlias = Bars | Curves | Line | OwnedBars
