"""Crossed factors: a map of the mean contrast in every condition; main effects and interactions with intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib.figure
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle

from repbias.core.results import EFFECT_COLUMNS
from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

MAP_NAME, MAP_TITLE = "condition-map", "The effect across crossed factors"
_FEWEST_CONDITIONS, _FULLNESS, _MOST_LEVELS = 6, 0.6, 12
_MAP_CELL = (0.98, 0.5)
_MAP_LEFT, _MAP_RIGHT, _MAP_TOP, _MAP_GAP, _MAP_HEAD, _MAP_FOOT = 1.55, 1.25, 0.15, 0.3, 0.35, 0.8
_MAP_WIDEST = 12.0
Factor = tuple[str, Sequence[str]]  # a factor and its levels, in the order drawn
EFFECTS_NAME, EFFECTS_TITLE = "effects", "Main effects and interactions"
_HEADINGS = {"main effect": "Main effects", "interaction": "Interactions"}
_WIDTH, _LEFT, _RIGHT = 10.8, 3.7, 1.9
_ROW, _HEAD, _TOP, _FOOT = 0.25, 0.32, 0.15, 0.65
_CELL_HEIGHT, _CELLS_HEAD, _CELLS_FOOT = 0.42, 0.45, 0.85
Levels = Mapping[str, Sequence[str]]


def forms_grid(conditions: pd.DataFrame) -> bool:
    """Whether the conditions form a grid that a map can show.

    Two or three factors must vary, with at most 12 levels each, over at least 6 conditions that all differ in these
    factors and fill at least 60 % of the grid of all combinations.
    """
    varying = select.varying_factors(conditions)
    if len(varying) not in (2, 3) or len(conditions) < _FEWEST_CONDITIONS:
        return False
    levels = [conditions[name].astype(str).nunique() for name in varying]
    distinct = not conditions[varying].astype(str).duplicated().any()
    return distinct and max(levels) <= _MOST_LEVELS and len(conditions) >= _FULLNESS * math.prod(levels)


@style.applied()
def condition_map(values: pd.DataFrame, conditions: pd.DataFrame, statement: str, statistic: str) -> Figure:
    """Draw the mean of a contrast in every condition: rows are the first factor, columns the second, panels the third.

    Parameters
    ----------
    values : one row per trained network: ``condition``, ``seed``, ``value`` (NaN if it failed the accuracy criterion).
    conditions : one row per condition with its factors, for which `forms_grid` is true.
    statement, statistic : the claim that the contrast decides, and the contrast in words.

    Returns
    -------
    The figure; ``numbers`` has one row per condition: its levels, ``value`` (the mean), ``n`` and ``n_trained``.

    Raises
    ------
    ValueError : a column is missing.
    """
    select.require_columns(values, ("condition", "seed", "value"), "values")
    numbers = _numbers(values, conditions)
    if numbers["n"].sum() == 0:
        sentence = "No map: no network was analysed in any condition."
        return empty_figure(MAP_NAME, MAP_TITLE, sentence, numbers[:0])
    levels = {name: list(numbers[name].unique()) for name in select.varying_factors(conditions)}
    (rows, columns, *third), colours = levels, marks.signed_colours(numbers["value"])
    panels = [(f"{name}: {level}", numbers[numbers[name] == level]) for name in third for level in levels[name]]
    panels = panels or [("", numbers)]
    size = (_MAP_CELL[0] * len(levels[columns]), _MAP_CELL[1] * len(levels[rows]))
    in_a_row = max(min(int((_MAP_WIDEST + _MAP_GAP) / (size[0] + _MAP_GAP)), len(panels)), 1)
    margins = (_MAP_LEFT, _MAP_FOOT, _MAP_RIGHT, _MAP_TOP + _MAP_HEAD)
    drawing, cells = style.tiles(len(panels), in_a_row, size, gap=(_MAP_GAP, _MAP_HEAD + _MAP_FOOT), margins=margins)
    for place, (cell, (title, here)) in enumerate(zip(cells, panels, strict=True)):
        axes = drawing.add_subplot(cell)
        if title:
            style.panel_title(axes, title)
        draw_map(axes, here, (rows, levels[rows]), (columns, levels[columns]), colours)
        axes.set_xlabel(style.plain(columns, 40, 1), parse_math=False)
        axes.tick_params(labelleft=place % in_a_row == 0)
        if place % in_a_row == 0:
            axes.set_ylabel(style.plain(rows, 30, 1), parse_math=False)
    _colour_bar(drawing, colours, statistic)
    return Figure(MAP_NAME, MAP_TITLE, _map_caption(numbers, levels, statement, statistic), drawing, numbers)


def _numbers(values: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    levels = conditions[["condition", *select.varying_factors(conditions)]].astype(str)
    means = marks.cell_means(values.astype({"condition": str}), ["condition"])
    numbers = levels.merge(means, on="condition", how="left")
    return numbers.fillna({"n": 0, "n_trained": 0}).astype({"n": int, "n_trained": int}).assign(mark="cell")


def draw_map(axes: Axes, numbers: pd.DataFrame, rows: Factor, columns: Factor, colours: ScalarMappable) -> None:
    """Draw one cell per condition, with its mean and n; a dashed frame marks cells with networks that failed."""
    for cell in numbers.to_dict("records"):
        x, y = (levels.index(cell[factor]) for factor, levels in (columns, rows))
        marks.cell(axes, (x, y), cell, colours)
        if cell["n"] < cell["n_trained"]:
            axes.add_patch(
                Rectangle((x + 0.035, y + 0.06), 0.93, 0.88, fill=False, edgecolor="#B3341F", linewidth=1.3, ls="--")
            )
    marks.name_cells(axes, [style.plain(n, 18, 2) for n in rows[1]], [style.plain(n, 15, 2) for n in columns[1]])


def _colour_bar(drawing: matplotlib.figure.Figure, colours: ScalarMappable, statistic: str) -> None:
    """The scale of colours, zero in its middle, to the right of the first row of panels."""
    width, height = style.inches(drawing)
    first = drawing.axes[0].get_position()
    tall = min(max(first.height, 1.5 / height), first.y1 - 0.02)
    place = 1 - (_MAP_RIGHT - 0.3) / width, first.y1 - tall, 0.14 / width, tall
    bar = drawing.colorbar(colours, cax=drawing.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    bar.ax.axhline(0, color=style.ink(), linewidth=0.8)
    bar.set_label(style.plain(style.formula(statistic), 36, 3), parse_math=False, fontsize=style.points(7.5))


def _map_caption(numbers: pd.DataFrame, levels: Mapping[str, Sequence[str]], statement: str, statistic: str) -> str:
    rows, columns, *third = levels
    panels = f", panels are {third[0]}" if third else ""
    absent = math.prod(map(len, levels.values())) - len(numbers)
    gone = f" {absent} combination{'s are' if absent > 1 else ' is'} not part of the study (blank)." if absent else ""
    failed = (
        " Cells framed in red have networks that failed the accuracy criterion; in hatched cells all networks failed."
        if (numbers["n"] < numbers["n_trained"]).any()
        else ""
    )
    return (
        f"Mean over analysed networks (seeds) of {statistic}, in every condition; values above zero are in the "
        f"direction of “{statement}”. Rows are {rows}, columns {columns}{panels}. Colours are "
        f"centred on zero. n counts networks.{failed}{gone} Intervals are in the forest plot."
    )


@style.applied()
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
    select.require_columns(effects, EFFECT_COLUMNS, "effects")
    select.require_columns(cells, (*levels, "seed", "value"), "cells")
    means = marks.cell_means(cells, list(levels)).assign(mark="cell")
    if effects.empty:
        sentence = "No effects: for no effect were networks analysed in all conditions that it compares."
        return empty_figure(EFFECTS_NAME, EFFECTS_TITLE, sentence, means)
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
    caption = _effects_caption(effects, means, lines, columns, statistic, sesoi)
    return Figure(EFFECTS_NAME, EFFECTS_TITLE, caption, drawing, numbers)


def _axes(drawing: matplotlib.figure.Figure, bottom: float, tall: float) -> Axes:
    """Axes of the full width, `tall` inches high."""
    return style.axes_at(drawing, _LEFT, bottom, _WIDTH - _LEFT - _RIGHT, tall)


def draw_effects(axes: Axes, rows: pd.DataFrame, sesoi: float) -> None:
    """Draw the effects of one kind, with n and how many settings are averaged at the right."""
    kind = str(rows["kind"].iloc[0])
    colour, heading = style.feature_colours(_HEADINGS)[kind], _HEADINGS[kind]
    axes.axvspan(-sesoi, sesoi, color=style.shade(0.24), linewidth=0, zorder=0)
    axes.axvline(0, color=style.ink(), linewidth=0.8, zorder=1)
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
        marks.cell(axes, (x, y), found.get((*line, *column), {"n": 0, "n_trained": 0}), colours)
    rows_named, columns_named = [_named(one, 24, " · ") for one in rows], [_named(one, 12, "\n") for one in across]
    marks.name_cells(axes, rows_named, columns_named)
    axes.set_xlabel(_named(list(columns), 40, " · "), parse_math=False)
    axes.set_ylabel(_named(list(lines), 16, " · "), rotation=0, ha="right", va="center", parse_math=False)
    axes.set_title("Mean in every cell", pad=4)


def _named(names: Sequence[str], width: int, between: str) -> str:
    return between.join(style.plain(name, width, 1) for name in names)


def _effects_caption(
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
