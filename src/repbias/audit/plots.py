"""The plots of an audit's report, by kind: the figures of its page, and panels of one kind of number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from repbias.core.results import EXPLAINED
from repbias.core.specs import refuse_unknown
from repbias.figures import style
from repbias.figures.audit import AuditTables, plane_of_layer, variance_and_decodability
from repbias.figures.audit_details import component_contents, scores_before_and_after, variance_shares
from repbias.figures.drawings import Curves
from repbias.figures.figure import Figure
from repbias.figures.measures import draw


@dataclass(frozen=True)
class AuditFigure:
    """A figure of the page, what `plot` calls it, and the measures that it needs; without them it is left out."""

    kind: str
    draw: Callable[[AuditTables], Figure]
    needs: tuple[str, ...] = ()


FIGURES = (
    AuditFigure("plane", variance_and_decodability),
    AuditFigure("shares", variance_shares),
    AuditFigure("components", component_contents),
    AuditFigure("similarity", scores_before_and_after, needs=("rsa", "cka")),
)
"""The figures of the page in their order; the first stands beside the summary."""
_PANELS = ("layers", "units")


def plot_audit(
    report: AuditTables, kind: str, layer: str | None, ax: Axes | None, style_of_plot: style.Style
) -> Figure | Axes:
    """Draw one kind of plot; see `AuditReport.plot`."""
    figures = {one.kind: one for one in FIGURES}
    refuse_unknown(kind, (*figures, *_PANELS), "plot of an audit")
    shown = report.layers[-1] if layer is None else layer
    refuse_unknown(shown, report.layers, "layer of this audit")
    if kind == "layers":
        return draw(Curves.of_layers(_r2(report)), ax=ax, style=style_of_plot)
    if kind == "units":
        units = report.units[report.units["layer"] == shown]
        return draw(Curves.of_units(units), ax=ax, style=style_of_plot)
    if kind == "plane" and ax is not None:
        return plane_of_layer(report, shown, ax=ax, style_of_plot=style_of_plot)
    if ax is not None:
        raise ValueError(f"{kind!r} is a figure of several panels and takes no ax; leave ax out, and save the figure")
    chosen = figures[kind]
    if not set(report.results["measure"]).issuperset(chosen.needs):
        raise ValueError(f"this audit has no plot {kind!r}, because it did not measure {' and '.join(chosen.needs)}")
    with style.applied(style_of_plot):
        return chosen.draw(report)


def _r2(report: AuditTables) -> pd.DataFrame:
    rows = report.results[(report.results["measure"] == EXPLAINED) & report.results["feature"].isin(report.features)]
    return rows.rename(columns={"value": "r2"})
