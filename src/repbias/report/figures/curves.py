"""Learning curves: when each feature is mastered, and how its share of the representation grows meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "Learning curves"
_QUANTITIES = ("accuracy", "r2_final")
_COLUMNS = ["mark", "condition", "feature", "seed", "step", *_QUANTITIES]
_VECTOR_POINTS = 40_000


@style.house_style()
def learning_curves(table: pd.DataFrame, conditions: pd.DataFrame, gate: float = 0.95) -> Figure:
    """Accuracy and variance explained at the penultimate layer over training, one block a condition.

    A thin line is one network, the bold line the mean over networks. Networks stop at different steps: between its own
    checkpoints a network enters the mean by linear interpolation, and after its last one with its last value.

    Parameters
    ----------
    table : measurements with ``accuracy`` (layer ``output``), ``r2_final`` and ``mastery_step``.
    conditions : one row a condition, with ``penultimate``; its order is the order of the blocks.
    gate : the accuracy from which a feature is analysed, drawn as a dashed line.

    Returns
    -------
    the figure; ``numbers`` has marks ``seed``, ``mean``, ``mastery`` (the step drawn as a tick) and ``gate``.
    """
    seeds = _seeds(table, conditions)
    mastery = select.measured(table, "mastery_step")
    if seeds.empty:
        sentence = "No learning curves: accuracy and variance explained were measured at no step."
        return Figure("learning-curves", TITLE, sentence, style.sentence_only(sentence), seeds)
    means = pd.concat([_mean(rows) for _, rows in seeds.groupby(["condition", "feature"], sort=False)])
    titles = select.drawn_titles(conditions)
    colours = style.feature_colours(select.in_order(seeds["feature"]))
    columns = select.panel_columns(select.drawn(conditions))
    drawing, cells = style.blocks(len(titles), columns, (2.45, 2.7), colours)
    axis = _StepAxis(seeds["step"])
    for index, (cell, (condition, title)) in enumerate(zip(cells, titles.items(), strict=True)):
        inner = cell.subgridspec(2, 1, height_ratios=(1, 1.5), hspace=0.12)
        upper, lower = drawing.add_subplot(inner[0]), drawing.add_subplot(inner[1])
        style.panel_title(upper, title)
        for axes, quantity in ((upper, "accuracy"), (lower, "r2_final")):
            _draw(axes, seeds, means, condition, quantity, colours, axis)
        upper.axhline(gate, color=style.MUTED, linewidth=0.8, dashes=(3, 3), zorder=1)
        _mark_mastery(lower, mastery[mastery["condition"] == condition], seeds, condition, colours, axis)
        _label(upper, lower, index, len(titles), columns)
    return Figure(
        "learning-curves", TITLE, _caption(seeds, gate, conditions), drawing, _numbers(seeds, means, mastery, gate)
    )


def _seeds(table: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """One row for each condition, feature, network and step, with both quantities side by side."""
    known = set(conditions["condition"].astype(str))
    keys = ["condition", "feature", "seed", "step"]
    accuracy = select.measured(table, "accuracy")[[*keys, "value"]].rename(columns={"value": "accuracy"})
    explained = select.at_penultimate(select.measured(table, "r2_final"), conditions)
    explained = explained[[*keys, "value"]].rename(columns={"value": "r2_final"})
    both = accuracy.merge(explained, on=keys, how="outer").sort_values(keys, kind="stable")
    return both[both["condition"].isin(known)].assign(mark="seed").reset_index(drop=True)[_COLUMNS]


def _mean(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over networks of one condition and feature on the union of their steps."""
    steps = np.unique(rows["step"])
    mean = pd.DataFrame(
        {"mark": "mean", "condition": rows["condition"].iloc[0], "feature": rows["feature"].iloc[0]}, [0]
    )
    mean = mean.loc[np.zeros(len(steps), dtype=int)].assign(step=steps).reset_index(drop=True)
    for quantity in _QUANTITIES:
        known = rows.dropna(subset=[quantity])
        lines = [np.interp(steps, one["step"], one[quantity]) for _, one in known.groupby("seed")]
        mean[quantity] = np.mean(lines, axis=0) if lines else np.nan
    return mean


class _StepAxis:
    """A logarithmic axis of steps on which step 0 has a place, half a decade left of the first step after it."""

    def __init__(self, steps: pd.Series) -> None:
        positive = steps[steps > 0]
        self.first = float(positive.min()) if len(positive) else 1.0
        self.last = float(positive.max()) if len(positive) else 10.0
        self.zero = self.first / 3 if (steps == 0).any() else None

    def place(self, steps: pd.Series | np.ndarray) -> np.ndarray:
        """Where steps are drawn, same shape."""
        values = np.asarray(steps, dtype=float)
        return np.where(values > 0, values, self.first / 3)

    def apply(self, axes: Axes) -> None:
        """Set scale, limits and ticks."""
        decades = 10.0 ** np.arange(np.ceil(np.log10(self.first) - 1e-9), np.log10(self.last) + 0.05)
        zero = [] if self.zero is None else [self.zero]
        axes.set_xscale("log")
        axes.set_xlim((self.zero or self.first) / 1.25, self.last * 1.15)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(FixedLocator([*zero, *decades]))
        axes.set_xticklabels(["0" for _ in zero] + [_short(step) for step in decades])
        if self.zero is not None:
            axes.text(
                self.zero * 1.75,
                0,
                "//",
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="center",
                fontsize=7,
                color=style.MUTED,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )


def _short(step: float) -> str:
    return f"{step:g}" if step < 1000 else f"{step / 1000:g}k" if step < 1e6 else f"{step / 1e6:g}M"


def _draw(
    axes: Axes,
    seeds: pd.DataFrame,
    means: pd.DataFrame,
    condition: str,
    quantity: str,
    colours: dict[str, str],
    axis: _StepAxis,
) -> None:
    """One panel: every network's line and the mean of each feature."""
    axis.apply(axes)
    values = seeds[quantity].dropna()
    low = min(0.0, float(values.min()) * 1.1) if quantity == "r2_final" else float(values.min()) - 0.03
    axes.set_ylim(low if len(values) else 0, max(1.03 if quantity == "accuracy" else float(values.max()) * 1.06, 0.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    here = seeds[(seeds["condition"] == condition) & seeds[quantity].notna()]
    if here.empty:
        style.say(axes, "not measured")
    for feature, colour in colours.items():
        lines = _lines(here[here["feature"] == feature], quantity, axis)
        collection = LineCollection(lines, colors=colour, linewidths=0.6, alpha=0.3, zorder=2)
        collection.set_rasterized(len(seeds) > _VECTOR_POINTS)
        axes.add_collection(collection, autolim=False)
        mean = means[(means["condition"] == condition) & (means["feature"] == feature)]
        axes.plot(axis.place(mean["step"]), mean[quantity], color=colour, linewidth=2.1, zorder=3)


def _lines(rows: pd.DataFrame, quantity: str, axis: _StepAxis) -> Sequence[np.ndarray]:
    networks = (one for _, one in rows.groupby("seed"))
    return [np.column_stack([axis.place(one["step"]), one[quantity]]) for one in networks]


def _mark_mastery(
    axes: Axes, mastery: pd.DataFrame, seeds: pd.DataFrame, condition: str, colours: dict[str, str], axis: _StepAxis
) -> None:
    """A tick above the panel where a network first reached the gate, and a word where some never did."""
    here = seeds[(seeds["condition"] == condition) & seeds["accuracy"].notna()]
    lines = []
    for feature, colour in colours.items():
        steps = mastery.loc[mastery["feature"] == feature, "step"]
        span = np.array([1.015, 1.075])
        axes.plot(
            np.vstack([axis.place(steps)] * 2),
            np.repeat(span[:, None], len(steps), axis=1),
            transform=axes.get_xaxis_transform(),
            color=colour,
            linewidth=1.1,
            alpha=0.85,
            clip_on=False,
        )
        networks = here.loc[here["feature"] == feature, "seed"].nunique()
        if len(steps) < networks:
            lines.append((f"{style.plain(feature, 16, 1)}: {len(steps)} of {networks} mastered", colour))
    for place, (text, colour) in enumerate(lines):
        axes.text(
            0.03,
            0.97 - 0.11 * place,
            text,
            transform=axes.transAxes,
            va="top",
            color=colour,
            fontsize=7.5,
            parse_math=False,
        )


def _label(upper: Axes, lower: Axes, index: int, count: int, columns: int) -> None:
    """Axis titles at the left edge and under the last block of each column only."""
    upper.tick_params(labelbottom=False)
    if index % columns == 0:
        upper.set_ylabel("test accuracy")
        lower.set_ylabel("share of final\nvariance explained")
    if index + columns >= count:
        lower.set_xlabel("training step")


def _numbers(seeds: pd.DataFrame, means: pd.DataFrame, mastery: pd.DataFrame, gate: float) -> pd.DataFrame:
    ticks = mastery[["condition", "feature", "seed", "step"]].assign(mark="mastery")
    line = pd.DataFrame({"mark": ["gate"], "accuracy": [gate]})
    numbers = pd.concat(
        [seeds, means, ticks[ticks["condition"].isin(set(seeds["condition"]))], line], ignore_index=True
    )
    return numbers[_COLUMNS].astype({"seed": "Int64", "step": "Int64"})


def _caption(seeds: pd.DataFrame, gate: float, conditions: pd.DataFrame) -> str:
    return (
        f"Accuracy on test stimuli (upper panels; the dashed line is the gate, {gate:.0%}) and the share of the "
        "penultimate layer's variance that each feature explains (lower panels), over training steps on a logarithmic "
        "scale, with step 0 to the left of the broken axis. The denominator is each network's variance at its end, so "
        "that all points of a curve share one scale. Thin lines are networks, bold lines their mean; a network "
        "that has "
        "stopped stays in the mean with its last value. Ticks between the panels mark the steps at which "
        "networks first "
        f"reached the gate on validation stimuli. {select.networks_sentence(seeds, conditions)}"
        f"{select.drawn_sentence(conditions)}"
    )
