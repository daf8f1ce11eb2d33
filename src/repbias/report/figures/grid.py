"""A map of crossed factors: the mean of one contrast in every condition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "The effect across crossed factors"
_COLOURS = "PuOr_r"
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
    """Whether a map is worth drawing.

    It is where two or three factors vary, with at most 12 levels each, over 6 conditions or more that are all
    different in these factors and fill at least 60 % of the grid of all their combinations.
    """
    varying = select.varying_factors(conditions)
    if len(varying) not in (2, 3) or len(conditions) < _FEWEST_CONDITIONS:
        return False
    levels = [conditions[name].astype(str).nunique() for name in varying]
    distinct = not conditions[varying].astype(str).duplicated().any()
    return distinct and max(levels) <= _MOST_LEVELS and len(conditions) >= _FULLNESS * math.prod(levels)


@style.house_style()
def condition_map(values: pd.DataFrame, conditions: pd.DataFrame, statement: str, statistic: str) -> Figure:
    """The mean of a contrast in every condition: rows are the first factor, columns the second, panels the third.

    Parameters
    ----------
    values : one row a trained network: ``condition``, ``seed``, ``value``, NaN where it failed the accuracy criterion.
    conditions : one row a condition with its factors; `forms_grid` holds of it.
    statement, statistic : what the contrast decides, and what it is.

    Returns
    -------
    the figure; ``numbers`` has one row a condition: its levels, ``value`` (the mean), ``n`` and ``n_trained``.

    Raises
    ------
    ValueError : a column is missing.
    """
    select.require_columns(values, ("condition", "seed", "value"), "values")
    numbers = _numbers(values, conditions)
    if numbers["n"].sum() == 0:
        sentence = "No map: no network was analysed in any condition."
        return Figure("condition-map", TITLE, sentence, style.sentence_only(sentence), numbers[:0])
    grid = _grid(conditions)
    strongest = max(float(numbers["value"].abs().max()), 1e-9)
    colours = ScalarMappable(Normalize(-strongest, strongest), _COLOURS)
    drawing, panels = _canvas(grid)
    for axes, panel in zip(panels, grid.panels, strict=True):
        here = numbers if len(grid.factors) < 3 else numbers[numbers[grid.factors[2]] == panel]
        if len(grid.factors) == 3:
            style.panel_title(axes, f"{grid.factors[2]}: {panel}")
        _draw(axes, here, grid, colours)
        _name(axes, grid, first=axes.get_position().x0 <= panels[0].get_position().x0 + 1e-6)
    _colour_bar(drawing, panels, colours, statistic)
    return Figure("condition-map", TITLE, _caption(numbers, grid, statement, statistic), drawing, numbers)


def _numbers(values: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    told = conditions[["condition", *select.varying_factors(conditions)]].astype(str)
    by = values.astype({"condition": str}).groupby("condition")["value"]
    summary = pd.DataFrame({"value": by.mean(), "n": by.count(), "n_trained": by.size()})
    numbers = told.join(summary, on="condition").reset_index(drop=True)
    return numbers.fillna({"n": 0, "n_trained": 0}).astype({"n": int, "n_trained": int}).assign(mark="cell")


def _grid(conditions: pd.DataFrame) -> _Grid:
    factors = select.varying_factors(conditions)
    levels = [list(dict.fromkeys(conditions[name].astype(str))) for name in factors]
    return _Grid(tuple(factors), levels[0], levels[1], levels[2] if len(factors) == 3 else [""])


def _canvas(grid: _Grid) -> tuple[matplotlib.figure.Figure, list[Axes]]:
    """Panels of cells of one size, as many side by side as there is room for."""
    size = (_CELL[0] * len(grid.columns), _CELL[1] * len(grid.rows))
    columns = max(min(int((_WIDEST + _GAP) / (size[0] + _GAP)), len(grid.panels)), 1)
    lines = -(-len(grid.panels) // columns)
    width = _LEFT + columns * size[0] + (columns - 1) * _GAP + _RIGHT
    height = _TOP + lines * (_TITLE + size[1] + _FOOT)
    drawing = style.canvas(width, height)
    panels = []
    for index in range(len(grid.panels)):
        line, column = divmod(index, columns)
        left = _LEFT + column * (size[0] + _GAP)
        bottom = height - _TOP - (line + 1) * (_TITLE + size[1]) - line * _FOOT
        panels.append(drawing.add_axes((left / width, bottom / height, size[0] / width, size[1] / height)))
    return drawing, panels


def _draw(axes: Axes, numbers: pd.DataFrame, grid: _Grid, colours: ScalarMappable) -> None:
    """One cell a condition, with its mean and n; what was not analysed is hatched."""
    axes.set(xlim=(0, len(grid.columns)), ylim=(len(grid.rows), 0))
    for _, row in numbers.iterrows():
        x, y = grid.columns.index(row[grid.factors[1]]), grid.rows.index(row[grid.factors[0]])
        analysed = row["n"] > 0
        face = colours.to_rgba(row["value"]) if analysed else (0.96, 0.965, 0.97, 1.0)
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
        if row["n"] < row["n_trained"]:
            _mark_missed(axes, x, y, whole=not analysed)
        ink = "white" if analysed and np.dot(face[:3], (0.299, 0.587, 0.114)) < 0.5 else style.INK
        if analysed:
            number = f"{row['value']:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00").replace("-", "−")
            axes.text(x + 0.5, y + 0.4, number, ha="center", va="center", color=ink, fontsize=9, fontweight="bold")
        axes.text(
            x + 0.5, y + (0.76 if analysed else 0.5), _count(row), ha="center", va="center", color=ink, fontsize=6.8
        )


def _mark_missed(axes: Axes, x: int, y: int, *, whole: bool) -> None:
    """A hatched cell where no network passed the accuracy criterion, a red frame where some did not."""
    if whole:
        axes.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch="////", edgecolor="#c3c9d0", linewidth=0))
    frame = (x + 0.035, y + 0.06)
    axes.add_patch(Rectangle(frame, 0.93, 0.88, fill=False, edgecolor="#B3341F", linewidth=1.3, linestyle="--"))


def _count(row: pd.Series) -> str:
    if row["n_trained"] == 0:
        return "no networks"
    if row["n"] == 0:
        return f"none of {row['n_trained']}\npassed the accuracy criterion"
    return f"n = {row['n']}" if row["n"] == row["n_trained"] else f"n = {row['n']} of {row['n_trained']}"


def _name(axes: Axes, grid: _Grid, *, first: bool) -> None:
    """The levels along the edges."""
    for spine in axes.spines.values():
        spine.set_visible(False)
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
    place = (
        1 - (_RIGHT - 0.3) / width,
        first.y1 - min(tall, first.y1 - 0.02),
        0.14 / width,
        min(tall, first.y1 - 0.02),
    )
    bar = drawing.colorbar(colours, cax=drawing.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    bar.ax.axhline(0, color=style.INK, linewidth=0.8)
    bar.set_label(style.plain(style.formula(statistic), 36, 3), parse_math=False, fontsize=7.5)


def _caption(numbers: pd.DataFrame, grid: _Grid, statement: str, statistic: str) -> str:
    third = f", panels are {grid.factors[2]}" if len(grid.factors) == 3 else ""
    absent = len(grid.rows) * len(grid.columns) * len(grid.panels) - len(numbers)
    gone = f" {absent} combination{'s are' if absent > 1 else ' is'} not part of the study (blank)." if absent else ""
    missed = (
        " Cells framed in red have networks that failed the accuracy criterion; hatched cells have no other."
        if (numbers["n"] < numbers["n_trained"]).any()
        else ""
    )
    return (
        f"Mean over analysed networks (seeds) of {statistic}, in every condition; above zero is the direction of "
        f"“{statement}”. Rows are {grid.factors[0]}, columns {grid.factors[1]}{third}. Colours are "
        f"centred on zero. n counts networks.{missed}{gone} The forest plot has the intervals."
    )
