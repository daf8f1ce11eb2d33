"""A study's page: one HTML file that needs no network and can be sent as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from repbias.experiments.catalogue import SOURCES
from repbias.experiments.verdicts import VERDICT_RULE
from repbias.report.check_views import design_view, networks_view
from repbias.report.claim_views import claim_views
from repbias.report.figure_view import FigureView, figure_view
from repbias.report.figures import Figure, FigureFiles
from repbias.report.figures.figure import numbers_as_csv
from repbias.report.files import write_whole
from repbias.report.links import DataLink, beside, csv_link, light_image_source, relative
from repbias.report.templates import render

MOST_BYTES = 3_000_000


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
    verdict_rule : how a verdict follows from an estimate.
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
    verdict_rule: str = VERDICT_RULE


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
        claims_csv=csv_link("claims", numbers_as_csv(page.claims)),
        figures=figures,
        networks=networks_view(page.networks),
        design=design_view(page.design),
        downloads={name: relative(target) for name, target in page.downloads.items()},
        sources=SOURCES,
    )
