"""Draws scenes: every pixel is m * colour + (1 - m) * background, m being shape times texture.

Shape and texture each cover a share of every pixel, computed from signed distances (see `textures.coverage`): edges are
ramps one pixel wide, as if the pixel's light were averaged over its area, without steps that could depend on rounding.
Channels are rounded to 0 ... 255. All arithmetic is element-wise in float32, whose results IEEE 754 fixes, on
numbers from float64 sines: a scene gives the same picture on every machine, to within one grey level.

Objects of the same shape and texture are drawn together, in stacks that fit a processor's cache, each in a window just
large enough for its rotated box.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.images.scenes import Objects, Scenes
from repbias.tasks.images.shapes import SHAPES, Plane
from repbias.tasks.images.textures import PERIODIC, TEXTURES, cell_px, coverage, noise, period_px, rain

_STACK_PIXELS = 1 << 15
_SHAPES = tuple(SHAPES.values())


def draw(scenes: Scenes, size: int) -> NDArray[np.uint8]:
    """Return pictures of `size` x `size` pixels, RGB, `[image, 3, row, column]`."""
    grounds = np.floor(255 * scenes.background + 0.5).astype(np.uint8)
    pictures = np.empty((len(scenes), 3, size, size), dtype=np.uint8)
    pictures[:] = grounds[:, :, None, None]
    for rank, objects in enumerate(_by_rank(scenes.objects)):
        for stack in _alike(objects, size):
            _paint(pictures, stack, scenes.background[stack.image], over_others=rank > 0)
    return pictures


def _by_rank(objects: Objects) -> Iterator[Objects]:
    """Yield the first objects of all images, then the second ones, ...: no two of a stack are in one image."""
    firsts = np.flatnonzero(np.diff(objects.image, prepend=-1))
    lengths = np.diff(firsts, append=len(objects))
    for rank in range(lengths.max(initial=0)):
        yield objects.take(firsts[lengths > rank] + rank)


def _alike(objects: Objects, size: int) -> Iterator[Objects]:
    """Yield stacks of objects of one shape and one texture, with windows of similar size."""
    reach = size * objects.reach
    order = np.lexsort((reach, objects.shape, objects.texture))
    kinds = objects.texture[order] * len(_SHAPES) + objects.shape[order]
    for kind in np.split(order, np.flatnonzero(np.diff(kinds)) + 1):
        while len(kind):
            largest = _window(float(reach[kind[-1]]), size)
            stack = max(_STACK_PIXELS // largest**2, 1)
            yield objects.take(kind[-stack:])
            kind = kind[:-stack]


def _window(reach: float, size: int) -> int:
    """Return the side of a window, px, that holds a rotated box and the ramps of its edges at any place between pixels.

    `reach` is how far the box extends from its centre to every side, px.
    """
    return min(ceil(2 * reach) + 3, size)


def _paint(
    pictures: NDArray[np.uint8], objects: Objects, background: NDArray[np.float64], *, over_others: bool
) -> None:
    """Draw objects of one shape and texture, at most one per image, into their pictures."""
    size = pictures.shape[-1]
    window = _window(size * float(objects.reach.max()), size)
    corner = np.clip(np.floor(size * objects.centre - window / 2).astype(np.int64), 0, size - window)
    painted = _painted(objects, corner, window, size)
    ground = 255 * background
    colours = painted[:, None] * (255 * objects.colour - ground).astype(np.float32)[:, :, None, None]
    colours += (ground + 0.5).astype(np.float32)[:, :, None, None]
    channels = colours.astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (3, window, window), (1, 2, 3), writeable=True)
    place = (objects.image, 0, corner[:, 1], corner[:, 0])
    windows[place] = np.where(painted[:, None] > 0, channels, windows[place]) if over_others else channels


def _painted(objects: Objects, corner: NDArray[np.int64], window: int, size: int) -> Plane:
    """Return m, shape times texture, `[object, row, column]`, in windows whose first pixel is at `corner`."""
    pixels = corner[:, :, None] + np.arange(window)
    x, y = np.moveaxis(pixels + 0.5 - size * objects.centre[:, :, None], 1, 0)  # px from the centre, [object, pixel]
    half = size * objects.box / 2
    painted = coverage(
        _SHAPES[objects.shape[0]](*_turned(x, y, objects.angle, half)), half.astype(np.float32)[:, None, None]
    )
    texture = TEXTURES[objects.texture[0]]
    if texture == "solid":
        return painted
    if texture == "noise":
        painted *= noise(objects.key, pixels[:, 0], pixels[:, 1], size)
        return painted
    unit = cell_px(size) if texture == "rain" else period_px(size)
    u, v = _turned(x, y, objects.texture_angle, unit, objects.phase)
    painted *= rain(objects.key, u, v, unit) if texture == "rain" else PERIODIC[texture](u, v, unit)
    return painted


def _turned(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    angle: NDArray[np.float64],
    unit: NDArray[np.float64] | float,
    shift: NDArray[np.float64] | float = 0.0,
) -> tuple[Plane, Plane]:
    """Return coordinates along axes rotated by `angle`, in units of `unit` px, `[object, row, column]` float32.

    `x` and `y` are `[object, pixel]` in px; `shift` is `[object, 2]` in units.
    """
    cosine, sine = (np.cos(angle) / unit)[:, None], (np.sin(angle) / unit)[:, None]
    shift_along, shift_across = np.broadcast_to(shift, (len(x), 2)).T[:, :, None]

    def sums(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> Plane:
        return columns.astype(np.float32)[:, None, :] + rows.astype(np.float32)[:, :, None]

    return sums(x * cosine + shift_along, y * sine), sums(shift_across - x * sine, y * cosine)
