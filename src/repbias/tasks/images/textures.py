"""The ten textures of Trifeature images, as the share of each pixel that is painted.

By Hermann & Lampinen (2020): the names; a period of 10 px, lines 3 px wide (thin ones 2), dots of squared radius below
16, fair noise pixels, rain of 1 x 7 px streaks with probability .05, all at 224 px. Which lines are thin (those of the
grid and of the hexagons), the size of triangles and pluses, and what happens at other sizes are our choices.

A texture scales with the image down to the size at which its finest part is 1 px wide: lines do not get shorter periods
than 5 px (images below 112 px), and noise and rain do not get smaller cells than 1 px (below 224 px). Beyond that a
texture would be grey.

A texture is a function of coordinates `u, v` in periods, float32 `[object, row, column]`, and of the period in px.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.images.shapes import Plane

Texture = Callable[[Plane, Plane, float], Plane]

PUBLISHED_SIZE = 224  # px, at which a unit of texture is 1 px
PERIOD = 10  # units
_THIN, _LINE = 0.2, 0.3  # periods
_DOT = 0.4  # radius in periods
_RAIN_LENGTH, _RAIN_SHARE = 7, 0.05  # cells; of cells in which a streak begins


def period_px(size: int) -> float:
    """Return the period in an image of `size` px, of which a thin line is a fifth and at least 1 px wide."""
    return PERIOD * max(size / PUBLISHED_SIZE, 1 / (PERIOD * _THIN))


def cell_px(size: int) -> float:
    """Return the width of a noise pixel and of a streak of rain in an image of `size` px, at least 1 px."""
    return max(size / PUBLISHED_SIZE, 1.0)


def coverage(distance: Plane, px: float | Plane) -> Plane:
    """Return the share of each pixel that lies inside, given distances in units of `px` px: a ramp one pixel wide.

    For a straight edge along rows or columns this is exactly the area of the pixel that lies inside. It is continuous
    in all parameters of a scene, so that rounding errors, which differ between machines, are never visible. Overwrites
    `distance`.
    """
    distance *= -px
    distance += np.float32(0.5)
    np.maximum(distance, 0, out=distance)
    return np.minimum(distance, 1, out=distance)


def _folded(t: Plane) -> Plane:
    """Return the distance from the nearest lattice point along one axis, with its sign, -.5 to .5 periods."""
    return t - np.rint(t)


def _stripes(u: Plane, v: Plane, period: float) -> Plane:
    return coverage(np.abs(_folded(u)) - _LINE / 2, period)


def _grid(u: Plane, v: Plane, period: float) -> Plane:
    return coverage(np.minimum(np.abs(_folded(u)), np.abs(_folded(v))) - _THIN / 2, period)


def _hexgrid(u: Plane, v: Plane, period: float) -> Plane:
    """Hexagons with centres a period apart: two rectangular lattices, of which the nearer centre counts."""
    row = np.float32(sqrt(3))
    from_edge = None
    for shift in (0.0, 0.5):
        x, y = np.abs(_folded(u + shift)), np.abs(_folded(v / row + shift)) * row
        inside = 0.5 - np.maximum(x, 0.5 * x + 0.5 * row * y)
        from_edge = inside if from_edge is None else np.maximum(from_edge, inside)
    assert from_edge is not None
    return coverage(from_edge - _THIN / 2, period)


def _dots(u: Plane, v: Plane, period: float) -> Plane:
    u, v = _folded(u), _folded(v)
    return coverage(np.sqrt(u * u + v * v) - _DOT, period)


def _triangles(u: Plane, v: Plane, period: float) -> Plane:
    """In each square a triangle .8 high, and .9 wide at its base."""
    u, v = np.abs(_folded(u)), _folded(v)
    slope = 0.45 / 0.8
    return coverage(np.maximum(v - 0.4, (u - slope * (v + 0.4)) / sqrt(1 + slope**2)), period)


def _zigzags(u: Plane, v: Plane, period: float) -> Plane:
    """Lines that go up and down by half a period at 45 degrees."""
    off = np.abs(_folded(v + np.abs(_folded(u))))
    return coverage(off / np.float32(sqrt(2)) - _LINE / 2, period)


def _pluses(u: Plane, v: Plane, period: float) -> Plane:
    """In each square a plus .8 wide."""
    u, v = np.abs(_folded(u)), np.abs(_folded(v))
    bars = np.minimum(np.maximum(u - 0.4, v - _LINE / 2), np.maximum(u - _LINE / 2, v - 0.4))
    return coverage(bars, period)


# Textures that are a function of place; noise and rain are drawn cell by cell, and solid paints everything.
PERIODIC: dict[str, Texture] = {
    "stripes": _stripes,
    "grid": _grid,
    "hexgrid": _hexgrid,
    "dots": _dots,
    "triangles": _triangles,
    "zigzags": _zigzags,
    "pluses": _pluses,
}
TEXTURES = ("solid", "stripes", "grid", "hexgrid", "dots", "noise", "triangles", "zigzags", "rain", "pluses")


def noise(key: NDArray[np.uint32], columns: NDArray[np.int64], rows: NDArray[np.int64], size: int) -> Plane:
    """Return fair noise, 0 or 1, `[object, row, column]`, for the pixels of an image at `columns, rows` `[object, n]`.

    Noise is not rotated: rotated noise has the same distribution, but would be blurred.
    """
    per_cell = max(size, PUBLISHED_SIZE)  # a cell is size / 224 px, or one
    x, y = (pixels * PUBLISHED_SIZE // per_cell if size > PUBLISHED_SIZE else pixels for pixels in (columns, rows))
    return (_hashed(key, x, y) >> np.uint32(31)).astype(np.float32)


def rain(key: NDArray[np.uint32], u: Plane, v: Plane, cell: float) -> Plane:
    """Return the share of each pixel that streaks cover, `[object, row, column]`.

    Parameters
    ----------
    key : `[object]`, from which all random numbers of an object follow.
    u, v : places in cells; streaks fall along v.
    cell : the width of a cell in px, at least 1.
    """
    half = np.float32(0.5 / cell)  # half a pixel, in cells
    x, right = _cells(u - half, cell)
    y, below = _cells(v - half, cell)
    first_x, first_y = int(x.min()), int(y.min())
    x -= first_x
    y -= first_y
    width, height = int(x.max()) + 2, int(y.max()) + 2
    painted = _streaks(key, first_x, first_y, width, height).ravel()
    index = x + width * (y + height * np.arange(len(key), dtype=np.int32)[:, None, None])
    upper = painted[index] * (1 - right) + painted[index + 1] * right
    index += width
    lower = painted[index] * (1 - right) + painted[index + 1] * right
    return upper * (1 - below) + lower * below


def _cells(start: Plane, cell: float) -> tuple[NDArray[np.int32], Plane]:
    """Return the cell in which each pixel starts, and the share of the pixel that lies in the next one."""
    lowest = np.floor(start)
    into_next = (start - lowest - 1) * np.float32(cell) + 1
    return lowest.astype(np.int32), np.maximum(into_next, 0)


def _streaks(key: NDArray[np.uint32], first_x: int, first_y: int, width: int, height: int) -> Plane:
    """Return which cells are painted, 0 or 1, `[object, height, width]`: those that a streak covers."""
    columns = np.arange(first_x, first_x + width)
    rows = np.arange(first_y - _RAIN_LENGTH + 1, first_y + height)
    begins = _hashed(key, columns[None], rows[None]) < np.uint32(_RAIN_SHARE * 2**32)
    painted = begins[:, :height].copy()
    for later in range(1, _RAIN_LENGTH):
        painted |= begins[:, later : later + height]
    return painted.astype(np.float32)


def _hashed(key: NDArray[np.uint32], x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return 32 random bits for each key and cell, `[object, row, column]`: the same in every call.

    The finaliser is `lowbias32` of C. Wellons (2018); the multipliers before it keep neighbouring cells apart.
    """
    along = x.astype(np.uint32) * np.uint32(0x9E3779B1)
    down = y.astype(np.uint32) * np.uint32(0x85EBCA77)
    h = key[:, None, None] + along[:, None, :] + down[:, :, None]
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return h
