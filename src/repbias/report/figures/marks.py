"""Marks that several figures share: panels, zero lines, points of networks, bands, axes of shares, coloured cells."""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, FixedLocator, NullLocator, PercentFormatter

from repbias.report.figures import select, style


class Panel(NamedTuple):
    """The place of one condition in a figure that has a panel, or several, per condition."""

    condition: str
    title: str
    cell: SubplotSpec
    leftmost: bool
    lowest: bool


def condition_panels(
    conditions: pd.DataFrame, size: tuple[float, float], colours: dict[str, str], *, most: int = 4, **space: Any
) -> tuple[matplotlib.figure.Figure, list[Panel]]:
    """Return a figure with a panel for each condition, at most `most` in a row; `space` goes to `style.blocks`."""
    titles = select.drawn_titles(conditions)
    columns = select.panel_columns(select.drawn(conditions), most)
    drawing, cells = style.blocks(len(titles), columns, size, colours, **space)
    return drawing, [
        Panel(condition, title, cell, index % columns == 0, index + columns >= len(titles))
        for index, (cell, (condition, title)) in enumerate(zip(cells, titles.items(), strict=True))
    ]


def zero_line(axes: Axes, *, vertical: bool = False) -> None:
    """Draw a thin grey line at zero."""
    (axes.axvline if vertical else axes.axhline)(0, color=style.GREY, linewidth=0.7, zorder=1)


def share_axis(axis: Axis) -> None:
    """Print an axis of shares in per cent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def share_limits(values: pd.Series, above: float) -> tuple[float, float]:
    """Return limits that hold zero and all shares, with `above` times the largest."""
    return min(0.0, float(values.min()) * 1.1), max(float(values.max()) * above, 0.05)


def limits(values: Any, share: float = 0.06) -> tuple[float, float]:
    """Return limits that hold zero and every finite value, with a share of their range free at both ends."""
    given = np.append(np.asarray(values, dtype=float).ravel(), 0.0)
    given = given[np.isfinite(given)]
    room = max(float(np.ptp(given)) * share, 1e-3)
    return float(given.min()) - room, float(given.max()) + room


def step_axis(axes: Axes, steps: pd.Series) -> None:
    """Put training steps on a logarithmic axis that shows step 0 left of the first step after it."""
    positive = steps[steps > 0]
    first, last = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 10.0)
    axes.set_xscale("symlog", linthresh=first, linscale=0.35)
    decades = 10.0 ** np.arange(np.ceil(np.log10(first) - 1e-9), np.log10(last) + 0.05)
    zero = [0.0] if (steps == 0).any() else []
    axes.xaxis.set_major_locator(FixedLocator([*zero, *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(-first / 4 if zero else first / 1.15, last * 1.15)


def points(axes: Axes, x: Any, y: Any, colour: str, size: float, alpha: float = 0.8, zorder: float = 3) -> None:
    """Draw networks as small points without edges."""
    axes.plot(x, y, "o", color=colour, markersize=size, alpha=alpha, markeredgewidth=0, zorder=zorder)


def rasterise_points(axes: Axes, count: int, most: int) -> None:
    """Draw the points of heavy figures, of more than `most` numbers, as an image within the SVG."""
    for line in axes.lines:
        line.set_rasterized(line.get_marker() == "o" and count > most)


def with_interval(means: pd.DataFrame) -> pd.DataFrame:
    """The rows whose interval is finite; with one network it is not."""
    return means[np.isfinite(means["ci_low"].astype(float)) & np.isfinite(means["ci_high"].astype(float))]


def band(axes: Axes, means: pd.DataFrame, x: str, colour: str, alpha: float) -> None:
    """Shade the interval of a line of means where it is finite."""
    known = with_interval(means)[[x, "ci_low", "ci_high"]].to_numpy(float).T
    axes.fill_between(*known, color=colour, alpha=alpha, linewidth=0)


def signed_colours(values: pd.Series) -> ScalarMappable:
    """Return colours centred on zero: orange above it, purple below."""
    strongest = max(float(values.abs().max()), 1e-9)
    return ScalarMappable(Normalize(-strongest, strongest), "PuOr_r")


def cell(axes: Axes, corner: tuple[int, int], mean: float, colours: ScalarMappable, count: str, size: float) -> None:
    """Draw a coloured cell with its mean and, in letters of `size` points, how many networks it counts."""
    x, y = corner
    face = colours.to_rgba(np.array([mean]))[0]
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
    ink = "white" if np.dot(face[:3], (0.299, 0.587, 0.114)) < 0.5 else style.INK
    number = f"{mean:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00").replace("-", "−")
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
    axes.text(x + 0.5, y + 0.39, number, fontsize=size + 2, fontweight="bold", **middle)
    axes.text(x + 0.5, y + 0.76, count, fontsize=size, **middle)


def empty_cell(axes: Axes, corner: tuple[int, int], count: str, size: float) -> None:
    """Draw a hatched cell that says why it has no mean."""
    x, y = corner
    axes.add_patch(Rectangle(corner, 1, 1, facecolor="#f5f6f8", edgecolor="#c3c9d0", linewidth=0, hatch="////"))
    axes.text(x + 0.5, y + 0.5, count, ha="center", va="center", fontsize=size, color=style.INK)


def cell_count(n: int, n_trained: int) -> str:
    """How many networks a cell counts, of how many that were trained."""
    if not n_trained:
        return "no networks"
    if not n:
        return f"none of {n_trained}"
    return f"n = {n}" if n == n_trained else f"n = {n} of {n_trained}"
