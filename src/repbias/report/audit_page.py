"""The one page that tells an audit: offline, complete in itself, fit to be sent."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from repbias.audit.report import RESULT_COLUMNS, AuditReport
from repbias.audit.summary import in_short, meanings, summary
from repbias.measures.variance.result import ALL_FEATURES
from repbias.report.claim_views import p_value
from repbias.report.figure_view import FigureView, figure_view
from repbias.report.figures import Figure, save_figure
from repbias.report.figures.audit import shown_and_decodable
from repbias.report.figures.audit_scores import scores_before_and_after
from repbias.report.figures.audit_shares import component_contents, variance_shares
from repbias.report.figures.figure import numbers_as_csv
from repbias.report.figures.select import require_columns
from repbias.report.files import write_whole
from repbias.report.links import csv_link, light_image_source
from repbias.report.templates import render
from repbias.report.views import TableView

_HEAVY_IMAGE = 900_000  # characters; a picture of many layers is lighter as PNG
_OPEN_ROWS = 60
_OPEN_SENTENCES = 12
_WHOLE = "The audit as a whole"
# What the page's tables show: the heading and the measure of each column, and the measure whose p stands last.
_VARIANCE = {
    "R²": "r2_unbiased",
    "noise ceiling": "noise_ceiling",
    "R² of ceiling": "r2_of_ceiling",
    "alone": "r2_unique",
    "shared": "r2_common",
    "RDM share": "rdm_share",
    "detectable R²": "detectable_r2",
    "false positives": "false_positives",
}
_READOUT = {
    "decodability": "decodability",
    "chance": "chance",
    "density": "density_0.1",
    "units used": "participation",
}
_REACH = {
    "erased: own report": "ablation_own",
    "erased: others": "ablation_others",
    "erased: outputs": "ablation_output",
    "erased: control": "ablation_control",
    "steered: own report": "steering_own",
    "steered: others": "steering_others",
    "steered: outputs": "steering_output",
    "steered: control": "steering_control",
}
_SCORES = {
    "RSA": "rsa",
    "RSA, equal shares": "rsa_equalised",
    "CKA": "cka",
    "CKA, equal shares": "cka_equalised",
    "R²": "r2_unbiased",
    "R², equal shares": "r2_equalised",
}
_WITH_INTERVAL = {"r2_unbiased", "decodability", "noise_ceiling", "r2_of_ceiling", *_SCORES.values(), *_REACH.values()}


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Write an audit as one HTML file without scripts or outside requests; it appears whole or not at all.

    Figures and every number are inside the page. Names and sentences may hold any character: the page escapes them.

    Parameters
    ----------
    report : what `repbias.audit.arrays.audit_arrays` or `repbias.audit.model.audit` returned.
    path : the file to write; folders are made, a page of the same name is replaced.

    Returns
    -------
    `path`.

    Raises
    ------
    ValueError : a table of `report` lacks a column that the page needs; the message names it.
    """
    require_columns(report.results, RESULT_COLUMNS, "results")
    require_columns(report.components, ("layer", "feature", "component", "share", "r2_unbiased"), "components")
    headline, *figures = _figure_views([
        shown_and_decodable(report),
        variance_shares(report),
        component_contents(report),
        scores_before_and_after(report),
    ])  # fmt: skip
    tables = {
        "Variance explained, as a share of the layer’s; 95 % intervals in brackets, p of R²": variance_view(report),
        "Readout (balanced accuracy) and spread (density a share, units used a number of units); 95 % intervals in "
        "brackets, p of decodability": readout_view(report),
        "What erasing and steering change, as shares; 95 % intervals in brackets": reach_view(report),
        "Scores of a model that holds one feature alone; 95 % intervals in brackets": scores_view(report),
    }
    html = render(
        "audit.html.jinja",
        report=report,
        in_short=in_short(report),
        summary=summary(report),
        meanings=meanings(report),
        headline=headline,
        conclusions=_by_layer(report),
        layers={name: report.n_units[name] for name in report.layers},
        figures=figures,
        tables={heading: table for heading, table in tables.items() if table.rows},
        open_rows=_OPEN_ROWS,
        open_sentences=_OPEN_SENTENCES,
        downloads={
            "results": csv_link("results", numbers_as_csv(report.results)),
            "R² of every unit": csv_link("units", numbers_as_csv(report.units)),
            "components": csv_link("components", numbers_as_csv(report.components)),
        },
    )
    return write_whole(path, html)


def _by_layer(report: AuditReport) -> dict[str, list[str]]:
    """Return the sentences of each layer under its name, which they need not repeat, and those of the whole audit."""
    grouped: dict[str, list[str]] = {heading: [] for heading in (_WHOLE, *report.layers)}
    for sentence in report.sentences:
        named = max((layer for layer in report.layers if sentence.startswith(f"{layer}: ")), key=len, default=None)
        if named is None:
            grouped[_WHOLE].append(sentence)
        else:
            said = sentence.removeprefix(f"{named}: ")
            grouped[named].append(said if said.startswith(report.features) else said[:1].upper() + said[1:])
    return grouped


def variance_view(report: AuditReport) -> TableView:
    """What each feature explains of each layer, as a table in words; p is that of R2, after Holm's correction."""
    return _view(report, _VARIANCE, (*report.features, ALL_FEATURES), tested="r2_unbiased")


def readout_view(report: AuditReport) -> TableView:
    """How each feature is read out and spread, as a table in words; p is that of decodability."""
    return _view(report, _READOUT, report.features, tested="decodability")


def reach_view(report: AuditReport) -> TableView:
    """What a model's reports or outputs do when a feature is erased or steered; no rows of an audit of arrays."""
    return _view(report, _REACH, report.features)


def scores_view(report: AuditReport) -> TableView:
    """What a model of each feature alone would score, before and after shares are made equal, as a table in words."""
    return _view(report, _SCORES, report.features)


def _view(
    report: AuditReport, columns: dict[str, str], features: Sequence[str], tested: str | None = None
) -> TableView:
    """A row a layer and feature, and a column a measure, of those that were taken; last the p of one of them."""
    taken = set(report.results["measure"])
    shown = {heading: measure for heading, measure in columns.items() if measure in taken}
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    rows = []
    for layer in report.layers:
        for feature in features:
            found = {measure: cells.get((layer, feature, measure)) for measure in shown.values()}
            if any(found.values()):
                values = [_cell(row, interval=measure in _WITH_INTERVAL) for measure, row in found.items()]
                p = [] if tested is None else [p_value((found.get(tested) or {}).get("p_holm"))]
                rows.append([layer, feature, *values, *p])
    headings = ["layer", "feature", *shown, *([] if tested is None else ["p (Holm)"])]
    return TableView(headings, [False, False, *[True] * (len(headings) - 2)], rows)


def _cell(row: dict[Any, Any] | None, *, interval: bool) -> str:
    if row is None:
        return ""
    low, high = _share(row["ci_low"]), _share(row["ci_high"])
    return f"{_share(row['value'])} [{low}, {high}]" if interval and low else _share(row["value"])


def _share(value: float) -> str:
    """Three decimals, so that a column can be read down; the CSV has more."""
    return "" if math.isnan(value) else f"{value:z.3f}".replace("-", "−")


def _figure_views(figures: list[Figure]) -> list[FigureView]:
    with tempfile.TemporaryDirectory() as folder:
        return [_figure_view(figure, Path(folder)) for figure in figures]


def _figure_view(figure: Figure, folder: Path) -> FigureView:
    files = save_figure(figure, folder)
    view = figure_view(figure, files)
    if len(view.source) <= _HEAVY_IMAGE:
        return view
    return replace(view, source=min(view.source, light_image_source(files.png), key=len))
