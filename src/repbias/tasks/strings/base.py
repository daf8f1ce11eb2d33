"""The base of all features of strings: a binary value that depends on tokens which no other feature uses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from repbias.tasks.generated import BinaryFeature
from repbias.tasks.sampling import Labels as Labels

Tokens = NDArray[np.uint8]


class StringFeature(BinaryFeature):
    """A binary feature of a string.

    Attributes
    ----------
    prevalence : the share of ones among the training items with a label for it; one half in validation and test.
    labelled : the share of training items with a label for it; elsewhere its label is -1.
    determined_by : what determines the value, and so what `check_design` allows to be associated with it. "tokens":
        which of the feature's tokens occur, or how often. "order": the order in which they occur; each occurs equally
        often for both values. "combination": several of them together; no single one is informative, and neither is
        any order or position.
    """

    kind: str

    determined_by: ClassVar[Literal["tokens", "order", "combination"]]

    @property
    @abstractmethod
    def size(self) -> int:
        """How many positions of the string hold tokens of this feature, for either value."""

    @property
    def widest(self) -> int | None:
        """The largest distance between the first and the last of its tokens; None for no limit."""
        return None

    @abstractmethod
    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Name every token of the feature; tokens that belong together are named after one of the `letters`."""

    @abstractmethod
    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """Return its tokens `[stimulus, size]` from left to right, as indices into `words`, for labels `[stimulus]`."""


class SpreadFeature(StringFeature):
    """A feature that needs several tokens.

    Attributes
    ----------
    extent : the largest distance, in positions, between the first and the last of its tokens; with 1, two tokens are
        neighbours. All smaller distances occur too. None: anywhere in the string.
    """

    extent: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _room_for_its_tokens(self) -> SpreadFeature:
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
    """Name markers and, after each, the token that takes its place where it does not occur."""
    return tuple(word for letter in islice(letters, markers) for word in (letter, f"no-{letter}"))
