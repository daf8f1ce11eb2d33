"""The page of an audit or a study: one HTML file, complete in itself, that needs no network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from repbias.audit.measures import TABLES, MeasureTable, all_measures
from repbias.audit.plots import FIGURES
from repbias.audit.report import COMPONENT_COLUMNS, RESULT_COLUMNS, AuditReport
from repbias.audit.status import TESTS, meanings, short, summary
from repbias.core.results import ALL_FEATURES
from repbias.figures.select import require_columns
from repbias.report.html import TableView, csv_link, drawn_view, render, write_whole
from repbias.report.study_report import study_page
from repbias.report.study_views import p_value
from repbias.runs.results import StudyResult

_OPEN_ROWS = 60
_OPEN_SENTENCES = 12
_WHOLE = "The audit as a whole"
_MARK = b'<meta name="generator" content="repbias">'  # in the head of every page, see base.html.jinja
_HEAD = 1_000  # bytes within which the mark lies


def save_html(result: object, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a result as one HTML page without scripts, with figures and numbers inside, which needs no network.

        repbias.save_html(report, "audit.html")

    The page appears whole or not at all, and folders are made as needed. A page that repbias wrote before is replaced;
    any other file of that name is left alone unless `overwrite` is set.

    Parameters
    ----------
    result : an `AuditReport` or a `StudyResult`.
    path : the file to write, which ends in ``.html``.
    overwrite : whether to replace a file that repbias did not write.

    Returns
    -------
    The path, as a `Path`.

    Raises
    ------
    TypeError : a result that has no page.
    ValueError : a path that does not end in ``.html``, or that is a folder; a table of the result that lacks a column.
    FileExistsError : a file that repbias did not write is in the way.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> colour, shape = rng.integers(0, 2, (2, 300))
    >>> signal = np.outer(colour, rng.normal(size=20)) + 0.3 * np.outer(shape, rng.normal(size=20))
    >>> activity = {"IT": signal + rng.normal(size=(300, 20))}
    >>> labels = dict(colour=colour, shape=shape)
    >>> report = repbias.audit_arrays(activity, labels, resamples=100, permutations=50, progress=False)
    >>> repbias.save_html(report, "audit.html").name
    'audit.html'
    """
    if isinstance(result, AuditReport):
        return write_whole(check_page_path(path, overwrite=overwrite), audit_page(result))
    if isinstance(result, StudyResult):
        return write_whole(check_page_path(path, overwrite=overwrite), study_page(result))
    raise TypeError(f"save_html writes the page of an audit or a study, got {type(result).__name__}")


def check_page_path(path: str | Path, *, overwrite: bool = False) -> Path:
    """Return the path of a page, or say why no page can be written there; see `save_html`."""
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ValueError(
            f"a page is written as HTML, so its path ends in .html, got {str(path)!r}: use {path.stem}.html"
        )
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    if path.exists() and not overwrite:
        with path.open("rb") as file:
            if _MARK not in file.read(_HEAD):
                raise FileExistsError(
                    f"{path} exists and is no page of repbias: choose another path, or replace it with overwrite=True"
                )
    return path


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
    headline, *figures = [drawn_view(one.draw(report)) for one in FIGURES if measured.issuperset(one.needs)]
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
            "results": csv_link("results", report.results),
            "R² of every unit": csv_link("units", report.units),
            "components": csv_link("components", report.components),
        },
    )


def _cells(report: AuditReport) -> dict[str, list[tuple[str, str]]]:
    """Return by layer the status of each feature, and the numbers behind it in words."""
    value = report.results.set_index(["layer", "feature", "measure"])["value"].to_dict()
    cells: dict[str, list[tuple[str, str]]] = {layer: [] for layer in report.layers}
    for layer, feature, status in report.statuses().itertuples(index=False, name=None):
        r2, decoded, chance = (short(value[layer, feature, name]) for name in (*TESTS, "chance"))
        beside = f" (chance {chance}\u00a0%)" if value[layer, feature, "chance"] else ""  # only R² has chance 0
        numbers = f"R² {r2}\u00a0%, decoded {decoded}\u00a0%{beside}".replace("-", "−")
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
