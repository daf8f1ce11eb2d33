"""Curves that an analysis returns: a measure of each feature over a swept value, one panel per curve and condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "analysis-curves", "Curves of the analysis"
_COLUMNS = ("condition", "seed", "layer", "feature", "curve", "x", "value")
_SIZE = (2.45, 1.75)
_MOST_MARKS = 16
_DECADES = 1.6  # beyond this range the axis is logarithmic


@style.house_style()
def analysis_curves(
    curves: pd.DataFrame,
    conditions: pd.DataFrame,
    labels: dict[str, tuple[str, str]],
    features: Sequence[str] = (),
) -> Figure:
    """Draw the mean over networks with its 95 % interval at every x, one panel per curve and condition.

    Parameters
    ----------
    curves : what analyses return: ``condition``, ``seed``, ``layer``, ``feature``, ``curve``, ``x``, ``value``.
    conditions : one row per condition; its order is the order of the panels.
    labels : the axis titles (x, value) of each curve.
    features : the features of the tasks, which keep their colours from other figures; other lines follow them.

    Returns
    -------
    The figure; ``numbers`` has the marks ``seed`` and ``mean``.
    """
    select.require_columns(curves, _COLUMNS, "curves")
    means = select.means(curves, ["condition", "layer", "feature", "curve", "x"])
    numbers = pd.concat([curves.assign(mark="seed"), means], ignore_index=True)
    here = conditions[conditions["condition"].isin(set(curves["condition"]))]
    if here.empty:
        sentence = "No curves: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(NAME, TITLE, sentence, numbers)
    titles = select.titles(conditions)
    drawn = set(curves["feature"])
    others = select.in_order(drawn - set(features))
    colours = style.feature_colours([*select.in_order(drawn & set(features)), *others])
    names = list(dict.fromkeys(curves["curve"]))
    shown = select.drawn(here)["condition"]
    columns = select.panel_columns(select.drawn(here))
    places = -(-len(shown) // columns) * columns  # of one curve, including those left free in its last row
    drawing, cells = style.blocks(len(names) * places, columns, _SIZE, colours, gap=(0.35, 1.0), below=0.62)
    for line, curve in enumerate(names):
        own = numbers[numbers["curve"] == curve]
        x_title, y_title = labels.get(curve, (curve, curve))
        for place, condition in enumerate(shown):
            axes, column = drawing.add_subplot(cells[line * places + place]), place % columns
            style.panel_title(axes, titles[condition])
            draw_curves(axes, own[(own["condition"] == condition) & (own["mark"] == "mean")], colours)
            _scale(axes, own)
            axes.set_xlabel(style.plain(x_title, 40, 2), parse_math=False)
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel(style.plain(y_title, 24, 4), parse_math=False)
    caption = f"{_caption(curves, conditions)}{select.drawn_sentence(here)}"
    return Figure(NAME, TITLE, caption, drawing, numbers)


def draw_curves(axes: Axes, means: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw one line per feature; of several layers, the last is solid with a band, the others dashed."""
    layers, marked = list(dict.fromkeys(means["layer"])), means["x"].nunique() <= _MOST_MARKS
    for (layer, feature), line in means.groupby(["layer", "feature"], sort=False):
        line, solid = line.sort_values("x"), layer == layers[-1]
        colour = colours[str(feature)]
        axes.plot(
            line["x"], line["value"], "-" if solid else "--", color=colour, linewidth=1.8 if solid else 0.9,
            marker="o" if marked else None, markersize=2.6, alpha=1 if solid else 0.6,
        )  # fmt: skip
        if solid:
            marks.band(axes, line, "x", colour, alpha=0.16)
    if means.empty:
        style.say(axes, "not analysed")


def _scale(axes: Axes, rows: pd.DataFrame) -> None:
    """The same axes for all panels of a curve, with room for every network."""
    x = rows["x"].to_numpy(float)
    values = np.append(rows["value"].dropna().to_numpy(float), 0.0)  # of networks: an interval may reach beyond
    room = 0.05 * max(np.ptp(values), 0.1)
    axes.set_ylim(values.min() - room, values.max() + room)
    if (x > 0).all() and np.log10(x.max() / x.min()) > _DECADES:
        axes.set_xscale("log")
    elif (x == x.round()).all():  # counts, such as of components: no ticks between them
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    marks.zero_line(axes)


def _caption(curves: pd.DataFrame, conditions: pd.DataFrame) -> str:
    by_condition = curves.groupby("condition", sort=False)["layer"]
    last = " or ".join(dict.fromkeys(by_condition.last()))
    own = ", depending on the condition" if " or " in last else ""
    where = f"The layer is {last}{own}."
    if by_condition.nunique().max() > 1:
        where = f"Solid lines are layer {last}{own}; dashed lines are the other layers."
    return (
        "Mean over networks at each value on the horizontal axis; the band is its 95 % interval (Student’s t). "
        f"{where} {select.networks_sentence(curves, conditions)}"
    )
