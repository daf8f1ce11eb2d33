"""Learning curves: when each feature is mastered, and how its share of the representation grows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from repbias.core.results import ACCURACY_CRITERION
from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

NAME, TITLE = "learning-curves", "Learning curves"
_QUANTITIES = ("accuracy", "r2_final")
_COLUMNS = ["mark", "condition", "feature", "seed", "step", *_QUANTITIES]
_VECTOR_POINTS = 40_000


@style.applied()
def learning_curves(table: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw accuracy and variance explained at the penultimate layer over training, one block per condition.

    A thin line is one network, the bold line the mean over networks. Networks stop at different steps: the mean takes
    a network's values between its checkpoints by linear interpolation, and after its last checkpoint its last value.

    Parameters
    ----------
    table : measurements with ``accuracy`` (layer ``output``), ``r2_final`` and ``mastery_step``.
    conditions : one row per condition, with ``penultimate``; its order is the order of the blocks.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed``, ``mean``, ``mastery`` (the step of a tick) and ``criterion``.
    """
    seeds = _seeds(table, conditions)
    mastery = select.measured(table, "mastery_step")
    if seeds.empty:
        sentence = "No learning curves: accuracy and variance explained were measured at no step."
        return empty_figure(NAME, TITLE, sentence, seeds)
    means = pd.concat([_mean(rows) for _, rows in seeds.groupby(["condition", "feature"], sort=False)])
    colours = style.feature_colours(select.in_order(seeds["feature"]))
    drawing, panels = marks.condition_panels(conditions, (2.45, 2.7), colours)
    for panel in panels:
        inner = panel.cell.subgridspec(2, 1, height_ratios=(1, 1.5), hspace=0.12)
        upper, lower = drawing.add_subplot(inner[0]), drawing.add_subplot(inner[1])
        style.panel_title(upper, panel.title)
        here, mean = (rows[rows["condition"] == panel.name] for rows in (seeds, means))
        for axes, quantity in ((upper, "accuracy"), (lower, "r2_final")):
            marks.step_axis(axes, seeds["step"])
            axes.set_ylim(*_limits(seeds[quantity].dropna(), quantity))
            draw_lines(axes, here, mean, quantity, colours, rasterized=len(seeds) > _VECTOR_POINTS)
        upper.axhline(ACCURACY_CRITERION, color=style.muted(), linewidth=0.8, dashes=(3, 3), zorder=1)
        _mark_mastery(lower, mastery[mastery["condition"] == panel.name], here, colours)
        upper.tick_params(labelbottom=False)
        if panel.leftmost:
            upper.set_ylabel("test accuracy")
            lower.set_ylabel("share of final\nvariance explained")
        if panel.lowest:
            lower.set_xlabel("training step")
    numbers = _numbers(seeds, means, mastery)
    return Figure(NAME, TITLE, _caption(seeds, conditions), drawing, numbers)


def _seeds(table: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """One row for each condition, feature, network and step, with both quantities side by side."""
    keys = ["condition", "feature", "seed", "step"]
    accuracy = select.measured(table, "accuracy")[[*keys, "value"]].rename(columns={"value": "accuracy"})
    explained = select.at_penultimate(select.measured(table, "r2_final"), conditions)
    explained = explained[[*keys, "value"]].rename(columns={"value": "r2_final"})
    both = accuracy.merge(explained, on=keys, how="outer").sort_values(keys, kind="stable")
    return select.in_conditions(both, conditions).assign(mark="seed").reset_index(drop=True)[_COLUMNS]


def _mean(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over networks of one condition and feature at every step at which any of them was measured."""
    steps = np.unique(rows["step"])
    place = rows[["condition", "feature"]].iloc[0]
    mean = pd.DataFrame({"step": steps}).assign(mark="mean", **place)
    for quantity in _QUANTITIES:
        known = rows.dropna(subset=[quantity])
        lines = [np.interp(steps, one["step"], one[quantity]) for _, one in known.groupby("seed")]
        mean[quantity] = np.mean(lines, axis=0) if lines else np.nan
    return mean


def _limits(values: pd.Series, quantity: str) -> tuple[float, float]:
    """The same limits for all panels of a quantity."""
    if quantity == "r2_final":
        return marks.share_limits(values, 1.06) if len(values) else (0, 0.05)
    return float(values.min()) - 0.03 if len(values) else 0, 1.03


def draw_lines(
    axes: Axes,
    seeds: pd.DataFrame,
    means: pd.DataFrame,
    quantity: str,
    colours: dict[str, str],
    *,
    rasterized: bool,
) -> None:
    """Draw one panel: the line of every network and the mean of each feature."""
    marks.share_axis(axes.yaxis)
    here = seeds[seeds[quantity].notna()]
    if here.empty:
        style.say(axes, "not measured")
    for feature, colour in colours.items():
        networks = (one for _, one in here[here["feature"] == feature].groupby("seed"))
        lines = [np.column_stack([one["step"], one[quantity]]) for one in networks]
        collection = LineCollection(lines, colors=colour, linewidths=0.6, alpha=0.3, zorder=2)
        collection.set_rasterized(rasterized)
        axes.add_collection(collection, autolim=False)
        mean = means[means["feature"] == feature]
        axes.plot(mean["step"], mean[quantity], color=colour, linewidth=2.1, zorder=3)


def _mark_mastery(axes: Axes, mastery: pd.DataFrame, seeds: pd.DataFrame, colours: dict[str, str]) -> None:
    """A tick above the panel where a network first passed the criterion, and how many did if not all."""
    here = seeds[seeds["accuracy"].notna()]
    lines = []
    for feature, colour in colours.items():
        steps = mastery.loc[mastery["feature"] == feature, "step"]
        ticks = np.repeat([[1.015], [1.075]], len(steps), axis=1)
        axes.plot(
            np.vstack([steps] * 2), ticks, transform=axes.get_xaxis_transform(), color=colour,
            linewidth=1.1, alpha=0.85, clip_on=False,
        )  # fmt: skip
        networks = here.loc[here["feature"] == feature, "seed"].nunique()
        if len(steps) < networks:
            lines.append((f"{style.plain(feature, 16, 1)}: {len(steps)} of {networks} mastered", colour))
    for place, (text, colour) in enumerate(lines):
        style.write(axes, 0.03, 0.97 - 0.11 * place, text, 7.5, colour, transform=axes.transAxes, va="top")


def _numbers(seeds: pd.DataFrame, means: pd.DataFrame, mastery: pd.DataFrame) -> pd.DataFrame:
    ticks = mastery[["condition", "feature", "seed", "step"]].assign(mark="mastery")
    line = pd.DataFrame({"mark": ["criterion"], "accuracy": [ACCURACY_CRITERION]})
    numbers = pd.concat([seeds, means, select.in_conditions(ticks, seeds), line], ignore_index=True)
    return numbers[_COLUMNS].astype({"seed": "Int64", "step": "Int64"})


def _caption(seeds: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        f"Upper panels: accuracy on test stimuli; the dashed line is the accuracy criterion, {ACCURACY_CRITERION:.0%}. "
        "Lower panels: the share of the penultimate layer’s variance that each feature explains. Training steps are "
        "on a logarithmic scale, with step 0 at its left end. Shares are of each network’s variance at the end of "
        "training, so all points of a curve share one scale. Thin lines are networks, bold lines their mean; a "
        "network that has stopped enters the mean with its last value. Ticks between the panels mark the steps at "
        "which networks first passed the criterion on validation stimuli. "
        f"{select.networks_sentence(seeds, conditions)}{select.drawn_sentence(conditions)}"
    )
