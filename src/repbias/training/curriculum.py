"""What a member is trained on, for how long, and when it stops: phases, the stop rule, and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from repbias.core.specs import Spec, did_you_mean
from repbias.training.optimizers import SGD, AnyOptimizer


class Phase(Spec):
    """A stretch of training: which features are in the loss, and until when.

    Attributes
    ----------
    features : names of the features in the loss; None for all of them.
    until : "mastery": until every feature of the phase is mastered on validation stimuli, and `extra` steps more,
        but no longer than `steps`. "steps": for exactly `steps`.
    steps : the limit, or the length.
    extra : steps of training after mastery.
    cooldown : how the learning rate falls to 0 over the extra steps: "linear", or None for not at all. A phase that
        ends at its limit without having mastered its features has no extra steps, and keeps its learning rate.
    position_weights : for models that report features one after another, the weight in the loss of each output
        position; None for 1 each. A position of weight 0 is not in the loss, and its feature need not be mastered.
    """

    features: tuple[str, ...] | None = Field(default=None, min_length=1)
    until: Literal["mastery", "steps"] = "mastery"
    steps: int = Field(default=60_000, ge=1)
    extra: int = Field(default=2_000, ge=0)
    cooldown: Literal["linear"] | None = None
    position_weights: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(default=None, min_length=1)

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
                "cooldown is of the extra steps after mastery, and this phase has none; "
                'give it until="mastery" and extra above 0, or leave cooldown out'
            )
        return self

    def weight(self, feature: str, positions: Mapping[str, float]) -> float:
        """Return a feature's weight in this phase's loss; `positions` are those of output, from 1."""
        if self.features is not None and feature not in self.features:
            return 0.0
        return 1.0 if self.position_weights is None else self.position_weights[int(positions[feature]) - 1]


class Training(Spec):
    """How a member is trained.

    The defaults are our choice; the paper's settings are not known: SGD 0.05, batches of 128, until every feature
    is reported with 99 % validation accuracy, then 2,000 steps more.

    Attributes
    ----------
    optimizer : SGD, Adam or AdamW with their settings.
    batch : stimuli in a step; an epoch's incomplete last batch is left out.
    phases : the curriculum, in order.
    mastery_accuracy : validation accuracy at which a feature counts as mastered.
    check_every : most steps between two looks at the accuracy. Early in training the looks are closer: each comes at
        most 10 % later than the one before.
    checkpoints_per_decade : how many steps per factor of ten the layers are measured at, equally spaced on a log
        scale; also measured are step 0, each step of mastery, each change of phase and the last step.
    """

    optimizer: AnyOptimizer = SGD()
    batch: int = Field(default=128, ge=1)
    phases: tuple[Phase, ...] = Field(default=(Phase(),), min_length=1)
    mastery_accuracy: float = Field(default=0.99, gt=0, le=1)
    check_every: int = Field(default=200, ge=1)
    checkpoints_per_decade: int = Field(default=6, ge=1)

    @field_validator("optimizer", mode="before")
    @classmethod
    def _optimizer_by_name(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def max_steps(self) -> int:
        """The most steps that a member can take."""
        return sum(phase.steps for phase in self.phases)

    def check_features(self, names: tuple[str, ...]) -> None:
        """Refuse phases that name unknown features, before anything is trained.

        Raises
        ------
        ValueError : naming every unknown feature and the nearest known ones.
        """
        unknown = [
            f"phase {i}: no feature is called {feature!r}; {did_you_mean(feature, names)}"
            for i, phase in enumerate(self.phases)
            for feature in phase.features or ()
            if feature not in names
        ]
        if unknown:
            raise ValueError("\n".join(unknown))

    def check_positions(self, names: tuple[str, ...], positions: Mapping[str, float]) -> None:
        """Refuse weights of output positions that there are not, and a phase in which they leave nothing to learn.

        Raises
        ------
        ValueError : the task's features have no output positions, or more or fewer than there are weights.
        """
        for i, phase in enumerate(self.phases):
            if phase.position_weights is None:
                continue
            if set(positions) != set(names):
                raise ValueError(
                    f"phase {i}: position_weights are of output positions, and the task reports its features at once; "
                    "leave them out, or take a task whose features are reported one after another, such as StringTask"
                )
            if len(phase.position_weights) != len(names):
                raise ValueError(
                    f"phase {i}: {len(phase.position_weights)} position_weights for {len(names)} output positions"
                )
            if not any(phase.weight(name, positions) for name in names):
                raise ValueError(
                    f"phase {i}: position_weights={phase.position_weights} leave nothing to learn of "
                    f"{', '.join(phase.features or names)}, which this member reports at other positions"
                )


def check_steps(limit: int, every: int) -> np.ndarray:
    """Return the steps at which accuracy is looked at: close together early, then every `every` steps."""
    steps, step = [], 0
    while step < limit:
        step = min(step + max(1, min(every, step // 10)), limit)
        steps.append(step)
    return np.array(steps)


def checkpoint_steps(limit: int, per_decade: int) -> np.ndarray:
    """Return the steps at which layers are measured: 1 to `limit`, equally spaced on a log scale."""
    exponents = np.arange(0, np.log10(limit) + 1e-9, 1 / per_decade)
    return np.unique(np.round(10**exponents).astype(int))
