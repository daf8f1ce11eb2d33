"""Crossed factors: main effects and interactions with their intervals, and below them the mean of every cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib.figure
import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "effects", "Main effects and interactions"
EFFECTS = ("kind", "effect", "estimate", "ci_low", "ci_high", "n", "settings", "n_settings")
_COLOURS = {"main effect": style.MEAN_COLOUR, "interaction": "#B5578F"}
_HEADINGS = {"main effect": "Main effects", "interaction": "Interactions"}
_WIDTH, _LEFT, _RIGHT = 10.8, 3.7, 1.9
_ROW, _HEAD, _TOP, _FOOT = 0.25, 0.32, 0.15, 0.65
_CELL_HEIGHT, _CELLS_HEAD, _CELLS_FOOT = 0.42, 0.45, 0.85
Levels = Mapping[str, Sequence[str]]


@style.house_style()
def factor_effects(
    effects: pd.DataFrame, cells: pd.DataFrame, levels: Levels, statistic: str, sesoi: float = 0.0
) -> Figure:
    """Draw every effect as a row with its interval, zero and the smallest effect of interest; below, the cell means.

    Parameters
    ----------
    effects : what `repbias.experiments.effects.Effects.table` returns.
    cells : one row per trained network: the factors, ``seed``, ``value``, NaN where it failed the accuracy criterion.
    levels : the levels of every factor, in the order drawn; the first half of the factors form the rows of the grid.
    statistic : the contrast in words.
    sesoi : the smallest effect of interest; shaded on both sides of zero.

    Returns
    -------
    The figure; ``numbers`` has marks ``main effect``, ``interaction``, and ``cell``: mean, ``n`` and ``n_trained``.
    """
    select.require_columns(effects, EFFECTS, "effects")
    select.require_columns(cells, (*levels, "seed", "value"), "cells")
    means = marks.cell_means(cells, list(levels)).assign(mark="cell")
    if effects.empty:
        sentence = "No effects: for no effect were networks analysed in all conditions that it compares."
        return empty_figure(NAME, TITLE, sentence, means)
    numbers = pd.concat([effects.rename(columns={"kind": "mark"}), means], ignore_index=True).assign(sesoi=sesoi)
    numbers = numbers.astype(dict.fromkeys(("n", "n_trained", "settings", "n_settings"), "Int64"))
    kinds = [rows for _, rows in effects.groupby("kind", sort=False)]
    first = math.ceil(len(levels) / 2)
    lines, columns = dict(itertools.islice(levels.items(), first)), dict(itertools.islice(levels.items(), first, None))
    grid_height = _CELL_HEIGHT * math.prod(map(len, lines.values()))
    forest_height = sum(_HEAD + _ROW * len(rows) for rows in kinds) + _FOOT
    height = _TOP + forest_height + _CELLS_HEAD + grid_height + _CELLS_FOOT
    drawing = style.canvas(_WIDTH, height)
    top = height - _TOP
    limits = marks.limits([*effects[["estimate", "ci_low", "ci_high"]].to_numpy(float).ravel(), -sesoi, sesoi])
    for rows in kinds:
        top -= _HEAD + _ROW * len(rows)
        axes = _axes(drawing, top, _ROW * len(rows))
        draw_effects(axes, rows, sesoi)
        axes.set_xlim(*limits)
        axes.tick_params(labelbottom=rows is kinds[-1])
    axes.set_xlabel(style.plain(f"difference in {style.formula(statistic)}", 110), parse_math=False)
    draw_cells(_axes(drawing, _CELLS_FOOT, grid_height), means, lines, columns)
    return Figure(NAME, TITLE, _caption(effects, means, lines, columns, statistic, sesoi), drawing, numbers)


def _axes(drawing: matplotlib.figure.Figure, bottom: float, tall: float) -> Axes:
    """Axes of the full width, `tall` inches high."""
    return style.axes_at(drawing, _LEFT, bottom, _WIDTH - _LEFT - _RIGHT, tall)


def draw_effects(axes: Axes, rows: pd.DataFrame, sesoi: float) -> None:
    """Draw the effects of one kind, with n and how many settings are averaged at the right."""
    colour, heading = (kind[str(rows["kind"].iloc[0])] for kind in (_COLOURS, _HEADINGS))
    axes.axvspan(-sesoi, sesoi, color="#e3e6ea", linewidth=0, zorder=0)
    axes.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    for place, row in enumerate(rows.to_dict("records")):
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=1.7)
        axes.plot([row["estimate"]], [place], "o", color=colour, markersize=5.5)
        whole = row["settings"] == row["n_settings"]
        settings = "" if whole else f" · {row['settings']} of {row['n_settings']} settings"
        marks.beside_row(axes, place, f"n = {row['n']}{settings}")
    marks.name_rows(axes, [style.formula(name) for name in rows["effect"]], 54)
    axes.spines["left"].set_visible(False)
    axes.set_title(heading, pad=4)


def draw_cells(axes: Axes, means: pd.DataFrame, lines: Levels, columns: Levels) -> None:
    """Draw the mean and n of every cell; cells without an analysed network are hatched."""
    rows, across = (list(itertools.product(*part.values())) for part in (lines, columns))
    found = {tuple(row[name] for name in (*lines, *columns)): row for row in means.to_dict("records")}
    colours = marks.signed_colours(means["value"])
    for (y, line), (x, column) in itertools.product(enumerate(rows), enumerate(across)):
        marks.cell(axes, (x, y), found.get((*line, *column), {"n": 0, "n_trained": 0}), colours, size=6.5)
    rows_named, columns_named = [_named(one, 24, " · ") for one in rows], [_named(one, 12, "\n") for one in across]
    marks.name_cells(axes, rows_named, columns_named)
    axes.set_xlabel(_named(list(columns), 40, " · "), parse_math=False)
    axes.set_ylabel(_named(list(lines), 16, " · "), rotation=0, ha="right", va="center", parse_math=False)
    axes.set_title("Mean in every cell", pad=4)


def _named(names: Sequence[str], width: int, between: str) -> str:
    return between.join(style.plain(name, width, 1) for name in names)


def _caption(
    effects: pd.DataFrame, means: pd.DataFrame, lines: Levels, columns: Levels, statistic: str, sesoi: float
) -> str:
    shaded = f" The grey band is the smallest effect of interest, {sesoi:g} on both sides." if sesoi else ""
    partial = (
        " If some settings of the other factors have fewer than two analysed networks in a cell, the effect is "
        "averaged over the other settings, which are counted at the right."
        if (effects["settings"] < effects["n_settings"]).any() or (means["n"] < means["n_trained"]).any()
        else ""
    )
    return (
        f"{statistic}: a main effect is the difference between two levels of a factor, an interaction the difference "
        "between two such differences. Both are computed from cell means, averaged over all settings of the other "
        "factors, and shown with a 95 % interval over networks (seeds; clustered, Student’s t) that is not corrected "
        f"for the number of effects. The solid line is zero.{shaded}{partial} Below: the mean over networks in every "
        f"cell, with {', '.join(lines)} in rows and {', '.join(columns)} in columns; colours are centred on zero. "
        f"n counts networks: {select.count_range(effects['n'])} per effect."
    )
