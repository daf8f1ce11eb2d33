"""The main figure: how much of the penultimate layer each feature explains, condition by condition."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

NAME, TITLE = "feature-gap", "Variance explained at the penultimate layer"
_MOST_PANELS = 4
_WIDEST = 11.0
_VECTOR_POINTS = 1_000


@style.applied()
def feature_gap(table: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw the final variance explained at the penultimate layer: points of networks, joined by lines, and means.

    If two or more factors vary, the last one with at most four levels is spread over panels.

    Parameters
    ----------
    table : measurements with ``r2``; the last step of each network is drawn.
    conditions : one row per condition, with ``penultimate`` and the factors; its order is the order drawn.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed`` and ``mean``.
    """
    values = select.at_penultimate(select.final(table, "r2"), conditions)
    numbers = select.seeds_and_mean(values, ["condition", "feature"])
    if numbers.empty:
        sentence = "No variance explained: it was measured at no penultimate layer."
        return empty_figure(NAME, TITLE, sentence, numbers)
    colours = style.feature_colours(select.in_order(numbers["feature"]))
    group = max(0.8, 0.4 * len(colours))
    panels = _split(_panels(conditions), most=max(int(_WIDEST / group), 1))
    width = max(2.2, max(len(groups) for _, groups in panels) * group)
    columns = 2 if width <= _WIDEST / 2 or len(panels) == 2 else 1
    titles = [("", title) for title, _ in panels]
    drawing, made = marks.panels(titles, (width, 2.7), colours, columns, gap=(0.4, 0.95))
    ceiling = min(max(float(numbers["value"].max()) * 1.12, 0.05), 1.05)
    floor = min(0.0, float(numbers["value"].min()) * 1.1)
    for panel, (_, groups) in zip(made, panels, strict=True):
        axes = panel.axes(y="share of variance explained")
        axes.set_ylim(floor, ceiling)
        draw_groups(axes, numbers, groups, colours)
        marks.rasterise_points(axes, len(numbers), _VECTOR_POINTS)
    return Figure(NAME, TITLE, _caption(values, conditions), drawing, numbers)


def _panels(conditions: pd.DataFrame) -> list[tuple[str, dict[str, str]]]:
    """Panels as (title, {condition: label}), split by the last factor that has few enough values."""
    factors = select.varying_factors(conditions)
    few = [name for name in factors if conditions[name].astype(str).nunique() <= _MOST_PANELS]
    if len(factors) < 2 or not few:
        return [("", select.titles(conditions))]
    rest = [name for name in factors if name != few[-1]]
    levels = conditions[few[-1]].astype(str)
    return [(f"{few[-1]}: {level}", select.titles(conditions[levels == level], rest)) for level in levels.unique()]


def _split(panels: list[tuple[str, dict[str, str]]], most: int) -> list[tuple[str, dict[str, str]]]:
    """Split panels of more than `most` conditions into several."""
    made = []
    for title, groups in panels:
        count = -(-len(groups) // most)
        size = -(-len(groups) // count)
        names = list(groups)
        made += [
            (title, {name: groups[name] for name in names[start : start + size]})
            for start in range(0, len(names), size)
        ]
    return made


def draw_groups(axes: Axes, numbers: pd.DataFrame, groups: dict[str, str], colours: dict[str, str]) -> None:
    """Draw a group of features for each condition."""
    step = 0.52 / max(len(colours) - 1, 1)
    for place, condition in enumerate(groups):
        here = numbers[numbers["condition"] == condition]
        seeds = here[here["mark"] == "seed"]
        x = {name: place + (index - (len(colours) - 1) / 2) * step for index, name in enumerate(colours)}
        lines = [list(zip(one["feature"].map(x), one["value"], strict=True)) for _, one in seeds.groupby("seed")]
        axes.add_collection(
            LineCollection(lines, colors=style.grey(), linewidths=0.6, alpha=0.5, zorder=2), autolim=False
        )
        for feature, colour in colours.items():
            _draw_feature(axes, here[here["feature"] == feature], x[feature], min(step, 0.52) * 0.32, colour)
        if here.empty:
            style.write(axes, place, 0.5, "not\nmeasured", 8.5, transform=axes.get_xaxis_transform(), ha="center")
    axes.set_xlim(-0.55, len(groups) - 0.45)
    letters = max(12, 48 // len(groups))
    axes.set_xticks(range(len(groups)), [style.plain(label, letters, 3) for label in groups.values()], parse_math=False)
    axes.tick_params(axis="x", length=0, labelcolor=style.ink())
    marks.share_axis(axes.yaxis)
    marks.zero_line(axes)


def _draw_feature(axes: Axes, rows: pd.DataFrame, x: float, half: float, colour: str) -> None:
    """The points of one feature, its mean as a bar, and the mean's value above them."""
    seeds = rows.loc[rows["mark"] == "seed", "value"]
    marks.points(axes, [x] * len(seeds), seeds, colour, 3.6, alpha=0.55)
    for mean in rows.loc[rows["mark"] == "mean", "value"]:
        axes.plot([x - half, x + half], [mean, mean], color=colour, linewidth=2.4, zorder=4)
        axes.annotate(
            f"{mean:.0%}", (x, max(mean, float(seeds.max()))), (0, 4), textcoords="offset points", ha="center",
            va="bottom", fontsize=style.points(8), color=colour, fontweight="bold", zorder=5,
            path_effects=[withStroke(linewidth=2.5, foreground=style.paper())],
        )  # fmt: skip


def _caption(values: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        "Share of the penultimate layer’s variance that each feature explains at the end of training, on test stimuli. "
        "Points are networks, grey lines join the features of one network, bars and numbers are means over networks. "
        f"{select.networks_sentence(values, conditions)}"
    )
