"""Maps of what an analysis of trained networks returns: similarities of networks, and stimuli in two dimensions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from repbias.figures import select, style
from repbias.figures.figure import Figure, empty_figure

MATRIX_NAME, MATRIX_TITLE = "network-matrix", "Similarity of every pair of networks"
STIMULI_NAME, STIMULI_TITLE = "stimulus-map", "Stimuli, placed by the responses of a layer"
_PAIR_COLUMNS = ("condition", "seed", "other", "other_seed", "measure", "value")
_POINT_COLUMNS = ("condition", "seed", "layer", "stimulus", "x", "y")
_LEAST_SIDE, _BLOCK = 3.3, 0.62
_IN_A_ROW = 4  # panels of the map of stimuli
_LETTER = 0.08  # inches per letter of a tick label
_COLOURS = "viridis"
_SIDE, _HEAD, _GAP, _EDGE = 2.15, 0.66, 0.3, 0.2
_LETTERS = 25  # of a title, to fit over a panel


@style.applied()
def network_matrix(pairs: pd.DataFrame, blocks: pd.DataFrame, labels: dict[str, str]) -> Figure:
    """Draw one panel per measure of similarity; networks are sorted by condition, and blocks show their mean.

    Parameters
    ----------
    pairs : ``condition``, ``seed``, ``other``, ``other_seed``, ``measure``, ``value``, each pair of networks once
        or in both orders; the diagonal may be left out.
    blocks : the means of the blocks with their intervals: ``condition``, ``other``, ``measure``, ``value``, ``ci_low``,
        ``ci_high``.
    labels : the titles of the measures.

    Returns
    -------
    The figure; ``numbers`` has the marks ``pair`` and ``block``.
    """
    select.require_columns(pairs, _PAIR_COLUMNS, "pairs")
    select.require_columns(blocks, ("condition", "other", "measure", "value", "ci_low", "ci_high"), "blocks")
    numbers = pd.concat([pairs.assign(mark="pair"), blocks.assign(mark="block")], ignore_index=True)
    if pairs.empty:
        sentence = "No similarities: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(MATRIX_NAME, MATRIX_TITLE, sentence, numbers)
    measures = list(dict.fromkeys(pairs["measure"]))
    columns = 2 if len(measures) == 4 else min(len(measures), 3)
    side = max(_LEAST_SIDE, _BLOCK * len(_networks(pairs)))  # inches
    margins = (1.65, 0.55, 0.95, 0.55)
    drawing, cells = style.tiles(len(measures), columns, (side, side), gap=(2.1, 1.1), margins=margins)
    for cell, measure in zip(cells, measures, strict=True):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, labels.get(measure, measure))
        scale = draw_matrix(axes, pairs[pairs["measure"] == measure], blocks[blocks["measure"] == measure], side)
        strip = axes.inset_axes((1 + 0.1 / side, 0, 0.12 / side, 1))
        drawing.colorbar(ScalarMappable(scale, _COLOURS), cax=strip)
    caption = (
        "Every row and column is one network; the networks of a condition are adjacent. The number in a block is the "
        "mean over pairs of networks with different seeds (networks with the same seed start from the same weights), "
        f"with its 95 % interval. n = {select.count_range(map(len, _networks(pairs).values()))} networks per condition."
    )
    return Figure(MATRIX_NAME, MATRIX_TITLE, caption, drawing, numbers)


def _networks(pairs: pd.DataFrame) -> dict[str, list[int]]:
    """The seeds of every condition; conditions as they first appear, first on the left of a pair."""
    right = pairs[["other", "other_seed"]].set_axis(["condition", "seed"], axis=1)
    both = pd.concat([pairs[["condition", "seed"]], right])
    return {str(kind): sorted(set(seeds)) for kind, seeds in both.groupby("condition", sort=False)["seed"]}


def draw_matrix(axes: Axes, pairs: pd.DataFrame, blocks: pd.DataFrame, side: float) -> Normalize:
    """Draw one matrix of `side` inches with named blocks; return its scale of colours."""
    networks = _networks(pairs)
    order = pd.MultiIndex.from_tuples([(kind, seed) for kind, seeds in networks.items() for seed in seeds])
    found = pairs.pivot(index=["condition", "seed"], columns=["other", "other_seed"], values="value")
    half = found.reindex(index=order, columns=order).to_numpy(float)
    matrix = np.where(np.isnan(half), half.T, half)
    scale = Normalize(float(np.nanmin(matrix, initial=0.0)), 1.0)
    axes.imshow(matrix, cmap=_COLOURS, norm=scale, interpolation="nearest", rasterized=True)
    middles = _name_blocks(axes, {kind: len(seeds) for kind, seeds in networks.items()}, side)
    _label_blocks(axes, middles, blocks, scale)
    return scale


def _name_blocks(axes: Axes, counts: dict[str, int], side: float) -> dict[str, float]:
    """Draw lines between blocks and a tick in the middle of each condition's rows; return these middles."""
    edges = np.cumsum([0, *counts.values()])
    middles = (edges[:-1] + edges[1:] - 1) / 2
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="white", linewidth=1.2)
        axes.axvline(edge - 0.5, color="white", linewidth=1.2)
    axes.set_yticks(middles, [style.plain(kind, 22, 2) for kind in counts], parse_math=False)
    letters = {kind: int(side * count / edges[-1] / _LETTER) for kind, count in counts.items()}
    names = [style.plain(kind, max(count, 5), 3) for kind, count in letters.items()]
    axes.set_xticks(middles, names, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return dict(zip(counts, map(float, middles), strict=True))


def _label_blocks(axes: Axes, middles: dict[str, float], blocks: pd.DataFrame, scale: Normalize) -> None:
    """Write each block's mean and interval into it, outlined to be legible on any colour."""
    for row in blocks.dropna(subset=["value"]).to_dict("records"):
        inks = ("white", style.INK) if scale(row["value"]) < 0.6 else (style.INK, "white")
        edge = [withStroke(linewidth=1.6, foreground=inks[1])]
        one, other = middles[row["condition"]], middles[row["other"]]
        for x, y in {(one, other), (other, one)}:
            words: dict[str, Any] = {"color": inks[0], "ha": "center", "path_effects": edge}
            axes.text(x, y, f"{row['value']:z.2f}", va="bottom", fontweight="bold", **words)
            if np.isfinite([row["ci_low"], row["ci_high"]]).all():
                axes.text(
                    x, y, f"[{row['ci_low']:z.2f}, {row['ci_high']:z.2f}]", va="top", fontsize=style.points(6), **words
                )


@style.applied()
def stimulus_map(points: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw the stimuli in the first network of each condition, with one panel per feature.

    The panels of a condition, or, with several layers, of a condition and layer, stand side by side, where they are
    few beside those of the next. Places are those of t-SNE; colours are the classes of the feature.

    Parameters
    ----------
    points : ``condition``, ``seed``, ``layer``, ``stimulus``, ``x``, ``y``, and one column of labels per feature.
    conditions : one row per condition; its order is the order of the rows.

    Returns
    -------
    The figure; ``numbers`` has the mark ``stimulus``.
    """
    select.require_columns(points, _POINT_COLUMNS, "points")
    features = [str(name) for name in points.columns if name not in _POINT_COLUMNS]
    here = select.in_conditions(conditions, points)
    if here.empty or not features:
        sentence = "No map of stimuli: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(STIMULI_NAME, STIMULI_TITLE, sentence, points.assign(mark="stimulus"))
    titles = select.titles(conditions)
    rows = _rows(points, {name: titles[name] for name in select.drawn(here)["condition"]})
    gap, margins = (_GAP, _HEAD), (_EDGE, _EDGE, _EDGE, _HEAD)
    beside = min(max(_IN_A_ROW // len(features), 1), len(rows))  # conditions in a row
    drawing, cells = style.tiles(len(rows) * len(features), beside * len(features), (_SIDE, _SIDE), gap, margins)
    for cell, ((title, layer, shown), feature) in zip(cells, itertools.product(rows, features), strict=True):
        axes = drawing.add_subplot(cell)
        by = style.plain(f"{layer}by {feature}", _LETTERS, 1)
        axes.set_title(f"{style.plain(title, _LETTERS, 2)}\n{by}", parse_math=False, pad=6)
        draw_stimuli(axes, shown, feature)
    numbers = pd.concat([shown for _, _, shown in rows], ignore_index=True).assign(mark="stimulus")
    caption = (
        "Each point is a test stimulus, placed by t-SNE of the layer’s responses: nearby points have similar "
        "responses, but distances between clusters mean little. Each condition is represented by the network with the "
        f"lowest seed. Colours are the classes of the feature named over the panel.{select.drawn_sentence(here)}"
    )
    return Figure(STIMULI_NAME, STIMULI_TITLE, caption, drawing, numbers)


def _rows(points: pd.DataFrame, titles: dict[str, str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, layer (if there are several) and points of each row: a condition's first network, layer by layer."""
    rows = []
    for condition, title in titles.items():
        here = points[points["condition"] == condition]
        here = here[here["seed"] == here["seed"].min()]
        layers = list(dict.fromkeys(here["layer"]))
        rows += [(title, f"{one}, " if len(layers) > 1 else "", here[here["layer"] == one]) for one in layers]
    return rows


def draw_stimuli(axes: Axes, points: pd.DataFrame, feature: str) -> None:
    """Draw the stimuli in the colours of a feature's classes."""
    classes = sorted(points[feature].dropna().unique())
    if not classes:
        style.say(axes, "not a feature here")
    for value, colour in style.feature_colours([str(value) for value in classes]).items():
        chosen = points[points[feature].astype(str) == value]
        axes.plot(
            chosen["x"], chosen["y"], "o", color=colour, markersize=2.2, markeredgewidth=0, alpha=0.7, rasterized=True
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=style.shade(0.33))
