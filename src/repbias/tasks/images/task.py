"""Images whose features are factors of what they show: Trifeature (Hermann & Lampinen 2020), and more.

The stimuli, the split by held-out classes and the correlated sets are the predecessor's; the other modules of this
package say which details are theirs and which our choice. Small images, exact balance, disjoint splits, manipulations
of training alone and the further factors are our choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from repbias.core.randomness import rng
from repbias.core.specs import did_you_mean
from repbias.tasks.images.choices import SplitName, all_combinations, choices, clean_labels, seen_classes, train_labels
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.leakage import image_leakage
from repbias.tasks.images.rules import problems
from repbias.tasks.images.scenes import ImageSplit, Scenes, draw_scenes
from repbias.tasks.images.spec import ImageSpec
from repbias.tasks.sampling import draw_unseen
from repbias.tasks.task import Finding, Split


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
    """

    @model_validator(mode="after")
    def _feasible(self) -> ImageTask:
        if found := list(problems(self)):
            raise ValueError("; ".join(found))
        return self

    def class_names(self, feature: str, seed: int = 0) -> tuple[str, ...]:
        """Return the names of a feature's labels 0, 1, ...; they depend on the seed where classes are held out."""
        if feature not in self.features:
            raise ValueError(f"no feature is called {feature!r}; {did_you_mean(feature, self.features)}")
        names = list(self.levels(self.features[feature].factor))
        return tuple(names[i] for i in seen_classes(self, self.features[feature].factor, seed))

    def combinations(self, seed: int, split: SplitName) -> NDArray[np.int64]:
        """Return the possible combinations of shape, texture and colour, as numbers of classes `[combination, 3]`.

        With one feature and 3 of 10 classes held out: 343 in training, and 357 others in validation and test.
        """
        return all_combinations(self, seed, split)

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
