"""What else is in the layer: features, and what was measured beside them without being asked for."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "What else is in the layer"
TOGETHER = "everything together"
_PROBE, _JOINT = "#8b939c", "#1b1f24"
_ROW = 0.22


@style.house_style()
def layer_contents(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> Figure:
    """Final variance of the penultimate layer explained by each feature, each probe, and all of them together.

    Parameters
    ----------
    table : measurements with ``r2`` and ``joint_r2``; the last step of each network is drawn.
    conditions : one row a condition, with ``penultimate``; its order is the order of the panels.
    features : the features that some task asks for; whatever else has an ``r2`` is a probe.

    Returns
    -------
    the figure; ``numbers`` has marks ``seed`` and ``mean``, and in ``kind`` feature, probe or together.
    """
    numbers = _numbers(table, conditions, features)
    if numbers.empty:
        sentence = "Nothing else in the layer: variance explained was measured at no penultimate layer."
        return Figure("layer-contents", TITLE, sentence, style.sentence_only(sentence), numbers)
    titles = select.drawn_titles(conditions)
    names = list(dict.fromkeys(numbers["feature"]))
    colours = style.feature_colours(select.in_order(set(names) & set(features)))
    key = {**colours, "probe, not asked for": _PROBE, TOGETHER: _JOINT}
    columns = min(select.panel_columns(select.drawn(conditions)), 3)
    size = (2.6, max(_ROW * len(names), 0.8))
    drawing, cells = style.blocks(len(titles), columns, size, key, gap=(0.3, 0.8), left=1.75)
    for index, (cell, (condition, title)) in enumerate(zip(cells, titles.items(), strict=True)):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, title)
        _draw(axes, numbers[numbers["condition"] == condition], names, colours)
        _axes(axes, numbers, names, leftmost=index % columns == 0, lowest=index + columns >= len(titles))
    return Figure("layer-contents", TITLE, _caption(numbers, conditions), drawing, numbers)


def _numbers(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> pd.DataFrame:
    """Features in order, then probes in the order first measured, then all together."""
    alone = select.at_penultimate(select.final(table, "r2"), conditions)
    joint = select.at_penultimate(select.final(table, "joint_r2"), conditions).assign(feature=TOGETHER)
    asked = {name: "feature" for name in select.in_order(features)}
    kinds = {**asked, **{name: "probe" for name in select.in_order(set(alone["feature"]) - set(features))}}
    order = {name: place for place, name in enumerate([*kinds, TOGETHER])}
    values = pd.concat([alone, joint], ignore_index=True)
    values = values[values["condition"].isin(set(conditions["condition"].astype(str)))]
    values = values.sort_values("feature", key=lambda names: names.map(order), kind="stable")
    numbers = select.seeds_and_mean(values, ["condition", "feature"])
    return numbers.assign(kind=numbers["feature"].map({**kinds, TOGETHER: "together"}))


def _draw(axes: Axes, rows: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """A bar for each mean, the networks as points on it."""
    for place, name in enumerate(names):
        one = rows[rows["feature"] == name]
        kind = one["kind"].iloc[0] if len(one) else ""
        colour = colours.get(name, _PROBE) if kind != "together" else _JOINT
        mean, seeds = one.loc[one["mark"] == "mean", "value"], one.loc[one["mark"] == "seed", "value"]
        axes.barh([place] * len(mean), mean, 0.72, color=colour, alpha=0.38, zorder=2)
        y = place + style.spread(len(seeds), 0.5)
        axes.plot(seeds, y, "o", color=colour, markersize=2.3, alpha=0.8, markeredgewidth=0, zorder=3)
    if rows.empty:
        style.say(axes, "not measured")


def _axes(axes: Axes, numbers: pd.DataFrame, names: list[str], *, leftmost: bool, lowest: bool) -> None:
    values = numbers["value"]
    axes.set_xlim(min(0.0, float(values.min()) * 1.1), max(float(values.max()) * 1.04, 0.05))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.axvline(0, color="#8b939c", linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(names)), [style.plain(name, 24, 1) for name in names], parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=style.INK, labelleft=leftmost)
    if lowest:
        axes.set_xlabel("share of variance explained")


def _caption(numbers: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        "Share of the penultimate layer’s variance that each feature explains at the end of training, beside that of "
        "probes: properties of the stimuli that are measured and that no output reports. Each is regressed alone, so "
        "shares of properties that go along with one another overlap; the last bar is the share that all of them "
        f"explain together. Bars are means over networks, points are networks. "
        f"{select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
        f"{select.drawn_sentence(conditions)}"
    )
