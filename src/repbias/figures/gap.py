"""The main figure: how much of the penultimate layer each feature explains, condition by condition."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

NAME, TITLE = "feature-gap", "Variance explained at the penultimate layer"
_MOST_PANELS = 4
_VECTOR_POINTS = 1_000
_WIDEST, _APART, _BETWEEN, _LETTER = 11.0, 0.32, 0.5, 0.078  # inches: a row, features, groups, a letter of a label


@dataclass(frozen=True)
class Group:
    """What a panel shows of one condition: its label, and the features that were measured in it."""

    condition: str
    label: str
    features: tuple[str, ...]

    @property
    def width(self) -> float:
        """Inches that the features side by side, or the longest word of the label, take."""
        word = max(map(len, self.label.split()), default=0)
        return max(_APART * (max(len(self.features), 2) - 1) + _BETWEEN, _LETTER * min(word + 1, 16))


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
    factors, panels = _panels(conditions, numbers)
    width = max(2.2, *(_width(groups) for _, groups in panels))
    titles = [("", title) for title, _ in panels]
    columns = 2 if width <= _WIDEST / 2 else 1
    drawing, made = marks.panels(titles, (width, 2.7), colours, columns, gap=(0.4, 0.95), below=0.75)
    ceiling = min(max(float(numbers["value"].max()) * 1.12, 0.05), 1.05)
    floor = min(0.0, float(numbers["value"].min()) * 1.1)
    for panel, (_, groups) in zip(made, panels, strict=True):
        axes = panel.axes(x=factors, y="share of variance explained")
        axes.set_ylim(floor, ceiling)
        place = axes.get_position()  # of equal inches for a group in all panels
        axes.set_position((place.x0, place.y0, place.width * max(_width(groups), 2.2) / width, place.height))
        draw_groups(axes, numbers, groups, colours)
        marks.rasterise_points(axes, len(numbers), _VECTOR_POINTS)
    return Figure(NAME, TITLE, _caption(values, conditions), drawing, numbers)


def _width(groups: list[Group]) -> float:
    return sum(group.width for group in groups)


def _panels(conditions: pd.DataFrame, numbers: pd.DataFrame) -> tuple[str, list[tuple[str, list[Group]]]]:
    """The factors that labels name, and the panels as (title, groups), split by the last factor of few levels."""
    factors = select.varying_factors(conditions)
    few = [name for name in factors if conditions[name].astype(str).nunique() <= _MOST_PANELS]
    split = few[-1] if few and len(factors) > 1 else None
    rest = [name for name in factors if name != split]
    levels = conditions[split].astype(str) if split else pd.Series("", conditions.index)
    features = numbers.groupby("condition")["feature"].unique().map(lambda names: tuple(select.in_order(names)))
    panels: list[tuple[str, list[Group]]] = []
    labels: dict[str, str] = {}
    for level in levels.unique():
        shown = select.titles(conditions[levels == level], rest)
        groups = [Group(name, label, features.get(name, ())) for name, label in shown.items()]
        panels += [(f"{split}: {level}" if split else "", part) for part in _parts(groups)]
        labels |= shown
    return "" if any(name == label for name, label in labels.items()) else " · ".join(rest), panels


def _parts(groups: list[Group]) -> list[list[Group]]:
    """Split groups that are wider than a row into rows of about one width."""
    ends = np.cumsum([group.width for group in groups])
    rows = np.ceil(ends[-1] / _WIDEST)
    row = [int((end - group.width / 2) / ends[-1] * rows) for end, group in zip(ends, groups, strict=True)]
    starts = [place for place in range(len(groups)) if place == 0 or row[place] != row[place - 1]]
    return [groups[start:stop] for start, stop in pairwise([*starts, len(groups)])]


def draw_groups(axes: Axes, numbers: pd.DataFrame, groups: list[Group], colours: dict[str, str]) -> None:
    """Draw the features of each condition side by side."""
    inches = max(_width(groups), 2.2)
    places = np.cumsum([group.width for group in groups]) - [group.width / 2 for group in groups]
    places += (inches - _width(groups)) / 2
    for place, group in zip(places, groups, strict=True):
        _draw_group(axes, place, group, numbers[numbers["condition"] == group.condition], colours)
    axes.set_xlim(0, inches)
    wider = axes.get_window_extent().width / axes.figure.dpi / inches / style.points(1)
    labels = [style.plain(group.label, int(group.width * wider / _LETTER), 3) for group in groups]
    axes.set_xticks(places, labels, parse_math=False)
    axes.tick_params(axis="x", length=0, labelcolor=style.ink())
    marks.share_axis(axes.yaxis)
    marks.zero_line(axes)


def _draw_group(axes: Axes, place: float, group: Group, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw one condition: a line for each network, and the points and the mean of each feature."""
    count = len(group.features)
    x = {name: place + (index - (count - 1) / 2) * _APART for index, name in enumerate(group.features)}
    seeds = rows[rows["mark"] == "seed"]
    lines = [list(zip(one["feature"].map(x), one["value"], strict=True)) for _, one in seeds.groupby("seed")]
    axes.add_collection(LineCollection(lines, colors=style.grey(), linewidths=0.6, alpha=0.5, zorder=2), autolim=False)
    for feature in group.features:
        _draw_feature(axes, rows[rows["feature"] == feature], x[feature], 0.4 * _APART, colours[feature])
    if not count:
        across = axes.get_xaxis_transform()
        style.write(axes, place, 0.5, "not\nmeasured", 8.5, transform=across, ha="center")


def _draw_feature(axes: Axes, rows: pd.DataFrame, x: float, half: float, colour: str) -> None:
    """The points of one feature, its mean as a bar, and the mean's value above them."""
    seeds = rows.loc[rows["mark"] == "seed", "value"]
    marks.points(axes, [x] * len(seeds), seeds, colour, 3.6, alpha=0.55)
    for mean in rows.loc[rows["mark"] == "mean", "value"]:
        axes.plot([x - half, x + half], [mean, mean], color=colour, linewidth=2.4, zorder=4)
        axes.annotate(
            f"{mean:z.0%}", (x, max(mean, float(seeds.max()))), (0, 4), textcoords="offset points", ha="center",
            va="bottom", fontsize=style.points(8), color=colour, fontweight="bold", zorder=5,
            path_effects=[withStroke(linewidth=2.5, foreground=style.paper())],
        )  # fmt: skip


def _caption(values: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        "Share of the penultimate layer’s variance that each feature explains at the end of training, on test stimuli. "
        "Points are networks, grey lines join the features of one network, bars and numbers are means over networks. "
        f"{select.networks_sentence(values, conditions)}"
    )
