"""Images whose features are factors of what they show: Trifeature (Hermann & Lampinen 2020), and more.

Each image has a class of every factor: balanced, and independent but for declared agreements. The stimuli, the split by
held-out classes and the correlated sets are the predecessor's; the other modules of this package say which details are
theirs and which are our choice. Small images, exact balance, disjoint splits, manipulations
of training alone and the further factors are our choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from repbias.core.randomness import rng
from repbias.core.specs import refuse_all, refuse_unknown
from repbias.tasks.generated import Labels, agreeing, balanced_classes, draw_unseen, drawn_alike, labels_with_shares
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.factors import FACTORS, TRIFEATURE
from repbias.tasks.images.leakage import image_leakage
from repbias.tasks.images.problems import problems
from repbias.tasks.images.scenes import Choice, ImageSplit, Scenes, draw_scenes
from repbias.tasks.images.spec import ImageSpec
from repbias.tasks.task import UNLABELLED, Finding, Split

SplitName = Literal["train", "validation", "test"]


class ImageTask(ImageSpec):
    """Images of `size` x `size` pixels, uint8 RGB `[stimulus, 3, size, size]`; every feature is a factor of them.

    `ImageTask(features={"colour": "colour", "shape": "shape"})`. Of the factors that are neither features nor fixed,
    shape, texture and colour take all ten classes, rotation and position vary continuously, size, background and number
    are those of Trifeature images (1, grey, one object), and there is no relation. In each split every
    feature is balanced and independent of the others, and so is every other factor. Textures of images below 112 px are
    coarser than in proportion to the size, see `repbias.tasks.images.textures`.

    Attributes
    ----------
    features : the features by name; their order is the order of the labels and of the outputs. A string is the name of
        a factor: "shape", "texture", "colour", "rotation", "position", "size", "background", "number", "relation".
    size : pixels per side; 14 or more, and more where objects are smaller, so that no shape's box is below 8 px.
    fixed : other factors that have one class in all images, such as {"texture": "solid"}.
    measured : other factors that are measured in every layer beside the features, and not reported. A rotation is
        measured as one of 4 bins, a position as one of 4 cells.
    agreement : with two features of as many classes, the share of training items in which both have the same class
        number: 1 is the predecessor's fully correlated set. In validation and test they are independent.
    held_out : how many classes of shape, of texture and of colour never occur in training. In validation and test the
        features have none of these either, but every image has a held-out class of another of the three factors. Each
        seed draws the classes that it holds out; labels number the classes that are left.
    train, validation, test : how many images each split has.

    Raises
    ------
    ValueError : factors that exclude each other or are named twice, unknown classes, images too small for their
        shapes, an agreement of features with unequal classes, too many classes held out, or a manipulation that leaves
        fewer than 30 training items of a class.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.ImageTask(features={"colour": "colour", "shape": "shape"}, size=16)
    >>> task.input_shape, task.n_classes
    ((3, 16, 16), (10, 10))
    """

    @model_validator(mode="after")
    def _feasible(self) -> ImageTask:
        refuse_all(problems(self))
        return self

    def class_names(self, feature: str, seed: int = 0) -> tuple[str, ...]:
        """Return the names of a feature's labels 0, 1, ...; they depend on the seed where classes are held out."""
        refuse_unknown(feature, self.features, "feature")
        names = list(self.levels(self.features[feature].factor))
        return tuple(names[i] for i in seen_classes(self, self.features[feature].factor, seed))

    def combinations(self, seed: int, split: SplitName) -> NDArray[np.int64]:
        """Return the possible combinations of shape, texture and colour, as numbers of classes `[combination, 3]`.

        With one feature and 3 of 10 classes held out: 343 in training, and 357 others in validation and test.
        """
        others, together = other_combinations(self, seed, split)
        labelled = [factor for factor in TRIFEATURE if factor not in others]
        seen = product(*(seen_classes(self, factor, seed).tolist() for factor in labelled))
        rows = np.array([(*one, *other) for one, other in product(seen, together.tolist())])
        return rows[:, [(*labelled, *others).index(factor) for factor in TRIFEATURE]]

    def draw(self, seed: int, split: str, n: int, seen: set[bytes]) -> ImageSplit:
        """Draw a split; pictures are the same on every machine to within one grey level."""
        values, labels = train_labels(self, seed) if split == "train" else (clean_labels(self, seed, split, n),) * 2
        chosen = choices(self, seed, split, values)
        random = rng(seed, "data", split, "scenes")
        scenes: list[Scenes] = []

        def pictures(index: NDArray[np.intp]) -> NDArray[np.uint8]:
            drawn = draw_scenes(random, {factor: choice.take(index) for factor, choice in chosen.items()})
            scenes[:] = [scenes[0].with_others(index, drawn) if scenes else drawn]
            return draw(drawn, self.size)

        inputs = draw_unseen(pictures, n, seen)
        return ImageSplit(inputs, labels, scenes[0])

    def leakage(self, splits: Mapping[str, Split], alpha: float) -> Iterable[Finding]:
        """See `Task.leakage` and `repbias.tasks.images.leakage`."""
        return image_leakage(self, splits, alpha)


def train_labels(task: ImageSpec, seed: int) -> tuple[Labels, Labels]:
    """Return the class of every feature in the training images, and the labels, which are -1 where one is missing.

    Both are `[stimulus, feature]`.
    """
    values, masks = [], []
    for (name, feature), classes in zip(task.features.items(), task.n_classes, strict=True):
        random = rng(seed, "data", "train", "labels", name)
        values.append(labels_with_shares(random, task.train, feature.shares or (1 / classes,) * classes))
        if task.agreement is not None and len(values) == 2:
            random = rng(seed, "data", "train", "agreement")
            values[1] = agreeing(random, values[0], classes, task.agreement)
        random = rng(seed, "data", "train", "asked", name)
        masks.append(drawn_alike(random, values[-1], round(feature.labelled * task.train)))
    stacked = np.stack(values, axis=1)
    return stacked, np.where(np.stack(masks, axis=1), stacked, UNLABELLED)


def clean_labels(task: ImageSpec, seed: int, split: str, n: int) -> Labels:
    """Return the labels of validation or test images, `[stimulus, feature]`."""
    columns = [
        balanced_classes(rng(seed, "data", split, "labels", name), n, classes)
        for name, classes in zip(task.features, task.n_classes, strict=True)
    ]
    return np.stack(columns, axis=1)


def choices(task: ImageSpec, seed: int, split: str, values: Labels) -> dict[str, Choice]:
    """Return the class of every factor in images whose features have the classes `values`, `[stimulus, feature]`.

    A relation is among the factors only if it is a feature, and a position only where there is one object. `split`
    names the stream of random numbers; where classes are held out, all splits but "train" have them.
    """
    index = {
        feature.factor: seen_classes(task, feature.factor, seed)[values[:, i]]
        for i, feature in enumerate(task.features.values())
    }
    n = len(values)
    if task.held_out is not None:
        others, together = other_combinations(task, seed, split)
        which = balanced_classes(rng(seed, "data", split, "combinations"), n, len(together))
        index |= dict(zip(others, together[which].T, strict=True))
    absent = {"position"} if task.has_several_objects else set()
    absent |= {"relation"} - set(task.reported_factors)
    chosen = {}
    for factor in FACTORS:
        if factor not in absent:
            levels = task.levels(factor)
            if factor not in index:
                index[factor] = balanced_classes(rng(seed, "data", split, factor), n, len(levels))
            chosen[factor] = Choice(levels, index[factor], factor in task.reported_factors)
    return chosen


def seen_classes(task: ImageSpec, factor: str, seed: int) -> NDArray[np.int64]:
    """Return the numbers of a factor's classes that occur in training, in order: all, where none is held out."""
    n = len(task.levels(factor))
    held_out = (task.held_out or 0) if factor in TRIFEATURE else 0
    return np.sort(rng(seed, "data", "held out", factor).permutation(n)[held_out:])


def other_combinations(task: ImageSpec, seed: int, split: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return which of shape, texture and colour are not features, and the combinations of their classes.

    The combinations are `[combination, factor]`.
    In training, no class of a combination is held out; in validation and test, at least one is.
    """
    others = [factor for factor in TRIFEATURE if factor not in task.feature_factors]
    every = np.array(list(product(*(range(len(task.levels(factor))) for factor in others))), dtype=np.int64)
    if task.held_out is None:
        return others, every
    is_seen = [np.isin(every[:, i], seen_classes(task, factor, seed)) for i, factor in enumerate(others)]
    return others, every[np.all(is_seen, axis=0) == (split == "train")]
