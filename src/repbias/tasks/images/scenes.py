"""Scenes: the objects that each image shows, their places and rotations, and the background.

Lengths are fractions of the image's side, so that a scene is the same at every image size. From Hermann & Lampinen
(2020): the shape's box is 128/224 of the side, rotated uniformly within 45 degrees to either side and placed uniformly
inside the image; textures are rotated and shifted independently. All else is our choice:

- Each of several objects lies in a different quarter of the image, so that they never overlap; their boxes are half as
  large. They share every class, and differ in rotation (within its class), place, and the texture's rotation and phase.
- A relation holds between two objects, a larger one (72/224 of the side) and a smaller one (56/224). `shape` is the
  shape of the larger; the smaller has the same shape or, uniformly, another.
- Where rotation or position is a feature, its values come from the middle .6 of each class's range, so that classes are
  separated; and positions are cells of the range that any rotation and size allows, so that a cell is the same place
  for all objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.images.factors import MAX_ANGLE, Levels
from repbias.tasks.task import Split

BOX = 128 / 224
SEVERAL_BOX = BOX / 2
PAIR_BOXES = (72 / 224, 56 / 224)
_MARGIN = 0.2  # of a class's range, at either end

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """One factor of some images: its classes, the class of each image `[image]`, and whether it is a feature."""

    levels: Levels
    index: NDArray[np.int64]
    reported: bool

    @property
    def values(self) -> Floats:
        """The numbers by which each image is drawn, `[image, number]`."""
        return np.array(list(self.levels.values()))[self.index]

    def take(self, where: NDArray[np.intp]) -> Choice:
        """Return the choice of some of the images."""
        return Choice(self.levels, self.index[where], self.reported)


@dataclass(frozen=True)
class Objects:
    """Everything by which each object is drawn, `[object, ...]`; the objects of an image are adjacent.

    Attributes
    ----------
    image : the image that shows it.
    shape, texture : their numbers in the catalogues.
    colour : RGB, 0 to 1.
    box : side of the shape's box; centre : x and y of its centre. Fractions of the image's side.
    angle, texture_angle : rotations in radians, clockwise.
    phase : the texture's shift in periods along its own two axes.
    key : 32 random bits, which seed noise and rain.
    """

    image: NDArray[np.int64]
    shape: NDArray[np.int64]
    texture: NDArray[np.int64]
    colour: Floats
    box: Floats
    centre: Floats
    angle: Floats
    texture_angle: Floats
    phase: Floats
    key: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.image)

    @property
    def reach(self) -> Floats:
        """How far each rotated box extends from its centre to every side, in sides of the image, `[object]`."""
        return _reach(self.box, self.angle)

    def take(self, index: NDArray[np.intp]) -> Objects:
        """Return some of the objects."""
        return Objects(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class Scenes:
    """What some images show.

    Attributes
    ----------
    classes : by factor, the number of each image's class among those that the factor has here, `[image]`.
    names : by factor, the names of those classes.
    background : RGB, 0 to 1, `[image, 3]`.
    """

    classes: dict[str, NDArray[np.int64]]
    names: dict[str, tuple[str, ...]]
    background: Floats
    objects: Objects

    def __len__(self) -> int:
        return len(self.background)

    def take(self, where: NDArray[np.intp]) -> Scenes:
        """Return some of the scenes, in increasing order of their numbers."""
        number = np.full(len(self), -1)
        number[where] = np.arange(len(where))
        kept = np.flatnonzero(number[self.objects.image] >= 0)
        objects = self.objects.take(kept)
        classes = {factor: index[where] for factor, index in self.classes.items()}
        return Scenes(classes, self.names, self.background[where], replace(objects, image=number[objects.image]))

    def with_others(self, where: NDArray[np.intp], others: Scenes) -> Scenes:
        """Return these scenes with the objects of others, of the same classes, at the places in `where`."""
        kept = ~np.isin(self.objects.image, where)
        moved = {"image": where[others.objects.image]}
        joined = (
            np.concatenate([getattr(self.objects, name)[kept], moved.get(name, getattr(others.objects, name))])
            for name in (field.name for field in fields(Objects))
        )
        objects = Objects(*joined)
        order = np.argsort(objects.image, kind="stable")
        return Scenes(self.classes, self.names, self.background, objects.take(order))


@dataclass(frozen=True)
class ImageSplit(Split):
    """Images with the value of every feature, and the scenes that they show."""

    scenes: Scenes


def draw_scenes(random: np.random.Generator, choices: Mapping[str, Choice]) -> Scenes:
    """Draw everything that the classes leave undetermined.

    Parameters
    ----------
    choices : every factor, except a relation where there is none, and a position where there are several objects.
    """
    counts = choices["number"].values[:, 0].astype(np.int64)
    image = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(image)) - np.repeat(np.cumsum(counts) - counts, counts)  # among the objects of an image
    box = _boxes(choices, image, rank)
    angle = np.radians(_within(random, choices["rotation"], image))
    if "position" in choices:
        centre = _in_open_range(random, choices, _reach(box, angle))
    else:
        centre = _in_quarters(random, image, rank, _reach(box, angle))
    objects = Objects(
        image=image,
        shape=_shapes(random, choices, image, rank),
        texture=choices["texture"].values[image, 0].astype(np.int64),
        colour=choices["colour"].values[image],
        box=box,
        centre=centre,
        angle=angle,
        texture_angle=np.radians(random.uniform(-MAX_ANGLE, MAX_ANGLE, len(image))),
        phase=random.random((len(image), 2)),
        key=random.integers(0, 2**32, len(image), dtype=np.uint32),
    )
    classes = {name: choice.index for name, choice in choices.items()}
    names = {name: tuple(choice.levels) for name, choice in choices.items()}
    return Scenes(classes, names, choices["background"].values, objects)


def _boxes(choices: Mapping[str, Choice], image: NDArray[np.int64], rank: NDArray[np.int64]) -> Floats:
    if "relation" in choices:
        return np.array(PAIR_BOXES)[rank]
    if "position" not in choices:
        return np.full(len(image), SEVERAL_BOX)
    return BOX * choices["size"].values[image, 0]


def _reach(box: Floats, angle: Floats) -> Floats:
    return box / 2 * (np.abs(np.cos(angle)) + np.abs(np.sin(angle)))


def _shapes(
    random: np.random.Generator, choices: Mapping[str, Choice], image: NDArray[np.int64], rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    index = choices["shape"].index[image]
    if "relation" in choices:
        n_shapes = len(choices["shape"].levels)
        is_other = (choices["relation"].index[image] == 0) & (rank == 1)
        index = (index + is_other * random.integers(1, n_shapes, len(image))) % n_shapes
    numbers = np.array(list(choices["shape"].levels.values()), dtype=np.int64)[:, 0]
    return numbers[index]


def _within(random: np.random.Generator, choice: Choice, image: NDArray[np.int64]) -> Floats:
    """Return a number between the bounds of each object's class, `[object]`."""
    low, high = choice.values[image].T
    return low + (high - low) * _share(random, choice, len(image))


def _share(random: np.random.Generator, choice: Choice, n: int) -> Floats:
    margin = _MARGIN if choice.reported else 0.0
    return random.uniform(margin, 1 - margin, n)


def _in_open_range(random: np.random.Generator, choices: Mapping[str, Choice], reach: Floats) -> Floats:
    """Return a centre for the one object of each image so that it lies inside, `[image, 2]`."""
    position = choices["position"]
    if position.reported:
        largest = max(size for (size,) in choices["size"].levels.values())
        reach = np.full(len(reach), largest * BOX / np.sqrt(2))  # turned by 45 degrees
    left, right, top, bottom = position.values.T
    x = left + (right - left) * _share(random, position, len(left))
    y = top + (bottom - top) * _share(random, position, len(left))
    return np.stack([reach + (1 - 2 * reach) * x, reach + (1 - 2 * reach) * y], axis=1)


def _in_quarters(
    random: np.random.Generator, image: NDArray[np.int64], rank: NDArray[np.int64], reach: Floats
) -> Floats:
    """Return centres `[object, 2]`, each in another quarter of its image, and there uniform so that it lies inside."""
    quarter = np.argsort(random.random((image[-1] + 1, 4)), axis=1)[image, rank]
    corner = np.stack([quarter % 2, quarter // 2], axis=1) / 2
    return corner + reach[:, None] + (0.5 - 2 * reach[:, None]) * random.random((len(image), 2))
