"""Tables for the terminal: claims and the scorecard."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from repbias.experiments.verdicts import combine

_STYLES = {"replicated": "green", "not replicated": "red", "mixed": "yellow"}


def stdout() -> Console:
    """Return a console on standard output that prints names as they are."""
    return Console(soft_wrap=False, highlight=False)


def scorecard(table: pd.DataFrame) -> Table:
    """Return one line a claim and study: the verdict over all conditions, and the ranges of effect and n.

    The parts of a claim are tested on statistics of their own, so each has a range, in their order.
    """
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("claim", "study", "verdict"):
        view.add_column(name, no_wrap=True)
    for name in ("effect", "n seeds"):
        view.add_column(name, justify="right")
    view.add_column("scale", no_wrap=True)
    scored = [(_claim_number(str(name)), study, rows) for (name, study), rows in table.groupby(["id", "study"])]
    for _, study, rows in sorted(scored, key=lambda one: one[:2]):
        verdict = combine(rows["verdict"].tolist())
        parts = [part["estimate"] for _, part in rows.groupby(["statement", "statistic"], sort=False)]
        effect = "; ".join(_range(_number(part.min()), _number(part.max())) for part in parts)
        n = f"{_range(str(rows['n'].min()), str(rows['n'].max()))} of {rows['n_planned'].max()}"
        words = (Text(str(rows["id"].iloc[0])), Text(str(study)), Text(verdict, style=_STYLES.get(verdict, "")))
        view.add_row(*words, effect, n, str(rows["scale"].iloc[0]))
    return view


def _claim_number(name: str) -> tuple[int, str]:
    """A sorting key by which C2 comes before C10."""
    digits = "".join(letter for letter in name if letter.isdecimal())
    return int(digits or 0), name


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def claims(table: pd.DataFrame) -> Group:
    """Return the claims for the terminal: each statement, its statistic, and a line for each condition or group.

    p is corrected for all tests of the study.
    """
    parts: list[RenderableType] = []
    for _, rows in table.groupby(["study", "id", "statement", "statistic"], sort=False):
        first = rows.iloc[0]
        parts += [
            Text.assemble((f"{first['id']}  {first['statement']}", "bold"), (f"  {first['study']}", "dim")),
            Text(f"    {first['statistic']}"),
            _condition_rows(rows),
            Text(),
        ]
    return Group(*(parts or [Text("no claims are stated")]))


def _condition_rows(rows: pd.DataFrame) -> Padding:
    view = Table(box=None, pad_edge=False, header_style="dim")
    view.add_column("condition")
    for name in ("estimate", "95 % interval", "p", "n seeds"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("verdict", no_wrap=True)
    for row in rows.itertuples():
        verdict = str(row.verdict)
        interval = f"[{_number(row.ci_low)}, {_number(row.ci_high)}]"
        numbers = (_number(row.estimate), Text(interval), _p_value(row.p), f"{row.n} of {row.n_planned}")
        view.add_row(Text(str(row.condition)), *numbers, Text(verdict, style=_STYLES.get(verdict, "")))
    return Padding(view, (0, 0, 0, 4))


def _p_value(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}"


def _number(value: Any) -> str:
    if value is None or pd.isna(value):
        return "-"
    return f"{value:+.3f}" if math.isfinite(value) else f"{value:+}"
