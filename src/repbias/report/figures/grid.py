"""A map of crossed factors: the mean of one contrast in every condition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "condition-map", "The effect across crossed factors"
_FEWEST_CONDITIONS, _FULLNESS, _MOST_LEVELS = 6, 0.6, 12
_CELL = (0.98, 0.5)
_LEFT, _RIGHT, _TOP, _GAP, _TITLE, _FOOT = 1.55, 1.25, 0.15, 0.3, 0.35, 0.8
_WIDEST = 12.0


@dataclass(frozen=True)
class _Grid:
    """The factors' levels, in the study's order: of the rows, the columns and the panels."""

    factors: tuple[str, ...]
    rows: list[str]
    columns: list[str]
    panels: list[str]


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


@style.house_style()
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
        return empty_figure(NAME, TITLE, sentence, numbers[:0])
    grid = _grid(conditions)
    colours = marks.signed_colours(numbers["value"])
    drawing, panels = _canvas(grid)
    for axes, panel in zip(panels, grid.panels, strict=True):
        here = numbers if len(grid.factors) < 3 else numbers[numbers[grid.factors[2]] == panel]
        if len(grid.factors) == 3:
            style.panel_title(axes, f"{grid.factors[2]}: {panel}")
        draw_map(axes, here, grid, colours)
        _name(axes, grid, first=axes.get_position().x0 <= panels[0].get_position().x0 + 1e-6)
    _colour_bar(drawing, panels, colours, statistic)
    return Figure(NAME, TITLE, _caption(numbers, grid, statement, statistic), drawing, numbers)


def _numbers(values: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    levels = conditions[["condition", *select.varying_factors(conditions)]].astype(str)
    by = values.astype({"condition": str}).groupby("condition")["value"]
    summary = pd.DataFrame({"value": by.mean(), "n": by.count(), "n_trained": by.size()})
    numbers = levels.join(summary, on="condition").reset_index(drop=True)
    return numbers.fillna({"n": 0, "n_trained": 0}).astype({"n": int, "n_trained": int}).assign(mark="cell")


def _grid(conditions: pd.DataFrame) -> _Grid:
    factors = select.varying_factors(conditions)
    levels = [list(dict.fromkeys(conditions[name].astype(str))) for name in factors]
    return _Grid(tuple(factors), levels[0], levels[1], levels[2] if len(factors) == 3 else [""])


def _canvas(grid: _Grid) -> tuple[matplotlib.figure.Figure, list[Axes]]:
    """Panels of cells of one size, as many side by side as there is room for."""
    size = (_CELL[0] * len(grid.columns), _CELL[1] * len(grid.rows))
    columns = max(min(int((_WIDEST + _GAP) / (size[0] + _GAP)), len(grid.panels)), 1)
    margins = (_LEFT, _FOOT, _RIGHT, _TOP + _TITLE)
    return style.tiles(len(grid.panels), columns, size, gap=(_GAP, _TITLE + _FOOT), margins=margins)


def draw_map(axes: Axes, numbers: pd.DataFrame, grid: _Grid, colours: ScalarMappable) -> None:
    """Draw one cell per condition, with its mean and n; a dashed frame marks cells with networks that failed."""
    axes.set(xlim=(0, len(grid.columns)), ylim=(len(grid.rows), 0))
    for row in numbers.to_dict("records"):
        x, y = grid.columns.index(row[grid.factors[1]]), grid.rows.index(row[grid.factors[0]])
        count = marks.cell_count(row["n"], row["n_trained"])
        if row["n"]:
            marks.cell(axes, (x, y), row["value"], colours, count, size=6.8)
        else:
            marks.empty_cell(axes, (x, y), count, size=6.8)
        if row["n"] < row["n_trained"]:
            axes.add_patch(
                Rectangle((x + 0.035, y + 0.06), 0.93, 0.88, fill=False, edgecolor="#B3341F", linewidth=1.3, ls="--")
            )


def _name(axes: Axes, grid: _Grid, *, first: bool) -> None:
    """The levels along the edges."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=style.INK)
    axes.set_xticks(np.arange(len(grid.columns)) + 0.5, [style.plain(n, 15, 2) for n in grid.columns], parse_math=False)
    axes.set_yticks(np.arange(len(grid.rows)) + 0.5, [style.plain(n, 18, 2) for n in grid.rows], parse_math=False)
    axes.set_xlabel(style.plain(grid.factors[1], 40, 1), parse_math=False)
    axes.tick_params(labelleft=first)
    if first:
        axes.set_ylabel(style.plain(grid.factors[0], 30, 1), parse_math=False)


def _colour_bar(drawing: matplotlib.figure.Figure, panels: list[Axes], colours: ScalarMappable, statistic: str) -> None:
    """The scale of colours, zero in its middle, to the right of the first row of panels."""
    width, height = drawing.get_size_inches()
    first = panels[0].get_position()
    tall = max(first.height, 1.5 / height)
    tall = min(tall, first.y1 - 0.02)
    place = 1 - (_RIGHT - 0.3) / width, first.y1 - tall, 0.14 / width, tall
    bar = drawing.colorbar(colours, cax=drawing.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    bar.ax.axhline(0, color=style.INK, linewidth=0.8)
    bar.set_label(style.plain(style.formula(statistic), 36, 3), parse_math=False, fontsize=7.5)


def _caption(numbers: pd.DataFrame, grid: _Grid, statement: str, statistic: str) -> str:
    third = f", panels are {grid.factors[2]}" if len(grid.factors) == 3 else ""
    absent = len(grid.rows) * len(grid.columns) * len(grid.panels) - len(numbers)
    gone = f" {absent} combination{'s are' if absent > 1 else ' is'} not part of the study (blank)." if absent else ""
    failed = (
        " Cells framed in red have networks that failed the accuracy criterion; in hatched cells all networks failed."
        if (numbers["n"] < numbers["n_trained"]).any()
        else ""
    )
    return (
        f"Mean over analysed networks (seeds) of {statistic}, in every condition; values above zero are in the "
        f"direction of “{statement}”. Rows are {grid.factors[0]}, columns {grid.factors[1]}{third}. Colours are "
        f"centred on zero. n counts networks.{failed}{gone} Intervals are in the forest plot."
    )
