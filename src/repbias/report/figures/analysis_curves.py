"""What an analysis finds as curves: a measure of each feature over whatever is swept, a panel a curve and condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repbias.core.statistics import mean_interval
from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "What the analysis sweeps"
_COLUMNS = ("condition", "seed", "layer", "feature", "curve", "x", "value")
_SIZE = (2.45, 1.75)
_MOST_MARKS = 16
_DECADES = 1.6  # swept over more than this, the axis is logarithmic


@style.house_style()
def analysis_curves(
    curves: pd.DataFrame,
    conditions: pd.DataFrame,
    labels: dict[str, tuple[str, str]],
    features: Sequence[str] = (),
) -> Figure:
    """The mean over networks with its 95 % interval at every value of x; of each curve, a panel a condition.

    Parameters
    ----------
    curves : what analyses found: ``condition``, ``seed``, ``layer``, ``feature``, ``curve``, ``x``, ``value``.
    conditions : one row a condition; its order is the order of the panels.
    labels : the axes' titles (x, value) of each curve.
    features : those of the tasks, which have the colours that they have in other figures; other lines come after them.

    Returns
    -------
    the figure; ``numbers`` has the marks ``seed`` and ``mean``.
    """
    select.require_columns(curves, _COLUMNS, "curves")
    numbers = pd.concat([curves.assign(mark="seed"), _means(curves)], ignore_index=True)
    here = conditions[conditions["condition"].isin(set(curves["condition"]))]
    if here.empty:
        sentence = "No curves: the analysis has not been done, or no network passed the accuracy criterion."
        return Figure("analysis-curves", TITLE, sentence, style.sentence_only(sentence), numbers)
    titles = select.titles(conditions)
    drawn = set(curves["feature"])
    others = select.in_order(drawn - set(features))
    colours = style.feature_colours([*select.in_order(drawn & set(features)), *others])
    names = list(dict.fromkeys(curves["curve"]))
    shown = select.drawn(here)["condition"]
    columns = select.panel_columns(select.drawn(here))
    places = -(-len(shown) // columns) * columns  # of one curve, those left free in its last row included
    drawing, cells = style.blocks(len(names) * places, columns, _SIZE, colours, gap=(0.35, 1.0), below=0.62)
    for line, curve in enumerate(names):
        own = numbers[numbers["curve"] == curve]
        for place, condition in enumerate(shown):
            axes, column = drawing.add_subplot(cells[line * places + place]), place % columns
            style.panel_title(axes, titles[condition])
            _draw(axes, own[(own["condition"] == condition) & (own["mark"] == "mean")], colours)
            _scale(axes, own)
            axes.set_xlabel(style.plain(labels.get(curve, (curve, ""))[0], 40, 2), parse_math=False)
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel(style.plain(labels.get(curve, ("", curve))[1], 24, 4), parse_math=False)
    caption = f"{_caption(curves, conditions)}{select.drawn_sentence(here)}"
    return Figure("analysis-curves", TITLE, caption, drawing, numbers)


def _means(curves: pd.DataFrame) -> pd.DataFrame:
    """The mean over networks at every x, with its interval."""
    keys = ["condition", "layer", "feature", "curve", "x"]
    rows = []
    for place, values in curves.dropna(subset=["value"]).groupby(keys, sort=False)["value"]:
        mean = mean_interval(values.to_numpy(float))
        interval = {"value": mean.mean, "ci_low": mean.ci_low, "ci_high": mean.ci_high, "n": mean.n}
        rows.append({**dict(zip(keys, place, strict=True)), **interval, "mark": "mean"})
    return pd.DataFrame(rows, columns=[*keys, "value", "ci_low", "ci_high", "n", "mark"])


def _draw(axes: Axes, means: pd.DataFrame, colours: dict[str, str]) -> None:
    """One line a feature; where several layers were analysed, the last is drawn whole and the others dashed."""
    layers, marked = list(dict.fromkeys(means["layer"])), means["x"].nunique() <= _MOST_MARKS
    for (layer, feature), line in means.groupby(["layer", "feature"], sort=False):
        line = line.sort_values("x")
        whole = layer == layers[-1]
        colour = colours[str(feature)]
        axes.plot(
            line["x"], line["value"], "-" if whole else "--", color=colour, linewidth=1.8 if whole else 0.9,
            marker="o" if marked else None, markersize=2.6, alpha=1 if whole else 0.6,
        )  # fmt: skip
        known = line[np.isfinite(line["ci_low"].astype(float)) & np.isfinite(line["ci_high"].astype(float))]
        if whole:
            axes.fill_between(known["x"], known["ci_low"], known["ci_high"], color=colour, alpha=0.16, linewidth=0)
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
    elif (x == x.round()).all():  # stages, components: there is nothing between two
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.axhline(0, color="#8b939c", linewidth=0.7, zorder=1)


def _caption(curves: pd.DataFrame, conditions: pd.DataFrame) -> str:
    by_condition = curves.groupby("condition", sort=False)["layer"]
    last = " or ".join(dict.fromkeys(by_condition.last()))
    own = ", each condition’s own" if curves["layer"].nunique() > 1 else ""
    where = f"Layer {last}{own}."
    if by_condition.nunique().max() > 1:
        where = f"Whole lines are layer {last}{own if ' or ' in last else ''}, dashed are the others."
    return (
        "Mean over networks at each value of what is swept, with its 95 % interval (Student’s t) as a band. "
        f"{where} {select.networks_sentence(curves, conditions)}"
    )
