"""What every task is: stimuli that carry known features, in three splits that never overlap.

A task is a spec. `Task.stimuli(seed)` draws what one network is trained and measured on. Manipulations
(prevalence, labelled-for fraction, ...) touch the training split only; validation and test stay clean.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repbias.core.specs import Spec

UNLABELLED = -1
OUTPUT_POSITION = "output_position"  # what `Task.given` calls the place at which a feature is reported, from 1


@dataclass(frozen=True)
class Split:
    """Stimuli with the value of every feature.

    Attributes
    ----------
    inputs : `[stimulus, ...]`, whatever the task's models read (bits are uint8).
    labels : `[stimulus, feature]` int64 class labels; -1 where the feature is not labelled for (training only).
    """

    inputs: NDArray[np.generic]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Stimuli:
    """The three splits of one seed: networks learn from `train`, regressions fit on `validation`, `test` scores."""

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Manipulation:
    """What the training split is declared to do to one feature; validation and test never do it.

    Attributes
    ----------
    class_shares : `[class]`, how often each class occurs among the items with a label for the feature; sums to 1.
    labelled : the share of items with a label for the feature.
    """

    class_shares: tuple[float, ...]
    labelled: float = 1.0


def as_floats(inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
    """Return stimuli `[stimulus, ...]` as float32 on the device, with the values that they have."""
    return torch.from_numpy(inputs).to(device, torch.float32)


def vocabulary_of(task: Task) -> int | None:
    """Return how many tokens there are, of a task whose stimuli are made of tokens: the size of an embedding."""
    vocabulary: int | None = getattr(task, "vocabulary", None)
    return vocabulary


class Task(Spec):
    """A source of stimuli with known features whose computational roles are matched."""

    @property
    @abstractmethod
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order of the label columns and of a network's outputs."""

    @property
    @abstractmethod
    def n_classes(self) -> tuple[int, ...]:
        """How many classes each feature has; 2 for a binary one."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one stimulus, without the stimulus axis."""

    @property
    @abstractmethod
    def n_stimuli(self) -> tuple[int, int, int]:
        """How many stimuli there are for training, validation and test."""

    @abstractmethod
    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine."""

    @property
    def measured_names(self) -> tuple[str, ...]:
        """What is measured in every layer: the features, and after them anything else of the stimuli."""
        return self.feature_names

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """Return the value of everything that is measured, `[stimulus, measured]`, of validation or test stimuli."""
        return split.labels

    def content(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the part of `inputs` that carries the features, by default all; the rest tells a model what to do."""
        return inputs

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """Return stimuli `[stimulus, ...]` as networks read them, float32 on the device; by default their values."""
        return as_floats(inputs, device)

    @property
    def teacher_forced(self) -> bool:
        """Whether training inputs hold the answers, as a model that reports features in sequence is given them."""
        return False

    def given(self, seed: int) -> dict[str, dict[str, float]]:
        """Return what is fixed beforehand of each feature of a network, by measure and feature; nothing by default."""
        return {}

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """The pairs of features declared to agree in training, with their share of agreement; none by default."""
        return {}

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that the training split treats otherwise than validation and test do; none by default."""
        return {}

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return the input positions that each feature reads, where features have positions of their own; else none."""
        return {}
