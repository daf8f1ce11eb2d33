"""Marks that several figures share: panels, zero lines, points of networks, bands, axes of shares, coloured cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

from repbias.figures import select, style
from repbias.figures.keys import feature_key, key_columns


class Panel(NamedTuple):
    """The place of one condition or layer in a figure that has a panel, or several, for each of them."""

    name: str
    title: str
    cell: SubplotSpec
    drawing: matplotlib.figure.Figure
    leftmost: bool
    lowest: bool

    def axes(self, x: str = "", y: str = "") -> Axes:
        """Add axes with the panel's title; axis titles and tick labels appear only at the edges of the figure."""
        axes = self.drawing.add_subplot(self.cell)
        if self.title:
            style.panel_title(axes, self.title)
        axes.tick_params(labelleft=self.leftmost)
        axes.set_xlabel(x if self.lowest else "", parse_math=False)
        axes.set_ylabel(y if self.leftmost else "", parse_math=False)
        return axes


def panels(
    titles: Iterable[tuple[str, str]],
    size: tuple[float, float],
    colours: dict[str, str],
    columns: int,
    gap: tuple[float, float] = (0.5, 0.62),
    below: float = 0.55,
    left: float = 0.85,
) -> tuple[matplotlib.figure.Figure, list[Panel]]:
    """Return a figure with a panel of `size` inches for each name and title, and the key of the features on top.

    `gap` is the space between panels, `below` that under the last row and `left` that left of the first column, for
    ticks and axis titles, all in inches. A single panel is drawn larger.
    """
    named, right = list(titles), 0.25
    if len(named) == 1:
        size = (max(min(size[0] * 1.7, 10.0), size[0], 4.6), size[1] * 1.25)
    columns = min(len(named), columns)
    in_a_row = key_columns(left + columns * (size[0] + gap[0]) - gap[0] + right, colours)
    top = 0.62 + 0.2 * -(-len(colours) // in_a_row)
    drawing, cells = style.tiles(len(named), columns, size, gap, (left, below, right, top))
    feature_key(drawing, colours, in_a_row)
    return drawing, [
        Panel(name, title, cell, drawing, index % columns == 0, index + columns >= len(named))
        for index, (cell, (name, title)) in enumerate(zip(cells, named, strict=True))
    ]


def condition_panels(
    conditions: pd.DataFrame, size: tuple[float, float], colours: dict[str, str], *, most: int = 4, **space: Any
) -> tuple[matplotlib.figure.Figure, list[Panel]]:
    """Return a figure with a panel for each condition, at most `most` in a row; `space` goes to `panels`."""
    columns = select.panel_columns(select.drawn(conditions), most)
    return panels(select.drawn_titles(conditions).items(), size, colours, columns, **space)


def name_rows(axes: Axes, names: Sequence[str], letters: int) -> None:
    """Name rows at 0, 1, ... from top to bottom, each cut after a number of letters."""
    axes.set_yticks(range(len(names)), [style.plain(name, letters, 1) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=style.ink())


def zero_line(axes: Axes, *, vertical: bool = False) -> None:
    """Draw a thin grey line at zero."""
    (axes.axvline if vertical else axes.axhline)(0, color=style.grey(), linewidth=0.7, zorder=1)


def share_axis(axis: Axis) -> None:
    """Print an axis of shares in per cent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def share_limits(shares: pd.Series | pd.DataFrame, above: float) -> tuple[float, float]:
    """Return limits that hold zero and all shares, with `above` times the largest."""
    values = shares.to_numpy(float)
    return min(0.0, float(np.nanmin(values)) * 1.1), max(float(np.nanmax(values)) * above, 0.05)


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


def cell(axes: Axes, corner: tuple[int, int], found: Mapping[Any, Any], colours: ScalarMappable) -> None:
    """Draw a cell: coloured, with the mean ``value`` and how many networks it counts (``n`` of ``n_trained``).

    A cell without an analysed network is hatched.
    """
    x, y = corner
    n, trained = found["n"], found["n_trained"]
    if not n:
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="#f5f6f8", edgecolor="#c3c9d0", linewidth=0, hatch="////"))
        count = f"none of {trained}" if trained else "no networks"
        axes.text(x + 0.5, y + 0.5, count, ha="center", va="center", fontsize=style.points(6.5), color=style.INK)
        return
    face = colours.to_rgba(np.array([found["value"]]))[0]
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
    ink = "white" if np.dot(face[:3], (0.299, 0.587, 0.114)) < 0.5 else style.INK
    number = f"{found['value']:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00").replace("-", "−")
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
    axes.text(x + 0.5, y + 0.39, number, fontsize=style.points(8.5), fontweight="bold", **middle)
    count = f"n = {n}" if n == trained else f"n = {n} of {trained}"
    axes.text(x + 0.5, y + 0.76, count, fontsize=style.points(6.5), **middle)


def beside_row(axes: Axes, place: float, text: str, x: float = 1.03, colour: str | None = None) -> None:
    """Write a remark at the right of a row."""
    style.write(axes, x, place, text, 8, colour, transform=axes.get_yaxis_transform(), va="center")


def name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Give each row and column of cells its room and its name."""
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=style.ink())
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, parse_math=False)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, parse_math=False)


def cell_means(values: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The mean of ``value`` over analysed networks in every cell, with ``n`` and ``n_trained``."""
    groups = values.groupby(list(by), sort=False)["value"]
    return pd.DataFrame({"value": groups.mean(), "n": groups.count(), "n_trained": groups.size()}).reset_index()
