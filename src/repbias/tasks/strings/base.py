"""What every feature of a string is: a value that is read from tokens of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from repbias.core.specs import Spec

Labels = NDArray[np.int64]
Tokens = NDArray[np.uint8]


class StringFeature(Spec):
    """A binary feature of a string.

    Attributes
    ----------
    prevalence : the share of ones among the training items with a label for it; one half in validation and test.
    labelled : the share of training items with a label for it; elsewhere its label is -1.
    told_by : what must be read to know the value, and so what `check_design` lets go along with it. "tokens": which of
        its own tokens occur, or how often. "order": in which order they occur; each occurs as often for both values.
        "combination": several of them together; no single one says anything, nor does any order or position.
    """

    kind: str
    prevalence: float = Field(default=0.5, gt=0, lt=1)
    labelled: float = Field(default=1.0, gt=0, le=1)

    told_by: ClassVar[Literal["tokens", "order", "combination"]]

    @property
    @abstractmethod
    def size(self) -> int:
        """How many positions of the string hold own tokens, whatever the value."""

    @property
    def widest(self) -> int | None:
        """How far apart the first and the last own token may lie; None: anywhere."""
        return None

    @abstractmethod
    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Name every own token; what belongs together is named after one of the `letters`."""

    @abstractmethod
    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """Return own tokens `[stimulus, size]` from left to right, as indices into `words`, for labels `[stimulus]`."""

    @property
    def is_manipulated(self) -> bool:
        """Whether the training set treats this feature otherwise than validation and test do."""
        return self.prevalence != 0.5 or self.labelled != 1


class SpreadFeature(StringFeature):
    """A feature that needs several tokens.

    Attributes
    ----------
    extent : the largest distance, in positions, between the first and the last of its own tokens; with 1, two tokens
        are neighbours. All places within that distance are used, near ones too. None: anywhere in the string.
    """

    extent: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _room_for_own_tokens(self) -> SpreadFeature:
        if self.extent is not None and self.extent < self.size - 1:
            raise ValueError(
                f"{self.size} tokens lie at least {self.size - 1} positions apart from first to last, got "
                f"extent={self.extent}; set extent to {self.size - 1} or more"
            )
        return self

    @property
    def widest(self) -> int | None:
        """The extent."""
        return self.extent


def with_twins(letters: Iterator[str], markers: int) -> tuple[str, ...]:
    """Name markers and, after each, the token that stands where it does not occur."""
    return tuple(word for letter in islice(letters, markers) for word in (letter, f"no-{letter}"))
