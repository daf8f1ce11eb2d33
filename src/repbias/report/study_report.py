"""The report of a study: figures and tables as files, and one HTML page that can be sent as it is."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from repbias.experiments.catalogue import SOURCES
from repbias.experiments.condition import Condition
from repbias.experiments.verdicts import VERDICT_RULE
from repbias.figures.figure import Figure, FigureFiles, save_figure
from repbias.report.answer import answer
from repbias.report.html import (
    DataLink,
    FigureView,
    beside,
    csv_link,
    drawn_view,
    figure_view,
    light_image_source,
    relative,
    render,
    write_whole,
)
from repbias.report.study_views import claim_views, design_view, networks_view
from repbias.runs.plan import Plan
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figures

MOST_BYTES = 3_000_000


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
    tables_folder = folder / "tables"
    tables_folder.mkdir(parents=True, exist_ok=True)
    tables = {"claims": result.claims, "measures": result.table, "networks": result.outcomes}
    downloads = {}
    for name, table in tables.items():
        table.to_csv(tables_folder / f"{name}.csv", index=False)
        downloads[f"{name}, CSV"] = f"tables/{name}.csv"
    result.units.to_parquet(tables_folder / "units.parquet", index=False)
    downloads["R2 of every unit, Parquet"] = "tables/units.parquet"
    figures = [(figure, save_figure(figure, folder / "figures")) for figure in study_figures(result)]
    return write_page(_content(result, figures, downloads), folder / "index.html")


def study_page(result: StudyResult) -> bytes:
    """Return the page of a study as one HTML file, with its figures and their numbers inside."""
    views = [drawn_view(figure) for figure in study_figures(result)]
    return _render(_content(result, [], {}), views)


def _content(
    result: StudyResult, figures: Sequence[tuple[Figure, FigureFiles]], downloads: Mapping[str, str]
) -> PageContent:
    plan = result.plan
    return PageContent(
        title=plan.study.title or plan.study.name,
        question=plan.study.question,
        answer=answer(result),
        scale=plan.scale,
        verdicts=result.verdicts,
        claims=result.claims,
        figures=figures,
        settings=settings(plan),
        provenance=_provenance(result),
        networks=result.outcomes,
        design=result.design,
        notes=plan.study.notes,
        downloads=downloads,
    )


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
        "networks": f"{len(result.outcomes) - result.n_missing} of {len(result.outcomes)}",
        "reported": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["repbias", *sys.argv[1:]]),
        "run ids": result.outcomes["run"].tolist(),
    }


@dataclass(frozen=True)
class PageContent:
    """Everything that a study's page shows. Strings may hold any character: the page escapes them.

    Attributes
    ----------
    title : the study's name.
    question : the question, as a sentence.
    answer : the answer in one sentence, then further sentences, which are shown as a list.
    scale : ``quick`` or ``full``.
    verdicts : one row per claim: ``id``, ``statement``, ``verdict``, and where known ``tally`` and ``beyond``.
    claims : one row per claim and condition, or group of conditions, as `figures.forest.claim_forest` takes them, with
        ``p`` if it was tested; rows of one ``id`` that differ in ``statement`` or ``statistic`` are parts of
        one claim.
    figures : figures with the files they were saved to, in the order of the page.
    settings : the resolved settings, nested; shown folded.
    provenance : versions, device, seeds, run ids, date, command.
    networks : one row per network: ``condition``, ``seed``, ``status``, ``failed_criterion``, and any other columns.
    design : the design check, one row per check with ``passed``, and any other columns.
    notes : remarks, one per paragraph.
    downloads : names of files, with their paths relative to the page.
    """

    title: str
    question: str
    answer: Sequence[str]
    scale: str
    verdicts: pd.DataFrame
    claims: pd.DataFrame
    figures: Sequence[tuple[Figure, FigureFiles]]
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    networks: pd.DataFrame
    design: pd.DataFrame
    notes: Sequence[str] = ()
    downloads: Mapping[str, str] = field(default_factory=dict)


def write_page(page: PageContent, path: Path) -> Path:
    """Write the page as one HTML file without scripts or outside requests; it appears whole or not at all.

    Figures are inlined as SVG; their numbers and the claims table are inside the page too. Should it exceed 3 MB, the
    heaviest figures are inlined as PNG of 256 colours instead, wherever that is smaller; if that is not enough, the
    longest tables of numbers are linked beside the page.

    Parameters
    ----------
    page : what to show.
    path : the file to write; folders are made, a page of the same name is replaced.

    Returns
    -------
    `path`.

    Raises
    ------
    ValueError : if a table of `page` lacks a column that the page needs; the message names it.
    """
    views = [
        figure_view(figure, files.svg.read_bytes(), svg=beside(path, files.svg), png=beside(path, files.png))
        for figure, files in page.figures
    ]
    html = _render(page, views)
    if len(html) > MOST_BYTES:
        excess = len(html) - MOST_BYTES
        html = _render(page, _lightened(excess, [files for _, files in page.figures], views, path))
    return write_whole(path, html)


def _lightened(excess: int, files: Sequence[FigureFiles], views: Sequence[FigureView], path: Path) -> list[FigureView]:
    """Figures in lighter forms, as many as it takes to save `excess` bytes: first as PNG, then without their numbers.

    The heaviest come first.
    """
    made = list(views)
    for index in sorted(range(len(files)), key=lambda place: -len(views[place].source)):
        if excess > 0:
            source = light_image_source(files[index].png.read_bytes())
            saved = len(views[index].source) - len(source)
            if saved > 0:
                made[index] = replace(made[index], source=source)
                excess -= saved
    for index in sorted(range(len(files)), key=lambda place: -len(views[place].numbers.href)):
        if excess > 0:
            csv = files[index].csv
            made[index] = replace(made[index], numbers=DataLink(beside(path, csv), csv.name, "beside this page"))
            excess -= len(views[index].numbers.href)
    return made


def _render(page: PageContent, figures: Sequence[FigureView]) -> bytes:
    """The page's HTML, UTF-8."""
    return render(
        "page.html.jinja",
        page=page,
        claims=claim_views(page.verdicts, page.claims),
        claims_csv=csv_link("claims", page.claims),
        figures=figures,
        networks=networks_view(page.networks),
        design=design_view(page.design),
        downloads={name: relative(target) for name, target in page.downloads.items()},
        sources=SOURCES,
        verdict_rule=VERDICT_RULE,
    )
