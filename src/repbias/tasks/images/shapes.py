"""The ten shapes of Trifeature images, as signed distances.

The names are those of Hermann & Lampinen (2020), and so is fivesquare (a 3 x 3 checker: corners and centre). All other
proportions are our choice. Shapes are combinations of half-planes, and a circle: exact at any size and rotation.

A shape is a function of coordinates `x, y` (to the right, and down), both float32 and in half sides of the shape's box,
which is [-1, 1] x [-1, 1]. It returns the distance of a point from the shape, negative inside. Distances are exact at
edges; beyond a corner they are the larger of the two edges' distances, so that corners stay sharp.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, hypot, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]
Shape = Callable[[Plane, Plane], Plane]

_THIRD = 1 / 3
_RHOMBUS_WIDTH = 0.6  # of its height; a rhombus as wide as high would be a rotated square
_TRAPEZOID_HALF_HEIGHT = 0.7
_TRAPEZOID_TOP = 0.5  # of its base


def triangle(x: Plane, y: Plane) -> Plane:
    """Equilateral, as wide as the box, on its base."""
    half_height = sqrt(3) / 2
    return np.maximum(y - half_height, half_height * np.abs(x) - 0.5 * (y + half_height))


def square(x: Plane, y: Plane) -> Plane:
    """The whole box."""
    return _box(np.abs(x), np.abs(y), 1, 1)


def plus(x: Plane, y: Plane) -> Plane:
    """Two bars across the box, a third of it wide."""
    x, y = np.abs(x), np.abs(y)
    return np.minimum(_box(x, y, 1, _THIRD), _box(x, y, _THIRD, 1))


def circle(x: Plane, y: Plane) -> Plane:
    """As wide as the box."""
    return np.sqrt(x * x + y * y) - 1


def tee(x: Plane, y: Plane) -> Plane:
    """A T: a bar along the top and a stem, both a third of the box wide."""
    x = np.abs(x)
    return np.minimum(_box(x, np.abs(y + 2 * _THIRD), 1, _THIRD), _box(x, np.abs(y), _THIRD, 1))


def rhombus(x: Plane, y: Plane) -> Plane:
    """As high as the box, .6 as wide."""
    return (np.abs(x) + _RHOMBUS_WIDTH * (np.abs(y) - 1)) / hypot(1, _RHOMBUS_WIDTH)


def pentagon(x: Plane, y: Plane) -> Plane:
    """Regular, a corner up, its corners on the circle of radius 1."""
    x = np.abs(x)
    sides = (sin(turn) * x + cos(turn) * y for turn in (2 * pi / 5, 4 * pi / 5))
    return np.maximum(np.maximum(y, next(sides)), next(sides)) - cos(pi / 5)


def star(x: Plane, y: Plane) -> Plane:
    """Five points, one up, on the circle of radius 1: the area inside at least four of a pentagram's five lines."""
    largest, second = -y, np.full_like(y, -np.inf)
    for turn in (2 * pi / 5, 4 * pi / 5, 6 * pi / 5, 8 * pi / 5):
        line = sin(turn) * x - cos(turn) * y
        second = np.maximum(second, np.minimum(largest, line))
        largest = np.maximum(largest, line)
    return second - cos(2 * pi / 5)


def fivesquare(x: Plane, y: Plane) -> Plane:
    """A 3 x 3 checker: squares in the corners and in the centre."""
    x, y = np.abs(x), np.abs(y)
    corner = _box(np.abs(x - 2 * _THIRD), np.abs(y - 2 * _THIRD), _THIRD, _THIRD)
    return np.minimum(corner, _box(x, y, _THIRD, _THIRD))


def trapezoid(x: Plane, y: Plane) -> Plane:
    """On its longer base, which is as wide as the box; the top is half as wide, and the height .7 of the box."""
    run, rise = 1 - _TRAPEZOID_TOP, 2 * _TRAPEZOID_HALF_HEIGHT
    side = (rise * (np.abs(x) - 1) - run * (y - _TRAPEZOID_HALF_HEIGHT)) / hypot(run, rise)
    return np.maximum(np.abs(y) - _TRAPEZOID_HALF_HEIGHT, side)


def _box(x: Plane, y: Plane, half_width: float, half_height: float) -> Plane:
    """A rectangle about the origin, where x and y are >= 0."""
    return np.maximum(x - half_width, y - half_height)


SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (triangle, square, plus, circle, tee, rhombus, pentagon, star, fivesquare, trapezoid)
}
# A rotation by 72 degrees (for a circle, by any angle) leaves them unchanged, and rotations span 90.
SHAPES_WITHOUT_ROTATION = ("circle", "pentagon", "star")
