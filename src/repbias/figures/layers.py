"""Variance explained in layers: by the features in every layer, and by all properties in the penultimate layer."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

PROFILE_NAME, PROFILE_TITLE = "layer-profile", "Variance explained, layer by layer"
CONTENTS_NAME, CONTENTS_TITLE = "layer-contents", "What else is in the layer"
TOGETHER = "everything together"
_VECTOR_POINTS = 2_000
_SIZE, _ROW = (2.45, 1.75), 0.22


@style.applied()
def layer_profile(table: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw the final variance explained in every layer: bars are means over networks, points are networks.

    Parameters
    ----------
    table : measurements with ``r2``; the last step of each network is drawn. Layers are ordered by
        `select.layer_order`.
    conditions : one row per condition, with ``penultimate``; its order is the order of the panels.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed`` and ``mean``.
    """
    values = select.in_conditions(select.final(table, "r2"), conditions)
    layers = select.layer_order(table.loc[table["measure"] == "r2", "layer"])
    numbers = select.seeds_and_mean(values, ["condition", "layer", "feature"])
    if numbers.empty:
        sentence = "No layer profile: variance explained was measured in no layer."
        return empty_figure(PROFILE_NAME, PROFILE_TITLE, sentence, numbers)
    colours = style.feature_colours(select.in_order(numbers["feature"]))
    turned = _too_long(layers)
    below, row_gap = (1.1, 1.35) if turned else (0.55, 0.78)
    drawing, panels = marks.condition_panels(conditions, _SIZE, colours, gap=(0.35, row_gap), below=below)
    penultimate = dict(zip(conditions["condition"].astype(str), conditions["penultimate"].astype(str), strict=True))
    for panel in panels:
        axes = panel.axes(y="share of variance\nexplained")
        axes.set_ylim(*marks.share_limits(numbers["value"], 1.06))
        marks.share_axis(axes.yaxis)
        rows = numbers[numbers["condition"] == panel.name]
        here = [name for name in layers if name in set(rows["layer"])]
        if here:
            draw_profile(axes, rows, here, colours)
            _name_layers(axes, here, penultimate[panel.name], turned)
            marks.rasterise_points(axes, len(numbers), _VECTOR_POINTS)
        else:
            axes.set_xticks([])
            style.say(axes, "not measured")
    return Figure(PROFILE_NAME, PROFILE_TITLE, _profile_caption(values, layers, conditions), drawing, numbers)


def draw_profile(axes: Axes, rows: pd.DataFrame, here: list[str], colours: dict[str, str]) -> None:
    """Draw bars side by side within each layer, each with its networks as points across its width."""
    width = 0.8 / len(colours)
    for place, (feature, colour) in enumerate(colours.items()):
        shift = (place - (len(colours) - 1) / 2) * width
        for position, layer in enumerate(here):
            one = rows[(rows["feature"] == feature) & (rows["layer"] == layer)]
            seeds, mean = one.loc[one["mark"] == "seed", "value"], one.loc[one["mark"] == "mean", "value"]
            axes.bar([position + shift] * len(mean), mean, width * 0.92, color=colour, alpha=0.38, zorder=2)
            x = position + shift + style.spread(len(seeds), width * 0.6)
            marks.points(axes, x, seeds, colour, 2.1)
    marks.zero_line(axes)


def _name_layers(axes: Axes, here: list[str], penultimate: str, turned: bool) -> None:
    """A tick for each layer; the penultimate one in bold on grey."""
    slant: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(len(here)), _labels(here), parse_math=False, **slant)
    axes.set_xlim(-0.6, len(here) - 0.4)
    axes.set_xlabel("layer (hidden ones numbered)" if any(map(_number, here)) else "layer")
    if penultimate in here:
        position = here.index(penultimate)
        axes.axvspan(position - 0.5, position + 0.5, color=style.shade(0.19), linewidth=0, zorder=0)
        axes.get_xticklabels()[position].set(fontweight="bold", color=style.ink())


def _number(layer: str) -> str:
    """The number, from 1, of a layer that is named by number (``hidden.0``); empty for other layers."""
    named = re.fullmatch(r"hidden\.(\d+)", layer)
    return str(int(named[1]) + 1) if named else ""


def _labels(layers: list[str]) -> list[str]:
    return [style.plain(_number(layer) or layer, 16, 1) for layer in layers]


def _too_long(layers: list[str]) -> bool:
    """Whether the names of all layers, at about 0.065 inch per letter, would overlap."""
    pairs = itertools.pairwise(_labels(layers))
    return any(0.065 * (len(one) + len(other)) / 2 > _SIZE[0] / len(layers) - 0.03 for one, other in pairs)


def _profile_caption(values: pd.DataFrame, layers: list[str], conditions: pd.DataFrame) -> str:
    meanings = [
        ("“input” is the stimuli", "input" in layers),
        ("numbers count the hidden layers from the input", any(map(_number, layers))),
        ("“readout” is the outputs", "readout" in layers),
    ]
    key = "; ".join(meaning for meaning, needed in meanings if needed)
    return (
        "Share of each layer’s variance that each feature explains at the end of training, from input to output"
        f"{f' ({key})' if key else ''}. The penultimate layer is in bold on grey. Bars are means over networks, "
        f"points are networks. {select.networks_sentence(values, conditions)}{select.drawn_sentence(conditions)}"
    )


@style.applied()
def layer_contents(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> Figure:
    """Draw the final variance of the penultimate layer that each feature, each probe, and everything together explain.

    Probes are properties of the stimuli that no output reports.

    Parameters
    ----------
    table : measurements with ``r2`` and ``joint_r2``; the last step of each network is drawn.
    conditions : one row per condition, with ``penultimate``; its order is the order of the panels.
    features : the features that some task reports; anything else with an ``r2`` is a probe.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed`` and ``mean``, and in ``kind`` feature, probe or together.
    """
    numbers = _contents(table, conditions, features)
    if numbers.empty:
        sentence = "Nothing else in the layer: variance explained was measured at no penultimate layer."
        return empty_figure(CONTENTS_NAME, CONTENTS_TITLE, sentence, numbers)
    names = list(dict.fromkeys(numbers["feature"]))
    colours = style.feature_colours(select.in_order(set(names) & set(features)))
    key = {**colours, "probe, not reported": style.grey(), TOGETHER: style.ink()}
    size = (2.6, max(_ROW * len(names), 0.8))
    drawing, panels = marks.condition_panels(conditions, size, key, most=3, gap=(0.3, 0.8), left=1.75)
    for panel in panels:
        axes = panel.axes(x="share of variance explained")
        draw_contents(axes, numbers[numbers["condition"] == panel.name], names, colours)
        axes.set_xlim(*marks.share_limits(numbers["value"], 1.04))
    return Figure(CONTENTS_NAME, CONTENTS_TITLE, _contents_caption(numbers, conditions), drawing, numbers)


def _contents(table: pd.DataFrame, conditions: pd.DataFrame, features: tuple[str, ...]) -> pd.DataFrame:
    """Features in order, then probes in order, then everything together."""
    single = select.at_penultimate(select.final(table, "r2"), conditions)
    joint = select.at_penultimate(select.final(table, "joint_r2"), conditions).assign(feature=TOGETHER)
    kinds = dict.fromkeys(select.in_order(features), "feature")
    kinds |= dict.fromkeys(select.in_order(set(single["feature"]) - set(features)), "probe") | {TOGETHER: "together"}
    order = {name: place for place, name in enumerate(kinds)}
    values = select.in_conditions(pd.concat([single, joint], ignore_index=True), conditions)
    values = values.sort_values("feature", key=lambda names: names.map(order), kind="stable")
    numbers = select.seeds_and_mean(values, ["condition", "feature"])
    return numbers.assign(kind=numbers["feature"].map(kinds))


def draw_contents(axes: Axes, rows: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """Draw a bar for each mean, with the networks as points on it, and name the bars."""
    for place, name in enumerate(names):
        one = rows[rows["feature"] == name]
        colour = style.ink() if (one["kind"] == "together").any() else colours.get(name, style.grey())
        mean, seeds = one.loc[one["mark"] == "mean", "value"], one.loc[one["mark"] == "seed", "value"]
        axes.barh([place] * len(mean), mean, 0.72, color=colour, alpha=0.38, zorder=2)
        marks.points(axes, seeds, place + style.spread(len(seeds), 0.5), colour, 2.3)
    if rows.empty:
        style.say(axes, "not measured")
    marks.share_axis(axes.xaxis)
    marks.zero_line(axes, vertical=True)
    marks.name_rows(axes, names, 24)


def _contents_caption(numbers: pd.DataFrame, conditions: pd.DataFrame) -> str:
    return (
        "Share of the penultimate layer’s variance that each feature explains at the end of training, beside the "
        "shares of probes: properties of the stimuli that are measured but that no output reports. Each share comes "
        "from a separate regression, so shares of correlated properties overlap; the last bar is the share that "
        "all of them explain together. Bars are means over networks, points are networks. "
        f"{select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
        f"{select.drawn_sentence(conditions)}"
    )
