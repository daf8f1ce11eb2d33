"""Images whose features are factors of what is to be seen: Trifeature (Hermann & Lampinen 2020), and more.

The stimuli, the split by held-out classes and the correlated sets are the predecessor's; see `image_shapes`,
`image_textures`, `image_colours` and `image_scenes` for what is theirs and what is our choice. Small images, exact
balance, disjoint splits, manipulations in training alone and the further factors are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from repbias.core.randomness import rng
from repbias.core.specs import did_you_mean
from repbias.tasks.design import further_checks
from repbias.tasks.images.choices import SplitName, all_combinations, choices, clean_labels, seen_classes, train_labels
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.factors import FACTORS, TRIFEATURE, Levels
from repbias.tasks.images.feature import ImageFeature
from repbias.tasks.images.labels import Labels
from repbias.tasks.images.leakage import image_leakage
from repbias.tasks.images.rules import problems
from repbias.tasks.images.scenes import Scenes, draw_scenes
from repbias.tasks.sampling import MAX_ROUNDS, stimulus_keys
from repbias.tasks.task import Manipulation, Split, Stimuli, Task

if TYPE_CHECKING:
    from repbias.tasks.images.dataset import ImageDataset


@dataclass(frozen=True)
class ImageSplit(Split):
    """Images with the value of every feature, and all that is to be seen in them."""

    scenes: Scenes


class ImageTask(Task):
    """Images of `size` x `size` pixels, uint8 RGB `[stimulus, 3, size, size]`; every feature is a factor of them.

    `ImageTask(features={"colour": "colour", "shape": "shape"})`. Shape, texture and colour vary over all ten classes,
    and rotation and position over all there is, where they are neither features nor fixed. Size, background and number
    are then the Trifeature's own (1, grey, one object), and there is no relation. In each split every feature is
    balanced and independent of the others, and so is every other factor. Textures of images below 112 px are coarser
    than the size alone would have them, see `image_textures`.

    Attributes
    ----------
    features : the features by name; their order is the order of the labels and of the outputs. A string is the name of
        a factor: "shape", "texture", "colour", "rotation", "position", "size", "background", "number", "relation".
    size : pixels a side; 14 or more, and more where objects are smaller, so that no shape's box is below 8 px.
    fixed : other factors that have one class in all images, such as {"texture": "solid"}.
    measured : other factors that are measured in every layer beside the features, and not reported. A rotation is
        measured as one of 4 bins, a position as one of 4 cells.
    agreement : with two features of as many classes, the share of training items in which both have the same class
        number: 1 is the predecessor's fully correlated set. In validation and test they are independent.
    held_out : so many classes of shape, of texture and of colour never occur in training; in validation and test
        features keep to the others, and every image has a held-out class of another of the three factors. Which
        classes, each seed draws for itself; labels count the classes that are not held out.
    train, validation, test : how many images each split has.

    Raises
    ------
    ValueError : factors that exclude each other or are named twice, unknown classes, images too small for their
        shapes, an agreement of features with unequal classes, too many classes held out, or a manipulation that leaves
        fewer than 30 training items of a class.
    """

    kind: Literal["image"] = "image"
    features: dict[Annotated[str, Field(min_length=1)], ImageFeature] = Field(min_length=1)
    size: int = Field(default=32, ge=1)
    fixed: dict[str, str] = Field(default_factory=dict)
    measured: tuple[str, ...] = ()
    agreement: float | None = Field(default=None, ge=0, le=1)
    held_out: int | None = Field(default=None, ge=1)
    train: int = Field(default=16384, ge=2)
    validation: int = Field(default=1024, ge=2)
    test: int = Field(default=2048, ge=2)

    @model_validator(mode="after")
    def _feasible(self) -> ImageTask:
        if found := list(problems(self)):
            raise ValueError("; ".join(found))
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order declared."""
        return tuple(self.features)

    @property
    def n_classes(self) -> tuple[int, ...]:
        """How many classes of each feature occur in training."""
        return tuple(
            len(feature.levels) - (self.held_out or 0) * (feature.factor in TRIFEATURE)
            for feature in self.features.values()
        )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return (3, self.size, self.size)

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """The sizes of the three splits."""
        return self.train, self.validation, self.test

    @property
    def measured_names(self) -> tuple[str, ...]:
        """The features and the other factors that are measured."""
        return (*self.features, *self.measured)

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """Return the classes of features and other factors that are measured, `[stimulus, measured]`."""
        if not self.measured:
            return split.labels
        classes = self.scenes(split).classes
        return np.column_stack([split.labels, *(classes[factor] for factor in self.measured)])

    def scenes(self, split: Split) -> Scenes:
        """Return what is to be seen in the images of a split.

        Raises
        ------
        ValueError : the split does not say; those that `stimuli` makes do.
        """
        if not isinstance(split, ImageSplit):
            raise ValueError(
                f"what images show stands in an ImageSplit, as `stimuli` makes it; got a {type(split).__name__}"
            )
        return split.scenes

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """Return images as networks read them: float32 from -1 to 1, so that the grey background is almost 0.

        Plain gradient descent on values from 0 to 1, which have a common mean, takes several times as many steps.
        """
        return torch.from_numpy(inputs).to(device, torch.float32) / 127.5 - 1

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """The two features that agree in training, where they do."""
        return {} if self.agreement is None else {frozenset(self.features): self.agreement}

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that the training split treats otherwise, with their class shares and labelled-for share."""
        return {
            name: manipulation
            for (name, feature), classes in zip(self.features.items(), self.n_classes, strict=True)
            if (manipulation := feature.manipulation(classes)) is not None
        }

    @property
    def reported_factors(self) -> tuple[str, ...]:
        """The factors that are features, or fixed at something other than the Trifeature's constant."""
        fixed = (factor for factor, value in self.fixed.items() if value != FACTORS[factor].constant)
        return (*(feature.factor for feature in self.features.values()), *fixed)

    @property
    def has_several_objects(self) -> bool:
        """Whether images hold several objects, or may: each then has a quarter of the image."""
        return bool({"number", "relation"} & set(self.reported_factors))

    def levels(self, factor: str) -> Levels:
        """Return the classes that a factor has in these images, with the numbers by which they are drawn."""
        for feature in self.features.values():
            if feature.factor == factor:
                return feature.levels
        one = self.fixed.get(factor, FACTORS[factor].constant)
        if factor == "number" and "relation" in self.reported_factors:
            one = "2"
        return FACTORS[factor].levels((one,) if one else None)

    def class_names(self, feature: str, seed: int = 0) -> tuple[str, ...]:
        """Return what a feature's labels 0, 1, ... stand for; the seed matters where classes are held out."""
        if feature not in self.features:
            raise ValueError(f"no feature is called {feature!r}; {did_you_mean(feature, self.features)}")
        names = list(self.levels(self.features[feature].factor))
        return tuple(names[i] for i in seen_classes(self, self.features[feature].factor, seed))

    def combinations(self, seed: int, split: SplitName) -> NDArray[np.int64]:
        """Return what shape, texture and colour can occur together, as numbers of classes `[combination, 3]`.

        With one feature and 3 of 10 classes held out: 343 in training, and 357 others in validation and test.
        """
        return all_combinations(self, seed, split)

    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine, to one grey level.

        No picture occurs in two splits.
        """
        seen: set[bytes] = set()
        train = self._split(seed, "train", *train_labels(self, seed), seen)
        held = []
        for split in ("validation", "test"):
            labels = clean_labels(self, seed, split, getattr(self, split))
            held.append(self._split(seed, split, labels, labels, seen))
        return Stimuli(train, *held)

    def _split(self, seed: int, split: SplitName, values: Labels, labels: Labels, seen: set[bytes]) -> ImageSplit:
        """Draw images whose features have the classes `values`, none of them among those `seen`, and add them there."""
        chosen = choices(self, seed, split, values)
        random = rng(seed, "data", split, "scenes")
        scenes = draw_scenes(random, chosen)
        pictures = draw(scenes, self.size)
        keys = np.array(stimulus_keys(pictures), dtype=object)
        pending = np.arange(len(values))
        for _ in range(MAX_ROUNDS):
            pending = pending[[key in seen for key in keys[pending]]]
            if not len(pending):
                break
            others = draw_scenes(random, {factor: choice.take(pending) for factor, choice in chosen.items()})
            scenes = scenes.with_others(pending, others)
            pictures[pending] = draw(others, self.size)
            keys[pending] = stimulus_keys(pictures[pending])
        seen.update(keys)
        return ImageSplit(pictures, labels, scenes)

    def dataset(self, seed: int, split: SplitName) -> ImageDataset:
        """Return one split as a torch `Dataset` of (float32 image `[3, size, size]`, int64 labels `[feature]`)."""
        from repbias.tasks.images.dataset import ImageDataset

        return ImageDataset(self, getattr(self.stimuli(seed), split))


further_checks.register(ImageTask, image_leakage)
