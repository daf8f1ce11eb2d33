"""Keys: the names of features beside, or in, their colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from repbias.figures.style import plain, points

KEY_LOOK: dict[str, Any] = {"frameon": False, "borderaxespad": 0.2}


def key_columns(width: float, colours: dict[str, str]) -> int:
    """How many columns of the key fit side by side, at about 0.1 inch per letter; names fill column after column."""
    letters = [len(plain(name, lines=1)) for name in colours]
    for columns in range(len(letters), 1, -1):
        parts = np.array_split(letters, columns)
        if sum(0.1 * float(part.max()) + 0.5 for part in parts) <= width - 0.2:
            return columns
    return 1


def feature_key(drawing: matplotlib.figure.Figure, colours: dict[str, str], columns: int) -> None:
    """Write the features' names in their colours, once, at the top left of a figure."""
    lines = [Line2D([], [], color=colour, linewidth=2.6) for colour in colours.values()]
    look = {**KEY_LOOK, "borderaxespad": 0.55, "handlelength": 1.3, "columnspacing": 1.6}
    names = _named(drawing, lines, colours, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=columns, **look)
    for text, colour in zip(names, colours.values(), strict=True):
        text.set(color=colour, fontweight="bold", fontsize=points(9.5))


def key_above(axes: Axes, colours: dict[str, str]) -> None:
    """Name the colours above the axes."""
    longest = max((len(plain(name, lines=1)) for name in colours), default=1)
    columns = max(1, min(len(colours), 56 // (longest + 4)))
    patches = [Patch(facecolor=colour) for colour in colours.values()]
    look = {**KEY_LOOK, "handlelength": 0.9, "handleheight": 0.9, "columnspacing": 1.3}
    _named(axes, patches, colours, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, **look)


def _named(
    place: matplotlib.figure.Figure | Axes, handles: Sequence[Artist], names: Iterable[str], **look: Any
) -> list[Text]:
    """Add a legend, and return its texts."""
    legend = place.legend(handles, [str(index) for index in range(len(handles))], **look)
    # Set afterwards: as labels, names with a leading underscore or a dollar sign would be dropped or typeset.
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=plain(name, lines=1), parse_math=False)
    return legend.get_texts()
