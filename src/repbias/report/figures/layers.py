"""Variance explained in every layer, from input to output."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "layer-profile", "Variance explained, layer by layer"
_VECTOR_POINTS = 2_000
_SIZE = (2.45, 1.75)


@style.house_style()
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
    values = select.final(table, "r2")
    layers = select.layer_order(table.loc[table["measure"] == "r2", "layer"])
    values = values[values["condition"].isin(set(conditions["condition"].astype(str)))]
    numbers = select.seeds_and_mean(values, ["condition", "layer", "feature"])
    if numbers.empty:
        sentence = "No layer profile: variance explained was measured in no layer."
        return empty_figure(NAME, TITLE, sentence, numbers)
    colours = style.feature_colours(select.in_order(numbers["feature"]))
    turned = _too_long(layers)
    below, row_gap = (1.1, 1.35) if turned else (0.55, 0.78)
    drawing, panels = marks.condition_panels(conditions, _SIZE, colours, gap=(0.35, row_gap), below=below)
    penultimate = dict(zip(conditions["condition"].astype(str), conditions["penultimate"].astype(str), strict=True))
    for panel in panels:
        axes = drawing.add_subplot(panel.cell)
        style.panel_title(axes, panel.title)
        axes.set_ylim(*marks.share_limits(numbers["value"], 1.06))
        marks.share_axis(axes.yaxis)
        axes.tick_params(labelleft=panel.leftmost)
        if panel.leftmost:
            axes.set_ylabel("share of variance\nexplained")
        rows = numbers[numbers["condition"] == panel.condition]
        here = [name for name in layers if name in set(rows["layer"])]
        if here:
            draw_bars(axes, rows, here, colours)
            _name_layers(axes, here, penultimate[panel.condition], turned)
            marks.rasterise_points(axes, len(numbers), _VECTOR_POINTS)
        else:
            axes.set_xticks([])
            style.say(axes, "not measured")
    return Figure(NAME, TITLE, _caption(values, layers, conditions), drawing, numbers)


def draw_bars(axes: Axes, rows: pd.DataFrame, here: list[str], colours: dict[str, str]) -> None:
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
    labels = [style.plain(label, 16, 1) for label in _short(here)]
    slant: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(len(here)), labels, parse_math=False, **slant)
    axes.set_xlim(-0.6, len(here) - 0.4)
    axes.set_xlabel("layer (hidden ones numbered)" if _numbered(here) else "layer")
    if penultimate in here:
        position = here.index(penultimate)
        axes.axvspan(position - 0.5, position + 0.5, color="#e9ecf0", linewidth=0, zorder=0)
        axes.get_xticklabels()[position].set(fontweight="bold", color=style.INK)


def _numbered(layers: list[str]) -> list[str]:
    """The layers that are named by number: ``hidden.0``, ``hidden.1`` and so on."""
    return [name for name in layers if re.fullmatch(r"hidden\.\d+", name)]


def _short(layers: list[str]) -> list[str]:
    """``hidden.0``, ``hidden.1`` as 1, 2; any other names as they are."""
    hidden = set(_numbered(layers))
    return [str(int(name.removeprefix("hidden.")) + 1) if name in hidden else name for name in layers]


def _too_long(layers: list[str]) -> bool:
    """Whether the names of all layers, at about 0.065 inch per letter, would overlap."""
    labels = [style.plain(label, 16, 1) for label in _short(layers)]
    pairs = itertools.pairwise(labels)
    return any(0.065 * (len(one) + len(other)) / 2 > _SIZE[0] / len(labels) - 0.03 for one, other in pairs)


def _caption(values: pd.DataFrame, layers: list[str], conditions: pd.DataFrame) -> str:
    meanings = [
        ("“input” is the stimuli", "input" in layers),
        ("numbers count the hidden layers from the input", bool(_numbered(layers))),
        ("“readout” is the outputs", "readout" in layers),
    ]
    key = "; ".join(meaning for meaning, needed in meanings if needed)
    return (
        "Share of each layer’s variance that each feature explains at the end of training, from input to output"
        f"{f' ({key})' if key else ''}. The penultimate layer is in bold on grey. Bars are means over networks, "
        f"points are networks. {select.networks_sentence(values, conditions)}{select.drawn_sentence(conditions)}"
    )
