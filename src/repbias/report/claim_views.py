"""Claims as a page lays them out: one verdict per claim, one table for each of its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.families import qualification
from repbias.report.figures.select import claim_parts, natural, require_columns
from repbias.report.figures.style import formula
from repbias.report.views import VerdictView, native, verdict_view, words


@dataclass(frozen=True)
class PartView:
    """One statement of a claim, the statistic that decides it, and its conditions."""

    statement: str
    statistic: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class ClaimView:
    """One claim: its verdict, how many rows it rests on, and its parts, most often one.

    Attributes
    ----------
    counts : the verdicts of the primary rows, and what the other conditions show.
    source, against : where the claim is known from, and what would count against it; empty for a study's own question.
    """

    anchor: str
    id: str
    statement: str
    verdict: VerdictView
    counts: str
    source: str
    against: str
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
    first = overall.iloc[0].to_dict() if len(overall) else {}
    known = CATALOGUE.get(name)
    return ClaimView(
        anchor=f"claim-{slug}" if slug == name else f"claim-{slug}-{place}-",
        id=name,
        statement=words(stated[0]) if stated else "",
        verdict=verdict_view(first.get("verdict")),
        counts="; ".join(filter(None, (words(first.get(column)) for column in ("tally", "beyond")))),
        source=", ".join(known.sources) if known else "",
        against=known.against if known else "",
        parts=[_part(part) for part in claim_parts(rows)],
    )


def _part(rows: pd.DataFrame) -> PartView:
    statement, statistic = (words(rows[name].iloc[0]) if name in rows else "" for name in ("statement", "statistic"))
    return PartView(statement, formula(statistic), [_condition(row) for row in rows.to_dict("records")])


def _condition(row: Mapping[Any, Any]) -> dict[str, Any]:
    n, planned = words(row["n"]), words(row.get("n_planned"))
    known = bool(words(row.get("corrected")))
    return {
        "condition": words(row["condition"]) or "all conditions",
        "is_beyond": row.get("family") == "beyond",
        "estimate": number(row["estimate"]) or "not estimated",
        "interval": interval(row["ci_low"], row["ci_high"]),
        "sesoi": bound(row),
        "detectable": number(row.get("detectable")) or "–",
        "seeds_needed": number_of_seeds(row.get("seeds_needed")),
        "p": p_value(row.get("p")),
        "n": f"{n or '?'} of {planned}" if planned else n or "?",
        "verdict": verdict_view(row["verdict"]),
        "note": qualification(*(words(row.get(name)) for name in ("verdict", "note", "corrected"))) if known else "",
        "twin": _twin(row),
    }


def _twin(row: Mapping[Any, Any]) -> str:
    """The ungated twin where it has more seeds than the row."""
    n, twin = native(row.get("n")), native(row.get("twin_n"))
    if not isinstance(n, int) or not isinstance(twin, int) or twin <= n:
        return ""
    low, high = row.get("twin_ci_low"), row.get("twin_ci_high")
    return f"{number(row.get('twin_estimate'))} ({interval(low, high)}), n {twin}"


def interval(low: object, high: object) -> str:
    """An interval from end to end."""
    ends = number(low), number(high)
    return f"{ends[0]} to {ends[1]}" if all(ends) else "–"


def bound(row: Mapping[Any, Any]) -> str:
    """The smallest effect of interest; on both sides where both bound the claim, marked where only the sign counts."""
    smallest = number(row.get("sesoi"))
    if not smallest:
        return "–"
    return {"equivalence": f"within ±{smallest}", "change": f"±{smallest}", "sign": f"sign; {smallest}"}.get(
        str(row.get("test")), smallest
    )


def number_of_seeds(value: object) -> str:
    """A number of seeds; a dash where there is none, or more than ten thousand."""
    value = native(value)
    return f"{value:,.0f}" if isinstance(value, int | float) and not pd.isna(value) else "–"


def p_value(value: object) -> str:
    """A p value with three decimals, or "< 0.001" below that."""
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
