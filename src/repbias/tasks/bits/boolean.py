"""Stimuli of bits whose features are boolean functions of bits of their own.

Vectors of bits, statistically independent features with an output each, and manipulations in the training set alone
are the design of Lampinen, Chan & Hermann (2024), as readers of the paper report it. Its sizes are not known to us:
the split sizes, fair bits, the catalogue of functions, exact balance and disjoint splits are our choices. Thirty-two
bits, and the parity of bits as a hard feature, are those of Hermann & Lampinen (2020).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from repbias.core.randomness import rng
from repbias.core.specs import Spec
from repbias.tasks.bits.extras import Agreement, Probe
from repbias.tasks.bits.functions import MAX_INPUTS, default_inputs, known_functions, patterns, truth_table
from repbias.tasks.sampling import balanced_labels, draw_unseen, labelled_mask, stimulus_keys, too_rare
from repbias.tasks.task import UNLABELLED, Manipulation, Split, Stimuli, Task


class BooleanFeature(Spec):
    """A binary feature: a boolean function of bits that no other feature reads.

    A string is short for a spec: "copy", "and", "or", "xor", "parity3", "threshold5" (the majority of five bits),
    "xor_of_ands"; a number at the end is `inputs`.

    Attributes
    ----------
    function : a registered kind; `boolean_function` registers more. "module:function" imports one.
    inputs : how many bits it reads; by default what suits the kind.
    prevalence : the share of ones among the training items with a label for it; one half in validation and test.
    labelled : the share of training items with a label for it; elsewhere its label is -1.
    """

    function: str
    inputs: int = Field(default=0, ge=1, le=MAX_INPUTS)  # 0 is never kept: `_expanded` puts the kind's own number
    prevalence: float = Field(default=0.5, gt=0, lt=1)
    labelled: float = Field(default=1.0, gt=0, le=1)

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

    @property
    def is_manipulated(self) -> bool:
        """Whether the training set treats this feature otherwise than validation and test do."""
        return self.prevalence != 0.5 or self.labelled != 1

    def draw(self, random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return bits `[stimulus, inputs]`, drawn uniformly from those for which the function equals the label.

        So a bit is fair only where the function is: in half of the stimuli `and` is 1, hence both of its bits are.
        """
        table = truth_table(self.function, self.inputs)
        zeros_then_ones = np.argsort(table, kind="stable")
        n_ones = int(table.sum())
        counts, starts = np.array([len(table) - n_ones, n_ones]), np.array([0, len(table) - n_ones])
        chosen = (random.random(len(labels)) * counts[labels]).astype(np.int64) + starts[labels]
        return patterns(self.inputs)[zeros_then_ones[chosen]]


class BooleanTask(Task):
    """Vectors of bits; each feature is a function of its own bits, and bits that no feature reads are fair noise.

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
    """

    kind: Literal["boolean"] = "boolean"
    features: dict[Annotated[str, Field(min_length=1)], BooleanFeature] = Field(min_length=1)
    bits: int = Field(default=32, ge=1)
    train: int = Field(default=16384, ge=2)
    validation: int = Field(default=4096, ge=2)
    test: int = Field(default=4096, ge=2)
    agreement: Agreement | None = None
    probes: dict[Annotated[str, Field(min_length=1)], Probe] | None = None

    @model_validator(mode="after")
    def _feasible(self) -> BooleanTask:
        problems = [*self._too_many_bits(), *too_rare(self.features, self.train), *self._unfit_probes()]
        if self.agreement is not None:
            problems += self.agreement.problems(self.features)
        if problems:
            raise ValueError("; ".join(problems))
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
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order declared."""
        return tuple(self.features)

    @property
    def n_classes(self) -> tuple[int, ...]:
        """Two for every feature."""
        return (2,) * len(self.features)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One axis of `bits`."""
        return (self.bits,)

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """The sizes of the three splits."""
        return self.train, self.validation, self.test

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return the bits that each feature reads: consecutive, in the order declared, from bit 0."""
        positions, start = {}, 0
        for name, feature in self.features.items():
            positions[name] = tuple(range(start, start + feature.inputs))
            start += feature.inputs
        return positions

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
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that the training split treats otherwise, with their prevalence and labelled-for share."""
        return {
            name: Manipulation((1 - feature.prevalence, feature.prevalence), feature.labelled)
            for name, feature in self.features.items()
            if feature.is_manipulated
        }

    @property
    def distractors(self) -> tuple[int, ...]:
        """The bits that no feature reads: the last ones."""
        return tuple(range(sum(feature.inputs for feature in self.features.values()), self.bits))

    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine.

        In each split every feature is exactly balanced (in training: exactly at its prevalence), and independent of the
        others. No stimulus occurs in two splits where the space allows; within a split one may recur. Where training
        covers nearly all of the space (at the default sizes: 13 bits or fewer), those left for validation and test are
        no longer typical of it: `check_design` shows that as `foreign bits` and `overlap`.
        """
        train = self._train(seed)
        seen = set(stimulus_keys(train.inputs))
        validation = self._clean(seed, "validation", self.validation, seen)
        seen.update(stimulus_keys(validation.inputs))
        return Stimuli(train, validation, self._clean(seed, "test", self.test, seen))

    def _train(self, seed: int) -> Split:
        columns, masks = [], []
        for name, feature in self.features.items():
            values = balanced_labels(rng(seed, "data", "train", "labels", name), self.train, feature.prevalence)
            random = rng(seed, "data", "train", "asked", name)
            if self.agreement is not None and name == self.agreement.second:
                first = rng(seed, "data", "train", "labels", self.agreement.first)
                random_agreement = rng(seed, "data", "train", "agreement")
                values = self.agreement.labels(random_agreement, balanced_labels(first, self.train))
            columns.append(values)
            masks.append(labelled_mask(random, values, feature.labelled, feature.prevalence))
        values = np.stack(columns, axis=1)
        inputs = self._inputs(rng(seed, "data", "train", "bits"), values)
        return Split(inputs, np.where(np.stack(masks, axis=1), values, UNLABELLED))

    def _clean(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        columns = [balanced_labels(rng(seed, "data", split, "labels", name), n) for name in self.features]
        labels = np.stack(columns, axis=1)
        random = rng(seed, "data", split, "bits")
        return Split(draw_unseen(lambda index: self._inputs(random, labels[index]), n, seen), labels)

    def _inputs(self, random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        own = [feature.draw(random, labels[:, i]) for i, feature in enumerate(self.features.values())]
        noise = random.integers(0, 2, size=(len(labels), len(self.distractors)), dtype=np.uint8)
        return np.concatenate([*own, noise], axis=1)
