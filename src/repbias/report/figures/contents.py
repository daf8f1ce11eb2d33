"""What else is in the layer: the features, and further properties of the stimuli that no output reports (probes)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "layer-contents", "What else is in the layer"
TOGETHER = "everything together"
_PROBE, _JOINT = style.GREY, style.INK
_ROW = 0.22


@style.house_style()
def layer_contents(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> Figure:
    """Draw the final variance of the penultimate layer that each feature, each probe, and everything together explain.

    Parameters
    ----------
    table : measurements with ``r2`` and ``joint_r2``; the last step of each network is drawn.
    conditions : one row per condition, with ``penultimate``; its order is the order of the panels.
    features : the features that some task reports; anything else with an ``r2`` is a probe.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed`` and ``mean``, and in ``kind`` feature, probe or together.
    """
    numbers = _numbers(table, conditions, features)
    if numbers.empty:
        sentence = "Nothing else in the layer: variance explained was measured at no penultimate layer."
        return empty_figure(NAME, TITLE, sentence, numbers)
    names = list(dict.fromkeys(numbers["feature"]))
    colours = style.feature_colours(select.in_order(set(names) & set(features)))
    key = {**colours, "probe, not reported": _PROBE, TOGETHER: _JOINT}
    size = (2.6, max(_ROW * len(names), 0.8))
    drawing, panels = marks.condition_panels(conditions, size, key, most=3, gap=(0.3, 0.8), left=1.75)
    for panel in panels:
        axes = drawing.add_subplot(panel.cell)
        style.panel_title(axes, panel.title)
        draw_bars(axes, numbers[numbers["condition"] == panel.condition], names, colours)
        axes.set_xlim(*marks.share_limits(numbers["value"], 1.04))
        axes.tick_params(axis="y", labelleft=panel.leftmost)
        if panel.lowest:
            axes.set_xlabel("share of variance explained")
    return Figure(NAME, TITLE, _caption(numbers, conditions), drawing, numbers)


def _numbers(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> pd.DataFrame:
    """Features in order, then probes in order, then everything together."""
    single = select.at_penultimate(select.final(table, "r2"), conditions)
    joint = select.at_penultimate(select.final(table, "joint_r2"), conditions).assign(feature=TOGETHER)
    reported = {name: "feature" for name in select.in_order(features)}
    kinds = {**reported, **{name: "probe" for name in select.in_order(set(single["feature"]) - set(features))}}
    order = {name: place for place, name in enumerate([*kinds, TOGETHER])}
    values = pd.concat([single, joint], ignore_index=True)
    values = values[values["condition"].isin(set(conditions["condition"].astype(str)))]
    values = values.sort_values("feature", key=lambda names: names.map(order), kind="stable")
    numbers = select.seeds_and_mean(values, ["condition", "feature"])
    return numbers.assign(kind=numbers["feature"].map({**kinds, TOGETHER: "together"}))


def draw_bars(axes: Axes, rows: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """Draw a bar for each mean, with the networks as points on it, and name the bars."""
    for place, name in enumerate(names):
        one = rows[rows["feature"] == name]
        together = (one["kind"] == "together").any()
        colour = _JOINT if together else colours.get(name, _PROBE)
        mean, seeds = one.loc[one["mark"] == "mean", "value"], one.loc[one["mark"] == "seed", "value"]
        axes.barh([place] * len(mean), mean, 0.72, color=colour, alpha=0.38, zorder=2)
        marks.points(axes, seeds, place + style.spread(len(seeds), 0.5), colour, 2.3)
    if rows.empty:
        style.say(axes, "not measured")
    axes.set_ylim(len(names) - 0.4, -0.6)
    marks.share_axis(axes.xaxis)
    marks.zero_line(axes, vertical=True)
    axes.set_yticks(range(len(names)), [style.plain(name, 24, 1) for name in names], parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=style.INK)


def _caption(numbers: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        "Share of the penultimate layer’s variance that each feature explains at the end of training, beside the "
        "shares of probes: properties of the stimuli that are measured but that no output reports. Each share comes "
        "from a separate regression, so shares of correlated properties overlap; the last bar is the share that "
        "all of them explain together. Bars are means over networks, points are networks. "
        f"{select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
        f"{select.drawn_sentence(conditions)}"
    )
