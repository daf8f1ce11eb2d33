"""Claims as a forest plot: estimate, interval, verdict, for every condition."""

from __future__ import annotations

from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

TITLE = "Claims, condition by condition"
CLAIMS = ("id", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict")
_COLUMNS = [*CLAIMS, "n_planned", "sesoi", "test", "family", "note", "detectable", "seeds_needed", "p"]
_MARKS: dict[str, tuple[str, str | None, bool]] = {  # marker, colour if it is not grey, whether it is filled
    "replicated": ("o", "#00695C", True),
    "no effect": ("s", "#B3341F", False),
    "reversed": ("X", "#B3341F", False),
    "contradicted": ("v", "#B3341F", False),
    "inconclusive": ("o", None, False),
    "no data": ("o", None, True),
    "descriptive": ("D", None, False),
}
_BOTH_SIDES = ("equivalence", "change")
_WIDTH, _LEFT, _RIGHT = 10.6, 2.6, 2.15
_ROW, _HEAD, _FOOT, _TOP = 0.25, 0.5, 0.6, 0.35


@style.applied()
def claim_forest(claims: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """One panel per claim or part, one row per condition: estimate, interval, smallest effect, verdict and n.

    Parameters
    ----------
    claims : one row per claim and condition, or group of conditions; ``n_planned`` and ``sesoi`` are drawn where they
        are given, ``sesoi`` on both sides of zero where ``test`` is "equivalence" or "change". Rows of one ``id`` that
        differ in ``statement`` or ``statistic`` are parts of one claim, each with a separate axis.
    conditions : their order is the order of the rows; groups come after them, as they first appear.

    Returns
    -------
    the figure; ``numbers`` holds the claims in the order drawn.
    """
    select.require_columns(claims, CLAIMS, "claims")
    numbers = _ordered(claims, conditions)
    if numbers.empty:
        sentence = "No forest plot: no claims were tested."
        return empty_figure("claim-forest", TITLE, sentence, numbers)
    panels = select.claim_parts(numbers)
    height = _TOP + sum(_HEAD + _FOOT + _ROW * len(rows) for rows in panels)
    drawing = style.canvas(_WIDTH, height)
    _verdict_key(drawing, numbers)
    top = height - _TOP
    titles = select.titles(conditions)
    for rows in panels:
        size = _ROW * len(rows)
        top -= _HEAD + size
        _draw(style.axes_at(drawing, _LEFT, top, _WIDTH - _LEFT - _RIGHT, size), rows, titles)
        top -= _FOOT
    return Figure("claim-forest", TITLE, _caption(numbers), drawing, numbers)


def _ordered(claims: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """Claims by id, their parts as they first appear, then by condition, with every column the figure may draw."""
    order = {str(name): place for place, name in enumerate(conditions["condition"])}

    def place(names: pd.Series) -> pd.Series:
        return names.map(lambda name: order.get(str(name), len(order)))

    parts = [part.sort_values("condition", key=place, kind="stable") for part in select.claim_parts(claims)]
    numbers = pd.concat([claims[:0], *parts], ignore_index=True).reindex(columns=_COLUMNS)
    numeric = ["estimate", "ci_low", "ci_high", "sesoi", "detectable", "seeds_needed", "p"]
    verdict = numbers["verdict"].replace("", "descriptive")
    return numbers.assign(verdict=verdict, **{name: pd.to_numeric(numbers[name]) for name in numeric})


def _draw(axes: Axes, rows: pd.DataFrame, titles: dict[str, str]) -> None:
    """One claim, or one part of a claim."""
    heading = style.plain(f"{rows['id'].iloc[0]}  {rows['statement'].iloc[0]}", 104)
    left, above = -_LEFT / (_WIDTH - _LEFT - _RIGHT) + 0.02, 1 + 0.14 / (_ROW * len(rows))
    look: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom", "fontweight": "bold"}
    style.write(axes, left, above, heading, 9, style.ink(), **look)
    other_sides = -rows.loc[rows["test"].isin(_BOTH_SIDES), "sesoi"]
    numbers = rows[["estimate", "ci_low", "ci_high", "sesoi"]].to_numpy(float)
    axes.set_xlim(*marks.limits([*numbers.ravel(), *other_sides]))
    axes.axvline(0, color=style.ink(), linewidth=0.8, zorder=1)
    for place, (_, row) in enumerate(rows.iterrows()):
        _draw_row(axes, place, row)
    marks.name_rows(axes, [titles.get(str(name), name) for name in rows["condition"]], 40)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(style.plain(style.formula(rows["statistic"].iloc[0]), 130), parse_math=False)


def _draw_row(axes: Axes, place: int, row: pd.Series) -> None:
    """Estimate, interval and smallest effect of one condition, with verdict and n to the right."""
    marker, edge, face = _mark(str(row["verdict"]))
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, color=style.shade(0.085), zorder=0, linewidth=0)
    for bound in {row["sesoi"], -row["sesoi"] if row["test"] in _BOTH_SIDES else row["sesoi"]}:
        axes.plot([bound] * 2, [place - 0.5, place + 0.5], color=style.muted(), linewidth=1, dashes=(3, 2))
    if np.isfinite(row["estimate"]):
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=edge, linewidth=1.7, solid_capstyle="butt")
        size = 8.5 if marker == "X" else 6
        axes.plot([row["estimate"]], [place], marker, color=edge, markerfacecolor=face, markersize=size)
    else:
        axes.text(0, place, " not estimated", va="center", color=style.muted(), fontsize=style.points(8))
    networks = f"n = {_count(row['n'])}"
    if pd.notna(row["n_planned"]) and row["n_planned"] != row["n"]:
        networks += f" of {_count(row['n_planned'])}"
    marks.beside_row(axes, place, networks)
    marks.beside_row(axes, place, style.plain(row["verdict"], 18, 1), x=1.2, colour=edge)


def _mark(verdict: str) -> tuple[str, str, str]:
    """The marker of a verdict, and the colours of its edge and of its face."""
    marker, colour, filled = _MARKS.get(verdict, _MARKS["inconclusive"])
    edge = colour or style.muted()
    return marker, edge, edge if filled else style.paper()


def _count(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) and np.isfinite(value) else "?"


def _verdict_key(drawing: matplotlib.figure.Figure, numbers: pd.DataFrame) -> None:
    """The marks that occur, and the line of the smallest effect if there is one."""
    used = [name for name in _MARKS if (numbers["verdict"] == name).any()]
    handles = []
    for name in used:
        marker, edge, face = _mark(name)
        handles.append(Line2D([], [], color=edge, marker=marker, markerfacecolor=face, linewidth=1.7, label=name))
    if numbers["sesoi"].notna().any():
        handles.append(
            Line2D([], [], color=style.muted(), linewidth=1, dashes=(3, 2), label="smallest effect of interest")
        )
    drawing.legend(handles=handles, loc="upper left", ncols=4, frameon=False, borderaxespad=0.3, columnspacing=1.8)


def _caption(numbers: pd.DataFrame) -> str:
    counts = select.span(_count(numbers["n"].min()), _count(numbers["n"].max()))
    between = (
        " Two dashed lines are drawn where the claim is that there is no effect, or an effect in either direction."
        if numbers["test"].isin(_BOTH_SIDES).any()
        else ""
    )
    return (
        "Estimate and 95 % interval of each claim's statistic in each condition, or in each group of conditions that "
        "it compares. The solid line is zero, the dashed line the smallest effect of interest, fixed before the run."
        f"{between} Shape and colour give the verdict on the row alone, before any correction for several rows. Each "
        "claim, and each part of a claim, has a separate axis. n, at the right, counts networks (seeds), not units "
        f"or stimuli: {counts} per row."
    )
