"""One picture that shows the images of a rendering side by side."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repbias.tasks.images.drawing import draw
from repbias.tasks.images.scenes import Scenes

_MAX_PANELS, _PANELS_A_ROW = 10, 5
_THUMBNAIL = 112  # maximum px; published images are then shown at half their size
_DPI = 100
_LEFT, _RIGHT, _BOTTOM, _TOP = 110, 20, 110, 40  # px around a panel


def contact_sheet(scenes: Scenes, factors: Sequence[str], size: int) -> bytes:
    """Return a PNG: the first factor's classes in rows, the last one's in columns, a panel for each class of a third.

    Parameters
    ----------
    scenes : the scenes rendered; of each combination the first is shown, factors beyond three at their first class.
    factors : the factors that are crossed. Panels show the classes of the second factor where there are three or more,
        at most ten of them.
    size : px per side; pictures of more than 112 px are shrunk.
    """
    rows = factors[0]
    columns = factors[-1] if len(factors) > 1 else None
    panel = factors[1] if len(factors) > 2 else None
    rest = [factor for factor in factors if factor not in (rows, columns, panel)]
    plain = np.all([scenes.classes[factor] == 0 for factor in rest], axis=0) if rest else np.full(len(scenes), True)
    panels = range(min(len(scenes.names[panel]), _MAX_PANELS)) if panel else range(1)
    side = min(size, _THUMBNAIL)
    figure, axes = _figure(len(panels), len(scenes.names[rows]) * side, _count(scenes, columns) * side)
    for ax, number in zip(axes, panels, strict=True):
        shown = plain & (scenes.classes[panel] == number) if panel else plain
        _draw_panel(ax, scenes.take(np.flatnonzero(shown)), rows, columns, size, side)
        ax.set_title(f"{panel}: {scenes.names[panel][number]}" if panel else "")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _count(scenes: Scenes, factor: str | None) -> int:
    return len(scenes.names[factor]) if factor else 1


def _figure(panels: int, height: int, width: int) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels of exactly this many px, so that pixels are shown unscaled, and room for names."""
    across = min(panels, _PANELS_A_ROW)
    down = ceil(panels / across)
    outer_width, outer_height = width + _LEFT + _RIGHT, height + _BOTTOM + _TOP
    total_width, total_height = across * outer_width, down * outer_height
    figure = Figure(figsize=(total_width / _DPI, total_height / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = []
    for i in range(panels):
        left = i % across * outer_width + _LEFT
        bottom = total_height - (i // across + 1) * outer_height + _BOTTOM
        rectangle = (left / total_width, bottom / total_height, width / total_width, height / total_height)
        axes.append(figure.add_axes(rectangle))
    return figure, axes


def _draw_panel(ax: Axes, scenes: Scenes, rows: str, columns: str | None, size: int, side: int) -> None:
    cells = scenes.classes[rows] * _count(scenes, columns) + (scenes.classes[columns] if columns else 0)
    _, firsts = np.unique(cells, return_index=True)
    thumbnails = _shrunk(draw(scenes.take(np.sort(firsts)), size), side)
    grid = (len(scenes.names[rows]), _count(scenes, columns))
    # [image, 3, y, x] to [row, y, column, x, 3]
    mosaic = thumbnails.reshape(*grid, 3, side, side).transpose(0, 3, 1, 4, 2)
    ax.imshow(mosaic.reshape(grid[0] * side, grid[1] * side, 3), interpolation="nearest")
    ax.set_yticks((np.arange(grid[0]) + 0.5) * side, scenes.names[rows])
    ax.set_xticks(
        (np.arange(grid[1]) + 0.5) * side, scenes.names[columns] if columns else [""], rotation=45, ha="right"
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _shrunk(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return pictures of `side` px: every pixel is the mean of its block, as nearly as the sizes allow."""
    edges = np.linspace(0, pictures.shape[-1], side + 1).round().astype(int)
    if len(edges) == pictures.shape[-1] + 1:
        return pictures
    sums = np.add.reduceat(np.add.reduceat(pictures, edges[:-1], axis=2, dtype=float), edges[:-1], axis=3)
    areas = np.diff(edges)[:, None] * np.diff(edges)
    return (sums / areas).round().astype(np.uint8)
