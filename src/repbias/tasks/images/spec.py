"""The description of an image task: its features and other factors, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from repbias.core.specs import Spec, refuse_all
from repbias.tasks.generated import GeneratedTask
from repbias.tasks.images.factors import FACTORS, TRIFEATURE, Levels, find_factor
from repbias.tasks.images.scenes import ImageSplit, Scenes
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
        refuse_all(self._problems())
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
