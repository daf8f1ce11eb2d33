"""Stimuli of bits in which each feature is a boolean function of bits that no other feature uses.

Vectors of bits, statistically independent features with one output each, and manipulations of the training set alone
are the design of Lampinen, Chan & Hermann (2024), as readers of the paper report it. Its sizes are not known to us:
the split sizes, fair bits, the catalogue of functions, exact balance and disjoint splits are our choices. Thirty-two
bits, and the parity of bits as a hard feature, are those of Hermann & Lampinen (2020).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from repbias.core.randomness import rng
from repbias.core.specs import Spec, refuse_all, unknown_names
from repbias.tasks.bits.functions import MAX_INPUTS, default_inputs, known_functions, patterns, truth_table
from repbias.tasks.generated import BinaryFeature, BinaryTask, Labels, consecutive, draw_unseen
from repbias.tasks.task import Split


class BooleanFeature(BinaryFeature):
    """A binary feature: a boolean function of bits that no other feature reads.

    A string is short for a spec: "copy", "and", "or", "xor", "parity3", "threshold5" (the majority of five bits),
    "xor_of_ands"; a number at the end is `inputs`.

    Attributes
    ----------
    function : a registered kind; `boolean_function` registers more. "module:function" imports one.
    inputs : how many bits it reads; by default what suits the kind.
    prevalence : the share of ones among the training items with a label for it; one half in validation and test.
    labelled : the share of training items with a label for it; elsewhere its label is -1.

    Examples
    --------
    >>> import repbias
    >>> repbias.BooleanFeature(function="parity", inputs=3, labelled=0.5).is_manipulated
    True
    """

    function: str
    inputs: int = Field(default=0, ge=1, le=MAX_INPUTS)  # `_expanded` replaces 0 by the kind's default

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, given: Any) -> Any:
        given = {"function": given} if isinstance(given, str) else given
        if not isinstance(given, dict) or not isinstance(given.get("function"), str) or "inputs" in given:
            return given
        name = given["function"]
        if name in known_functions() or ":" in name:
            return {**given, "inputs": default_inputs(name)}
        numbered = re.fullmatch(r"(.+?)(\d+)", name)
        if numbered and numbered[1] in known_functions():
            return {**given, "function": numbered[1], "inputs": int(numbered[2])}
        return given

    @field_validator("function")
    @classmethod
    def _registered(cls, name: str) -> str:
        default_inputs(name)
        return name

    @model_validator(mode="after")
    def _computable(self) -> BooleanFeature:
        truth_table(self.function, self.inputs)
        return self

    def draw(self, random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return bits `[stimulus, inputs]`, drawn uniformly from those for which the function equals the label.

        So a bit is fair only if the function is: `and` is 1 in half of the stimuli, and so are both of its bits.
        """
        table = truth_table(self.function, self.inputs)
        zeros_then_ones = np.argsort(table, kind="stable")
        n_ones = int(table.sum())
        counts, starts = np.array([len(table) - n_ones, n_ones]), np.array([0, len(table) - n_ones])
        chosen = (random.random(len(labels)) * counts[labels]).astype(np.int64) + starts[labels]
        return patterns(self.inputs)[zeros_then_ones[chosen]]


class Probe(Spec):
    """A function of bits that is measured beside the features and not reported: a bit, or a part of a hard feature.

    Attributes
    ----------
    function : a registered kind, as of a feature.
    positions : the bits it reads.
    """

    function: str
    positions: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _computable(self) -> Probe:
        truth_table(self.function, len(self.positions))
        return self

    def values(self, bits: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the function of each stimulus `[stimulus]` from its bits `[stimulus, bit]`."""
        own = bits[:, list(self.positions)].astype(np.int64)
        codes = own @ (1 << np.arange(own.shape[1]))
        return truth_table(self.function, own.shape[1])[codes].astype(np.int64)


class Agreement(Spec):
    """Two features that agree in more than half of the training items; in validation and test they are independent.

    Attributes
    ----------
    first, second : the features; the second's labels are made to agree with the first's.
    share : the share of training items in which the two are equal, exactly (as nearly as whole numbers allow).
    """

    first: str
    second: str
    share: float = Field(ge=0, le=1)

    def labels(self, random: np.random.Generator, first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the second feature's labels `[stimulus]`, as balanced as the first's."""
        second = first.copy()
        for value in (0, 1):
            items = random.permutation(np.flatnonzero(first == value))
            second[items[: round((1 - self.share) * len(items))]] = 1 - value
        return second

    def problems(self, features: Mapping[str, BinaryFeature]) -> list[str]:
        """Return the reasons why a task with these features cannot have this agreement."""
        problems = list(unknown_names("agreement: no feature is called", (self.first, self.second), features))
        if self.first == self.second:
            problems.append(f"agreement is between two features, got {self.first!r} twice")
        if not problems and any(features[name].is_manipulated for name in (self.first, self.second)):
            problems.append("features that agree must have prevalence=0.5 and labelled=1")
        return problems


class BooleanTask(BinaryTask):
    """Vectors of bits; each feature is a function of bits that no other feature reads, the other bits are fair noise.

    `BooleanTask(features={"easy": "copy", "hard": "parity3"})` is the default of the studies.

    Attributes
    ----------
    features : the features by name; their order is the order of the outputs and of the bits.
    bits : the length of a stimulus.
    train, validation, test : how many stimuli each split has.
    agreement : two features that agree in more (or less) than half of the training items.
    probes : functions of bits that are measured in every layer beside the features, and not reported.

    Raises
    ------
    ValueError : the features need more bits than there are, or a manipulation leaves fewer than 30 training items
        of a class.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity3"}, bits=8)
    >>> task.positions()
    {'easy': (0,), 'hard': (1, 2, 3)}
    """

    kind: Literal["boolean"] = "boolean"
    features: dict[Annotated[str, Field(min_length=1)], BooleanFeature] = Field(min_length=1)
    bits: int = Field(default=32, ge=1)
    agreement: Agreement | None = None
    probes: dict[Annotated[str, Field(min_length=1)], Probe] | None = None

    if TYPE_CHECKING:  # what is accepted, and not only what the fields hold

        def __init__(
            self, *, features: Mapping[str, str | Mapping[str, Any] | BooleanFeature], **settings: Any
        ) -> None: ...

    @model_validator(mode="after")
    def _feasible(self) -> BooleanTask:
        problems = [*self._too_many_bits(), *self.too_rare(), *self._unfit_probes()]
        if self.agreement is not None:
            problems += self.agreement.problems(self.features)
        refuse_all(problems)
        return self

    def _too_many_bits(self) -> list[str]:
        needed = sum(feature.inputs for feature in self.features.values())
        if needed <= self.bits:
            return []
        each = ", ".join(f"{name} {feature.inputs}" for name, feature in self.features.items())
        return [f"the features read {needed} bits ({each}) and bits={self.bits}; set bits to {needed} or more"]

    def _unfit_probes(self) -> list[str]:
        probes = self.probes or {}
        problems = [f"probe {name!r} has the name of a feature; rename it" for name in probes if name in self.features]
        for name, probe in probes.items():
            if max(probe.positions) >= self.bits:
                problems.append(f"probe {name!r} reads bit {max(probe.positions)}, and the last one is {self.bits - 1}")
        return problems

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One axis of `bits`."""
        return (self.bits,)

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return the bits that each feature reads: consecutive, in the order declared, from bit 0."""
        return consecutive({name: feature.inputs for name, feature in self.features.items()})

    @property
    def measured_names(self) -> tuple[str, ...]:
        """The features and the probes."""
        return (*self.features, *(self.probes or ()))

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """Return the values of features and probes, `[stimulus, measured]`."""
        probes = [probe.values(split.inputs) for probe in (self.probes or {}).values()]
        return np.column_stack([split.labels, *probes])

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """The one pair that agrees in training, where there is one."""
        if self.agreement is None:
            return {}
        return {frozenset((self.agreement.first, self.agreement.second)): self.agreement.share}

    @property
    def distractors(self) -> tuple[int, ...]:
        """The bits that no feature reads: the last ones."""
        return tuple(range(sum(feature.inputs for feature in self.features.values()), self.bits))

    def draw(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        """Draw a split; see `GeneratedTask`."""
        values = self.values(seed, split, n)
        random = rng(seed, "data", split, "bits")
        inputs = draw_unseen(lambda index: self._inputs(random, values[index]), n, seen)
        return Split(inputs, self.labels(seed, split, values))

    def values(self, seed: int, split: str, n: int) -> Labels:
        """Return the value of every feature, `[stimulus, feature]`, with the agreement that training has."""
        values = super().values(seed, split, n)
        if self.agreement is not None and split == "train":
            first, second = map(self.feature_names.index, (self.agreement.first, self.agreement.second))
            values[:, second] = self.agreement.labels(rng(seed, "data", "train", "agreement"), values[:, first])
        return values

    def _inputs(self, random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        own = [feature.draw(random, labels[:, i]) for i, feature in enumerate(self.features.values())]
        noise = random.integers(0, 2, size=(len(labels), len(self.distractors)), dtype=np.uint8)
        return np.concatenate([*own, noise], axis=1)
