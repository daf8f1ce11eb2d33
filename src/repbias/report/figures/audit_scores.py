"""What a model that holds one feature alone would score against each layer, before and after shares are made equal."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from repbias.audit.report import AuditReport
from repbias.report.figures import style
from repbias.report.figures.audit import drawn_layers, left_out
from repbias.report.figures.figure import Figure

TITLE = "What a model of one feature alone would score"
_METHODS = {"rsa": "RSA", "cka": "CKA", "r2": "R²"}
_IN_A_ROW = 3
_GREY = "#8b939c"
_BEFORE, _AFTER = 0.0, 0.52  # where a method's two columns stand, the next method's a whole further on


@style.house_style()
def scores_before_and_after(report: AuditReport) -> Figure:
    """RSA, CKA and R2 of each feature as lines from before to after: a panel a layer, a pair of columns a method.

    Returns
    -------
    the figure; ``numbers`` has the mark ``score`` and the columns layer, feature, method, shares ("recorded" or
    "equal"), value, ci_low and ci_high.
    """
    layers = drawn_layers(report)
    numbers = _scores(report, layers)
    if numbers.empty:
        sentence = "No scores: neither RSA nor CKA was measured in any layer."
        return Figure("scores", TITLE, sentence, style.sentence_only(sentence), numbers)
    colours = style.feature_colours(report.features)
    drawing, cells = style.blocks(len(layers), _IN_A_ROW, (3.3, 2.7), colours, gap=(0.3, 0.9), below=0.7)
    lowest = min(float(numbers["ci_low"].min()), float(numbers["value"].min()), 0.0)
    for index, (cell, layer) in enumerate(zip(cells, layers, strict=True)):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, layer)
        _columns(axes, lowest, leftmost=index % _IN_A_ROW == 0)
        _draw_lines(axes, numbers[numbers["layer"] == layer], colours)
    return Figure("scores", TITLE, _caption(report, layers), drawing, numbers)


def _scores(report: AuditReport, layers: list[str]) -> pd.DataFrame:
    results = report.results[report.results["layer"].isin(layers) & report.results["feature"].isin(report.features)]
    found = []
    for method in _METHODS:
        recorded = "r2_unbiased" if method == "r2" else method
        for shares, measure in (("recorded", recorded), ("equal", f"{method}_equalised")):
            rows = results.loc[results["measure"] == measure, ["layer", "feature", "value", "ci_low", "ci_high"]]
            found.append(rows.assign(method=method, shares=shares, mark="score"))
    numbers = pd.concat(found, ignore_index=True).dropna(subset="value")
    return numbers if set(numbers["method"]) > {"r2"} else numbers.iloc[:0]


def _columns(axes: Axes, lowest: float, *, leftmost: bool) -> None:
    """Two columns a method, named below, with the method's name under both."""
    axes.set_xlim(-0.24, 2 + _AFTER + 0.24)
    axes.set_ylim(lowest * 1.1 - 0.02, 1.02)
    places = [number + side for number in range(len(_METHODS)) for side in (_BEFORE, _AFTER)]
    axes.set_xticks(places, ["before", "after"] * len(_METHODS), fontsize=7.5)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(labelleft=leftmost)
    for number, name in enumerate(_METHODS.values()):
        axes.text(
            number + _AFTER / 2,
            -0.13,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color=style.INK,
        )
    axes.axhline(0, color=_GREY, linewidth=0.7, zorder=1)
    if leftmost:
        axes.set_ylabel("score")


def _draw_lines(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """A line a feature and method, full where recorded, open where shares are equal; features side by side."""
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
        "The score that a model which holds one feature and nothing else would have against each layer, in RSA (of "
        "squared Euclidean distances), debiased linear CKA, and as variance explained: full circles as recorded, open "
        "ones after a linear map that gives all features that explain variance of their own equal shares, fitted on "
        "other stimuli. Where full circles are far apart, a score is mostly about the feature on top. Lines stay level "
        "in all three where a feature is not there, or where a layer has fewer than two features that could be made "
        f"equal. Bars are 95 % intervals.{left_out(report, layers)}"
    )
