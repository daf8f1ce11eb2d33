"""Similarity of networks: a matrix with one row and column per network, and the means of its blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "network-matrix", "Similarity of every pair of networks"
_COLUMNS = ("condition", "seed", "other", "other_seed", "measure", "value")
_LEAST_SIDE, _BLOCK = 3.3, 0.62
_LETTER = 0.08  # inches per letter of a tick label
_COLOURS = "viridis"


@style.house_style()
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
    select.require_columns(pairs, _COLUMNS, "pairs")
    select.require_columns(blocks, ("condition", "other", "measure", "value", "ci_low", "ci_high"), "blocks")
    numbers = pd.concat([pairs.assign(mark="pair"), blocks.assign(mark="block")], ignore_index=True)
    if pairs.empty:
        sentence = "No similarities: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(NAME, TITLE, sentence, numbers)
    measures = list(dict.fromkeys(pairs["measure"]))
    columns = 2 if len(measures) == 4 else min(len(measures), 3)
    side = max(_LEAST_SIDE, _BLOCK * len(_kinds(pairs)))  # inches
    margins = (1.65, 0.55, 0.95, 0.55)
    drawing, panels = style.tiles(len(measures), columns, (side, side), gap=(2.1, 1.1), margins=margins)
    for axes, measure in zip(panels, measures, strict=True):
        style.panel_title(axes, labels.get(measure, measure))
        scale = draw_matrix(axes, pairs[pairs["measure"] == measure], blocks[blocks["measure"] == measure], side)
        strip = axes.inset_axes((1 + 0.1 / side, 0, 0.12 / side, 1))
        drawing.colorbar(ScalarMappable(scale, _COLOURS), cax=strip)
    return Figure(NAME, TITLE, _caption(pairs), drawing, numbers)


def _kinds(pairs: pd.DataFrame) -> list[str]:
    """The conditions, as they first appear."""
    return list(dict.fromkeys([*pairs["condition"], *pairs["other"]]))


def draw_matrix(axes: Axes, pairs: pd.DataFrame, blocks: pd.DataFrame, side: float) -> Normalize:
    """Draw one matrix of `side` inches with named blocks; return its scale of colours."""
    kinds = _kinds(pairs)
    networks = [(kind, network) for kind in kinds for network in _seeds(pairs, kind)]
    place = {network: index for index, network in enumerate(networks)}
    matrix = np.full((len(networks), len(networks)), np.nan)
    rows = pd.Index(list(zip(pairs["condition"], pairs["seed"], strict=True))).map(place)
    columns = pd.Index(list(zip(pairs["other"], pairs["other_seed"], strict=True))).map(place)
    matrix[rows, columns] = pairs["value"].to_numpy(float)
    matrix[columns, rows] = np.where(np.isnan(matrix[columns, rows]), matrix[rows, columns], matrix[columns, rows])
    scale = Normalize(float(np.nanmin(matrix, initial=0.0)), 1.0)
    axes.imshow(matrix, cmap=_COLOURS, norm=scale, interpolation="nearest", rasterized=True)
    middles = _name_blocks(axes, kinds, [kind for kind, _ in networks], side)
    _label_blocks(axes, middles, blocks, scale)
    return scale


def _seeds(pairs: pd.DataFrame, kind: str) -> list[int]:
    own = pairs.loc[pairs["condition"] == kind, "seed"]
    return sorted({*own, *pairs.loc[pairs["other"] == kind, "other_seed"]})


def _name_blocks(axes: Axes, kinds: list[str], given: list[str], side: float) -> dict[str, float]:
    """Draw lines between blocks and a tick in the middle of each condition's rows; return these middles."""
    edges = np.cumsum([0, *(given.count(kind) for kind in kinds)])
    middles = (edges[:-1] + edges[1:] - 1) / 2
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="white", linewidth=1.2)
        axes.axvline(edge - 0.5, color="white", linewidth=1.2)
    axes.set_yticks(middles, [style.plain(kind, 22, 2) for kind in kinds], parse_math=False)
    letters = [int(side * given.count(kind) / len(given) / _LETTER) for kind in kinds]
    names = [style.plain(kind, max(count, 5), 3) for kind, count in zip(kinds, letters, strict=True)]
    axes.set_xticks(middles, names, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return dict(zip(kinds, map(float, middles), strict=True))


def _label_blocks(axes: Axes, middles: dict[str, float], blocks: pd.DataFrame, scale: Normalize) -> None:
    """Write each block's mean and interval into it, outlined to be legible on any colour."""
    for row in blocks.dropna(subset=["value"]).to_dict("records"):
        inks = ("white", style.INK) if scale(row["value"]) < 0.6 else (style.INK, "white")
        edge = [withStroke(linewidth=1.6, foreground=inks[1])]
        one, other = middles[row["condition"]], middles[row["other"]]
        for x, y in {(one, other), (other, one)}:
            words: dict[str, Any] = {"color": inks[0], "ha": "center", "path_effects": edge}
            axes.text(x, y, f"{row['value']:.2f}", va="bottom", fontweight="bold", **words)
            if np.isfinite([row["ci_low"], row["ci_high"]]).all():
                axes.text(x, y, f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]", va="top", fontsize=6, **words)


def _caption(pairs: pd.DataFrame) -> str:
    counts = [len(_seeds(pairs, kind)) for kind in _kinds(pairs)]
    return (
        "Every row and column is one network; the networks of a condition are adjacent. The number in a block is the "
        "mean over pairs of networks with different seeds (networks with the same seed start from the same weights), "
        f"with its 95 % interval. n = {select.count_range(counts)} networks per condition."
    )
