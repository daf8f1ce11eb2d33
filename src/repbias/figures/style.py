"""The look of all figures: style, fonts, colours, names, and panels laid out in inches.

Colours and sizes are those of Matplotlib's rcParams, which `applied` sets to the style of the pages. Under
``style="user"`` the user's rcParams stay, and the same code draws with them.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import matplotlib
import matplotlib.figure
import matplotlib.style
import numpy as np
from cycler import cycler
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D

from repbias.core.specs import refuse_unknown

Style = Literal["repbias", "user"]
INK = "#1b1f24"  # of text, also on pale colours
_MUTED = "#59616b"
_GREY = "#8b939c"
_FONT_SIZE = 8.5  # in points; for fonts of this size all lengths in inches were chosen

# Okabe and Ito's colours, the pale ones darkened for lines on white, then Tol's muted ones.
_FEATURE_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#B5578F", "#3C9BD6", "#B97800", "#000000"),
    *("#882255", "#332288", "#7A7A1F", "#2F8C7D", "#661100", "#7B6FA8", "#5F6B73"),
)

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": _FONT_SIZE,
    "text.color": INK,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": _FONT_SIZE,
    "axes.prop_cycle": cycler(color=_FEATURE_COLOURS),
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "xtick.color": _GREY,
    "xtick.labelcolor": _MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 3,
    "xtick.major.width": 0.7,
    "ytick.color": _GREY,
    "ytick.labelcolor": _MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 3,
    "ytick.major.width": 0.7,
}

_style: ContextVar[Style] = ContextVar("style", default="repbias")


@contextmanager
def applied(style: Style | None = None) -> Iterator[None]:
    """Draw in a style within a block or a decorated function; without `style`, in that of the block around it.

    Under "repbias", the style of the pages holds, on top of Matplotlib's defaults. Under "user", rcParams stay.

    Raises
    ------
    ValueError : an unknown style.
    """
    if style is not None:
        refuse_unknown(style, get_args(Style), "style of plots")
    token = _style.set(style or _style.get())
    interactive = matplotlib.is_interactive()
    try:
        with matplotlib.rc_context() if _style.get() == "user" else matplotlib.style.context(["default", _STYLE]):
            yield
            interactive = matplotlib.is_interactive()
    finally:
        # The first figure of a notebook turns on interactive mode, by which the notebook shows figures; this must stay.
        matplotlib.interactive(interactive)
        _style.reset(token)


def current() -> Style:
    """Return the style of the block around it."""
    return _style.get()


def panel(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or new axes of about this size in inches on a pyplot figure, which a notebook shows."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width * _scale(), height * _scale()), layout="constrained")[1]


def feature_colours(features: Iterable[str]) -> dict[str, str]:
    """Return a colour for each feature, by its place in the list; beyond the colours of the cycle they repeat."""
    return dict(zip(features, itertools.cycle(map(to_hex, _cycle())), strict=False))


def _cycle() -> list[str]:
    """The colours of the property cycle; a user's cycle may have none."""
    return rcParams["axes.prop_cycle"].by_key().get("color") or list(_FEATURE_COLOURS)


def mean_colour() -> str:
    """Return the colour of means in figures that do not tell features apart."""
    return to_hex(_cycle()[0])


def ink() -> str:
    """Return the colour of text and of the most important lines."""
    return to_hex(rcParams["text.color"])


def muted() -> str:
    """Return the colour of remarks and tick labels."""
    labels = rcParams["xtick.labelcolor"]
    return to_hex(rcParams["xtick.color"] if labels == "inherit" else labels)


def grey() -> str:
    """Return the colour of axes and of thin lines of reference."""
    return to_hex(rcParams["axes.edgecolor"])


def paper() -> str:
    """Return the colour of the ground on which is drawn."""
    return to_hex(rcParams["axes.facecolor"])


def shade(share: float) -> str:
    """Return a tint of the ground with this share of the colour of the axes, for bands behind the data."""
    red, green, blue = ((1 - share) * np.array(to_rgb(paper())) + share * np.array(to_rgb(grey()))).tolist()
    return to_hex((red, green, blue))


def points(size: float) -> float:
    """Return a font size in points, given for a figure in the style of the pages, as it is in the style applied."""
    return size * _scale()


def _scale() -> float:
    """How much larger fonts, and with them figures, are than in the style of the pages."""
    return float(rcParams["font.size"]) / _FONT_SIZE


def plain(text: object, width: int = 34, lines: int = 2) -> str:
    """Return a name as a figure prints it: unprintable characters replaced, wrapped, and cut after `lines` lines."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    wrapped = textwrap.wrap(printable, width, max_lines=lines, placeholder=" …")
    return "\n".join(wrapped) or "(no name)"


def formula(statistic: object) -> str:
    """Return a statistic as text, with true minus signs between its terms."""
    return str(statistic).replace(" - ", " − ")


def canvas(width: float, height: float) -> matplotlib.figure.Figure:
    """Return a figure of `width` x `height` inches, more where fonts are larger, that needs no display."""
    drawing = matplotlib.figure.Figure(figsize=(width * _scale(), height * _scale()))
    FigureCanvasAgg(drawing)
    return drawing


def inches(drawing: matplotlib.figure.Figure) -> tuple[float, float]:
    """Return the width and height for which `canvas` was called."""
    width, height = drawing.get_size_inches() / _scale()
    return float(width), float(height)


def axes_at(drawing: matplotlib.figure.Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place that is given in inches from the lower left corner."""
    across, up = inches(drawing)
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
    """How many columns of the key fit side by side, at about 0.1 inch per letter; names fill column after column."""
    letters = [len(plain(name, lines=1)) for name in colours]
    for columns in range(len(letters), 1, -1):
        parts = np.array_split(letters, columns)
        if sum(0.1 * float(part.max()) + 0.5 for part in parts) <= width - 0.2:
            return columns
    return 1


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
        text.set(text=plain(name, lines=1), color=colour, fontweight="bold", fontsize=points(9.5), parse_math=False)


def panel_title(axes: Axes, title: object) -> None:
    """Set a panel's title, at its left, never typeset as mathematics."""
    axes.set_title(plain(title), parse_math=False, pad=6)


def say(axes: Axes, sentence: str) -> None:
    """Write a plain sentence in the middle of empty axes."""
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=muted(), parse_math=False)


def spread(count: int, width: float) -> np.ndarray:
    """Return offsets that lay `count` points side by side within `width`, symmetrically, shape [count]."""
    return np.linspace(-width / 2, width / 2, count) if count > 1 else np.zeros(count)
