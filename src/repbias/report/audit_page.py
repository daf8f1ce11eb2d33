"""The page of an audit: offline, complete in itself, fit to be sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from repbias.audit.measures import TABLES, MeasureTable, all_measures
from repbias.audit.report import COMPONENT_COLUMNS, RESULT_COLUMNS, AuditReport
from repbias.audit.status import TESTS, meanings, short, summary
from repbias.core.results import ALL_FEATURES
from repbias.report.claim_views import p_value
from repbias.report.figure_view import FigureView, figure_view
from repbias.report.figures.audit import variance_and_decodability
from repbias.report.figures.audit_scores import scores_before_and_after
from repbias.report.figures.audit_shares import component_contents, variance_shares
from repbias.report.figures.figure import Figure, numbers_as_csv, png_of, svg_of
from repbias.report.figures.select import require_columns
from repbias.report.links import csv_link, light_image_source
from repbias.report.templates import render
from repbias.report.views import TableView

_HEAVY_IMAGE = 900_000  # characters; a picture of many layers is lighter as PNG
_OPEN_ROWS = 60
_OPEN_SENTENCES = 12
_WHOLE = "The audit as a whole"


@dataclass(frozen=True)
class AuditFigure:
    """A figure of the page, and the measures that it needs: without them the page leaves it out."""

    draw: Callable[[AuditReport], Figure]
    needs: tuple[str, ...] = ()


FIGURES = (
    AuditFigure(variance_and_decodability),
    AuditFigure(variance_shares),
    AuditFigure(component_contents),
    AuditFigure(scores_before_and_after, needs=("rsa", "cka")),
)
"""The figures of the page in their order; the first stands beside the summary."""


def audit_page(report: AuditReport) -> bytes:
    """Return the page of an audit as HTML, without scripts or outside requests.

    Figures and every number are inside the page. Names and sentences may hold any character: the page escapes them.

    Raises
    ------
    ValueError : a table of `report` lacks a column that the page needs; the message names it.
    """
    require_columns(report.results, RESULT_COLUMNS, "results")
    require_columns(report.components, COMPONENT_COLUMNS, "components")
    measured = set(report.results["measure"])
    headline, *figures = [_drawn(one.draw(report)) for one in FIGURES if measured.issuperset(one.needs)]
    statuses = report.statuses()
    tables = {table.caption: table_view(report, table) for table in TABLES}
    return render(
        "audit.html.jinja",
        report=report,
        summary=summary(statuses),
        cells=_cells(report),
        meanings=meanings(statuses),
        headline=headline,
        conclusions=_by_layer(report),
        layers={name: report.n_units[name] for name in report.layers},
        figures=figures,
        tables={caption: view for caption, view in tables.items() if view.rows},
        measures=[one for one in all_measures() if one.name in measured],
        open_rows=_OPEN_ROWS,
        open_sentences=_OPEN_SENTENCES,
        downloads={
            "results": csv_link("results", numbers_as_csv(report.results)),
            "R² of every unit": csv_link("units", numbers_as_csv(report.units)),
            "components": csv_link("components", numbers_as_csv(report.components)),
        },
    )


def _cells(report: AuditReport) -> dict[str, list[tuple[str, str]]]:
    """Return by layer the status of each feature, and the numbers behind it in words."""
    value = report.results.set_index(["layer", "feature", "measure"])["value"].to_dict()
    cells: dict[str, list[tuple[str, str]]] = {layer: [] for layer in report.layers}
    for layer, feature, status in report.statuses().itertuples(index=False, name=None):
        r2, decoded, chance = (short(value[layer, feature, name]) for name in (*TESTS, "chance"))
        numbers = f"R² {r2}\u00a0%, decoded {decoded}\u00a0% (chance {chance}\u00a0%)".replace("-", "−")
        cells[layer].append((status, numbers))
    return cells


def _by_layer(report: AuditReport) -> dict[str, list[str]]:
    """Return the sentences under the names of their layers, and first those on the whole audit."""
    grouped: dict[str, list[str]] = {heading: [] for heading in (_WHOLE, *report.layers)}
    for sentence in report.sentences:
        text = sentence.text
        grouped[sentence.layer or _WHOLE].append(
            text if text.startswith(report.features) else text[:1].upper() + text[1:]
        )
    return grouped


def table_view(report: AuditReport, table: MeasureTable) -> TableView:
    """Return a table of the page in words: a row per layer and feature, a column per measure that was taken."""
    taken = set(report.results["measure"])
    shown = [measure for measure in table.measures if measure.name in taken]
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    rows = []
    for layer in report.layers:
        for feature in (*report.features, ALL_FEATURES) if table.whole else report.features:
            found = {measure.name: cells.get((layer, feature, measure.name)) for measure in shown}
            if any(found.values()):
                values = [_cell(found[measure.name], interval=measure.interval_shown) for measure in shown]
                p = [p_value((found.get(table.tested) or {}).get("p_holm"))] if table.tested else []
                rows.append([layer, feature, *values, *p])
    headings = ["layer", "feature", *(measure.heading for measure in shown), *["p (Holm)"] * bool(table.tested)]
    return TableView(headings, [False, False, *[True] * (len(headings) - 2)], rows)


def _cell(row: dict[Any, Any] | None, *, interval: bool) -> str:
    if row is None:
        return ""
    low, high = _share(row["ci_low"]), _share(row["ci_high"])
    return f"{_share(row['value'])} [{low}, {high}]" if interval and low else _share(row["value"])


def _share(value: float) -> str:
    """Return three decimals, so that a column can be read down; the CSV has more."""
    return "" if math.isnan(value) else f"{value:z.3f}".replace("-", "−")


def _drawn(figure: Figure) -> FigureView:
    view = figure_view(figure, svg_of(figure.drawing))
    if len(view.source) <= _HEAVY_IMAGE:
        return view
    return replace(view, source=min(view.source, light_image_source(png_of(figure.drawing)), key=len))
