"""Claims and checks as a study's page lays them out: a table for each part of a claim, and problems first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import pandas as pd

from repbias.core.display import joined
from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.families import qualification
from repbias.figures.select import claim_parts, in_order, natural, require_columns
from repbias.figures.style import formula
from repbias.report.html import TableView, table_view, words


def claim_views(verdicts: pd.DataFrame, claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Claims by id; one that has a verdict and no rows, or rows and no verdict, is shown too.

    Returns
    -------
    for each claim its ``verdict``; ``counts``, the verdicts of its primary rows and what the other conditions show;
    ``source`` and ``against``, where it is known from and what would count against it (empty for a study's own
    question); and its ``parts``, most often one.

    Raises
    ------
    ValueError : if a column is missing.
    """
    require_columns(verdicts, ("id", "statement", "verdict"), "verdicts")
    require_columns(claims, ("id", "condition", "estimate", "ci_low", "ci_high", "n", "verdict"), "claims")
    names = sorted({*verdicts["id"].astype(str), *claims["id"].astype(str)}, key=natural)
    return [_claim(place, name, verdicts, claims) for place, name in enumerate(names, 1)]


def _claim(place: int, name: str, verdicts: pd.DataFrame, claims: pd.DataFrame) -> dict[str, Any]:
    overall = verdicts[verdicts["id"].astype(str) == name]
    rows = claims[claims["id"].astype(str) == name]
    stated = pd.concat([overall, rows])["statement"].dropna().tolist()
    slug = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    first = overall.iloc[0].to_dict() if len(overall) else {}
    known = CATALOGUE.get(name)
    return {
        "anchor": f"claim-{slug}" if slug == name else f"claim-{slug}-{place}-",
        "id": name,
        "statement": words(stated[0]) if stated else "",
        "verdict": first.get("verdict"),
        "counts": "; ".join(filter(None, (words(first.get(column)) for column in ("tally", "beyond")))),
        "source": ", ".join(known.sources) if known else "",
        "against": known.against if known else "",
        "parts": [_part(part) for part in claim_parts(rows)],
    }


def _part(rows: pd.DataFrame) -> dict[str, Any]:
    statement, statistic = (words(rows[name].iloc[0]) if name in rows else "" for name in ("statement", "statistic"))
    conditions = [_condition(row) for row in rows.to_dict("records")]
    return {"statement": statement, "statistic": formula(statistic), "rows": conditions}


def _condition(row: Mapping[Any, Any]) -> dict[str, Any]:
    n, planned = words(row["n"]) or "?", words(row.get("n_planned"))
    known, seeds_needed = words(row.get("corrected")), known_number(row.get("seeds_needed"))
    return {
        "condition": words(row["condition"]) or "all conditions",
        "is_beyond": row.get("family") == "beyond",
        "estimate": number(row["estimate"]) or "not estimated",
        "interval": interval(row["ci_low"], row["ci_high"]),
        "sesoi": bound(row),
        "detectable": number(row.get("detectable")) or "–",
        "seeds_needed": "–" if seeds_needed is None else f"{seeds_needed:,.0f}",
        "p": p_value(row.get("p")),
        "n": f"{n} of {planned}" if planned else n,
        "verdict": row["verdict"],
        "note": qualification(*(words(row.get(name)) for name in ("verdict", "note", "corrected"))) if known else "",
        "without_criterion": _without_criterion(row),
    }


def _without_criterion(row: Mapping[Any, Any]) -> str:
    """The estimate over all trained networks, where these are more than those that passed the accuracy criterion."""
    n, twin = known_number(row.get("n")), known_number(row.get("twin_n"))
    if n is None or twin is None or twin <= n:
        return ""
    return (
        f"{number(row.get('twin_estimate'))} ({interval(row.get('twin_ci_low'), row.get('twin_ci_high'))}), n {twin:g}"
    )


def known_number(value: object) -> float | None:
    """A number, or None for anything that is missing or not a number."""
    return float(value) if isinstance(value, Real) and not math.isnan(value) else None


def number(value: object) -> str:
    """Three decimals, or three significant digits where they would hide the number; a true minus sign."""
    known = known_number(value)
    if known is None:
        return ""
    text = f"{known:.3f}" if known == 0 or 0.01 <= abs(known) < 1000 else f"{known:.3g}"
    return text.replace("-", "−")


def interval(low: object, high: object) -> str:
    """An interval from end to end."""
    ends = number(low), number(high)
    return f"{ends[0]} to {ends[1]}" if all(ends) else "–"


def p_value(value: object) -> str:
    """A p value with three decimals, or "< 0.001" below that."""
    known = known_number(value)
    return "–" if known is None else "< 0.001" if known < 0.001 else f"{known:.3f}"


def bound(row: Mapping[Any, Any]) -> str:
    """The smallest effect of interest; on both sides where both bound the claim, marked where only the sign counts."""
    smallest = number(row.get("sesoi"))
    if not smallest:
        return "–"
    forms = {"equivalence": f"within ±{smallest}", "change": f"±{smallest}", "sign": f"sign; {smallest}"}
    return forms.get(str(row.get("test")), smallest)


@dataclass(frozen=True)
class CheckView:
    """What was checked: a sentence, what did not pass, and the rest or all of it."""

    sentence: str
    all_passed: bool
    problems: TableView | None
    others: TableView | None


def networks_view(networks: pd.DataFrame) -> CheckView:
    """Return the networks that did not pass the accuracy criterion or did not finish, and those that passed.

    Raises
    ------
    ValueError : a column is missing.
    """
    require_columns(networks, ("condition", "seed", "status", "failed_criterion"), "networks")
    if networks.empty:
        return CheckView("No networks were trained.", False, None, None)
    below = networks["failed_criterion"].map(lambda value: words(value).strip() != "")
    passed = (networks["status"] == "finished") & ~below
    problems = networks[~passed].sort_values("status", key=lambda status: status != "failed", kind="stable")
    return CheckView(
        sentence=_networks_sentence(networks, passed, below),
        all_passed=bool(passed.all()),
        problems=table_view(problems.drop(columns="study", errors="ignore")),
        others=table_view(networks[passed].drop(columns=["study", "failed_criterion"], errors="ignore")),
    )


def _networks_sentence(networks: pd.DataFrame, passed: pd.Series, below: pd.Series) -> str:
    total = len(networks)
    if passed.all():
        return f"All {total} of {total} networks finished and passed the accuracy criterion."
    counts = networks["status"].value_counts()
    status = {"failed": "diverged", "step limit": "stopped at the step limit", "not run": "not run"}
    reasons = [f"{counts[name]} {what}" for name, what in status.items() if name in counts]
    if low := [words(cell) for cell in networks.loc[below & (networks["status"] == "finished"), "failed_criterion"]]:
        features = in_order(name.strip() for cell in low for name in cell.split(",") if name.strip())
        reasons.append(f"{len(low)} failed the accuracy criterion on {joined(features)}")
    reason = joined(reasons or ["no reason is given"])
    return f"{int(passed.sum())} of {total} networks passed; {reason}. Each is listed below."


def design_view(design: pd.DataFrame) -> CheckView | None:
    """Return the design checks that failed, and all of them; None if there were none.

    Parameters
    ----------
    design : one row per check with ``passed``, and any other columns; ``condition`` distinguishes the tasks.

    Raises
    ------
    ValueError : a column is missing.
    """
    if design.empty:
        return None
    require_columns(design, ("passed",), "design")
    passed = design["passed"].astype(bool)
    shown = design.rename(columns={"condition": "task of"})
    return CheckView(
        sentence=_design_sentence(design, passed),
        all_passed=bool(passed.all()),
        problems=table_view(shown[~passed].drop(columns=["note", "passed"], errors="ignore")),
        others=table_view(shown.sort_values("passed", kind="stable").replace("", None)),
    )


def _design_sentence(design: pd.DataFrame, passed: pd.Series) -> str:
    tasks = design["condition"].nunique() if "condition" in design else 1
    checks = f"{len(design)} checks" if len(design) > 1 else "1 check"
    if passed.all():
        return f"All {checks} passed{f' in all {tasks} tasks' if tasks > 1 else ''}."
    failed = design[~passed]
    where = f" in {failed['condition'].nunique()} of {tasks} tasks" if tasks > 1 else ""
    kinds = [words(name) for name in failed["check"].unique()] if "check" in design else ["each is listed below"]
    return f"{len(failed)} of {checks} failed{where}: {joined(kinds)}."
