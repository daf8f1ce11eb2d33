"""Trends: how a contrast changes with the level of a factor, seed by seed."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "Trends over the levels of a factor"
_CLAIM = ["id", "statement", "statistic", "factor", "scale"]
_COLUMNS = (*_CLAIM, "group", "level", "mark", "seed", "value", "ci_low", "ci_high", "n")
_COLOUR = "#0072B2"
_IN_A_ROW = 4
_LEFT, _RIGHT, _TOP = 0.95, 0.3, 0.1
_HEAD, _TITLE, _FOOT = 0.42, 0.3, 0.62


@dataclass(frozen=True)
class _Block:
    """One claim: its rows, its groups, and the size of a panel, in inches."""

    rows: pd.DataFrame
    groups: list[str]
    width: float
    height: float

    @property
    def lines(self) -> int:
        """How many rows of panels."""
        return -(-len(self.groups) // _IN_A_ROW)

    @property
    def total(self) -> float:
        """The height of heading and panels."""
        return _HEAD + self.lines * (_TITLE + self.height + _FOOT)


@style.house_style()
def trend(levels: pd.DataFrame) -> Figure:
    """The contrast of every claim on a trend over the level of its factor, one panel a group of conditions.

    A thin line is one network, the bold line with its bars the mean with its interval at each level.

    Parameters
    ----------
    levels : what `repbias.experiments.verdicts.levels_table` returns.

    Returns
    -------
    the figure; ``numbers`` is the table drawn, with marks ``seed`` and ``mean``.
    """
    select.require_columns(levels, _COLUMNS, "levels")
    if levels.empty:
        sentence = "No trends: no claim's contrast was measured at the levels of a factor."
        return Figure("trend", TITLE, sentence, style.sentence_only(sentence), levels)
    blocks = [_block(rows) for _, rows in levels.groupby(_CLAIM, sort=False)]
    widest = max(min(len(one.groups), _IN_A_ROW) * (one.width + 0.35) for one in blocks)
    width, height = _LEFT + max(widest, 6.4) + _RIGHT, _TOP + sum(one.total for one in blocks)
    drawing = style.canvas(width, height)
    top = height - _TOP
    for one in blocks:
        _draw_block(drawing, one, top)
        top -= one.total
    return Figure("trend", TITLE, _caption(levels), drawing, levels.reset_index(drop=True))


def _block(rows: pd.DataFrame) -> _Block:
    groups = [str(name) for name in rows["group"].unique()]
    return _Block(rows, groups, 4.6 if len(groups) == 1 else 2.35, 2.3 if len(groups) == 1 else 1.75)


def _draw_block(drawing: matplotlib.figure.Figure, block: _Block, top: float) -> None:
    """One claim's heading and panels, all with one axis of values."""
    width, height = drawing.get_size_inches()
    said = block.rows.iloc[0]
    heading = style.plain(f"{said['id']}  {said['statement']}", int(width * 10), 1)
    place = (0.1 / width, (top - 0.12) / height)
    drawing.text(*place, heading, va="top", fontweight="bold", fontsize=9, parse_math=False)
    limits = _limits(block.rows)
    for index, group in enumerate(block.groups):
        line, column = divmod(index, _IN_A_ROW)
        bottom = top - _HEAD - (line + 1) * (_TITLE + block.height) - line * _FOOT
        left = _LEFT + column * (block.width + 0.35)
        axes = drawing.add_axes((left / width, bottom / height, block.width / width, block.height / height))
        style.panel_title(axes, group)
        _draw(axes, block.rows[block.rows["group"] == group], log2=said["scale"] == "log2")
        axes.set_ylim(*limits)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(style.plain(style.formula(said["statistic"]), 34, 3), parse_math=False)
        if index + _IN_A_ROW >= len(block.groups):
            axes.set_xlabel(style.plain(said["factor"], 34, 1), parse_math=False)


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every value, every interval that is finite, and zero."""
    given = np.append(rows[["value", "ci_low", "ci_high"]].to_numpy(dtype=float).ravel(), 0.0)
    given = given[np.isfinite(given)]
    room = max(float(np.ptp(given)) * 0.06, 1e-3)
    return float(given.min()) - room, float(given.max()) + room


def _draw(axes: Axes, rows: pd.DataFrame, *, log2: bool) -> None:
    """One group: thin lines within networks, the mean and its interval at each level."""
    seeds = rows[rows["mark"] == "seed"].sort_values("level")
    mean = rows[rows["mark"] == "mean"].sort_values("level")
    # Several conditions may share a level: lines join the levels' means, points are conditions.
    by_level = seeds.groupby(["seed", "level"], as_index=False)["value"].mean()
    lines = [one[["level", "value"]].to_numpy(dtype=float) for _, one in by_level.groupby("seed")]
    joined = mean.groupby("level", as_index=False)["value"].mean()
    if log2:
        axes.set_xscale("log", base=2)
    axes.add_collection(LineCollection(lines, colors="#9aa2ab", linewidths=0.7, alpha=0.6, zorder=2), autolim=False)
    axes.plot(seeds["level"], seeds["value"], "o", color="#7b858f", markersize=2.2, markeredgewidth=0, zorder=2)
    axes.plot(joined["level"], joined["value"], "-", color=_COLOUR, linewidth=1.9, zorder=4)
    axes.plot(mean["level"], mean["value"], "o", color=_COLOUR, markersize=4, zorder=4)
    known = mean[np.isfinite(mean["ci_low"]) & np.isfinite(mean["ci_high"])]
    axes.vlines(known["level"], known["ci_low"], known["ci_high"], color=_COLOUR, linewidth=1.7, zorder=3)
    axes.axhline(0, color=style.INK, linewidth=0.8, zorder=1)
    levels = sorted(rows["level"].unique())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(FixedLocator(levels))
    axes.set_xticklabels([f"{level:g}" for level in levels])
    _margins(axes, levels, log2=log2)


def _margins(axes: Axes, levels: list[float], *, log2: bool) -> None:
    """A tenth of the axis free at both ends."""
    low, high = (np.log2([levels[0], levels[-1]]) if log2 else (levels[0], levels[-1]))  # fmt: skip
    room = max((high - low) * 0.1, 0.25)
    ends = np.array([low - room, high + room])
    axes.set_xlim(*(2**ends if log2 else ends))


def _caption(levels: pd.DataFrame) -> str:
    counts = levels.loc[levels["mark"] == "mean", "n"].astype(int)
    least, most = counts.min(), counts.max()
    several = f"{least}" if least == most else f"{least} to {most}"
    doubling = (
        " Where the axis is logarithmic, a trend is read per doubling." if (levels["scale"] == "log2").any() else ""
    )
    return (
        "The statistic of each claim on a trend, at every level of the factor; conditions that are alike but for this "
        "factor share a panel, which is named by the levels of the others. Grey lines join the values of one network "
        "(seed) over the levels, the blue line is the mean over networks; where several conditions share a level, it "
        "joins their means, and each has a point. Bars are 95 % intervals (Student’s t, of each level for itself)."
        f"{doubling} The claim is decided by the slope of every network, not by the intervals shown here. "
        f"n = {several} networks a level."
    )
