"""Ladders: a point for each level of a factor, one contrast over another."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "From rung to rung"
_COLUMNS = ("ladder", "point", "x", "x_low", "x_high", "y", "y_low", "y_high", "x_n", "y_n")
_COLOUR = "#0072B2"
_SIZE, _LEFT, _FOOT, _HEAD, _GAP, _RIGHT = (4.3, 2.9), 0.95, 0.65, 0.4, 0.95, 0.7


@style.house_style()
def ladder(points: pd.DataFrame, labels: dict[str, tuple[str, str]]) -> Figure:
    """One panel a ladder; every point is the mean over networks, its bars are 95 % intervals on both axes.

    Parameters
    ----------
    points : what `repbias.experiments.ladder.Ladder.points` returns, of one ladder or several.
    labels : the axes' titles (x, y) of each ladder.
    """
    select.require_columns(points, _COLUMNS, "points")
    if points.empty:
        sentence = "No rungs: no network of these conditions passed the accuracy criterion."
        return Figure("ladder", TITLE, sentence, style.sentence_only(sentence), points)
    names = list(dict.fromkeys(points["ladder"]))
    width = _LEFT + len(names) * _SIZE[0] + (len(names) - 1) * _GAP + _RIGHT
    height = _FOOT + _SIZE[1] + _HEAD
    drawing = style.canvas(width, height)
    for index, name in enumerate(names):
        left = _LEFT + index * (_SIZE[0] + _GAP)
        axes = drawing.add_axes((left / width, _FOOT / height, _SIZE[0] / width, _SIZE[1] / height))
        style.panel_title(axes, name)
        _draw(axes, points[points["ladder"] == name])
        x, y = labels.get(name, ("", ""))
        axes.set_xlabel(style.plain(style.formula(x), 60, 2), parse_math=False)
        axes.set_ylabel(style.plain(style.formula(y), 44, 2), parse_math=False)
    counts = points[["x_n", "y_n"]].astype(int)
    caption = (
        "Every point is named by its level, and is the mean over the networks that passed the accuracy "
        "criterion; bars are 95 % "
        f"intervals over networks (Student’s t). n = {counts.to_numpy().min()} to {counts.to_numpy().max()} networks."
    )
    return Figure("ladder", TITLE, caption, drawing, points.reset_index(drop=True))


def _draw(axes: Axes, points: pd.DataFrame) -> None:
    """The points with their bars and names."""
    for place, row in enumerate(points.sort_values("x").to_dict("records")):
        if np.isfinite([row["x_low"], row["x_high"]]).all():
            axes.hlines(row["y"], row["x_low"], row["x_high"], color=_COLOUR, linewidth=1.2, alpha=0.55)
        if np.isfinite([row["y_low"], row["y_high"]]).all():
            axes.vlines(row["x"], row["y_low"], row["y_high"], color=_COLOUR, linewidth=1.2, alpha=0.55)
        axes.annotate(
            style.plain(row["point"], 18, 1),
            (row["x"], row["y"]),
            (4, -10 if place % 2 else 4),  # names of neighbours above and below by turns
            textcoords="offset points",
            fontsize=7.5,
            parse_math=False,
        )
    axes.plot(points["x"], points["y"], "o", color=_COLOUR, markersize=4.5, zorder=3)
    axes.axhline(0, color="#8b939c", linewidth=0.7, zorder=1)
    axes.margins(0.12)
