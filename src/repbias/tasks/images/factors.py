"""The factors in which images differ: their classes, and the colours and backgrounds among these.

Shape, texture and colour are the features of Trifeature images (Hermann & Lampinen 2020), in which rotation and
position vary freely and all else is constant. The ten colours and the grey background are theirs. The other factors
(size, position, rotation, background, number, relation) and their classes are our choice. So are the other
backgrounds: each lies at least .4 from every colour, in RGB with channels from 0 to 1 (grey and ocean, the nearest
published pair, are .41 apart).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from repbias.core.specs import did_you_mean, refuse_all, unknown_names
from repbias.tasks.images.shapes import SHAPES
from repbias.tasks.images.textures import TEXTURES

# The classes of a factor: the name of each, and the numbers by which it is drawn.
Levels = dict[str, tuple[float, ...]]

TRIFEATURE = ("shape", "texture", "colour")
MAX_ANGLE = 45.0  # degrees, to either side
SMALLEST = 0.5  # of the Trifeature's size

COLOURS: Levels = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "pink": (1, 0.4, 1),
    "cyan": (0, 1, 1),
    "purple": (0.3, 0, 0.5),
    "ocean": (0.1, 0.4, 0.5),
    "orange": (1, 0.6, 0),
    "white": (1, 1, 1),
}

BACKGROUNDS: Levels = {
    "grey": (0.5, 0.5, 0.5),
    "black": (0, 0, 0),
    "silver": (0.75, 0.75, 0.75),
    "brown": (0.4, 0.2, 0),
    "maroon": (0.5, 0, 0),
    "forest": (0, 0.35, 0),
    "olive": (0.5, 0.5, 0),
    "tan": (0.85, 0.7, 0.5),
    "sage": (0.5, 0.75, 0.5),
    "rose": (0.75, 0.35, 0.45),
}


@dataclass(frozen=True)
class Factor:
    """Something in which images differ.

    Attributes
    ----------
    graded : returns the classes for a number of classes.
    default : the default number of classes.
    numbers : the possible numbers of classes.
    constant : the class of all images in which the factor is neither a feature nor fixed; empty: it varies freely.
    """

    graded: Callable[[int], Levels]
    default: int
    numbers: tuple[int, ...]
    constant: str = ""

    def levels(self, classes: int | tuple[str, ...] | None = None) -> Levels:
        """Return the default classes, this many classes, or the classes named.

        Raises
        ------
        ValueError : no such number of classes, an unknown class, a repeated one.
        """
        if isinstance(classes, int):
            if classes not in self.numbers:
                several = ", ".join(map(str, self.numbers))
                raise ValueError(f"it can have {several} classes, got {classes}")
            return self.graded(classes)
        known = self.graded(self.default)
        if classes is None:
            return known
        refuse_all(unknown_names("no class is called", classes, known))
        if len(set(classes)) < len(classes):
            raise ValueError(f"a class is named twice in {', '.join(classes)}")
        return {name: known[name] for name in classes}


def _first_of(levels: Levels) -> Callable[[int], Levels]:
    return lambda classes: dict(list(levels.items())[:classes])


def _sizes(classes: int) -> Levels:
    """Return sizes in equal steps up to the Trifeature's, which is 1."""
    return {f"{size:.4g}": (float(size),) for size in np.linspace(SMALLEST, 1, classes)}


def _rotations(classes: int) -> Levels:
    """Return bins of degrees, of equal width; angles are clockwise."""
    edges = np.linspace(-MAX_ANGLE, MAX_ANGLE, classes + 1).tolist()
    return {f"{low:.4g}..{high:.4g}": (low, high) for low, high in pairwise(edges)}


def _positions(classes: int) -> Levels:
    """Return the cells of a grid: bounds from left to right, then from top to bottom, as shares of the open range."""
    side = round(classes**0.5)
    return {
        f"row{row + 1}column{column + 1}": (column / side, (column + 1) / side, row / side, (row + 1) / side)
        for row, column in product(range(side), repeat=2)
    }


def _named(names: tuple[str, ...]) -> Levels:
    return {name: (float(i),) for i, name in enumerate(names)}


_UP_TO_TEN = tuple(range(2, 11))

FACTORS: dict[str, Factor] = {
    "shape": Factor(_first_of(_named(tuple(SHAPES))), 10, _UP_TO_TEN),
    "texture": Factor(_first_of(_named(TEXTURES)), 10, _UP_TO_TEN),
    "colour": Factor(_first_of(dict(COLOURS)), 10, _UP_TO_TEN),
    "rotation": Factor(_rotations, 4, _UP_TO_TEN),
    "position": Factor(_positions, 4, (4, 9, 16)),
    "size": Factor(_sizes, 5, (2, 3, 4, 5, 6), constant="1"),
    "background": Factor(_first_of(dict(BACKGROUNDS)), 10, _UP_TO_TEN, constant="grey"),
    "number": Factor(_first_of({str(n): (n,) for n in range(1, 5)}), 4, (2, 3, 4), constant="1"),
    "relation": Factor(_first_of({"different": (0,), "same": (1,)}), 2, (2,), constant="none"),
}


def find_factor(name: str) -> Factor:
    """Return a factor by its name.

    Raises
    ------
    ValueError : no factor has that name.
    """
    if name not in FACTORS:
        raise ValueError(f"unknown factor {name!r}; {did_you_mean(name, FACTORS)}")
    return FACTORS[name]
