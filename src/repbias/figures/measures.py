"""One panel for each kind of result of a measure: bars or curves by feature, a curve, or components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from repbias.figures import marks
from repbias.figures.drawings import Bars, Curves, Drawing, OwnedBars
from repbias.figures.keys import KEY_LOOK, key_above
from repbias.figures.style import Style, feature_colours, grey, ink, mean_colour, panel, panel_title, paper, shade

_HOLLOW = {"markersize": 5.0, "markeredgewidth": 1.1}
_REFERENCE_MARKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("|", {"markersize": 13.0, "markeredgewidth": 1.8}),
    ("D", _HOLLOW),
    ("o", _HOLLOW),
    ("^", _HOLLOW),
)


def draw(drawing: Drawing, *, ax: Axes | None = None, style: Style = "repbias") -> Axes:
    """Draw what a result describes on the axes given, or on new ones, and return the axes."""
    height = 3.0
    if isinstance(drawing, Bars):
        height = 0.9 + 0.36 * len(drawing.names) + 0.3 * bool(drawing.compared)
    with panel(ax, style, 4.6, height) as axes:
        if isinstance(drawing, Bars):
            _bars(axes, drawing)
        elif isinstance(drawing, Curves):
            _curves(axes, drawing)
        elif isinstance(drawing, OwnedBars):
            _owned_bars(axes, drawing)
        else:
            axes.plot(drawing.x, drawing.y, color=mean_colour())
            axes.set(xlabel=drawing.labels[0], ylabel=drawing.labels[1], ylim=(0, None))
            _whole_numbers(axes, drawing.x)
    return axes


def _bars(axes: Axes, bars: Bars) -> None:
    values, rows = np.asarray(bars.values, dtype=float), range(len(bars.names))
    groups = bars.groups or bars.names
    colours = _colours(list(dict.fromkeys(groups)))
    drawn = axes.barh(rows, values, 0.62, color=[colours[name] for name in groups])
    for (name, them), (mark, look) in zip(bars.compared.items(), _REFERENCE_MARKS, strict=False):
        outline = [patheffects.withStroke(linewidth=3.5, foreground=paper())]  # visible on bars of any colour
        drawn_marks = axes.plot(them, rows, mark, color=ink(), linestyle="none", label=name, **look)
        drawn_marks[0].set(markerfacecolor=paper(), path_effects=outline)
    if bars.compared:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handlelength=1.0, **KEY_LOOK)
    else:
        axes.bar_label(drawn, [_number(value, bars.per_cent) for value in values], padding=3)
    room = 0.12 if bars.compared else 0.25  # for the numbers
    _set_axis(axes, "x", np.concatenate([values, *bars.compared.values()]), bars.label, bars.per_cent, room)
    marks.name_rows(axes, bars.names, 24)
    marks.zero_line(axes, vertical=True)
    if bars.title:
        panel_title(axes, bars.title)


def _curves(axes: Axes, drawing: Curves) -> None:
    curves = np.asarray(drawing.curves, dtype=float)
    levels = np.asarray([] if drawing.levels is None else drawing.levels, dtype=float)
    colours = _colours(drawing.names)
    for name, curve in zip(drawing.names, curves, strict=True):
        axes.plot(drawing.x, curve, "o-" if drawing.points else "-", markersize=3.5, color=colours[name])
    ends = [np.empty(0)] if drawing.interval is None else [np.asarray(end, dtype=float) for end in drawing.interval]
    if drawing.interval is not None:
        for name, low, high in zip(drawing.names, *ends, strict=True):
            axes.vlines(drawing.x, low, high, color=colours[name], linewidth=1.2)
    for name, level in zip(drawing.names, levels, strict=False):
        axes.axhline(level, color=colours[name], linewidth=0.9, linestyle=":", zorder=1)
    key_above(axes, colours)
    axes.set_xlabel(drawing.labels[0], parse_math=False)
    if drawing.ticks is None:
        _whole_numbers(axes, drawing.x)
    else:
        axes.set_xticks(np.asarray(drawing.x), drawing.ticks, parse_math=False)
        if max(map(len, drawing.ticks)) > 40 / len(drawing.ticks):
            axes.tick_params(axis="x", labelrotation=30)
            for label in axes.xaxis.get_ticklabels():
                label.set_horizontalalignment("right")
    _set_axis(axes, "y", np.concatenate([curves.ravel(), levels, *(end.ravel() for end in ends)]), drawing.labels[1])


def _owned_bars(axes: Axes, drawing: OwnedBars) -> None:
    share, owner = np.asarray(drawing.share, dtype=float)[: drawing.most], drawing.owner[: drawing.most]
    names = ["no feature" if one is None else one for one in owner]
    colours = {**_colours(drawing.names), "no feature": shade(0.35)}
    axes.bar(np.arange(1, len(share) + 1), share, 0.7, color=[colours[name] for name in names])
    key_above(axes, {name: colour for name, colour in colours.items() if name in (*drawing.names, *names)})
    axes.set_xlabel("component")
    _whole_numbers(axes, range(len(share)))
    _set_axis(axes, "y", share, "share of the variance")


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, which is grey for one in parentheses."""
    colours = feature_colours(name for name in names if not name.startswith("("))
    return {name: colours.get(name, grey()) for name in names}


def _set_axis(
    axes: Axes, name: str, values: npt.NDArray[np.float64], label: str, per_cent: bool = True, room: float = 0.12
) -> None:
    """Label an axis, "x" or "y", that holds 0 and all values, with room beyond them, and no tick above 1 needlessly."""
    shown = np.append(values[np.isfinite(values)], 0.0)
    span = max(float(np.ptp(shown)), 0.05)
    low, high = float(shown.min()), float(shown.max())
    axes.set(**{f"{name}lim": (low - room * span if low < 0 else 0.0, max(high, 0.05 + low) + room * span)})
    axis = {"x": axes.xaxis, "y": axes.yaxis}[name]
    axis.set_label_text(label, parse_math=False)
    if per_cent:
        marks.share_axis(axis)
    if high <= 1 + 1e-9 and high + room * span > 1:
        axis.set_ticks([tick for tick in axis.get_ticklocs() if tick <= 1 and tick >= low])


def _whole_numbers(axes: Axes, x: npt.ArrayLike) -> None:
    """Print only whole numbers along the horizontal axis of units, components or steps."""
    if np.asarray(x).dtype.kind == "i":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _number(value: float, per_cent: bool) -> str:
    if not np.isfinite(value):
        return "not defined"
    text = f"{100 * value:.1f} %" if per_cent else f"{value:.2f}"
    return text.replace("-", "−")
