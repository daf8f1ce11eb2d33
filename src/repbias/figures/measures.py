"""One panel for each kind of result of a measure: bars or curves by feature, components, distances, a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from repbias.figures import marks
from repbias.figures.drawings import Bars, Curves, Drawing, OwnedBars
from repbias.figures.style import (
    Style,
    applied,
    feature_colours,
    grey,
    ink,
    mean_colour,
    panel,
    panel_title,
    paper,
    plain,
    shade,
)

_PLAIN_KEY: dict[str, Any] = {"frameon": False, "borderaxespad": 0.2}
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
    with _panel(ax, style, 4.6, height) as axes:
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
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handlelength=1.0, **_PLAIN_KEY)
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


def plot_rdm(
    rdm: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    style: Style = "repbias",
) -> Axes:
    """Draw the distances between stimuli as a coloured square, with the classes of one feature beside each other.

    Parameters
    ----------
    rdm : `[stimulus, stimulus]`, such as `repbias.rdm` returns.
    labels : class labels or names of one feature, `[stimulus]`. The stimuli are sorted by them, and lines separate the
        classes. Without labels the order stays as it is.
    ax : axes to draw on; new ones by default.
    style : "repbias", or "user" to follow your own Matplotlib settings.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError : an array that is not square, or labels of another length.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> responses = np.random.default_rng(0).normal(size=(20, 8))
    >>> axes = repbias.plot_rdm(repbias.rdm(responses), labels=np.arange(20) % 2)
    >>> axes.get_xlabel()
    'stimulus'
    """
    distances = np.asarray(rdm, dtype=float)
    n = len(distances)
    if distances.ndim != 2 or distances.shape != (n, n):
        raise ValueError(f"rdm must be square, [stimulus, stimulus], got shape {distances.shape}: see repbias.rdm")
    classes = _classes(labels, n)
    order = np.argsort(classes, kind="stable") if classes is not None else np.arange(n)
    with _panel(ax, style, 3.9, 3.3) as axes:
        image = axes.imshow(distances[np.ix_(order, order)], cmap="viridis" if style == "repbias" else None)
        axes.figure.colorbar(image, ax=axes, label="distance")
        axes.set(xlabel="stimulus", ylabel="stimulus")
        axes.spines[:].set_visible(False)
        if classes is not None:
            _name_classes(axes, classes[order])
    return axes


def plot_layout(
    layout: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    style: Style = "repbias",
) -> Axes:
    """Draw stimuli as points in a plane, such as the layout of `repbias.tsne`, coloured by the classes of one feature.

    Parameters
    ----------
    layout : `[stimulus, 2]`.
    labels : class labels or names of one feature, `[stimulus]`.
    ax : axes to draw on; new ones by default.
    style : "repbias", or "user" to follow your own Matplotlib settings.

    Returns
    -------
    The axes, without ticks: the coordinates of t-SNE have no units.

    Raises
    ------
    ValueError : an array of another shape, or labels of another length.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> points = np.random.default_rng(0).normal(size=(30, 2))
    >>> axes = repbias.plot_layout(points, labels=np.repeat(["face", "house"], 15))
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['face', 'house']
    """
    points = np.asarray(layout, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"layout must be [stimulus, 2], got shape {points.shape}: see repbias.tsne")
    classes = _classes(labels, len(points))
    classes = np.full(len(points), "") if classes is None else classes
    with _panel(ax, style, 3.6, 3.3) as axes:
        kinds = np.unique(classes)
        colours = _colours([str(kind) for kind in kinds])
        for kind in kinds:
            x, y = points[classes == kind].T
            axes.plot(x, y, "o", color=colours[str(kind)], markersize=3.5, markeredgewidth=0, alpha=0.8)
        axes.set(xticks=[], yticks=[], adjustable="datalim", aspect="equal")
        axes.spines[:].set_visible(True)
        if labels is not None:
            key_above(axes, colours)
    return axes


@contextmanager
def _panel(ax: Axes | None, style: Style, width: float, height: float) -> Iterator[Axes]:
    """Yield the axes given, or those of a new figure of pyplot, in the chosen style."""
    with applied(style):
        axes = panel(ax, width, height)
        yield axes
        # Matplotlib makes ticks when it first needs them, by the settings of that moment.
        axes.get_xticklabels(), axes.get_yticklabels()


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, which is grey for one in parentheses."""
    colours = feature_colours(name for name in names if not name.startswith("("))
    return {name: colours.get(name, grey()) for name in names}


def key_above(axes: Axes, colours: dict[str, str]) -> None:
    """Name the colours above the axes."""
    names = [plain(name, lines=1) for name in colours]
    columns = max(1, min(len(names), 56 // (max(map(len, names), default=1) + 4)))
    legend = axes.legend(
        [Patch(facecolor=colour) for colour in colours.values()],
        [str(index) for index in range(len(names))],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        **_PLAIN_KEY,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.3,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)


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


def _classes(labels: npt.ArrayLike | None, n: int) -> npt.NDArray[np.generic] | None:
    if labels is None:
        return None
    classes = np.asarray(labels)
    if classes.shape != (n,):
        raise ValueError(
            f"labels must be those of one feature, one for each of the {n} stimuli, got shape {classes.shape}"
        )
    return classes


def _name_classes(axes: Axes, classes: npt.NDArray[np.generic]) -> None:
    """Separate the classes of sorted stimuli by lines, and name each in its middle."""
    names, start, count = np.unique(classes, return_index=True, return_counts=True)
    for edge in start[1:] - 0.5:
        axes.axhline(edge, color="white", linewidth=1)
        axes.axvline(edge, color="white", linewidth=1)
    if len(names) <= 12:
        shown = [plain(name, 12, 1) for name in names]
        middle = start + (count - 1) / 2
        axes.set_xticks(middle, shown, parse_math=False)
        axes.set_yticks(middle, shown, parse_math=False)
    axes.tick_params(length=0)
