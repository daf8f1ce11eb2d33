"""The main figure of an audit: how much of a layer each feature explains, against how well it can be decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import matplotlib.figure
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from repbias.core.results import EXPLAINED
from repbias.figures import marks, select, style
from repbias.figures.figure import Figure
from repbias.figures.keys import key_above

TITLE = "Variance explained and decodability"
_IN_A_ROW = 3
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_LOWEST = -0.01
_LEFT = -0.22


class AuditTables(Protocol):
    """What the figures of an audit read of its report; see `repbias.AuditReport`."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """The classes of each feature."""

    @property
    def results(self) -> pd.DataFrame:
        """One row for each layer, feature and measure."""

    @property
    def units(self) -> pd.DataFrame:
        """R2 of each unit by each feature."""

    @property
    def components(self) -> pd.DataFrame:
        """R2 of each leading principal component by each feature."""


@style.applied()
def variance_and_decodability(report: AuditTables) -> Figure:
    """Variance explained against decodability: one panel per layer, one numbered point per feature.

    Decodability is scaled from 0 at chance to 1, so that features with different numbers of classes share an axis.
    Variance explained is on a square-root scale, which separates small shares.

    Returns
    -------
    the figure; ``numbers`` has marks ``feature`` (``x`` decodability above chance, ``y`` R2), ``detectable`` and
    ``noise_ceiling`` (``y`` each).
    """
    layers = drawn_layers(report)
    numbers, colours = _numbers(report, layers), style.feature_colours(report.features)
    drawing, panels = layer_panels(layers, (3.0, 2.8), _numbered(colours), gap=(0.3, 0.8), below=0.62)
    limits = _limits(numbers)
    for panel in panels:
        axes = panel.axes(y="share of variance explained")
        _draw_plane(axes, numbers[numbers["layer"] == panel.name], colours, limits)
    return Figure("variance-and-decodability", TITLE, _caption(report, layers), drawing, numbers)


def plane_of_layer(report: AuditTables, layer: str, *, ax: Axes, style_of_plot: style.Style) -> Axes:
    """Draw the panel of one layer of `variance_and_decodability` on the axes given, with a key above it."""
    with style.applied(style_of_plot):
        numbers, colours = _numbers(report, [layer]), style.feature_colours(report.features)
        _draw_plane(ax, numbers, colours, _limits(numbers))
        ax.set_ylabel("share of variance explained")
        key_above(ax, _numbered(colours))
    return ax


def _draw_plane(axes: Axes, rows: pd.DataFrame, colours: dict[str, str], limits: tuple[float, float, float]) -> None:
    _plane(axes, *limits)
    _draw_detectable(axes, rows[rows["mark"] == "detectable"], colours)
    _draw_ceiling(axes, rows[rows["mark"] == "noise_ceiling"])
    _draw_points(axes, rows[rows["mark"] == "feature"], colours)


def drawn_layers(report: AuditTables) -> list[str]:
    """Return the layers that are drawn: all, or, of many, the first, the last, and some evenly spaced between."""
    return [report.layers[place] for place in select.evenly(len(report.layers))]


def layer_panels(
    layers: Sequence[str], size: tuple[float, float], key: dict[str, str], columns: int = _IN_A_ROW, **spacing: Any
) -> tuple[matplotlib.figure.Figure, list[marks.Panel]]:
    """Return a figure with one panel per layer, named by it."""
    return marks.panels([(layer, layer) for layer in layers], size, key, columns, **spacing)


def left_out(report: AuditTables, layers: list[str]) -> str:
    """A sentence for the caption where not all layers are drawn."""
    if len(layers) == len(report.layers):
        return ""
    return f" {len(layers)} of {len(report.layers)} layers are drawn, evenly spaced; the table has all."


def _numbered(colours: dict[str, str]) -> dict[str, str]:
    """The key: the names of the features after the numbers of their points."""
    return {f"{place}  {name}": colour for place, (name, colour) in enumerate(colours.items(), start=1)}


def _numbers(report: AuditTables, layers: list[str]) -> pd.DataFrame:
    return pd.concat([_points(report, layers), _levels(report, layers)], ignore_index=True)


def _points(report: AuditTables, layers: list[str]) -> pd.DataFrame:
    """Both measures of each layer and feature, with their intervals."""
    ends = {"value": "", "ci_low": "_low", "ci_high": "_high"}
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    made = []
    for layer in layers:
        for feature in report.features:
            variance, decoded, at_chance = (
                cells.get((layer, feature, measure)) for measure in (EXPLAINED, "decodability", "chance")
            )
            if variance is not None and decoded is not None and at_chance is not None:
                chance = at_chance["value"]
                row: dict[str, object] = {"mark": "feature", "layer": layer, "feature": feature}
                row |= {f"x{end}": (decoded[column] - chance) / (1 - chance) for column, end in ends.items()}
                row |= {f"y{end}": variance[column] for column, end in ends.items()}
                made.append(row)
    return pd.DataFrame(made)


def _levels(report: AuditTables, layers: list[str]) -> pd.DataFrame:
    """Return the heights of the lines in each panel: what each feature's test can detect, and the noise ceiling."""
    results = report.results.sort_values("measure", kind="stable").dropna(subset="value")
    marked = results["measure"].map({"detectable_r2": "detectable", "noise_ceiling": "noise_ceiling"})
    lines = results[["layer", "feature"]].assign(y=results["value"], mark=marked)
    return lines[marked.notna() & lines["layer"].isin(layers)]


def _limits(numbers: pd.DataFrame) -> tuple[float, float, float]:
    """The left end of the axis of decodability, with room for features below chance, and both ends of that of R2."""
    points = numbers[numbers["mark"] == "feature"]
    heights = numbers.filter(["y", "y_low", "y_high"]).to_numpy(float)
    highest = min(max(float(np.nanmax(heights)) * 1.25, 0.05), 1.1)
    return min([_LEFT, *(points["x"] - 0.06 if len(points) else [])]), min(_LOWEST, float(np.nanmin(heights))), highest


def _root(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sign(values) * np.square(values)


def _plane(axes: Axes, least_x: float, lowest: float, highest: float) -> None:
    """Scale and label the axes, and name the corners; no lines bound these regions."""
    axes.set_yscale("function", functions=(_root, _square))
    axes.set_ylim(lowest, highest)
    axes.set_xlim(least_x, 1.08)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if tick <= highest]))
    axes.yaxis.set_minor_locator(NullLocator())
    marks.share_axis(axes.yaxis)
    axes.set_xlabel("decodability (0 chance, 1 perfect)")
    marks.zero_line(axes)
    axes.axvline(0, color=style.grey(), linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for x, y, ha, va, text in (
        (0.99, 0.985, "right", "top", "dominant"),
        (0.99, 0.015, "right", "bottom", "weak but decodable"),
        (0.01, 0.015, "left", "bottom", "not detected"),
    ):
        axes.text(x, y, text, transform=axes.transAxes, ha=ha, va=va, color=style.muted(), style="italic", zorder=2)


def _draw_detectable(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw a band up to the largest share that may be missed, and at its left a short line for that of each feature."""
    if rows.empty:
        return
    axes.axhspan(0, float(rows["y"].max()), color=style.shade(0.19), linewidth=0, zorder=0)
    for feature, y in zip(rows["feature"], rows["y"], strict=True):
        axes.plot(
            [0, 0.03], [y, y], transform=axes.get_yaxis_transform(), color=colours.get(feature, style.grey()), zorder=2
        )


def _draw_ceiling(axes: Axes, rows: pd.DataFrame) -> None:
    """A dotted line at what repeats reproduce of the layer, named right of the line of chance."""
    for y in rows["y"]:
        axes.axhline(y, color=style.grey(), linewidth=1.1, linestyle=(0, (1, 2)), zorder=2)
        style.write(axes, 0.03, y, "noise ceiling", 7.5, ha="left", va="bottom", zorder=2)


def _draw_points(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw the number of each feature in a circle on the cross of its intervals, so that colour is not needed."""
    numbered = {name: str(place) for place, name in enumerate(colours, start=1)}
    for row in rows.to_dict("records"):
        colour = colours[row["feature"]]
        axes.plot([row["x_low"], row["x_high"]], [row["y"], row["y"]], color=colour, linewidth=1.3, zorder=3)
        axes.plot([row["x"], row["x"]], [row["y_low"], row["y_high"]], color=colour, linewidth=1.3, zorder=3)
        point, number = (row["x"], row["y"]), numbered[row["feature"]]
        axes.plot(*point, "o", color=style.paper(), mec=colour, markersize=9.5, mew=1.4, zorder=4)
        style.write(axes, *point, number, 6.8, colour, ha="center", va="center_baseline", fontweight="bold", zorder=5)
    if rows.empty:
        style.say(axes, "not measured")


def _caption(report: AuditTables, layers: list[str]) -> str:
    ceiling = ""
    if (report.results["measure"] == "noise_ceiling").any():
        ceiling = (
            " The dotted line is the noise ceiling, the share that repeats of a stimulus reproduce: no feature of the "
            "stimulus can explain more."
        )
    return (
        "Share of each layer’s variance that each feature explains (on a square-root scale) against how well a linear "
        "classifier (of numbers, a regression) decodes it, from 0 at chance (dashed line) to 1 without errors. "
        "Bars are 95 % intervals. Features near the top explain most of the variance. Features at the lower "
        "right are weak but decodable: they can be read out, but explain little of the variance. Features at the lower "
        "left are not detected in these data. The grey band ends at the largest share of variance that the test would "
        "miss more than one time in five; short lines at the left mark this share for each feature."
        f"{ceiling}{left_out(report, layers)}"
    )
