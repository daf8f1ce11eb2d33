"""One network to train, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from repbias.core.results import ACCURACY_CRITERION, OUTPUT_POSITION
from repbias.tasks.task import Task
from repbias.training.checkpoint import Measure
from repbias.training.curriculum import Training

Progress = Callable[[int, int], None]
Status = Literal["finished", "step limit", "failed"]
Accuracy = TypeVar("Accuracy", float, pd.Series, pd.DataFrame)


@dataclass(frozen=True)
class Job:
    """One network to train.

    Attributes
    ----------
    build : makes the network with its initial weights.
    layers : glob patterns of the layers to read.
    measures : measures beyond variance explained and density, by name.
    """

    task: Task
    training: Training
    seed: int
    build: Callable[[], nn.Module]
    layers: tuple[str, ...]
    measures: Mapping[str, Measure] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what cannot be trained, before training starts.

        Raises
        ------
        ValueError : a phase names an unknown feature or weighs positions that do not exist, or a batch is larger than
            the training set.
        """
        names = self.task.feature_names
        self.training.check_features(names)
        self.training.check_positions(names, self.task.given(self.seed).get(OUTPUT_POSITION, {}))
        self.training.check_batch(self.task.n_stimuli[0])


@dataclass(frozen=True, eq=False)
class Outcome:
    """One trained network.

    Attributes
    ----------
    status : "finished"; "step limit", where a phase ended before its features were mastered; "failed", where the loss,
        a weight or a layer became infinite or NaN (or a layer's response exceeded 1e15).
    steps : steps taken. failed_step : the step at which the loss, a weight or a layer was not finite.
    failed_criterion : features with a test accuracy of 95 % or less at the end, which fail the accuracy criterion.
    table : tidy, columns step, layer, feature, measure, value. units : layer, unit, feature, r2 at the last step.
    state : the final weights and buffers, on the CPU. seconds : time since the stack started.
    """

    seed: int
    status: Status
    steps: int
    failed_step: int | None
    failed_criterion: tuple[str, ...]
    table: pd.DataFrame
    units: pd.DataFrame
    state: Mapping[str, Tensor]
    seconds: float

    def __eq__(self, other: object) -> bool:
        """Whether two networks came out the same, bit for bit, however long it took."""
        if not isinstance(other, Outcome):
            return NotImplemented
        return (
            self._summary() == other._summary()
            and self.table.equals(other.table)
            and self.units.equals(other.units)
            and self.state.keys() == other.state.keys()
            and all(torch.equal(tensor, other.state[name]) for name, tensor in self.state.items())
        )

    def __hash__(self) -> int:
        return hash(self._summary())

    def _summary(self) -> tuple[object, ...]:
        return self.seed, self.status, self.steps, self.failed_step, self.failed_criterion


def passes(accuracy: Accuracy) -> Accuracy:
    """Return whether each test accuracy at the end of training is above 95 %."""
    return accuracy > ACCURACY_CRITERION


def counts(status: str, failed: Collection[str]) -> bool:
    """Return whether a network counts in an analysis.

    Parameters
    ----------
    status : what became of the network; one that diverged ("failed"), or was not run, has no last step to read.
    failed : those of the features that the analysis is about for which the network failed the accuracy criterion.
    """
    return status in ("finished", "step limit") and not failed


# What the members of a stack share, besides the model.
SHARED_IN_A_STACK: dict[str, Callable[[Task, Training], object]] = {
    "kind of optimiser": lambda _, training: type(training.optimizer).__name__,
    "batch size": lambda _, training: training.batch,
    "input shape": lambda task, _: task.input_shape,
    "number of tokens": lambda task, _: task.n_tokens,
    "classes of the features": lambda task, _: task.n_classes,
    "number of training stimuli": lambda task, _: task.n_stimuli[0],
    "conversion of stimuli": lambda task, _: task.network_inputs.__qualname__,
}


def refuse_unlike(jobs: Sequence[Job]) -> None:
    """Raise ValueError if the jobs differ in a property that the members of a stack must share."""
    for what, shared in SHARED_IN_A_STACK.items():
        values = sorted({str(shared(job.task, job.training)) for job in jobs})
        if len(values) > 1:
            raise ValueError(
                f"networks that are trained together have the same {what}, got {' and '.join(values)}; train them apart"
            )
