"""One feature of an image task: a factor, its classes, and what training does to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, model_validator

from repbias.core.specs import Spec
from repbias.tasks.images.factors import Levels, find_factor
from repbias.tasks.task import Manipulation


class ImageFeature(Spec):
    """A factor of the images that networks report.

    A string is short for a spec: the name of a factor, with its default classes.

    Attributes
    ----------
    factor : "shape", "texture", "colour", "rotation", "position", "size", "background", "number" or "relation".
    classes : its classes by name; or how many, of shapes and other catalogues the first ones. By default all ten of a
        catalogue, 4 rotations, 4 positions, 5 sizes, 1 to 4 objects, and "different" and "same" of a relation.
    shares : how often each class occurs among the training items with a label for the feature; by default equally.
    labelled : the share of training items with a label for it; elsewhere its label is -1.
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
            yield f"a feature has 2 classes or more, got {self.classes}; a factor of one class stands in `fixed`"
        if self.shares is not None and len(self.shares) != n:
            yield f"shares has a number for each of the {n} classes, got {len(self.shares)}"
        if self.shares is not None and abs(sum(self.shares) - 1) > 1e-6:
            yield f"shares add up to 1, got {sum(self.shares):g}"

    @property
    def levels(self) -> Levels:
        """The classes, in the order of the labels, with the numbers by which they are drawn."""
        return find_factor(self.factor).levels(self.classes)

    def manipulation(self, classes: int) -> Manipulation | None:
        """Return what training, where `classes` occur, does otherwise than validation and test; None: nothing."""
        if self.shares is None and self.labelled == 1:
            return None
        return Manipulation(self.shares or (1 / classes,) * classes, self.labelled)
