"""Claims as the page lays them out: one verdict a claim, one table for each of its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repbias.report.figures.select import claim_parts, natural, require_columns
from repbias.report.figures.style import formula
from repbias.report.views import VerdictView, native, verdict_view, words


@dataclass(frozen=True)
class PartView:
    """One statement of a claim, how it is decided, and its conditions."""

    statement: str
    statistic: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class ClaimView:
    """One claim: its overall verdict and its parts, most often one."""

    anchor: str
    id: str
    statement: str
    strength: str
    verdict: VerdictView
    parts: list[PartView]


def claim_views(verdicts: pd.DataFrame, claims: pd.DataFrame) -> list[ClaimView]:
    """Claims by id; one that has a verdict and no rows, or rows and no verdict, is shown too.

    Raises
    ------
    ValueError : if a column is missing.
    """
    require_columns(verdicts, ("id", "statement", "verdict"), "verdicts")
    require_columns(claims, ("id", "condition", "estimate", "ci_low", "ci_high", "n", "verdict"), "claims")
    names = sorted({*verdicts["id"].astype(str), *claims["id"].astype(str)}, key=natural)
    return [_claim(place, name, verdicts, claims) for place, name in enumerate(names, 1)]


def _claim(place: int, name: str, verdicts: pd.DataFrame, claims: pd.DataFrame) -> ClaimView:
    overall = verdicts[verdicts["id"].astype(str) == name]
    rows = claims[claims["id"].astype(str) == name]
    stated = pd.concat([overall, rows]).get("statement", pd.Series(dtype=object)).dropna().tolist()
    slug = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    return ClaimView(
        anchor=f"claim-{slug}" if slug == name else f"claim-{slug}-{place}-",
        id=name,
        statement=words(stated[0]) if stated else "",
        strength=words(overall["strength"].iloc[0]) if "strength" in overall and len(overall) else "",
        verdict=verdict_view(overall["verdict"].iloc[0] if len(overall) else None),
        parts=[_part(part) for part in claim_parts(rows)],
    )


def _part(rows: pd.DataFrame) -> PartView:
    statement, statistic = (words(rows[name].iloc[0]) if name in rows else "" for name in ("statement", "statistic"))
    return PartView(statement, formula(statistic), [_condition(row) for row in rows.to_dict("records")])


def _condition(row: Mapping[Any, Any]) -> dict[str, Any]:
    low, high = number(row["ci_low"]), number(row["ci_high"])
    n, planned = words(row["n"]), words(row.get("n_planned"))
    return {
        "condition": words(row["condition"]) or "all conditions",
        "estimate": number(row["estimate"]) or "not estimated",
        "interval": f"{low} to {high}" if low and high else "–",
        "sesoi": _smallest(row),
        "p": p_value(row.get("p")),
        "n": f"{n or '?'} of {planned}" if planned else n or "?",
        "verdict": verdict_view(row["verdict"]),
    }


def _smallest(row: Mapping[Any, Any]) -> str:
    """The smallest effect of interest; the bound on both sides where the claim is that there is none."""
    smallest = number(row.get("sesoi"))
    if not smallest:
        return "–"
    return f"within ±{smallest}" if native(row.get("equivalent")) is True else smallest


def p_value(value: object) -> str:
    """A p value with three decimals, or that it is smaller than those can say."""
    value = native(value)
    if not isinstance(value, int | float) or pd.isna(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def number(value: object) -> str:
    """Three decimals, or three significant digits where they would hide the number; a true minus sign."""
    value = native(value)
    if not isinstance(value, int | float) or pd.isna(value):
        return ""
    text = f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.3g}"
    return text.replace("-", "−")
