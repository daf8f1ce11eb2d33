"""The look of all figures: fonts, colours, names, and panels laid out in inches."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib.figure
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

INK = "#1b1f24"
MUTED = "#59616b"
GREY = "#8b939c"
RULE = "#d9dde2"
MEAN_COLOUR = "#0072B2"  # of means in figures that do not tell features apart

# Okabe and Ito's colours, the pale ones darkened for lines on white, then Tol's muted ones.
_FEATURE_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#B5578F", "#3C9BD6", "#B97800", "#000000"),
    *("#882255", "#332288", "#7A7A1F", "#2F8C7D", "#661100", "#7B6FA8", "#5F6B73"),
)

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "xtick.color": GREY,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 3,
    "xtick.major.width": 0.7,
    "ytick.color": GREY,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 3,
    "ytick.major.width": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "repbias",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style of the pages, on top of Matplotlib's defaults, within a block or a decorated function."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def feature_colours(features: Sequence[str]) -> dict[str, str]:
    """Return a colour for each feature, by its place in the list; beyond fourteen features colours repeat."""
    return dict(zip(features, itertools.cycle(_FEATURE_COLOURS), strict=False))


def plain(text: object, width: int = 34, lines: int = 2) -> str:
    """Return a name as a figure prints it: unprintable characters replaced, wrapped, and cut after `lines` lines."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    wrapped = textwrap.wrap(printable, width, max_lines=lines, placeholder=" …")
    return "\n".join(wrapped) or "(no name)"


def formula(statistic: object) -> str:
    """Return a statistic as text, with true minus signs between its terms."""
    return str(statistic).replace(" - ", " − ")


def canvas(width: float, height: float) -> matplotlib.figure.Figure:
    """Return a figure of `width` x `height` inches that needs no display."""
    drawing = matplotlib.figure.Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(drawing)
    return drawing


def axes_at(drawing: matplotlib.figure.Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place that is given in inches from the lower left corner."""
    across, up = drawing.get_size_inches()
    return drawing.add_axes((left / across, bottom / up, width / across, height / up))


def tiles(
    count: int,
    columns: int,
    size: tuple[float, float],
    gap: tuple[float, float],
    margins: tuple[float, float, float, float],
) -> tuple[matplotlib.figure.Figure, list[SubplotSpec]]:
    """Return a figure with `count` cells of `size` inches in rows; margins are left, bottom, right, top."""
    left, bottom, right, top = margins
    rows = -(-count // columns)
    width = left + columns * (size[0] + gap[0]) - gap[0] + right
    height = bottom + rows * (size[1] + gap[1]) - gap[1] + top
    drawing = canvas(width, height)
    grid = drawing.add_gridspec(
        rows,
        columns,
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=gap[0] / size[0],
        hspace=gap[1] / size[1],
    )
    return drawing, [grid[divmod(index, columns)] for index in range(count)]


def key_columns(width: float, colours: dict[str, str]) -> int:
    """How many names of the key fit side by side, at about 0.1 inch per letter."""
    longest = max((len(plain(name, lines=1)) for name in colours), default=1)
    return max(min(int((width - 0.2) / (0.1 * longest + 0.5)), len(colours)), 1)


def feature_key(drawing: matplotlib.figure.Figure, colours: dict[str, str], columns: int) -> None:
    """The features' names in their colours, once, at the top left."""
    handles = [Line2D([], [], color=colour, linewidth=2.6) for colour in colours.values()]
    labels = [str(index) for index in range(len(handles))]
    legend = drawing.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.55,
        ncols=columns,
        frameon=False,
        handlelength=1.3,
        columnspacing=1.6,
    )
    # Set afterwards: as labels, names with a leading underscore or a dollar sign would be dropped or typeset.
    for text, (name, colour) in zip(legend.get_texts(), colours.items(), strict=True):
        text.set(text=plain(name, lines=1), color=colour, fontweight="bold", fontsize=9.5, parse_math=False)


def panel_title(axes: Axes, title: object) -> None:
    """Set a panel's title, at its left, never typeset as mathematics."""
    axes.set_title(plain(title), parse_math=False, pad=6)


def say(axes: Axes, sentence: str) -> None:
    """Write a plain sentence in the middle of empty axes."""
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=MUTED, parse_math=False)


def spread(count: int, width: float) -> np.ndarray:
    """Return offsets that lay `count` points side by side within `width`, symmetrically, shape [count]."""
    return np.linspace(-width / 2, width / 2, count) if count > 1 else np.zeros(count)
