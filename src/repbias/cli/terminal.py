"""What a person sees in the terminal: progress, the claims table, the list of studies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from repbias.experiments.study import Condition
from repbias.experiments.verdicts import combine
from repbias.runs.plan import Plan

OnProgress = Callable[[int, str | None, str, int], None]
_STYLES = {"replicated": "green", "not replicated": "red", "mixed": "yellow"}
_SECONDS_BETWEEN_LINES = 10.0
_LEAST_SHARE = 0.02  # before that, the time left would be a guess from the workers' start


@contextmanager
def progress(plan: Plan, missing: Sequence[Condition], console: Console) -> Iterator[OnProgress]:
    """Show how far the training of the missing networks is: bars on a terminal, plain lines elsewhere."""
    console.print(_opening(plan, len(missing)), highlight=False, markup=False, soft_wrap=True)
    if not missing:
        yield lambda *_: None
    elif console.is_terminal:
        with _bars(missing, console) as on_progress:
            yield on_progress
    else:
        yield _Lines(missing, console)


def _opening(plan: Plan, missing: int) -> str:
    where = f"{_counted(len(plan.conditions), 'condition')}, {_counted(plan.seeds, 'seed')} each"
    what = "all are in the store" if missing == 0 else f"{missing} to train"
    return f"{plan.study.name} ({plan.scale}): {where}; of {len(plan.networks())} networks {what}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


@contextmanager
def _bars(missing: Sequence[Condition], console: Console) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("networks"),
        TextColumn("{task.fields[steps]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    bars = Progress(*columns, console=console, transient=True)
    work = _Work(missing)
    with bars:
        task = bars.add_task("training", total=len(missing), steps="")

        def on_progress(steps: int, saved: str | None, status: str, taken: int) -> None:
            work.note(steps, saved, taken)
            # The bar counts networks; a network under way counts as the share of its expected steps.
            bars.update(task, completed=round(work.share() * len(missing), 2), steps=work.words())

        yield on_progress


@contextmanager
def analysing(count: int, console: Console) -> Iterator[Callable[[str], None]]:
    """Show how many of the analyses of trained networks are done: a spinning line on a terminal, one line elsewhere."""
    done = 0

    def words() -> str:
        return f"  {done}/{count} {'analyses' if count != 1 else 'analysis'} of trained networks"

    if count == 0:
        yield lambda _run: None
    elif console.is_terminal:
        with console.status(words()) as status:

            def on_saved(_run: str) -> None:
                nonlocal done
                done += 1
                status.update(words())

            yield on_saved
    else:

        def on_saved(_run: str) -> None:
            nonlocal done
            done += 1

        yield on_saved
        console.print(words(), highlight=False, markup=False, soft_wrap=True)


class _Lines:
    """One line every few seconds, for a log."""

    def __init__(self, missing: Sequence[Condition], console: Console) -> None:
        self._work, self._console, self._printed = _Work(missing), console, time.monotonic()

    def __call__(self, steps: int, saved: str | None, status: str, taken: int) -> None:
        self._work.note(steps, saved, taken)
        if saved and status != "finished":
            self._print(f"network {saved}: {status} after {taken} steps")
        now = time.monotonic()
        all_saved = saved is not None and self._work.finished == self._work.networks
        if now - self._printed > _SECONDS_BETWEEN_LINES or all_saved:
            self._printed = now
            self._print(self._work.line())

    def _print(self, line: str) -> None:
        self._console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


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
        """The finished networks' share, with those under way counted by their steps, short of whole."""
        under_way = max(self._steps - self._steps_of_finished, 0) / self._expected
        left = self.networks - self.finished
        return min((self.finished + min(under_way, 0.95 * left)) / self.networks, 1.0)

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


def scorecard(table: pd.DataFrame) -> Table:
    """Return one line a claim and study: the verdict over all conditions, and the ranges of effect and n.

    The parts of a claim are tested on statistics of their own, so each has a range, in their order.
    """
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("claim", "study", "verdict"):
        view.add_column(name, no_wrap=True)
    for name in ("effect", "n seeds"):
        view.add_column(name, justify="right")
    view.add_column("scale", no_wrap=True)
    scored = [(_claim_number(str(name)), study, rows) for (name, study), rows in table.groupby(["id", "study"])]
    for _, study, rows in sorted(scored, key=lambda one: one[:2]):
        verdict = combine(rows["verdict"].tolist())
        parts = [part["estimate"] for _, part in rows.groupby(["statement", "statistic"], sort=False)]
        effect = "; ".join(_range(_number(part.min()), _number(part.max())) for part in parts)
        n = f"{_range(str(rows['n'].min()), str(rows['n'].max()))} of {rows['n_planned'].max()}"
        words = (Text(str(rows["id"].iloc[0])), Text(str(study)), Text(verdict, style=_STYLES.get(verdict, "")))
        view.add_row(*words, effect, n, str(rows["scale"].iloc[0]))
    return view


def _claim_number(name: str) -> tuple[int, str]:
    """A sorting key by which C2 comes before C10."""
    digits = "".join(letter for letter in name if letter.isdecimal())
    return int(digits or 0), name


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def claims(table: pd.DataFrame) -> Group:
    """Return the claims for the terminal: each statement, its statistic, and a line for each condition or group.

    p is corrected for all tests of the study.
    """
    parts: list[RenderableType] = []
    for _, rows in table.groupby(["study", "id", "statement", "statistic"], sort=False):
        first = rows.iloc[0]
        parts += [
            Text.assemble((f"{first['id']}  {first['statement']}", "bold"), (f"  {first['study']}", "dim")),
            Text(f"    {first['statistic']}"),
            _condition_rows(rows),
            Text(),
        ]
    return Group(*(parts or [Text("no claims are stated")]))


def _condition_rows(rows: pd.DataFrame) -> Padding:
    view = Table(box=None, pad_edge=False, header_style="dim")
    view.add_column("condition")
    for name in ("estimate", "95 % interval", "p", "n seeds"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("verdict", no_wrap=True)
    for row in rows.itertuples():
        verdict = str(row.verdict)
        interval = f"[{_number(row.ci_low)}, {_number(row.ci_high)}]"
        numbers = (_number(row.estimate), Text(interval), _p_value(row.p), f"{row.n} of {row.n_planned}")
        view.add_row(Text(str(row.condition)), *numbers, Text(verdict, style=_STYLES.get(verdict, "")))
    return Padding(view, (0, 0, 0, 4))


def studies(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the list of studies as a table for the terminal."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("study", "question", "domain", "claims", "cost here"):
        view.add_column(name)
    for row in rows:
        cost = ", ".join(f"{scale} {duration(seconds)}" for scale, seconds in row["cost"].items())
        view.add_row(row["name"], row["question"], row["domain"], ", ".join(row["claims"]), cost)
    return view


def _p_value(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}"


def _number(value: Any) -> str:
    if value is None or pd.isna(value):
        return "-"
    return f"{value:+.3f}" if math.isfinite(value) else f"{value:+}"
