"""The scores of a model that represents one feature alone, before and after shares are made equal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repbias.audit.measures import EXPLAINED
from repbias.audit.report import AuditReport
from repbias.report.figures import style
from repbias.report.figures.audit import drawn_layers, left_out, panels
from repbias.report.figures.figure import Figure

TITLE = "Scores of a model that represents one feature alone"
# By method: its name, the measure as recorded, and that with equal shares.
_METHODS = {
    "rsa": ("RSA", "rsa", "rsa_equalised"),
    "cka": ("CKA", "cka", "cka_equalised"),
    "r2": ("R²", EXPLAINED, "r2_equalised"),
}
_GREY = "#8b939c"
_BEFORE, _AFTER = 0.0, 0.52  # places of a method's two columns; the next method is one further


@style.house_style()
def scores_before_and_after(report: AuditReport) -> Figure:
    """RSA, CKA and R2 of each feature as lines from before to after: a panel per layer, two columns per method.

    Returns
    -------
    the figure; ``numbers`` has the mark ``score`` and the columns layer, feature, method, shares ("recorded" or
    "equal"), value, ci_low and ci_high.
    """
    layers = drawn_layers(report)
    numbers = _scores(report, layers)
    colours = style.feature_colours(report.features)
    drawing, made = panels(layers, (3.3, 2.7), colours, gap=(0.3, 0.9), below=0.7)
    lowest = min(float(numbers["ci_low"].min()), float(numbers["value"].min()), 0.0)
    for panel in made:
        _columns(panel.axes, lowest, leftmost=panel.leftmost)
        _draw_lines(panel.axes, numbers[numbers["layer"] == panel.layer], colours)
    return Figure("scores", TITLE, _caption(report, layers), drawing, numbers)


def _scores(report: AuditReport, layers: list[str]) -> pd.DataFrame:
    results = report.results[report.results["layer"].isin(layers) & report.results["feature"].isin(report.features)]
    found = []
    for method, (_, recorded, equal) in _METHODS.items():
        for shares, measure in (("recorded", recorded), ("equal", equal)):
            rows = results.loc[results["measure"] == measure, ["layer", "feature", "value", "ci_low", "ci_high"]]
            found.append(rows.assign(method=method, shares=shares, mark="score"))
    return pd.concat(found, ignore_index=True).dropna(subset="value")


def _columns(axes: Axes, lowest: float, *, leftmost: bool) -> None:
    """Name the two columns of each method, with the name of the method below both."""
    axes.set_xlim(-0.24, 2 + _AFTER + 0.24)
    axes.set_ylim(lowest * 1.1 - 0.02, 1.02)
    places = [number + side for number in range(len(_METHODS)) for side in (_BEFORE, _AFTER)]
    axes.set_xticks(places, ["before", "after"] * len(_METHODS), fontsize=7.5)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(labelleft=leftmost)
    for number, (name, *_) in enumerate(_METHODS.values()):
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "top"}
        axes.text(number + _AFTER / 2, -0.13, name, color=style.INK, **place)
    axes.axhline(0, color=_GREY, linewidth=0.7, zorder=1)
    if leftmost:
        axes.set_ylabel("score")


def _draw_lines(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw a line per feature and method, with full points as recorded and open ones with equal shares."""
    shifts = dict(zip(colours, style.spread(len(colours), min(0.04 * len(colours), 0.22)), strict=True))
    for (feature, method), both in rows.groupby(["feature", "method"], sort=False):
        number, colour = list(_METHODS).index(str(method)), colours[str(feature)]
        x = {"recorded": number + _BEFORE + shifts[str(feature)], "equal": number + _AFTER + shifts[str(feature)]}
        axes.plot([x[one] for one in both["shares"]], both["value"], color=colour, linewidth=1.2, alpha=0.75, zorder=2)
        for row in both.to_dict("records"):
            here, face = x[row["shares"]], colour if row["shares"] == "recorded" else "white"
            axes.plot([here, here], [row["ci_low"], row["ci_high"]], color=colour, linewidth=1.0, zorder=3)
            axes.plot(here, row["value"], "o", color=face, markeredgecolor=colour, markersize=4.5, zorder=4)
    if rows.empty:
        style.say(axes, "not measured")


def _caption(report: AuditReport, layers: list[str]) -> str:
    return (
        "The score that a model which represents one feature and nothing else would have against each layer, in RSA "
        "(of squared Euclidean distances), debiased linear CKA, and variance explained. Full circles: as recorded. "
        "Open circles: after a linear map, fitted on other stimuli, that gives all features with unique variance equal "
        "shares. Where full circles are far apart, a score mainly reflects the strongest feature. Lines stay level for "
        "a feature that is not represented, and in a layer with fewer than two features that could be made equal. Bars "
        f"are 95 % intervals.{left_out(report, layers)}"
    )
