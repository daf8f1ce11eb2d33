"""The headline of an audit: how much of a layer each feature fills, against how well it can be read out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from repbias.audit.report import AuditReport
from repbias.report.figures import style
from repbias.report.figures.figure import Figure

TITLE = "What is shown, and what is there"
_MOST_LAYERS = 12
_IN_A_ROW = 3
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_LOWEST = -0.01
_LEFT = -0.22
_GREY, _BAND = "#8b939c", "#e9ecf0"


@style.house_style()
def shown_and_decodable(report: AuditReport) -> Figure:
    """Variance explained against decodability: a panel a layer, a numbered point a feature.

    Decodability is drawn as a share of what lies between chance, which depends on a feature's number of classes, and
    1, so that features of different numbers of classes stand on one axis. The axis of variance explained is that of
    its square root, on which small shares are told apart.

    Returns
    -------
    the figure; ``numbers`` has marks ``feature`` (``x`` decodability above chance, ``y`` R2), ``detectable`` and
    ``noise_ceiling`` (``y`` each).
    """
    layers = drawn_layers(report)
    levels = [_levels(report, layers, "detectable_r2", "detectable"), _levels(report, layers, "noise_ceiling")]
    numbers = pd.concat([_points(report, layers), *(rows for rows in levels if len(rows))], ignore_index=True)
    if numbers.empty:
        sentence = "No headline figure: no layer has both variance explained and decodability."
        return Figure("shown-and-decodable", TITLE, sentence, style.sentence_only(sentence), numbers)
    colours = style.feature_colours(report.features)
    key = {f"{place}  {name}": colour for place, (name, colour) in enumerate(colours.items(), start=1)}
    drawing, cells = style.blocks(len(layers), _IN_A_ROW, (3.0, 2.8), key, gap=(0.3, 0.8), below=0.62)
    lowest, highest = _range(numbers)
    for index, (cell, layer) in enumerate(zip(cells, layers, strict=True)):
        axes = drawing.add_subplot(cell)
        style.panel_title(axes, layer)
        _plane(axes, _least_x(numbers), lowest, highest, leftmost=index % _IN_A_ROW == 0)
        rows = numbers[numbers["layer"] == layer]
        _draw_detectable(axes, rows[rows["mark"] == "detectable"], colours)
        _draw_ceiling(axes, rows[rows["mark"] == "noise_ceiling"])
        _draw_points(axes, rows[rows["mark"] == "feature"], colours)
    return Figure("shown-and-decodable", TITLE, _caption(report, layers), drawing, numbers)


def drawn_layers(report: AuditReport) -> list[str]:
    """The layers that figures of an audit have room for: all, or the first, the last, and some evenly between."""
    names = list(report.layers)
    if len(names) <= _MOST_LAYERS:
        return names
    return [names[place] for place in np.linspace(0, len(names) - 1, _MOST_LAYERS).round().astype(int)]


def left_out(report: AuditReport, layers: list[str]) -> str:
    """A sentence for the caption where not all layers are drawn."""
    if len(layers) == len(report.layers):
        return ""
    return f" {len(layers)} of {len(report.layers)} layers are drawn, evenly spaced; the table has all."


def _points(report: AuditReport, layers: list[str]) -> pd.DataFrame:
    """Both measures of each layer and feature, with their intervals."""
    ends = {"value": "", "ci_low": "_low", "ci_high": "_high"}
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    made = []
    for layer in layers:
        for feature in report.features:
            variance, decoded = (cells.get((layer, feature, measure)) for measure in ("r2_unbiased", "decodability"))
            if variance is not None and decoded is not None:
                chance = 1 / len(report.classes[feature])
                row: dict[str, object] = {"mark": "feature", "layer": layer, "feature": feature}
                row |= {f"x{end}": (decoded[column] - chance) / (1 - chance) for column, end in ends.items()}
                row |= {f"y{end}": variance[column] for column, end in ends.items()}
                made.append(row)
    return pd.DataFrame(made)


def _levels(report: AuditReport, layers: list[str], measure: str, mark: str = "") -> pd.DataFrame:
    """The height of a line in each panel, under the measure's own name or another."""
    results = report.results
    rows = results[(results["measure"] == measure) & results["layer"].isin(layers) & results["value"].notna()]
    return rows[["layer", "feature"]].assign(y=rows["value"], mark=mark or measure)


def _range(numbers: pd.DataFrame) -> tuple[float, float]:
    """The ends of the axis of R2, the same for all panels."""
    drawn = numbers[[name for name in ("y", "y_low", "y_high") if name in numbers]].to_numpy(dtype=float)
    return min(_LOWEST, float(np.nanmin(drawn))), min(max(float(np.nanmax(drawn)) * 1.25, 0.05), 1.1)


def _least_x(numbers: pd.DataFrame) -> float:
    """Where the axis of decodability begins: what is below chance by luck has its place, as all that is drawn."""
    points = numbers.loc[numbers["mark"] == "feature"]
    return min([_LEFT, *(points["x"] - 0.06)]) if len(points) else _LEFT


def _root(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sign(values) * np.square(values)


def _plane(axes: Axes, least_x: float, lowest: float, highest: float, *, leftmost: bool) -> None:
    """Axes with the names of the corners; they bound nothing, so they stand where no line is."""
    axes.set_yscale("function", functions=(_root, _square))
    axes.set_ylim(lowest, highest)
    axes.set_xlim(least_x, 1.08)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if tick <= highest]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.tick_params(labelleft=leftmost)
    axes.set_xlabel("decodability (0 chance, 1 perfect)")
    if leftmost:
        axes.set_ylabel("share of variance explained")
    axes.axhline(0, color=_GREY, linewidth=0.7, zorder=1)
    axes.axvline(0, color=_GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for x, y, ha, va, text in (
        (0.99, 0.985, "right", "top", "dominant"),
        (0.99, 0.015, "right", "bottom", "weak but decodable"),
        (0.01, 0.015, "left", "bottom", "not detected"),
    ):
        axes.text(x, y, text, transform=axes.transAxes, ha=ha, va=va, color=style.MUTED, style="italic", zorder=2)


def _draw_detectable(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """A band up to the largest share that may be missed, and at its left a short line for each feature's own."""
    if rows.empty:
        return
    axes.axhspan(0, float(rows["y"].max()), color=_BAND, linewidth=0, zorder=0)
    for feature, y in zip(rows["feature"], rows["y"], strict=True):
        axes.plot([0, 0.03], [y, y], transform=axes.get_yaxis_transform(), color=colours.get(feature, _GREY), zorder=2)


def _draw_ceiling(axes: Axes, rows: pd.DataFrame) -> None:
    """A dotted line at what repeats reproduce of the layer, named right of the line of chance."""
    for y in rows["y"]:
        axes.axhline(y, color=_GREY, linewidth=1.1, linestyle=(0, (1, 2)), zorder=2)
        axes.text(0.03, y, "noise ceiling", ha="left", va="bottom", color=style.MUTED, fontsize=7.5, zorder=2)


def _draw_points(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Each feature's number in a circle on the cross of its intervals, so that it is told without its colour."""
    numbered = {name: str(place) for place, name in enumerate(colours, start=1)}
    for row in rows.to_dict("records"):
        colour = colours[row["feature"]]
        axes.plot([row["x_low"], row["x_high"]], [row["y"], row["y"]], color=colour, linewidth=1.3, zorder=3)
        axes.plot([row["x"], row["x"]], [row["y_low"], row["y_high"]], color=colour, linewidth=1.3, zorder=3)
        axes.plot(
            row["x"],
            row["y"],
            "o",
            color="white",
            markeredgecolor=colour,
            markersize=9.5,
            markeredgewidth=1.4,
            zorder=4,
        )
        axes.annotate(
            numbered[row["feature"]],
            (row["x"], row["y"]),
            ha="center",
            va="center_baseline",
            color=colour,
            fontsize=6.8,
            fontweight="bold",
            zorder=5,
        )
    if rows.empty:
        style.say(axes, "not measured")


def _caption(report: AuditReport, layers: list[str]) -> str:
    ceiling = ""
    if (report.results["measure"] == "noise_ceiling").any():
        ceiling = (
            " The dotted line is the noise ceiling, the share that repeats of a stimulus reproduce: no feature of "
        )
        ceiling += "the stimulus can explain more."
    return (
        "Share of each layer’s variance that each feature explains (drawn on the scale of its square root) against how "
        "well a linear probe decodes it, where 0 is chance, the dashed line, and 1 is without error, whatever the "
        "number of classes. Bars are 95 % intervals. High up a feature is shouted. Low on the right it is whispered: "
        "it can be read out, and yet a method that follows variance will hardly show it. Low on the left it is not "
        "found: absent, as far as these data can show. The grey band ends at the largest share of variance that would "
        "be missed more than one time in five; short lines at the left mark each feature’s own."
        f"{ceiling}{left_out(report, layers)}"
    )
