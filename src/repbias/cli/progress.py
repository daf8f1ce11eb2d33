"""Progress of a run on the terminal: bars where there is one, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from repbias.experiments.condition import Condition
from repbias.runs.plan import Plan
from repbias.runs.runner import OnProgress
from repbias.runs.studies import Progress

_SECONDS_BETWEEN_LINES = 10.0
_LEAST_SHARE = 0.02  # before that, the time left would be a guess from the workers' start


class ConsoleProgress(Progress):
    """Progress on a console, by default standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    @contextmanager
    def training(self, plan: Plan, missing: Sequence[Condition]) -> Iterator[OnProgress]:
        """Show how much of the missing networks' training is done."""
        self._print(_opening(plan, len(missing)))
        if not missing:
            yield lambda *_: None
        elif self._console.is_terminal:
            with _bars(missing, self._console) as on_progress:
                yield on_progress
        else:
            yield _Lines(missing, self._print)

    @contextmanager
    def analyses(self, count: int) -> Iterator[Callable[[str], None]]:
        """Show how many of the missing analyses are done: a spinner on a terminal, one line at the end elsewhere."""
        done = 0

        def words() -> str:
            return f"  {done}/{count} {'analysis' if count == 1 else 'analyses'} of trained networks"

        def on_saved(_run: str) -> None:
            nonlocal done
            done += 1
            if status is not None:
                status.update(words())

        status = self._console.status(words()) if count and self._console.is_terminal else None
        if status is None:
            yield on_saved
            if count:
                self._print(words())
        else:
            with status:
                yield on_saved

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _opening(plan: Plan, missing: int) -> str:
    where = f"{counted(len(plan.conditions), 'condition')}, {counted(plan.seeds, 'seed')} each"
    what = "all are in the store" if missing == 0 else f"{missing} to train"
    return f"{plan.study.name} ({plan.scale}): {where}; of {len(plan.networks())} networks {what}"


def counted(number: int, what: str) -> str:
    """Return a number with its noun, in the plural where needed."""
    return f"{number} {what}{'s' if number != 1 else ''}"


@contextmanager
def _bars(missing: Sequence[Condition], console: Console) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("networks"),
        TextColumn("{task.fields[steps]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    work = _Work(missing)
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("training", total=len(missing), steps="")

        def on_progress(steps: int, saved: str | None, status: str, taken: int) -> None:
            work.note(steps, saved, taken)
            # The bar counts networks; a network in training counts as the share of its expected steps.
            bars.update(task, completed=round(work.share() * len(missing), 2), steps=work.words())

        yield on_progress


class _Lines:
    """One line every ten seconds, for a log."""

    def __init__(self, missing: Sequence[Condition], print_line: Callable[[str], None]) -> None:
        self._work, self._print, self._printed = _Work(missing), print_line, time.monotonic()

    def __call__(self, steps: int, saved: str | None, status: str, taken: int) -> None:
        self._work.note(steps, saved, taken)
        if saved and status != "finished":
            self._print(f"  network {saved}: {status} after {taken} steps")
        now = time.monotonic()
        all_saved = saved is not None and self._work.finished == self._work.networks
        if now - self._printed > _SECONDS_BETWEEN_LINES or all_saved:
            self._printed = now
            self._print(f"  {self._work.line()}")


class _Work:
    """How much is done of what was expected."""

    def __init__(self, missing: Sequence[Condition]) -> None:
        self.networks, self.finished = len(missing), 0
        self._expected = sum(condition.steps for condition in missing) / len(missing)
        self._steps, self._steps_of_finished = 0, 0
        self._started = time.monotonic()

    def note(self, steps: int, saved: str | None, taken: int) -> None:
        self._steps += steps
        if saved:
            self.finished += 1
            self._steps_of_finished += taken

    def share(self) -> float:
        """The share of the work that is done; a network in training counts by its steps, and as less than one."""
        in_training = max(self._steps - self._steps_of_finished, 0) / self._expected
        left = self.networks - self.finished
        return min((self.finished + min(in_training, 0.95 * left)) / self.networks, 1.0)

    def words(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._steps:,} steps ({self._steps / seconds:,.0f}/s)"

    def line(self) -> str:
        elapsed, share = time.monotonic() - self._started, self.share()
        left = f"about {duration(elapsed * (1 - share) / share)} left" if _LEAST_SHARE < share < 1 else ""
        parts = [f"{self.finished}/{self.networks} networks", self.words(), f"{duration(elapsed)} elapsed", left]
        return ", ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """Return a length of time in words short enough for a table."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
