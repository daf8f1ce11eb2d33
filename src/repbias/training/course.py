"""One member's way through its curriculum: the phase it is in, what it has mastered, and when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from repbias.training.curriculum import Phase, Training


class Course:
    """Follows one member from step 0 to its last step.

    Parameters
    ----------
    positions : the output position of each feature, from 1, where features are reported one after another.

    Attributes
    ----------
    mastery : step at which each feature was first seen to pass the accuracy criterion on validation stimuli.
    hit_limit : a phase ended at its step limit without its features having passed the accuracy criterion.
    """

    def __init__(
        self, training: Training, feature_names: tuple[str, ...], positions: Mapping[str, float] | None = None
    ) -> None:
        self._training = training
        self._names = feature_names
        self._positions = positions or {}
        self._phase, self._start = 0, 0
        self._mastered_step: int | None = None
        self.mastery: dict[str, int] = {}
        self.hit_limit = False

    @property
    def done(self) -> bool:
        """Whether every phase has ended."""
        return self._phase == len(self._training.phases)

    @property
    def phase(self) -> Phase:
        """The phase that the member is in."""
        return self._training.phases[self._phase]

    @property
    def phase_end(self) -> int:
        """The last step of this phase, as far as is known now."""
        limit = self._start + self.phase.steps
        return limit if self._mastered_step is None else min(limit, self._mastered_step + self.phase.extra)

    @property
    def cooling(self) -> bool:
        """Whether the learning rate falls in the steps that come now."""
        return not self.done and self.phase.cooldown is not None and self._mastered_step is not None

    def rate(self, step: int) -> float:
        """The learning rate at `step`, as a share of the optimiser's own."""
        if not self.cooling:
            return 1.0
        return (self.phase_end - step + 1) / (self.phase_end - cast(int, self._mastered_step))

    def weights(self) -> NDArray[np.float32]:
        """The weight of each feature in this phase's loss, `[feature]`; see `Phase.weight`."""
        return np.array([self.phase.weight(name, self._positions) for name in self._names], np.float32)

    def look(self, step: int, accuracy: NDArray[np.float64]) -> list[str]:
        """Take note of the validation accuracies `[feature]` at `step`; return the features newly mastered."""
        passing = [
            name for name, value in zip(self._names, accuracy, strict=True) if value >= self._training.mastery_accuracy
        ]
        new = [name for name in passing if name not in self.mastery]
        self.mastery.update(dict.fromkeys(new, step))
        asked = [name for name in self._names if self.phase.weight(name, self._positions)]
        if self.phase.until == "mastery" and self._mastered_step is None and set(asked) <= set(passing):
            self._mastered_step = step
        return new

    def advance(self, step: int) -> bool:
        """Go to the next phase if this one ends at `step`; return whether it did."""
        if step < self.phase_end:
            return False
        self.hit_limit |= self.phase.until == "mastery" and self._mastered_step is None
        self._phase, self._start, self._mastered_step = self._phase + 1, step, None
        return True
