"""Trends: how a contrast changes with the level of a factor, in every network."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "trend", "Trends over the levels of a factor"
_CLAIM = ["id", "statement", "statistic", "factor", "scale"]
_COLUMNS = (*_CLAIM, "group", "level", "mark", "seed", "value", "ci_low", "ci_high", "n")
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
    """Draw the contrast of every claim on a trend over the level of its factor, one panel per group of conditions.

    A thin line is one network, the bold line with bars is the mean with its interval at each level.

    Parameters
    ----------
    levels : what `repbias.experiments.verdicts.levels_table` returns.

    Returns
    -------
    The figure; ``numbers`` is the table drawn, with marks ``seed`` and ``mean``.
    """
    select.require_columns(levels, _COLUMNS, "levels")
    if levels.empty:
        sentence = "No trends: no claim's contrast was measured at the levels of a factor."
        return empty_figure(NAME, TITLE, sentence, levels)
    blocks = [_block(rows) for _, rows in levels.groupby(_CLAIM, sort=False)]
    widest = max(min(len(one.groups), _IN_A_ROW) * (one.width + 0.35) for one in blocks)
    top = sum(one.total for one in blocks)
    drawing = style.canvas(_LEFT + max(widest, 6.4) + _RIGHT, top + _TOP)
    for one in blocks:
        _draw_block(drawing, one, top)
        top -= one.total
    return Figure(NAME, TITLE, _caption(levels), drawing, levels.reset_index(drop=True))


def _block(rows: pd.DataFrame) -> _Block:
    groups = [str(name) for name in rows["group"].unique()]
    return _Block(rows, groups, 4.6 if len(groups) == 1 else 2.35, 2.3 if len(groups) == 1 else 1.75)


def _draw_block(drawing: matplotlib.figure.Figure, block: _Block, top: float) -> None:
    """One claim's heading and panels, which share the vertical axis."""
    width, height = drawing.get_size_inches()
    claim = block.rows.iloc[0]
    heading = style.plain(f"{claim['id']}  {claim['statement']}", int(width * 10), 1)
    place = (0.1 / width, (top - 0.12) / height)
    drawing.text(*place, heading, va="top", fontweight="bold", fontsize=9, parse_math=False)
    limits = marks.limits(block.rows[["value", "ci_low", "ci_high"]])
    for index, group in enumerate(block.groups):
        line, column = divmod(index, _IN_A_ROW)
        bottom = top - _HEAD - (line + 1) * (_TITLE + block.height) - line * _FOOT
        axes = style.axes_at(drawing, _LEFT + column * (block.width + 0.35), bottom, block.width, block.height)
        style.panel_title(axes, group)
        draw_trend(axes, block.rows[block.rows["group"] == group], log2=claim["scale"] == "log2")
        axes.set_ylim(*limits)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(style.plain(style.formula(claim["statistic"]), 34, 3), parse_math=False)
        if index + _IN_A_ROW >= len(block.groups):
            axes.set_xlabel(style.plain(claim["factor"], 34, 1), parse_math=False)


def draw_trend(axes: Axes, rows: pd.DataFrame, *, log2: bool) -> None:
    """Draw one group: thin lines of networks, the mean and its interval at each level."""
    seeds = rows[rows["mark"] == "seed"].sort_values("level")
    mean = rows[rows["mark"] == "mean"].sort_values("level")
    # Several conditions may share a level: lines join the means of the levels, points are conditions.
    by_level = seeds.groupby(["seed", "level"], as_index=False)["value"].mean()
    lines = [one[["level", "value"]].to_numpy(dtype=float) for _, one in by_level.groupby("seed")]
    joined = mean.groupby("level", as_index=False)["value"].mean()
    if log2:
        axes.set_xscale("log", base=2)
    axes.add_collection(LineCollection(lines, colors="#9aa2ab", linewidths=0.7, alpha=0.6, zorder=2), autolim=False)
    axes.plot(seeds["level"], seeds["value"], "o", color="#7b858f", markersize=2.2, markeredgewidth=0, zorder=2)
    axes.plot(joined["level"], joined["value"], "-", color=style.MEAN_COLOUR, linewidth=1.9, zorder=4)
    axes.plot(mean["level"], mean["value"], "o", color=style.MEAN_COLOUR, markersize=4, zorder=4)
    known = marks.with_interval(mean)
    axes.vlines(known["level"], known["ci_low"], known["ci_high"], color=style.MEAN_COLOUR, linewidth=1.7, zorder=3)
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
    counts = select.count_range(levels.loc[levels["mark"] == "mean", "n"])
    doubling = " On a logarithmic axis, a trend is a change per doubling." if (levels["scale"] == "log2").any() else ""
    return (
        "The statistic of each claim on a trend, at every level of the factor. Conditions that differ only in this "
        "factor share a panel, which is named by the levels of the other factors. Grey lines join the values of one "
        "network (seed), the blue line is the mean over networks; if several conditions share a level, each has a "
        "point, and the line joins their means. Bars are 95 % intervals (Student’s t) at each level."
        f"{doubling} The slopes of the networks decide the claim, not the intervals shown here. "
        f"n = {counts} networks per level."
    )
