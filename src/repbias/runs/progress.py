"""Progress of `repbias.run` and `repbias run`: networks trained and analyses done, with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import numpy as np

from repbias.core.progress import Meter, duration
from repbias.experiments.condition import Condition
from repbias.runs.plan import Plan
from repbias.runs.runner import OnProgress
from repbias.training.curriculum import checkpoint_steps

STEPS_OF_A_CHECKPOINT = 50  # measured on studies of bit vectors, where it is 27 to 87


class RunProgress:
    """Shows what is trained and analysed; see `repbias.core.progress`.

    Parameters
    ----------
    enabled : False to show nothing.
    stream : where to show it, by default standard error.
    """

    def __init__(self, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._enabled, self._stream = enabled, stream

    @contextmanager
    def training(self, plan: Plan, missing: Sequence[Condition]) -> Iterator[OnProgress]:
        """Yield the function that training calls as it goes on; `missing` has the condition of each missing network."""
        work = _Work(missing)
        with Meter(plan.study.name, enabled=self._enabled, stream=self._stream) as meter:
            meter.say(_opening(plan, len(missing)))

            def on_progress(steps: int, saved: str | None, status: str, taken: int) -> None:
                work.note(steps, saved, taken)
                if saved and status != "finished":
                    meter.say(f"  network {saved}: {status} after {taken:,} steps")
                meter.update(work.share(), work.words(meter.elapsed))

            yield on_progress
            if missing:
                meter.say(f"  {work.words(meter.elapsed)}, {duration(meter.elapsed)}")

    @contextmanager
    def analyses(self, count: int) -> Iterator[Callable[[str], None]]:
        """Yield the function that is called with the run id of each of `count` analyses."""
        done = 0
        with Meter("analyses", enabled=self._enabled, stream=self._stream) as meter:

            def on_saved(_run: str) -> None:
                nonlocal done
                done += 1
                meter.update(done / count, words())

            def words() -> str:
                return f"{done}/{count} {'analysis' if count == 1 else 'analyses'} of trained networks"

            yield on_saved
            if count:
                meter.say(f"  {words()}, {duration(meter.elapsed)}")


def _opening(plan: Plan, missing: int) -> str:
    where = f"{counted(len(plan.conditions), 'condition')}, {counted(plan.seeds, 'seed')} each"
    what = "all are in the store" if missing == 0 else f"{missing} to train"
    return f"{plan.study.name} ({plan.scale}): {where}; of {len(plan.networks())} networks {what}"


def counted(number: int, what: str) -> str:
    """Return a number with its noun, in the plural where needed."""
    return f"{number} {what}{'s' if number != 1 else ''}"


class _Work:
    """How much is done of what was expected, in steps; measuring the layers at a checkpoint counts as some steps."""

    def __init__(self, missing: Sequence[Condition]) -> None:
        self.networks, self.finished = len(missing), 0
        self._expected = sum(condition.steps for condition in missing) / max(len(missing), 1)
        per_decade = max((condition.training.checkpoints_per_decade for condition in missing), default=1)
        self._checkpoints = checkpoint_steps(max(int(self._expected), 1), per_decade)
        self._steps, self._steps_of_finished = 0, 0

    def note(self, steps: int, saved: str | None, taken: int) -> None:
        self._steps += steps
        if saved:
            self.finished += 1
            self._steps_of_finished += taken

    def share(self) -> float:
        """The share of the work that is done; a network in training counts by its steps, and as less than one."""
        left = self.networks - self.finished
        step = max(self._steps - self._steps_of_finished, 0) / max(left, 1)  # of each, if all advance together
        in_training = left * min(self._work(step) / self._work(self._expected), 0.95)
        return min((self.finished + in_training) / self.networks, 1.0)

    def _work(self, step: float) -> float:
        checkpoints = int(np.searchsorted(self._checkpoints, step, side="right")) if step > 0 else 0
        return step + STEPS_OF_A_CHECKPOINT * checkpoints

    def words(self, elapsed: float) -> str:
        rate = self._steps / max(elapsed, 1e-9)
        return f"{self.finished}/{self.networks} networks, {self._steps:,} steps ({rate:,.0f}/s)"
