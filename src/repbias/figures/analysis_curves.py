"""Curves that an analysis returns: over a swept value, and of the channels of each stage by rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

CURVES_NAME, CURVES_TITLE = "analysis-curves", "Curves of the analysis"
CHANNELS_NAME, CHANNELS_TITLE = "channels", "Channels before and after pooling, stage by stage"
_COLUMNS = ("condition", "seed", "layer", "feature", "curve", "x", "value")
_CURVE_SIZE, _CHANNEL_SIZE = (2.45, 1.75), (2.1, 1.7)
_GREYS = ("#59616b", "#a3abb4")
_MOST_MARKS = 16
_DECADES = 1.6  # beyond this range the axis is logarithmic
_VECTOR_VALUES = 20_000  # with more, the networks' lines would make the SVG heavy


@style.applied()
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
    here = select.in_conditions(conditions, curves)
    if here.empty:
        sentence = "No curves: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(CURVES_NAME, CURVES_TITLE, sentence, numbers)
    reported, others = _reported(curves, features)
    colours = style.feature_colours([*reported, *others])
    names = list(dict.fromkeys(curves["curve"]))
    shown, titles = select.drawn(here)["condition"], select.titles(conditions)
    columns = select.panel_columns(select.drawn(here))
    free = -len(shown) % columns  # places in the last row of one curve
    places = [*((name, titles[name]) for name in shown), *[("", "")] * free]
    drawing, panels = marks.panels(places * len(names), _CURVE_SIZE, colours, columns, gap=(0.35, 1.0), below=0.62)
    for place, panel in enumerate(panels):
        if panel.name:
            curve = names[place // len(places)]
            rows = numbers[numbers["curve"] == curve]
            x_title, y_title = labels.get(curve, (curve, curve))
            axes = panel.axes(y=style.plain(y_title, 24, 4))
            draw_curves(axes, rows[(rows["condition"] == panel.name) & (rows["mark"] == "mean")], colours)
            _scale(axes, rows)
            axes.set_xlabel(style.plain(x_title, 40, 2), parse_math=False)
    caption = f"{_curves_caption(curves, conditions)}{select.drawn_sentence(here)}"
    return Figure(CURVES_NAME, CURVES_TITLE, caption, drawing, numbers)


def _reported(rows: pd.DataFrame, features: Sequence[str]) -> tuple[list[str], list[str]]:
    """The features of the rows that tasks report, and the others."""
    drawn = set(rows["feature"].astype(str))
    return select.in_order(drawn & set(features)), select.in_order(drawn - set(features))


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


def _curves_caption(curves: pd.DataFrame, conditions: pd.DataFrame) -> str:
    by_condition = curves.groupby("condition", sort=False)["layer"]
    last = " or ".join(dict.fromkeys(by_condition.last()))
    varying = ", depending on the condition" if " or " in last else ""
    where = f"The layer is {last}{varying}."
    if by_condition.nunique().max() > 1:
        where = f"Solid lines are layer {last}{varying}; dashed lines are the other layers."
    return (
        "Mean over networks at each value on the horizontal axis; the band is its 95 % interval (Student’s t). "
        f"{where} {select.networks_sentence(curves, conditions)}"
    )


@style.applied()
def channel_spread(
    channels: pd.DataFrame, conditions: pd.DataFrame, solid: str, dashed: str, features: Sequence[str]
) -> Figure:
    """Draw R2 of the channels of every stage from high to low, at every place of its map and of its mean over space.

    It shows over how many channels a feature is spread before pooling, and how strongly.

    Parameters
    ----------
    channels : ``condition``, ``seed``, ``layer``, ``feature``, ``curve``, ``x`` (rank from 1), ``value`` (R2); layers
        in the order of the stages.
    conditions : one row per condition; its order is the order of the rows of panels.
    solid, dashed : the curves drawn with solid lines, of the map, and with dashed lines, of the mean over space.
    features : what networks report; any other property is drawn in grey.

    Returns
    -------
    The figure; ``numbers`` has the marks ``seed`` and ``mean``, and in ``share`` the rank as a share of the channels.
    """
    select.require_columns(channels, _COLUMNS, "channels")
    here = select.in_conditions(conditions, channels)
    numbers = _ranks(channels)
    if here.empty:
        sentence = "No channels: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(CHANNELS_NAME, CHANNELS_TITLE, sentence, numbers)
    reported, others = _reported(channels, features)
    greys = {name: _GREYS[place % len(_GREYS)] for place, name in enumerate(others)}
    colours = style.feature_colours(reported) | greys
    titles, shown = select.titles(conditions), select.drawn(here)["condition"]
    stages = {name: list(dict.fromkeys(rows["layer"])) for name, rows in channels.groupby("condition")}
    columns = max(len(layers) for layers in stages.values())
    places = [(name, "" if column else titles[name]) for name in shown for column in range(columns)]
    drawing, panels = marks.panels(places, _CHANNEL_SIZE, colours, columns, gap=(0.3, 0.8))
    limits = min(float(numbers["value"].min()), 0.0) - 0.03, max(float(numbers["value"].max()), 0.1) * 1.05
    for place, panel in enumerate(panels):
        stage, layers = place % columns, stages[panel.name]
        if stage < len(layers):
            axes = panel.axes(y="R2 of a channel")
            rows = numbers[(numbers["condition"] == panel.name) & (numbers["layer"] == layers[stage])]
            draw_ranks(axes, rows, colours, solid, rasterized=len(numbers) > _VECTOR_VALUES)
            axes.set(xlim=(0, 1), ylim=limits)
            marks.share_axis(axes.xaxis)
            axes.set_xlabel(f"share of channels, stage {stage}")
    caption = f"{_channels_caption(numbers, solid, dashed, conditions)}{select.drawn_sentence(here)}"
    return Figure(CHANNELS_NAME, CHANNELS_TITLE, caption, drawing, numbers)


def _ranks(channels: pd.DataFrame) -> pd.DataFrame:
    """Every network's channels by rank, and the mean over networks at each rank."""
    keys = ["condition", "layer", "feature", "curve", "x"]
    values = select.seeds_and_mean(channels.astype({"condition": str, "feature": str}), keys)
    count = values.groupby(["condition", "layer", "curve"], sort=False)["x"].transform("max")
    return values.rename(columns={"x": "rank"}).assign(share=values["x"] / count)


def draw_ranks(axes: Axes, rows: pd.DataFrame, colours: dict[str, str], solid: str, *, rasterized: bool) -> None:
    """Draw falling steps: thin lines of networks on the map, bold and dashed lines of means."""
    marks.zero_line(axes)
    for feature, colour in reversed(colours.items()):
        one = rows[rows["feature"] == feature]
        for _, network in one[(one["mark"] == "seed") & (one["curve"] == solid)].groupby("seed"):
            _steps(axes, network, color=colour, linewidth=0.5, alpha=0.4, rasterized=rasterized)
        for curve, mean in one[one["mark"] == "mean"].groupby("curve"):
            of_map = curve == solid
            _steps(axes, mean, color=colour, linewidth=1.8 if of_map else 1.1, linestyle="-" if of_map else "--")


def _steps(axes: Axes, rows: pd.DataFrame, **style_of_line: object) -> None:
    rows = rows.sort_values("rank")
    axes.stairs(rows["value"], np.append(0.0, rows["share"]), baseline=None, **style_of_line)  # type: ignore[arg-type]


def _channels_caption(numbers: pd.DataFrame, solid: str, dashed: str, conditions: pd.DataFrame) -> str:
    return (
        "Channels of every stage, from the highest R2 to the lowest, sorted for each feature separately. At the point "
        "where a line crosses a value of R2, the horizontal axis gives the share of channels above that value. Solid "
        f"lines are {solid}: the variance that a feature explains at every place of the map, summed over places, as a "
        f"share of all variance at these places. Dashed lines are {dashed}. Bold and dashed lines are means over "
        "networks at each rank, thin lines are networks. Grey lines are properties of the images that no output "
        f"reports. {select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
    )
