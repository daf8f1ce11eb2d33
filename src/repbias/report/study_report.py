"""A study's report: its figures and their numbers, its tables, and the page that shows them."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repbias.experiments.condition import Condition
from repbias.report.answer import answer
from repbias.report.figures import save_figure
from repbias.report.page import PageContent, write_page
from repbias.report.study_figures import study_figures
from repbias.runs.plan import Plan
from repbias.runs.results import StudyResult


def report_folder(root: Path, result: StudyResult) -> Path:
    """Return the folder of a study's report in a store."""
    return root / "reports" / f"{result.plan.study.name}-{result.plan.scale}"


def write_report(result: StudyResult, root: Path) -> Path:
    """Write figures (SVG, PNG, CSV), tables and the page of a study into its store; return the page's path.

    Parameters
    ----------
    result : the study, read from a store.
    root : the store's folder.
    """
    folder = report_folder(root, result)
    figures_folder, tables_folder = folder / "figures", folder / "tables"
    figures_folder.mkdir(parents=True, exist_ok=True)
    tables_folder.mkdir(parents=True, exist_ok=True)
    claims = result.claims
    tables = {"claims": claims, "measures": result.table, "networks": result.networks}
    downloads = {}
    for name, table in tables.items():
        table.to_csv(tables_folder / f"{name}.csv", index=False)
        downloads[f"{name}, CSV"] = f"tables/{name}.csv"
    result.units.to_parquet(tables_folder / "units.parquet", index=False)
    downloads["R2 of every unit, Parquet"] = "tables/units.parquet"
    plan = result.plan
    page = PageContent(
        title=plan.study.title or plan.study.name,
        question=plan.study.question,
        answer=answer(result),
        scale=plan.scale,
        verdicts=result.verdicts,
        claims=claims,
        figures=[(figure, save_figure(figure, figures_folder)) for figure in study_figures(result)],
        settings=settings(plan),
        provenance=_provenance(result),
        networks=result.networks,
        design=result.design,
        notes=plan.study.notes,
        downloads=downloads,
    )
    return write_page(page, folder / "index.html")


def settings(plan: Plan) -> dict[str, Any]:
    """Return the settings of the first condition in full, how the others differ from it, and the analysis."""
    first, *others = plan.conditions
    full = _settings(first)
    shown: dict[str, Any] = {first.name: full}
    if others:
        differing = {other.name: _differing(_settings(other), full) or "none" for other in others}
        shown[f"Differences from {first.name}"] = differing
    if plan.study.analysis is not None:
        shown["Analysis of the trained networks"] = plan.study.analysis.model_dump(
            mode="json", include={"function", "of", "settings"}
        )
    return shown


def _settings(condition: Condition) -> dict[str, Any]:
    return condition.model_dump(mode="json", exclude={"name", "factors", "steps"})


def _differing(own: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that differs from the reference, by dotted name; None if only the reference has it."""
    here, there = _leaves(own), _leaves(reference)
    return {name: here.get(name) for name in dict.fromkeys((*here, *there)) if here.get(name) != there.get(name)}


def _leaves(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as one mapping by dotted name."""
    leaves: dict[str, Any] = {}
    for name, value in nested.items():
        inner = _leaves(value) if isinstance(value, Mapping) else {}
        leaves.update({f"{name}.{rest}": leaf for rest, leaf in inner.items()} or {name: value})
    return leaves


def _provenance(result: StudyResult) -> dict[str, object]:
    plan = result.plan
    return {
        **result.versions,
        "seeds": f"0 to {plan.seeds - 1}" if plan.seeds > 1 else "0",
        "networks": f"{len(result.networks) - result.n_missing} of {len(result.networks)}",
        "reported": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["repbias", *sys.argv[1:]]),
        "run ids": result.networks["run"].tolist(),
    }
