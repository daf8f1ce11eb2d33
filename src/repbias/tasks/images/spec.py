"""The description of an image task: its features and other factors, and the reasons why one cannot be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from repbias.core.specs import Spec, did_you_mean
from repbias.tasks.generated import MIN_ITEMS, GeneratedTask, class_counts
from repbias.tasks.images.factors import FACTORS, TRIFEATURE, Levels, find_factor
from repbias.tasks.images.scenes import BOX, PAIR_BOXES, SEVERAL_BOX, ImageSplit, Scenes
from repbias.tasks.images.shapes import SHAPES_WITHOUT_ROTATION
from repbias.tasks.task import Manipulation, Split


class ImageFeature(Spec):
    """A factor of images that networks report.

    A string is short for a spec: the name of a factor, with its default classes.

    Attributes
    ----------
    factor : "shape", "texture", "colour", "rotation", "position", "size", "background", "number" or "relation".
    classes : its classes by name; or how many, of shapes and other catalogues the first ones. By default all ten of a
        catalogue, 4 rotations, 4 positions, 5 sizes, 1 to 4 objects, and "different" and "same" of a relation.
    shares : how often each class occurs among the training items with a label for the feature; by default equally.
    labelled : the share of training items with a label for it; elsewhere its label is -1.

    Examples
    --------
    >>> import repbias
    >>> repbias.ImageFeature(factor="shape", classes=4).classes
    4
    """

    factor: str
    classes: int | tuple[str, ...] | None = None
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = None
    labelled: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, given: Any) -> Any:
        return {"factor": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _feasible(self) -> ImageFeature:
        find_factor(self.factor)
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        try:
            n = len(self.levels)
        except ValueError as error:
            yield f"{self.factor}: {error}"
            return
        if n < 2:
            yield f"a feature has 2 classes or more, got {self.classes}; put a factor of one class in `fixed`"
        if self.shares is not None and len(self.shares) != n:
            yield f"shares needs one number for each of the {n} classes, got {len(self.shares)}"
        if self.shares is not None and abs(sum(self.shares) - 1) > 1e-6:
            yield f"shares must add up to 1, got {sum(self.shares):g}"

    @property
    def levels(self) -> Levels:
        """The classes, in the order of the labels, with the numbers by which they are drawn."""
        return find_factor(self.factor).levels(self.classes)


class ImageSpec(GeneratedTask):
    """The settings of an `ImageTask`, where they are documented, and what follows from them."""

    kind: Literal["image"] = "image"
    features: dict[Annotated[str, Field(min_length=1)], ImageFeature] = Field(min_length=1)
    size: int = Field(default=32, ge=1)
    fixed: dict[str, str] = Field(default_factory=dict)
    measured: tuple[str, ...] = ()
    agreement: float | None = Field(default=None, ge=0, le=1)
    held_out: int | None = Field(default=None, ge=1)
    validation: int = Field(default=1024, ge=2)
    test: int = Field(default=2048, ge=2)

    if TYPE_CHECKING:  # what is accepted, and not only what the fields hold

        def __init__(
            self, *, features: Mapping[str, str | Mapping[str, Any] | ImageFeature], **settings: Any
        ) -> None: ...

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        if found := list(problems(self)):
            raise ValueError("; ".join(found))
        return self

    @property
    def feature_factors(self) -> tuple[str, ...]:
        """The factor of each feature."""
        return tuple(feature.factor for feature in self.features.values())

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
    def measured_names(self) -> tuple[str, ...]:
        """The features and the other measured factors."""
        return (*self.features, *self.measured)

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """Return the classes of the features and of the other measured factors, `[stimulus, measured]`."""
        if not self.measured:
            return split.labels
        classes = self.scenes(split).classes
        return np.column_stack([split.labels, *(classes[factor] for factor in self.measured)])

    def scenes(self, split: Split) -> Scenes:
        """Return the scenes that the images of a split show.

        Raises
        ------
        ValueError : the split has no scenes; those that `stimuli` makes have.
        """
        if not isinstance(split, ImageSplit):
            raise ValueError(f"scenes are part of an ImageSplit, as `stimuli` makes it; got a {type(split).__name__}")
        return split.scenes

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """Return images as networks read them: float32 from -1 to 1, so that the grey background is almost 0.

        On values from 0 to 1, which have a common mean, plain gradient descent takes several times as many steps.
        """
        return torch.from_numpy(inputs).to(device, torch.float32) / 127.5 - 1

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """The two features that agree in training, where they do."""
        return {} if self.agreement is None else {frozenset(self.features): self.agreement}

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that are manipulated in the training split, with their class shares and labelled fraction."""
        return {
            name: Manipulation(feature.shares or (1 / classes,) * classes, feature.labelled)
            for (name, feature), classes in zip(self.features.items(), self.n_classes, strict=True)
            if feature.shares is not None or feature.labelled != 1
        }

    @property
    def reported_factors(self) -> tuple[str, ...]:
        """The factors that are features, or fixed at something other than the Trifeature's constant."""
        fixed = (factor for factor, value in self.fixed.items() if value != FACTORS[factor].constant)
        return (*self.feature_factors, *fixed)

    @property
    def has_several_objects(self) -> bool:
        """Whether images can hold several objects, each of which then has a quarter of the image."""
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


MIN_BOX = 8  # px; in smaller boxes shapes cannot be distinguished


def problems(task: ImageSpec) -> Iterator[str]:
    """Yield every reason why a task cannot be made; each feature by itself is valid."""
    unusable = list(_unusable_factors(task))
    yield from unusable
    if unusable:
        return
    yield from _excluding_factors(task)
    yield from _unusable_measured(task)
    yield from _too_small(task)
    yield from _too_rare(task)
    yield from _agreement(task)
    yield from _held_out(task)


def _unusable_factors(task: ImageSpec) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, feature in task.features.items():
        if feature.factor in owner:
            yield f"features {owner[feature.factor]!r} and {name!r} are both {feature.factor}; drop one"
        owner[feature.factor] = name
    for factor, value in task.fixed.items():
        try:
            find_factor(factor).levels((value,))
        except ValueError as error:
            yield f"fixed: {factor}: {error}" if factor in FACTORS else f"fixed: {error}"
        if factor in owner:
            yield f"{factor} is fixed, and feature {owner[factor]!r} is this factor; drop one of them"


def _excluding_factors(task: ImageSpec) -> Iterator[str]:
    labelled = set(task.reported_factors)
    if "relation" in task.fixed:
        yield "fixed: a relation can be a feature but cannot be fixed; drop it, or fix number at 2 for two objects"
    if "relation" in labelled:
        if "number" in labelled and task.fixed.get("number") != "2":
            yield "a relation needs two objects; drop number, or fix it at 2"
        if "shape" in task.fixed:
            yield "shape is fixed, and a relation needs shapes that differ; drop it from `fixed`"
    if task.has_several_objects:
        for factor in sorted(labelled & {"size", "position"}):
            yield f"{factor} cannot be chosen where there are several objects: each has a quarter of the image; drop it"
    unturned = [shape for shape in SHAPES_WITHOUT_ROTATION if shape in task.levels("shape")]
    if "rotation" in task.feature_factors and unturned:
        yield (
            f"rotation cannot be read from {', '.join(unturned)}; leave them out: fix shape at another one, or make it "
            "a feature with its classes named"
        )


def _unusable_measured(task: ImageSpec) -> Iterator[str]:
    if len(set(task.measured)) < len(task.measured):
        yield f"measured names a factor twice: {', '.join(task.measured)}"
    for factor in dict.fromkeys(task.measured):
        if factor not in FACTORS:
            yield f"measured: unknown factor {factor!r}; {did_you_mean(factor, FACTORS)}"
        elif factor in task.feature_factors:
            yield f"measured: {factor} is a feature and measured anyway; drop it from `measured`"
        elif factor in task.features:
            yield f"measured: {factor} is also the name of a feature of another factor; rename the feature"
        elif factor == "relation" or len(task.levels(factor)) < 2:
            yield f"measured: {factor} is the same in all images; drop it from `measured`"
        elif factor == "position" and task.has_several_objects:
            yield "measured: several objects have no single position; drop it from `measured`"


def _too_small(task: ImageSpec) -> Iterator[str]:
    if "relation" in task.reported_factors:
        box = min(PAIR_BOXES)
    elif task.has_several_objects:
        box = SEVERAL_BOX
    else:
        box = BOX * min(scale for (scale,) in task.levels("size").values())
    smallest = ceil(round(MIN_BOX / box, 6))
    if task.size < smallest:
        yield (
            f"in {task.size} px the smallest shape has a box of {box * task.size:.3g} px, but {MIN_BOX} are needed; "
            f"set size to {smallest} or more"
        )


def _too_rare(task: ImageSpec) -> Iterator[str]:
    for name, manipulation in task.manipulations.items():
        counts = class_counts(round(manipulation.labelled * task.train), manipulation.class_shares)
        rare = [f"{label!r} {n}" for label, n in zip(task.features[name].levels, counts, strict=False) if n < MIN_ITEMS]
        if rare:
            yield (
                f"{name}: shares and labelled={manipulation.labelled:g} of {task.train} training items leave "
                f"{', '.join(rare)}; {MIN_ITEMS} of each class are needed"
            )


def _agreement(task: ImageSpec) -> Iterator[str]:
    if task.agreement is None:
        return
    if len(task.features) != 2:
        yield f"agreement is between two features, and there are {len(task.features)}"
    elif len(set(task.n_classes)) > 1:
        numbers = ", ".join(f"{name} {n}" for name, n in zip(task.features, task.n_classes, strict=True))
        yield f"features that agree must have equal numbers of classes ({numbers}); set `classes` of one of them"
    if task.manipulations:
        yield "features that agree must have equal shares and labelled=1; drop agreement, or shares and labelled"


def _held_out(task: ImageSpec) -> Iterator[str]:
    if task.held_out is None:
        return
    for factor in TRIFEATURE:
        n = len(task.levels(factor))
        if n - task.held_out < 2:
            yield (
                f"held_out={task.held_out} of {n} classes of {factor} leaves {max(n - task.held_out, 0)}, and training "
                f"needs 2; {'let it vary' if factor in task.fixed else 'hold out fewer'}"
            )
    if set(TRIFEATURE) <= set(task.feature_factors):
        yield "held_out needs one of shape, texture and colour that is not a feature, whose classes can be held out"
    if any(feature.shares is not None for feature in task.features.values()):
        yield "with held_out the seed decides which classes occur, but shares are given per class; drop one of them"
    if "relation" in task.reported_factors:
        yield "held_out needs images with one shape each; drop it, or the relation"
