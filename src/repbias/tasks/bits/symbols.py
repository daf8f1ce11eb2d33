"""Stimuli of symbols; each feature has as many classes as there are symbols, to vary the size of the output.

A stimulus is a row of symbols from an alphabet of m, each in a one-hot code. An easy feature copies one symbol, a hard
one is the sum of several modulo m: with two symbols, a bit and the parity of bits. All we know from the paper about
such a task is the claim that the bias is stronger for larger output spaces; the task is our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from repbias.core.randomness import rng
from repbias.core.specs import Spec
from repbias.tasks.generated import GeneratedTask, Labels, balanced_classes, consecutive, draw_unseen
from repbias.tasks.task import Split


class SymbolFeature(Spec):
    """The sum modulo m of some symbols that no other feature reads; of one symbol, a copy of it.

    A whole number is short for a spec with so many `inputs`.

    Attributes
    ----------
    inputs : how many symbols are summed.
    noise : the share of training items whose label is replaced by one drawn at random from all classes.
    """

    inputs: int = Field(default=1, ge=1)
    noise: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, given: Any) -> Any:
        return {"inputs": given} if isinstance(given, int) else given


class SymbolTask(GeneratedTask):
    """Rows of one-hot coded symbols; each feature sums some symbols that no other feature uses, and the rest are noise.

    Attributes
    ----------
    features : the features by name; their order is the order of the outputs and of the symbols.
    symbols : size of the alphabet, and so the number of classes of every feature.
    length : how many symbols a stimulus has.
    train, validation, test : how many stimuli each split has.

    Raises
    ------
    ValueError : the features read more symbols than a stimulus has.

    Examples
    --------
    >>> import repbias
    >>> repbias.SymbolTask(features={"easy": 1, "hard": 2}).n_classes
    (4, 4)
    """

    kind: Literal["symbol"] = "symbol"
    features: dict[Annotated[str, Field(min_length=1)], SymbolFeature] = Field(min_length=1)
    symbols: int = Field(default=4, ge=2)
    length: int = Field(default=8, ge=1)

    if TYPE_CHECKING:  # what is accepted, and not only what the fields hold

        def __init__(
            self, *, features: Mapping[str, int | Mapping[str, Any] | SymbolFeature], **settings: Any
        ) -> None: ...

    @model_validator(mode="after")
    def _long_enough(self) -> SymbolTask:
        needed = sum(feature.inputs for feature in self.features.values())
        if needed > self.length:
            raise ValueError(f"the features read {needed} symbols and length={self.length}; set length to {needed}")
        return self

    @property
    def n_classes(self) -> tuple[int, ...]:
        """The number of symbols, for every feature."""
        return (self.symbols,) * len(self.features)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One axis: the one-hot codes of the symbols, one after another."""
        return (self.length * self.symbols,)

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return the input columns that each feature reads: consecutive, in the order declared."""
        return consecutive({name: feature.inputs * self.symbols for name, feature in self.features.items()})

    def draw(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        """Draw a split in which all classes are equally frequent; label noise is added in training."""
        columns = [
            balanced_classes(rng(seed, "data", split, "labels", name), n, self.symbols) for name in self.features
        ]
        values = np.stack(columns, axis=1)
        random = rng(seed, "data", split, "symbols")
        inputs = draw_unseen(lambda index: self._inputs(random, values[index]), n, seen)
        return Split(inputs, self._noisy(seed, values) if split == "train" else values)

    def _inputs(self, random: np.random.Generator, labels: Labels) -> NDArray[np.uint8]:
        rows = random.integers(0, self.symbols, size=(len(labels), self.length))
        start = 0
        for i, feature in enumerate(self.features.values()):
            # All but the last symbol are free; the last one makes the sum.
            last = start + feature.inputs - 1
            rows[:, last] = (labels[:, i] - rows[:, start:last].sum(axis=1)) % self.symbols
            start += feature.inputs
        return np.eye(self.symbols, dtype=np.uint8)[rows].reshape(len(labels), -1)

    def _noisy(self, seed: int, labels: Labels) -> Labels:
        noisy = labels.copy()
        for i, (name, feature) in enumerate(self.features.items()):
            random = rng(seed, "data", "train", "noise", name)
            chosen = random.permutation(len(labels))[: round(feature.noise * len(labels))]
            noisy[chosen, i] = balanced_classes(random, len(chosen), self.symbols)
        return noisy
