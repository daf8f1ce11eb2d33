"""Ladders: one contrast over another, with a point for each level of a factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "ladder", "One contrast over another, level by level"
_COLUMNS = ("ladder", "point", "x", "x_low", "x_high", "y", "y_low", "y_high", "x_n", "y_n")
_SIZE = (4.3, 2.9)


@style.house_style()
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
    select.require_columns(points, _COLUMNS, "points")
    if points.empty:
        sentence = "No points: no network of these conditions passed the accuracy criterion."
        return empty_figure(NAME, TITLE, sentence, points)
    names = list(dict.fromkeys(points["ladder"]))
    drawing, panels = style.tiles(len(names), len(names), _SIZE, gap=(0.95, 0.0), margins=(0.95, 0.65, 0.7, 0.4))
    for axes, name in zip(panels, names, strict=True):
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
    return Figure(NAME, TITLE, caption, drawing, points.reset_index(drop=True))


def draw_ladder(axes: Axes, points: pd.DataFrame) -> None:
    """Draw the points of one ladder with their bars and names."""
    for place, row in enumerate(points.sort_values("x").to_dict("records")):
        if np.isfinite([row["x_low"], row["x_high"]]).all():
            axes.hlines(row["y"], row["x_low"], row["x_high"], color=style.MEAN_COLOUR, linewidth=1.2, alpha=0.55)
        if np.isfinite([row["y_low"], row["y_high"]]).all():
            axes.vlines(row["x"], row["y_low"], row["y_high"], color=style.MEAN_COLOUR, linewidth=1.2, alpha=0.55)
        axes.annotate(
            style.plain(row["point"], 18, 1),
            (row["x"], row["y"]),
            (4, -10 if place % 2 else 4),  # alternately below and above, so that neighbours do not overlap
            textcoords="offset points",
            fontsize=7.5,
            parse_math=False,
        )
    axes.plot(points["x"], points["y"], "o", color=style.MEAN_COLOUR, markersize=4.5, zorder=3)
    marks.zero_line(axes)
    axes.margins(0.12)
