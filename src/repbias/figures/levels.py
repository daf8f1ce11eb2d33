"""Contrasts level by level: trends over the levels of a factor, and ladders of one contrast over another."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from repbias.core.results import LEVEL_COLUMNS, POINT_COLUMNS
from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

TREND_NAME, TREND_TITLE = "trend", "Trends over the levels of a factor"
LADDER_NAME, LADDER_TITLE = "ladder", "One contrast over another, level by level"
_CLAIM = ["id", "statement", "statistic", "factor", "scale"]
_IN_A_ROW, _GAP = 4, 0.35
_LEFT, _RIGHT, _TOP = 0.95, 0.3, 0.1
_HEAD, _TITLE, _FOOT = 0.56, 0.3, 0.62
_LETTER = 0.08  # inches per letter of a tick label


@style.applied()
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
    select.require_columns(levels, LEVEL_COLUMNS, "levels")
    if levels.empty:
        sentence = "No trends: no claim's contrast was measured at the levels of a factor."
        return empty_figure(TREND_NAME, TREND_TITLE, sentence, levels)
    claims = [rows for _, rows in levels.groupby(_CLAIM, sort=False)]
    sizes = [(4.6, 2.3) if rows["group"].nunique() == 1 else (2.35, 1.75) for rows in claims]
    counts = [rows["group"].nunique() for rows in claims]
    widest = max(min(count, _IN_A_ROW) * (width + _GAP) for count, (width, _) in zip(counts, sizes, strict=True))
    heights = [
        _HEAD + -(-count // _IN_A_ROW) * (_TITLE + height + _FOOT)
        for count, (_, height) in zip(counts, sizes, strict=True)
    ]
    drawing = style.canvas(_LEFT + max(widest, 6.4) + _RIGHT, sum(heights) + _TOP)
    for place, (rows, size) in enumerate(zip(claims, sizes, strict=True)):
        _draw_claim(drawing, rows, size, sum(heights[place:]))
    return Figure(TREND_NAME, TREND_TITLE, _trend_caption(levels), drawing, levels.reset_index(drop=True))


def _draw_claim(drawing: matplotlib.figure.Figure, rows: pd.DataFrame, size: tuple[float, float], top: float) -> None:
    """One claim's heading and panels of `size` inches, which share the vertical axis."""
    width, height = style.inches(drawing)
    claim, groups = rows.iloc[0], list(rows["group"].unique())
    heading = style.plain(f"{claim['id']}  {claim['statement']}", int(width * 10), 2)
    place = (0.1 / width, (top - 0.12) / height)
    drawing.text(*place, heading, va="top", fontweight="bold", fontsize=style.points(9), parse_math=False)
    limits = marks.limits(rows[["value", "ci_low", "ci_high"]])
    for index, group in enumerate(groups):
        line, column = divmod(index, _IN_A_ROW)
        bottom = top - _HEAD - (line + 1) * (_TITLE + size[1]) - line * _FOOT
        axes = style.axes_at(drawing, _LEFT + column * (size[0] + _GAP), bottom, *size)
        style.panel_title(axes, group)
        draw_trend(axes, rows[rows["group"] == group], log2=claim["scale"] == "log2")
        axes.set_ylim(*limits)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(style.plain(style.formula(claim["statistic"]), 34, 3), parse_math=False)
        if index + _IN_A_ROW >= len(groups):
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
    axes.add_collection(LineCollection(lines, colors=style.grey(), linewidths=0.7, alpha=0.6, zorder=2), autolim=False)
    marks.points(axes, seeds["level"], seeds["value"], style.grey(), 2.2, alpha=1, zorder=2)
    axes.plot(joined["level"], joined["value"], "-", color=style.mean_colour(), linewidth=1.9, zorder=4)
    axes.plot(mean["level"], mean["value"], "o", color=style.mean_colour(), markersize=4, zorder=4)
    known = marks.with_interval(mean)
    axes.vlines(known["level"], known["ci_low"], known["ci_high"], color=style.mean_colour(), linewidth=1.7, zorder=3)
    axes.axhline(0, color=style.ink(), linewidth=0.8, zorder=1)
    levels = sorted(rows["level"].unique())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(FixedLocator(levels))
    _margins(axes, levels, log2=log2)
    axes.set_xticklabels(_names(axes, levels))


def _names(axes: Axes, levels: list[float]) -> list[str]:
    """The names of the levels, the shorter ones first, without those that would run into another."""
    inch = axes.figure.dpi * style.points(1)
    places = axes.transData.transform([(level, 0) for level in levels])[:, 0] / inch
    names, named = [f"{level:g}" for level in levels], set[int]()
    for index in sorted(range(len(levels)), key=lambda index: len(names[index])):
        needs = [(len(names[index]) + len(names[other])) / 2 * _LETTER for other in named]
        if all(abs(places[index] - places[other]) > need for other, need in zip(named, needs, strict=True)):
            named.add(index)
    return [name if index in named else "" for index, name in enumerate(names)]


def _margins(axes: Axes, levels: list[float], *, log2: bool) -> None:
    """A tenth of the axis free at both ends."""
    low, high = (np.log2([levels[0], levels[-1]]) if log2 else (levels[0], levels[-1]))  # fmt: skip
    room = max((high - low) * 0.1, 0.25)
    ends = np.array([low - room, high + room])
    axes.set_xlim(*(2**ends if log2 else ends))


def _trend_caption(levels: pd.DataFrame) -> str:
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


@style.applied()
def ladder(points: pd.DataFrame, labels: dict[str, tuple[str, str]]) -> Figure:
    """Draw one panel per ladder; every point is a mean over networks, with 95 % intervals on both axes.

    Parameters
    ----------
    points : what `repbias.experiments.ladder.Ladder.points` returns, of one ladder or several.
    labels : the axis titles (x, y) of each ladder.

    Returns
    -------
    The figure; ``numbers`` is the table of points.
    """
    select.require_columns(points, POINT_COLUMNS, "points")
    if points.empty:
        sentence = "No points: no network of these conditions passed the accuracy criterion."
        return empty_figure(LADDER_NAME, LADDER_TITLE, sentence, points)
    names = list(dict.fromkeys(points["ladder"]))
    drawing, cells = style.tiles(len(names), len(names), (4.3, 2.9), gap=(0.95, 0.0), margins=(0.95, 0.65, 0.7, 0.4))
    for cell, name in zip(cells, names, strict=True):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, name)
        draw_ladder(axes, points[points["ladder"] == name])
        x, y = labels.get(name, ("", ""))
        axes.set_xlabel(style.plain(style.formula(x), 60, 2), parse_math=False)
        axes.set_ylabel(style.plain(style.formula(y), 44, 2), parse_math=False)
    caption = (
        "Each point is named by its level and is the mean over the networks that passed the accuracy criterion; bars "
        f"are 95 % intervals over networks (Student’s t). n = {select.count_range([*points['x_n'], *points['y_n']])} "
        "networks."
    )
    return Figure(LADDER_NAME, LADDER_TITLE, caption, drawing, points.reset_index(drop=True))


def draw_ladder(axes: Axes, points: pd.DataFrame) -> None:
    """Draw the points of one ladder with their bars and names."""
    for row in points.to_dict("records"):
        # Intervals that are not finite, of a single network, are not drawn.
        axes.plot([row["x_low"], row["x_high"]], [row["y"]] * 2, color=style.mean_colour(), linewidth=1.2, alpha=0.55)
        axes.plot([row["x"]] * 2, [row["y_low"], row["y_high"]], color=style.mean_colour(), linewidth=1.2, alpha=0.55)
    axes.plot(points["x"], points["y"], "o", color=style.mean_colour(), markersize=4.5, zorder=3)
    marks.zero_line(axes)
    axes.margins(0.12)
    _name_points(axes, points)


def _name_points(axes: Axes, points: pd.DataFrame) -> None:
    """Write the name of each point on the side of it where it overlaps fewest points and names."""
    inch = axes.figure.dpi * style.points(1)
    centres = axes.transData.transform(points[["x", "y"]].to_numpy(float)) / inch
    taken = [(x - 0.04, y - 0.04, x + 0.04, y + 0.04) for x, y in centres]
    for (x, y), row in zip(centres, points.to_dict("records"), strict=True):
        name = style.plain(row["point"], 18, 1)
        size = 0.072 * len(name), 0.12
        boxes = {side: _box(x, y, *size, *side) for side in ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 2), (0, -2))}
        across, up = side = min(boxes, key=lambda side: sum(_overlap(boxes[side], other) for other in taken))
        taken.append(boxes[side])
        axes.annotate(
            name, (row["x"], row["y"]), (4 * across, 5 * up), textcoords="offset points",
            ha=("center", "left", "right")[across], va="bottom" if up > 0 else "top", fontsize=style.points(7.5),
            parse_math=False,
        )  # fmt: skip


def _box(x: float, y: float, width: float, height: float, across: int, up: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a name beside a point, in inches."""
    left = x - width / 2 + across * (width / 2 + 0.05)
    bottom = y + 0.06 * up - (height if up < 0 else 0)
    return left, bottom, left + width, bottom + height


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The area that two boxes share."""
    width, height = (min(one[side + 2], other[side + 2]) - max(one[side], other[side]) for side in (0, 1))
    return max(width, 0.0) * max(height, 0.0)
