"""The contract of a task: stimuli that carry known features, in three splits that never overlap.

A task is a spec. `Task.stimuli(seed)` draws the stimuli on which one network is trained and measured. Manipulations
(prevalence, labelled fraction, ...) apply to the training split only; validation and test stay clean.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from repbias.core.specs import Spec

UNLABELLED = -1
SPLITS = ("train", "validation", "test")
# The feature maps of thousands of images would fill the memory; those of 256 exceed a CPU's caches and take twice as
# long.
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class Split:
    """Stimuli with the value of every feature.

    Attributes
    ----------
    inputs : `[stimulus, ...]`, in whatever form the task's models read (bits are uint8).
    labels : `[stimulus, feature]` int64 class labels; -1 where a feature has no label (in training only).
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

    def split(self, name: str) -> Split:
        """Return the "train", "validation" or "test" stimuli.

        Raises
        ------
        ValueError : there is no split of that name.
        """
        if name not in SPLITS:
            raise ValueError(f"a split is 'train', 'validation' or 'test', got {name!r}")
        split: Split = getattr(self, name)
        return split


@dataclass(frozen=True)
class Manipulation:
    """The declared manipulation of one feature in the training split; validation and test have none.

    Attributes
    ----------
    class_shares : `[class]`, how often each class occurs among the items with a label for the feature; sums to 1.
    labelled : the share of items with a label for the feature.
    """

    class_shares: tuple[float, ...]
    labelled: float = 1.0


@dataclass(frozen=True)
class Finding:
    """One row of a design check (see `check_design`); it passes where `value <= bound`."""

    check: str
    feature: str
    split: str
    value: float
    bound: float
    passed: bool
    note: str

    @classmethod
    def of(cls, check: str, feature: str, split: str, value: float, bound: float, note: str = "") -> Finding:
        """Compare a value with its bound."""
        return cls(check, feature, split, float(value), float(bound), bool(value <= bound), note)

    def line(self) -> str:
        """Return the finding as one line of text."""
        where = f"{self.check}, {self.feature}, {self.split}"
        return f"{where}: {self.value:.4g}, expected at most {self.bound:.4g}. {self.note}".rstrip()


def as_floats(inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
    """Return stimuli `[stimulus, ...]` as float32 on the device, with unchanged values."""
    return torch.from_numpy(inputs).to(device, torch.float32)


class Task(Spec):
    """A source of stimuli with known features whose computational roles are matched.

    A user-defined task is a subclass that defines `feature_names`, `n_classes`, `input_shape`, `n_stimuli` and
    `stimuli`; everything else has a default. `ArrayTask` makes a task of arrays without a subclass, and `UserTask`
    names a user-defined task in a study or TOML file.

    Examples
    --------
    >>> import repbias
    >>> task: repbias.Task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity3"}, bits=8)
    >>> task.feature_names, task.n_classes, task.input_shape, task.n_stimuli
    (('easy', 'hard'), (2, 2), (8,), (16384, 4096, 4096))
    >>> stimuli = task.stimuli(seed=0)
    >>> stimuli.test.inputs.shape, stimuli.test.labels.shape
    ((4096, 8), (4096, 2))
    """

    @property
    @abstractmethod
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order of the label columns and of a network's outputs."""

    @property
    @abstractmethod
    def n_classes(self) -> tuple[int, ...]:
        """The number of classes of each feature; 2 for a binary one."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one stimulus, without the stimulus axis."""

    @property
    @abstractmethod
    def n_stimuli(self) -> tuple[int, int, int]:
        """The number of training, validation and test stimuli."""

    @abstractmethod
    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine."""

    @property
    def is_controlled(self) -> bool:
        """Whether the stimuli are made so that the roles of the features match; by default True.

        A study of a controlled task is refused where `check_design` fails. Of real data `check_design` only reports.
        """
        return True

    @property
    def patience(self) -> int | None:
        """The patience of a phase of training that sets none, see `Phase`; by default None: there is no limit."""
        return None

    @property
    def measured_names(self) -> tuple[str, ...]:
        """The variables that are measured in every layer: the features, then any others that the stimuli have."""
        return self.feature_names

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """Return the value of every measured variable, `[stimulus, measured]`, for validation or test stimuli."""
        return split.labels

    def content(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the part of `inputs` that carries the features, by default all; the rest instructs the model."""
        return inputs

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """Return stimuli `[stimulus, ...]` as networks read them, float32 on the device; by default their values."""
        return as_floats(inputs, device)

    @property
    def stimuli_at_once(self) -> int | None:
        """How many stimuli go through a network together when its layers are read; None for all.

        By default 64 images (stimuli with three axes), or all other stimuli.
        """
        return IMAGES_AT_ONCE if len(self.input_shape) == 3 else None

    @property
    def n_tokens(self) -> int | None:
        """The number of tokens, which is the size of an embedding; None where stimuli are not made of tokens."""
        return None

    @property
    def teacher_forced(self) -> bool:
        """Whether training inputs hold the answers, for models that report the features in sequence."""
        return False

    def given(self, seed: int) -> dict[str, dict[str, float]]:
        """Return what the task fixes about each feature of one network, by measure and feature; by default nothing."""
        return {}

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """The pairs of features declared to agree in training, with their share of agreement; by default none."""
        return {}

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that are manipulated in the training split; by default none."""
        return {}

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return the input positions that each feature depends on; empty where features have no fixed positions."""
        return {}

    def leakage(self, splits: Mapping[str, Split], alpha: float) -> Iterable[Finding]:
        """Return rows of `check_design` that only this kind of task has; by default none.

        Parameters
        ----------
        splits : by name. alpha : the probability with which a sound design exceeds the bounds of any one check.
        """
        return ()

    def dataset(self, seed: int, split: str) -> StimulusDataset:
        """Return one split as a torch `Dataset` of pairs: a float32 stimulus and its int64 labels `[feature]`.

        Raises
        ------
        ValueError : `split` is not "train", "validation" or "test".
        """
        return StimulusDataset(self, self.stimuli(seed).split(split))


class StimulusDataset(Dataset[tuple[Tensor, Tensor]]):
    """Stimuli and labels, one pair per index; labels are -1 where a feature has no label.

    Stimuli are stored as the task draws them (images as bytes) and converted when they are read.
    """

    def __init__(self, task: Task, split: Split) -> None:
        self._task = task
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"the split has {len(self)} stimuli, got index {index}")
        one = np.asarray(self.split.inputs[index])
        return self._task.network_inputs(one), torch.from_numpy(self.split.labels[index])
