"""The curriculum of a network: phases, the stop rule and checkpoints, and one network's progress through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from repbias.core.specs import Spec, unknown_names
from repbias.training.optimizers import SGD, AnyOptimizer

RISE = 0.001  # of the mean validation accuracy, smaller than which patience takes for none


class Phase(Spec):
    """A phase of training: which features are in the loss, and when it ends.

    Attributes
    ----------
    features : names of the features in the loss; None for all of them.
    until : "mastery": until every feature of the phase is mastered on validation stimuli and `extra` more steps are
        taken, but at most `steps`. "steps": exactly `steps`.
    steps : the limit, or the length.
    extra : steps of training after mastery.
    patience : with "mastery", the phase ends also where the mean validation accuracy of its features has not risen by
        0.1 percentage points for this many steps; there are no extra steps then. None for the task's patience, which
        only tasks of real data have (2,000 steps for an `ArrayTask`).
    cooldown : how the learning rate falls to 0 over the extra steps: "linear", or None for not at all. A phase that
        ends at its limit before its features are mastered has no extra steps and keeps its learning rate.
    position_weights : for models that report features one after another, the weight in the loss of each output
        position; None for 1 each. A position of weight 0 is not in the loss, and its feature need not be mastered.

    Examples
    --------
    >>> import repbias
    >>> easy_first = (repbias.Phase(features=("easy",), extra=0), repbias.Phase())
    >>> [phase.steps for phase in easy_first]
    [60000, 60000]
    """

    features: tuple[str, ...] | None = Field(default=None, min_length=1)
    until: Literal["mastery", "steps"] = "mastery"
    steps: int = Field(default=60_000, ge=1)
    extra: int = Field(default=2_000, ge=0)
    cooldown: Literal["linear"] | None = None
    position_weights: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(default=None, min_length=1)
    patience: int | None = Field(default=None, ge=1)

    @field_validator("position_weights")
    @classmethod
    def _some_weight(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and not any(weights):
            raise ValueError("no output position has a weight above 0, so nothing would be trained")
        return weights

    @model_validator(mode="after")
    def _steps_to_cool_down(self) -> Phase:
        if self.cooldown is not None and (self.until != "mastery" or not self.extra):
            raise ValueError(
                "cooldown applies to the extra steps after mastery, and this phase has none; "
                'give it until="mastery" and extra above 0, or leave cooldown out'
            )
        return self

    @model_validator(mode="after")
    def _patience_ends_mastery(self) -> Phase:
        if self.patience is not None and self.until != "mastery":
            raise ValueError('patience ends a phase with until="mastery"; leave it out of one with until="steps"')
        return self

    def weight(self, feature: str, positions: Mapping[str, float]) -> float:
        """Return a feature's weight in this phase's loss; `positions` are its places in the output, from 1."""
        if self.features is not None and feature not in self.features:
            return 0.0
        return 1.0 if self.position_weights is None else self.position_weights[int(positions[feature]) - 1]


class Training(Spec):
    """How a network is trained.

    By default: SGD with a learning rate of 0.05 and batches of 128, until every feature has a validation accuracy of
    99 %, then 2,000 more steps. The defaults are our choice; the paper's settings are not known.

    Attributes
    ----------
    optimizer : `SGD`, `Adam`, `AdamW`, `RMSprop` or `Muon`, or the name of one, such as "adam", for its defaults.
    batch : stimuli per step; an incomplete last batch of an epoch is left out.
    phases : the curriculum, in order.
    mastery_accuracy : validation accuracy at which a feature counts as mastered.
    check_every : the largest number of steps between two checks of the accuracy. Early in training checks are closer:
        each comes at most 10 % later than the one before.
    checkpoints_per_decade : at how many steps per factor of ten the layers are measured, equally spaced on a log scale;
        they are also measured at step 0, at each step of mastery, at each change of phase and at the last step.

    Examples
    --------
    >>> import repbias
    >>> repbias.Training(optimizer="adam", phases=(repbias.Phase(steps=500, until="steps"),)).max_steps
    500
    """

    optimizer: AnyOptimizer = SGD()
    batch: int = Field(default=128, ge=1)
    phases: tuple[Phase, ...] = Field(default=(Phase(),), min_length=1)
    mastery_accuracy: float = Field(default=0.99, gt=0, le=1)
    check_every: int = Field(default=200, ge=1)
    checkpoints_per_decade: int = Field(default=6, ge=1)

    if TYPE_CHECKING:  # what is accepted, and not only what the fields hold

        def __init__(self, *, optimizer: str | Mapping[str, Any] | AnyOptimizer = ..., **settings: Any) -> None: ...

    @field_validator("optimizer", mode="before")
    @classmethod
    def _optimizer_by_name(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def max_steps(self) -> int:
        """The largest number of steps that a network can take."""
        return sum(phase.steps for phase in self.phases)

    def check_features(self, names: tuple[str, ...]) -> None:
        """Refuse phases that name unknown features, before anything is trained.

        Raises
        ------
        ValueError : naming every unknown feature and the nearest known ones.
        """
        unknown = [
            problem
            for i, phase in enumerate(self.phases)
            for problem in unknown_names(f"phase {i}: no feature is called", phase.features or (), names)
        ]
        if unknown:
            raise ValueError("\n".join(unknown))

    def check_batch(self, stimuli: int) -> None:
        """Refuse a batch that is larger than a training set of so many stimuli."""
        if self.batch > stimuli:
            raise ValueError(f"a batch of {self.batch} is larger than the training set of {stimuli} stimuli")

    def check_positions(self, names: tuple[str, ...], positions: Mapping[str, float]) -> None:
        """Refuse weights of output positions that do not exist, and phases in which they leave nothing to learn.

        Raises
        ------
        ValueError : the task's features have no output positions, or more or fewer than there are weights.
        """
        for i, phase in enumerate(self.phases):
            if phase.position_weights is None:
                continue
            if set(positions) != set(names):
                raise ValueError(
                    f"phase {i}: position_weights need output positions, and this task reports its features at once; "
                    "leave them out, or use a task whose features are reported one after another, such as StringTask"
                )
            if len(phase.position_weights) != len(names):
                raise ValueError(
                    f"phase {i}: {len(phase.position_weights)} position_weights for {len(names)} output positions"
                )
            if not any(phase.weight(name, positions) for name in names):
                raise ValueError(
                    f"phase {i}: position_weights={phase.position_weights} leave nothing to learn of "
                    f"{', '.join(phase.features or names)}, which this network reports at other positions"
                )


class Course:
    """The progress of one network from step 0 to its last step: its phase, and the features it has mastered.

    Parameters
    ----------
    positions : the output position of each feature, from 1, where features are reported one after another.
    patience : of phases that set none; None for no limit.

    Attributes
    ----------
    mastery : the step at which each feature was first seen to be mastered on validation stimuli.
    hit_limit : whether a phase ended at its step limit before its features were mastered.
    """

    def __init__(
        self,
        training: Training,
        feature_names: tuple[str, ...],
        positions: Mapping[str, float] | None = None,
        patience: int | None = None,
    ) -> None:
        self._training = training
        self._names = feature_names
        self._positions = positions or {}
        self._phase, self._start = 0, 0
        self._mastered_step: int | None = None
        self._patience = patience
        self._best, self._best_step = 0.0, 0
        self._ended: int | None = None  # the step at which patience ended the phase
        self.mastery: dict[str, int] = {}
        self.hit_limit = False

    @property
    def done(self) -> bool:
        """Whether every phase has ended."""
        return self._phase == len(self._training.phases)

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self._training.phases[self._phase]

    @property
    def phase_end(self) -> int:
        """The last step of this phase, given what has been mastered so far."""
        if self._ended is not None:
            return self._ended
        limit = self._start + self.phase.steps
        return limit if self._mastered_step is None else min(limit, self._mastered_step + self.phase.extra)

    @property
    def cooling(self) -> bool:
        """Whether the learning rate falls in the coming steps."""
        return not self.done and self.phase.cooldown is not None and self._mastered_step is not None

    def rate(self, step: int) -> float:
        """Return the learning rate at `step`, as a share of the optimiser's."""
        if not self.cooling:
            return 1.0
        return (self.phase_end - step + 1) / (self.phase_end - cast(int, self._mastered_step))

    def weights(self) -> NDArray[np.float32]:
        """Return the weight of each feature in this phase's loss, `[feature]`; see `Phase.weight`."""
        return np.array([self.phase.weight(name, self._positions) for name in self._names], np.float32)

    def look(self, step: int, accuracy: NDArray[np.float64]) -> list[str]:
        """Record the validation accuracies `[feature]` at `step`; return the features that are newly mastered."""
        passing = [
            name for name, value in zip(self._names, accuracy, strict=True) if value >= self._training.mastery_accuracy
        ]
        new = [name for name in passing if name not in self.mastery]
        self.mastery.update(dict.fromkeys(new, step))
        in_loss = {name for name in self._names if self.phase.weight(name, self._positions)}
        if self.phase.until == "mastery" and self._mastered_step is None and in_loss <= set(passing):
            self._mastered_step = step
        self._wait(step, float(np.mean([a for n, a in zip(self._names, accuracy, strict=True) if n in in_loss])))
        return new

    def _wait(self, step: int, accuracy: float) -> None:
        """End the phase where the mean accuracy of its features has not risen for the steps of its patience."""
        patience = self.phase.patience or self._patience
        if accuracy >= self._best + RISE:
            self._best, self._best_step = accuracy, step
        elif patience is None or self.phase.until == "steps" or self._mastered_step is not None:
            return
        elif step - self._best_step >= patience:
            self._ended = step

    def advance(self, step: int) -> bool:
        """Go to the next phase if this one ends at `step`; return whether it did."""
        if step < self.phase_end:
            return False
        unmastered = self.phase.until == "mastery" and self._mastered_step is None
        self.hit_limit |= unmastered and self._ended is None
        self._phase, self._start, self._mastered_step, self._ended = self._phase + 1, step, None, None
        self._best, self._best_step = 0.0, step
        return True


def check_steps(limit: int, every: int) -> np.ndarray:
    """Return the steps at which accuracy is checked: close together early, then every `every` steps."""
    steps, step = [], 0
    while step < limit:
        step = min(step + max(1, min(every, step // 10)), limit)
        steps.append(step)
    return np.array(steps)


def checkpoint_steps(limit: int, per_decade: int) -> np.ndarray:
    """Return the steps at which layers are measured: 1 to `limit`, equally spaced on a log scale."""
    exponents = np.arange(0, np.log10(limit) + 1e-9, 1 / per_decade)
    return np.unique(np.round(10**exponents).astype(int))
