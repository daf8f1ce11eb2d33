"""The kinds of feature that a string can carry, each on tokens that no other feature uses.

A kind is a class that names its tokens (`words`), says how many positions they take (`size`, the same for both values),
and draws the tokens for a label (`draw`). To add one, write such a class here and name it in `AnyStringFeature`. The
kinds and their defaults are our choice: all we know about the strings of Lampinen, Chan & Hermann (2024) is that inputs
are tokenised.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterator
from itertools import combinations, islice
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from repbias.tasks.generated import BinaryFeature, Labels

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
    def size(self) -> int:
        """Two, unless the kind has settings that change it."""
        return 2

    @property
    def widest(self) -> int | None:
        """The extent."""
        return self.extent


def with_twins(letters: Iterator[str], markers: int) -> tuple[str, ...]:
    """Name markers and, after each, the token that takes its place where it does not occur."""
    return tuple(word for letter in islice(letters, markers) for word in (letter, f"no-{letter}"))


class Presence(StringFeature):
    """1 where a marker occurs; where it does not, another token, which only this feature uses, takes its place.

    So the number of fillers is uninformative, and the value is linear in the bag of tokens.
    """

    kind: Literal["presence"] = "presence"
    determined_by = "tokens"

    @property
    def size(self) -> int:
        """One."""
        return 1

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha" and "no-alpha"."""
        return with_twins(letters, 1)

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        return (1 - labels[:, None]).astype(np.uint8)


class Precedes(SpreadFeature):
    """Two markers occur in every string; 1 where the first marker comes before the second."""

    kind: Literal["precedes"] = "precedes"
    determined_by = "order"

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha" and "beta"."""
        return tuple(islice(letters, 2))

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        return np.stack([1 - labels, labels], axis=1).astype(np.uint8)


class Equality(SpreadFeature):
    """Two slots hold one symbol each; 1 where the two are the same.

    The slots write the symbols differently ("alpha-2", "ALPHA-2"), like lower and upper case. If they shared tokens,
    the count of a single token would give the value away: twice for equal symbols, once for different ones.

    Attributes
    ----------
    symbols : size of the alphabet.
    """

    kind: Literal["equality"] = "equality"
    symbols: int = Field(default=4, ge=2, le=32)
    determined_by = "combination"

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha-0", "alpha-1", ..., "ALPHA-0", "ALPHA-1", ..."""
        letter = next(letters)
        return tuple(f"{case}-{i}" for case in (letter, letter.upper()) for i in range(self.symbols))

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        first = random.integers(0, self.symbols, size=len(labels))
        other = random.integers(1, self.symbols, size=len(labels))
        second = np.where(labels == 1, first, (first + other) % self.symbols)
        return random.permuted(np.stack([first, self.symbols + second], axis=1).astype(np.uint8), axis=1)


class Parity(SpreadFeature):
    """1 where an odd number of the markers occurs; each absent marker is replaced by a token that stands for it.

    Attributes
    ----------
    markers : how many there are.
    """

    kind: Literal["parity"] = "parity"
    markers: int = Field(default=2, ge=2, le=8)
    determined_by = "combination"

    @property
    def size(self) -> int:
        """The number of markers."""
        return self.markers

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha", "no-alpha", "beta", "no-beta"."""
        return with_twins(letters, self.markers)

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        present = random.integers(0, 2, size=(len(labels), self.markers))
        present[:, -1] = (labels - present[:, :-1].sum(axis=1)) % 2  # the last one makes the parity
        return random.permuted((2 * np.arange(self.markers) + 1 - present).astype(np.uint8), axis=1)


class Count(SpreadFeature):
    """1 where a marker occurs `threshold` times or more, of at most `most`; a second token fills the places left.

    The number of occurrences is uniform over those that give the value.

    Attributes
    ----------
    most : how often the marker can occur, which is the number of positions that the feature takes.
    threshold : the least number of occurrences that has the value 1.
    """

    kind: Literal["count"] = "count"
    most: int = Field(default=4, ge=2, le=32)
    threshold: int = Field(default=2, ge=1)
    determined_by = "tokens"

    @model_validator(mode="after")
    def _reachable(self) -> Count:
        if self.threshold > self.most:
            raise ValueError(
                f"the marker occurs at most {self.most} times, so threshold={self.threshold} is never reached; "
                f"set threshold to {self.most} or less, or most to {self.threshold} or more"
            )
        return self

    @property
    def size(self) -> int:
        """The largest number of occurrences."""
        return self.most

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha" and "no-alpha"."""
        return with_twins(letters, 1)

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        low = np.where(labels == 1, self.threshold, 0)
        high = np.where(labels == 1, self.most + 1, self.threshold)
        occurrences = random.integers(low, high)
        return random.permuted((np.arange(self.most) >= occurrences[:, None]).astype(np.uint8), axis=1)


class Brackets(SpreadFeature):
    """1 where the feature's brackets, read from left to right, are balanced: the Dyck language of limited depth.

    There are always as many closing as opening brackets, an opening one comes first and a closing one last, so that
    neither a count nor an end of the run is informative. All such runs with the required value are equally likely.

    Attributes
    ----------
    pairs : how many opening brackets there are, and how many closing ones.
    depth : how many may be open at once; a run that nests deeper is not balanced.
    """

    kind: Literal["brackets"] = "brackets"
    pairs: int = Field(default=4, ge=3, le=8)
    depth: int = Field(default=3, ge=1)
    determined_by = "order"

    @model_validator(mode="after")
    def _depth_within_pairs(self) -> Brackets:
        if self.depth > self.pairs:
            raise ValueError(f"{self.pairs} pairs nest {self.pairs} deep at most, got depth={self.depth}; lower depth")
        return self

    @property
    def size(self) -> int:
        """Two per pair."""
        return 2 * self.pairs

    def words(self, letters: Iterator[str]) -> tuple[str, ...]:
        """Return e.g. "alpha(" and "alpha)"."""
        letter = next(letters)
        return f"{letter}(", f"{letter})"

    def draw(self, random: np.random.Generator, labels: Labels) -> Tokens:
        """See `StringFeature.draw`."""
        runs, balanced = _runs(self.pairs, self.depth)
        of_label = [np.flatnonzero(~balanced), np.flatnonzero(balanced)]
        counts = np.array([len(rows) for rows in of_label])
        chosen = random.integers(0, counts[labels]) + np.where(labels == 1, counts[0], 0)
        return runs[np.concatenate(of_label)[chosen]]


@functools.cache
def _runs(pairs: int, depth: int) -> tuple[Tokens, NDArray[np.bool_]]:
    """Return all runs that begin with an opening bracket (0) and end with a closing one (1), and which are balanced."""
    closings = np.array(list(combinations(range(1, 2 * pairs - 1), pairs - 1)))
    runs = np.zeros((len(closings), 2 * pairs), dtype=np.uint8)
    np.put_along_axis(runs, closings, 1, axis=1)
    runs[:, -1] = 1
    open_brackets = (1 - 2 * runs.astype(np.int64)).cumsum(axis=1)
    return runs, (open_brackets.min(axis=1) >= 0) & (open_brackets.max(axis=1) <= depth)


def _expanded(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


AnyStringFeature = Annotated[
    Annotated[Presence | Precedes | Equality | Parity | Count | Brackets, Field(discriminator="kind")],
    BeforeValidator(_expanded),  # a string is short for a kind with its defaults
]
