"""A map of crossed factors: the mean of one contrast in every condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.figure
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
Levels = tuple[str, Sequence[str]]  # a factor and its levels, in the order drawn


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
    levels = {name: list(numbers[name].unique()) for name in select.varying_factors(conditions)}
    (rows, columns, *third), colours = levels, marks.signed_colours(numbers["value"])
    panels = [(f"{name}: {level}", numbers[numbers[name] == level]) for name in third for level in levels[name]]
    panels = panels or [("", numbers)]
    size = (_CELL[0] * len(levels[columns]), _CELL[1] * len(levels[rows]))
    in_a_row = max(min(int((_WIDEST + _GAP) / (size[0] + _GAP)), len(panels)), 1)
    margins = (_LEFT, _FOOT, _RIGHT, _TOP + _TITLE)
    drawing, cells = style.tiles(len(panels), in_a_row, size, gap=(_GAP, _TITLE + _FOOT), margins=margins)
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
    return Figure(NAME, TITLE, _caption(numbers, levels, statement, statistic), drawing, numbers)


def _numbers(values: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    levels = conditions[["condition", *select.varying_factors(conditions)]].astype(str)
    means = marks.cell_means(values.astype({"condition": str}), ["condition"])
    numbers = levels.merge(means, on="condition", how="left")
    return numbers.fillna({"n": 0, "n_trained": 0}).astype({"n": int, "n_trained": int}).assign(mark="cell")


def draw_map(axes: Axes, numbers: pd.DataFrame, rows: Levels, columns: Levels, colours: ScalarMappable) -> None:
    """Draw one cell per condition, with its mean and n; a dashed frame marks cells with networks that failed."""
    for cell in numbers.to_dict("records"):
        x, y = (levels.index(cell[factor]) for factor, levels in (columns, rows))
        marks.cell(axes, (x, y), cell, colours, size=6.8)
        if cell["n"] < cell["n_trained"]:
            axes.add_patch(
                Rectangle((x + 0.035, y + 0.06), 0.93, 0.88, fill=False, edgecolor="#B3341F", linewidth=1.3, ls="--")
            )
    marks.name_cells(axes, [style.plain(n, 18, 2) for n in rows[1]], [style.plain(n, 15, 2) for n in columns[1]])


def _colour_bar(drawing: matplotlib.figure.Figure, colours: ScalarMappable, statistic: str) -> None:
    """The scale of colours, zero in its middle, to the right of the first row of panels."""
    width, height = drawing.get_size_inches()
    first = drawing.axes[0].get_position()
    tall = min(max(first.height, 1.5 / height), first.y1 - 0.02)
    place = 1 - (_RIGHT - 0.3) / width, first.y1 - tall, 0.14 / width, tall
    bar = drawing.colorbar(colours, cax=drawing.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)
    bar.ax.axhline(0, color=style.INK, linewidth=0.8)
    bar.set_label(style.plain(style.formula(statistic), 36, 3), parse_math=False, fontsize=7.5)


def _caption(numbers: pd.DataFrame, levels: Mapping[str, Sequence[str]], statement: str, statistic: str) -> str:
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
