"""Similarity of networks: a matrix with a row and a column a network, and the means of its blocks."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "Similarity of every two networks"
_COLUMNS = ("condition", "member", "other", "other_member", "measure", "value")
_SIDE, _LEFT, _TOP, _FOOT, _GAP, _RIGHT = 3.3, 1.5, 0.55, 0.35, 1.95, 0.95
_COLOURS = "viridis"


@style.house_style()
def network_matrix(pairs: pd.DataFrame, blocks: pd.DataFrame, labels: dict[str, str]) -> Figure:
    """One panel a measure of similarity; networks are sorted by condition, each block is told by its mean.

    Parameters
    ----------
    pairs : ``condition``, ``member``, ``other``, ``other_member``, ``measure``, ``value``, each pair of networks once
        or in both orders; the diagonal may be left out.
    blocks : the means of the blocks with their intervals: ``condition``, ``other``, ``measure``, ``value``, ``ci_low``,
        ``ci_high``.
    labels : the measures' titles.

    Returns
    -------
    the figure; ``numbers`` has the marks ``pair`` and ``block``.
    """
    select.require_columns(pairs, _COLUMNS, "pairs")
    select.require_columns(blocks, ("condition", "other", "measure", "value", "ci_low", "ci_high"), "blocks")
    numbers = pd.concat([pairs.assign(mark="pair"), blocks.assign(mark="block")], ignore_index=True)
    if pairs.empty:
        sentence = "No similarities: the analysis has not been done, or no member passed the gate."
        return Figure("network-matrix", TITLE, sentence, style.sentence_only(sentence), numbers)
    measures = list(dict.fromkeys(pairs["measure"]))
    columns = min(len(measures), 3)
    lines = -(-len(measures) // columns)
    width = _LEFT + columns * _SIDE + (columns - 1) * _GAP + _RIGHT
    height = lines * (_SIDE + _TOP + _FOOT)
    drawing = style.canvas(width, height)
    for index, measure in enumerate(measures):
        line, column = divmod(index, columns)
        left = _LEFT + column * (_SIDE + _GAP)
        bottom = height - (line + 1) * (_SIDE + _TOP + _FOOT) + _FOOT
        axes = drawing.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
        style.panel_title(axes, labels.get(measure, measure))
        own = pairs[pairs["measure"] == measure], blocks[blocks["measure"] == measure]
        _draw(drawing, axes, *own, (left + _SIDE + 0.1, bottom, width, height))
    return Figure("network-matrix", TITLE, _caption(pairs), drawing, numbers)


def _draw(
    drawing: matplotlib.figure.Figure,
    axes: Axes,
    pairs: pd.DataFrame,
    blocks: pd.DataFrame,
    bar: tuple[float, float, float, float],
) -> None:
    """One matrix, its blocks parted by lines and named, its scale beside it."""
    kinds = list(dict.fromkeys([*pairs["condition"], *pairs["other"]]))
    networks = [(kind, member) for kind in kinds for member in _members(pairs, kind)]
    place = {network: index for index, network in enumerate(networks)}
    matrix = np.full((len(networks), len(networks)), np.nan)
    rows = pd.Index(list(zip(pairs["condition"], pairs["member"], strict=True))).map(place)
    columns = pd.Index(list(zip(pairs["other"], pairs["other_member"], strict=True))).map(place)
    matrix[rows, columns] = pairs["value"].to_numpy(float)
    matrix[columns, rows] = np.where(np.isnan(matrix[columns, rows]), matrix[rows, columns], matrix[columns, rows])
    scale = Normalize(min(0.0, float(np.nanmin(matrix))), 1.0)
    axes.imshow(matrix, cmap=_COLOURS, norm=scale, interpolation="nearest", rasterized=True)
    _name_blocks(axes, kinds, [kind for kind, _ in networks], blocks, scale)
    left, bottom, width, height = bar
    strip = drawing.add_axes((left / width, bottom / height, 0.12 / width, _SIDE / height))
    drawing.colorbar(ScalarMappable(scale, _COLOURS), cax=strip)


def _members(pairs: pd.DataFrame, kind: str) -> list[int]:
    own = pairs.loc[pairs["condition"] == kind, "member"]
    return sorted({*own, *pairs.loc[pairs["other"] == kind, "other_member"]})


def _name_blocks(axes: Axes, kinds: list[str], given: list[str], blocks: pd.DataFrame, scale: Normalize) -> None:
    """Ticks at the middle of each condition's rows, lines between blocks, and each block's mean in it."""
    edges = np.cumsum([0, *(given.count(kind) for kind in kinds)])
    middles = (edges[:-1] + edges[1:] - 1) / 2
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color="white", linewidth=1.2)
        axes.axvline(edge - 0.5, color="white", linewidth=1.2)
    axes.set_yticks(middles, [style.plain(kind, 22, 2) for kind in kinds], parse_math=False)
    axes.set_xticks(middles, [style.plain(kind, 11, 3) for kind in kinds], parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    middle = dict(zip(kinds, middles, strict=True))
    for row in blocks.dropna(subset=["value"]).to_dict("records"):
        ink = "white" if scale(row["value"]) < 0.6 else style.INK
        one, other = middle[row["condition"]], middle[row["other"]]
        for x, y in {(one, other), (other, one)}:
            axes.text(x, y, f"{row['value']:.2f}", color=ink, ha="center", va="bottom", fontweight="bold")
            if np.isfinite([row["ci_low"], row["ci_high"]]).all():
                interval = f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
                axes.text(x, y, interval, color=ink, ha="center", va="top", fontsize=6)


def _caption(pairs: pd.DataFrame) -> str:
    counts = [len(_members(pairs, kind)) for kind in dict.fromkeys([*pairs["condition"], *pairs["other"]])]
    several = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return (
        "Every row and column is one network; networks of a condition stand together. The number in a block is the "
        "mean over pairs of networks of different seeds (those of one seed start from the same weights), with its "
        f"95 % interval. n = {several} networks a condition."
    )
