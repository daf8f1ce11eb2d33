"""How the bias builds up, layer by layer."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "Variance explained, layer by layer"
_VECTOR_POINTS = 2_000
_SIZE = (2.45, 1.75)


@style.house_style()
def layer_profile(table: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Final variance explained in every layer: bars are means over networks, points are networks.

    Parameters
    ----------
    table : measurements with ``r2``; the last step of each network is drawn. Layers are ordered as
        `select.layer_order` says: an ordered categorical column decides, then numbered names.
    conditions : one row a condition, with ``penultimate``; its order is the order of the panels.

    Returns
    -------
    the figure; ``numbers`` has marks ``seed`` and ``mean``.
    """
    values = select.final(table, "r2")
    layers = select.layer_order(table.loc[table["measure"] == "r2", "layer"])
    values = values[values["condition"].isin(set(conditions["condition"].astype(str)))]
    numbers = select.seeds_and_mean(values, ["condition", "layer", "feature"])
    if numbers.empty:
        sentence = "No layer profile: variance explained was measured in no layer."
        return Figure("layer-profile", TITLE, sentence, style.sentence_only(sentence), numbers)
    titles = select.drawn_titles(conditions)
    colours = style.feature_colours(select.in_order(numbers["feature"]))
    columns = select.panel_columns(select.drawn(conditions))
    turned = _too_long(layers)
    drawing, cells = style.blocks(
        len(titles), columns, _SIZE, colours, gap=(0.35, 1.35 if turned else 0.78), below=1.1 if turned else 0.55
    )
    penultimate = dict(zip(conditions["condition"].astype(str), conditions["penultimate"].astype(str), strict=True))
    for index, (cell, (condition, title)) in enumerate(zip(cells, titles.items(), strict=True)):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, title)
        _share_axis(axes, numbers["value"], leftmost=index % columns == 0)
        rows = numbers[numbers["condition"] == condition]
        here = [name for name in layers if name in set(rows["layer"])]
        if not here:
            axes.set_xticks([])
            style.say(axes, "not measured")
            continue
        _draw(axes, rows, here, colours)
        _name_layers(axes, here, penultimate[condition], turned)
        for points in axes.lines:
            points.set_rasterized(points.get_marker() == "o" and len(numbers) > _VECTOR_POINTS)
    return Figure("layer-profile", TITLE, _caption(values, layers, conditions), drawing, numbers)


def _share_axis(axes: Axes, values: pd.Series, leftmost: bool) -> None:
    """The same axis of shares for every panel, named at the left edge only."""
    axes.set_ylim(min(0.0, float(values.min()) * 1.1), max(float(values.max()) * 1.06, 0.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.tick_params(labelleft=leftmost)
    if leftmost:
        axes.set_ylabel("share of variance\nexplained")


def _draw(axes: Axes, rows: pd.DataFrame, here: list[str], colours: dict[str, str]) -> None:
    """Bars side by side within a layer, each with its networks as points across its width."""
    width = 0.8 / len(colours)
    for place, (feature, colour) in enumerate(colours.items()):
        shift = (place - (len(colours) - 1) / 2) * width
        for position, layer in enumerate(here):
            one = rows[(rows["feature"] == feature) & (rows["layer"] == layer)]
            seeds, mean = one.loc[one["mark"] == "seed", "value"], one.loc[one["mark"] == "mean", "value"]
            axes.bar([position + shift] * len(mean), mean, width * 0.92, color=colour, alpha=0.38, zorder=2)
            x = position + shift + style.spread(len(seeds), width * 0.6)
            axes.plot(x, seeds, "o", color=colour, markersize=2.1, alpha=0.8, markeredgewidth=0, zorder=3)
    axes.axhline(0, color="#8b939c", linewidth=0.7, zorder=1)


def _name_layers(axes: Axes, here: list[str], penultimate: str, turned: bool) -> None:
    """A tick for each layer; the penultimate one in bold, on a pale ground."""
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
    """The hidden layers that a number tells: ``hidden.0``, ``hidden.1`` and so on."""
    return [name for name in layers if re.fullmatch(r"hidden\.\d+", name)]


def _short(layers: list[str]) -> list[str]:
    """``hidden.0``, ``hidden.1`` as 1, 2; any other names as they are."""
    hidden = set(_numbered(layers))
    return [str(int(name.removeprefix("hidden.")) + 1) if name in hidden else name for name in layers]


def _too_long(layers: list[str]) -> bool:
    """Whether the names of all layers, at about 0.065 inch a letter, would run into one another."""
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
        "Share of each layer’s own variance that each feature explains at the end of training, from input to output"
        f"{f' ({key})' if key else ''}. The penultimate layer is in bold on a grey ground. Bars are means over "
        f"networks, points are networks. "
        f"{select.networks_sentence(values, conditions)}{select.drawn_sentence(conditions)}"
    )
