"""How densely each feature is represented: over how many units its variance is spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

NAME, TITLE = "unit-histogram", "How many units carry each feature"
THRESHOLD = 0.1
_BINS = 25
_COLUMNS = ["mark", "condition", "feature", "seed", "bin_low", "bin_high", "value"]


@style.applied()
def unit_histogram(units: pd.DataFrame, table: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw the distribution over units of the share of a unit's variance that a feature explains.

    Units are those of the penultimate layer, pooled over networks; beside each histogram is every network's share of
    units above 0.1.

    Parameters
    ----------
    units : one row per unit and feature, with ``r2`` at the end of training.
    table : measurements with ``density_0.1``; the last step of each network is drawn.
    conditions : one row per condition, with ``penultimate``; its order is the order of the blocks.

    Returns
    -------
    The figure; ``numbers`` has marks ``bar`` (share of units in a bin), ``seed`` and ``mean`` (share of units
    above the threshold).
    """
    select.require_columns(units, ("condition", "seed", "layer", "unit", "feature", "r2"), "units")
    units = select.at_penultimate(units.astype({"condition": str, "feature": str}).dropna(subset="r2"), conditions)
    density = select.at_penultimate(select.final(table, f"density_{THRESHOLD}"), conditions)
    numbers = _numbers(select.in_conditions(units, conditions), select.in_conditions(density, conditions))
    if numbers.empty:
        sentence = "No histogram of units: variance explained was measured for no single unit."
        return empty_figure(NAME, TITLE, sentence, numbers)
    colours = style.feature_colours(select.in_order(numbers["feature"]))
    drawing, panels = marks.condition_panels(conditions, (3.25, 1.75), colours, most=3, gap=(0.75, 0.85))
    ceiling = float(numbers.loc[numbers["mark"] == "bar", "value"].max()) * 1.05
    for panel in panels:
        inner = panel.cell.subgridspec(1, 2, width_ratios=(2.3, 1), wspace=0.42)
        left, right = drawing.add_subplot(inner[0]), drawing.add_subplot(inner[1])
        style.panel_title(left, panel.title)
        here = numbers[numbers["condition"] == panel.name]
        draw_histogram(left, here[here["mark"] == "bar"], colours, ceiling)
        draw_density(right, here[here["mark"] != "bar"], colours)
        if panel.leftmost:
            left.set_ylabel("share of units")
    return Figure(NAME, TITLE, _caption(units, conditions), drawing, numbers)


def _numbers(units: pd.DataFrame, density: pd.DataFrame) -> pd.DataFrame:
    """Every bar and point drawn, tidy."""
    edges = _edges(units["r2"])
    bins = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "mark": "bar"})
    bars = [
        bins.assign(condition=str(place[0]), feature=str(place[1]), value=np.histogram(r2, edges)[0] / len(r2))
        for place, r2 in units.groupby(["condition", "feature"])["r2"]
    ]
    points = select.seeds_and_mean(density, ["condition", "feature"])
    numbers = pd.concat([*bars, points], ignore_index=True).reindex(columns=_COLUMNS)
    return numbers.astype({"seed": "Int64"})


def _edges(values: pd.Series) -> np.ndarray:
    """Bins of one width, 1 / 25, that cover the values and always 0 to 1, so that 0 and 1 are edges."""
    low = min(float(np.floor(values.min() * _BINS)), 0.0) if len(values) else 0.0
    return np.arange(low, _BINS + 1) / _BINS


def draw_histogram(axes: Axes, bars: pd.DataFrame, colours: dict[str, str], ceiling: float) -> None:
    """Draw the histograms of all features over one another."""
    axes.set_ylim(0, ceiling if ceiling > 0 else 1)
    marks.share_axis(axes.yaxis)
    axes.set_xlabel("variance of a unit explained")
    if bars.empty:
        style.say(axes, "not measured")
        return
    for feature, colour in colours.items():
        one = bars[bars["feature"] == feature]
        if not one.empty:
            edges = [*one["bin_low"], one["bin_high"].iloc[-1]]
            axes.stairs(one["value"], edges, fill=True, color=colour, alpha=0.22, zorder=2)
            axes.stairs(one["value"], edges, color=colour, linewidth=1.3, zorder=3)
    axes.axvline(THRESHOLD, color=style.muted(), linewidth=0.8, dashes=(3, 3), zorder=1)
    axes.set_xlim(min(0.0, float(bars["bin_low"].min())), 1)
    marks.share_axis(axes.xaxis)


def draw_density(axes: Axes, points: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw a column of points for each feature, with the mean as a bar."""
    axes.set(xlim=(-0.6, len(colours) - 0.4), ylim=(0, 1.12), xticks=[])
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_xlabel(f"units above {THRESHOLD:.0%}")
    for place, (feature, colour) in enumerate(colours.items()):
        one = points[points["feature"] == feature]
        seeds = one.loc[one["mark"] == "seed", "value"]
        marks.points(axes, place + style.spread(len(seeds), 0.45), seeds, colour, 2.6, alpha=0.65, zorder=2)
        for mean in one.loc[one["mark"] == "mean", "value"]:
            axes.plot([place - 0.36, place + 0.36], [mean, mean], color=colour, linewidth=2)
            above = max(mean, float(seeds.max())) + 0.03
            if len(colours) <= 3:
                style.write(axes, place, above, f"{mean:.0%}", 7.5, colour, ha="center", va="bottom")


def _caption(units: pd.DataFrame, conditions: pd.DataFrame) -> str:
    sizes = units.groupby("condition").apply(lambda rows: len(rows[["seed", "unit"]].drop_duplicates()))
    counts = f"{int(sizes.min()):,}" if sizes.nunique() == 1 else f"{sizes.min():,} to {sizes.max():,}"
    return (
        "Left of each pair: the distribution, over the units of the penultimate layer, of the share of a single unit’s "
        f"variance that a feature explains, pooled over networks ({counts} units per condition); the dashed line is "
        f"{THRESHOLD:.0%}. Right: the share of units above that line, one point per network, with the mean over "
        "networks. Networks, not units, are the independent observations. "
        f"{select.networks_sentence(units, conditions)}{select.drawn_sentence(conditions)}"
    )
