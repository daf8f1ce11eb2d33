"""What a person sees in the terminal: progress, the claims table, the list of studies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from repbias.experiments import scorecard as scoring
from repbias.experiments.families import BEYOND, PRIMARY, headlines, qualification
from repbias.experiments.study import Condition
from repbias.experiments.verdicts import AGAINST
from repbias.runs.plan import Plan

OnProgress = Callable[[int, str | None, str, int], None]
_STYLES = {"replicated": "green", **dict.fromkeys(AGAINST, "red"), "mixed": "yellow"}
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


def scorecard(table: pd.DataFrame) -> Group:
    """Return the scorecard of a claims table: for each claim its verdict, then a line per study with effects and n."""
    scores = scoring.scorecard(table)
    parts: list[RenderableType] = []
    for score in scores:
        if not score.studies and not score.further:
            continue
        if score.claim is None:
            parts.append(Text("Questions that bear on no claim of the catalogue", style="bold"))
        else:
            parts.append(Text(f"{score.claim.id}  {score.claim.statement}", style="bold"))
            parts.append(Padding(Text(score.sentence, style=_STYLES.get(score.verdict, "")), (0, 0, 0, 4)))
        parts.append(_studies_of(score.studies, ""))
        parts.append(_studies_of(score.further, "further: " if score.claim else ""))
    if not parts:
        return Group(Text("no claims were tested"))
    left = sum(score.claim is not None and not score.studies for score in scores)
    return Group(
        *parts, Text(), Text(f"{left} claims of the catalogue were not studied. {scoring.chance_sentence(scores)}")
    )


def _studies_of(found: Sequence[scoring.StudyScore], lead: str) -> RenderableType:
    if not found:
        return Group()
    view = Table(box=None, pad_edge=False, show_header=False)
    view.add_column("study")
    view.add_column("verdict", no_wrap=True)
    view.add_column("effect", justify="right")
    view.add_column("n", justify="right", no_wrap=True)
    for one in found:
        primary = one.rows[one.rows["family"] == PRIMARY]
        parts = [part["estimate"] for _, part in primary.groupby(["statement", "statistic"], sort=False)]
        effect = "; ".join(_range(_number(part.min()), _number(part.max())) for part in parts)
        n = (
            f"{_range(str(primary['n'].min()), str(primary['n'].max()))} of {primary['n_planned'].max()}"
            if parts
            else "-"
        )
        name = one.id if "/" in one.id else one.study
        view.add_row(
            Text(f"{lead}{name} ({one.scale})"), Text(one.verdict, style=_STYLES.get(one.verdict, "")), effect, f"n {n}"
        )
    return Padding(view, (0, 0, 0, 4))


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def claims(table: pd.DataFrame) -> Group:
    """Return the claims of a study for the terminal: each part with its statistic, and a line per condition or group.

    A claim's verdict stands before its first part.
    """
    verdicts = {(row["study"], row["id"]): row for row in headlines(table).to_dict("records")}
    parts: list[RenderableType] = []
    for _, claim in table.groupby(["study", "id"], sort=False):
        study, name = str(claim["study"].iloc[0]), str(claim["id"].iloc[0])
        parts.append(_headline(name, study, verdicts.get((study, name))))
        for (statement, statistic), rows in claim.groupby(["statement", "statistic"], sort=False):
            parts += [Padding(Group(Text(str(statement)), Text(str(statistic), style="dim")), (0, 0, 0, 2))]
            parts += [_condition_rows(rows), Text()]
    return Group(*parts, *_LEGEND) if parts else Group(Text("no claims are stated"))


_LEGEND = (
    Text("finds: the smallest true effect that would be called replicated in 80 % of repetitions", style="dim"),
    Text("needs: the seeds that would find twice the smallest effect of interest (SESOI) in 80 %", style="dim"),
)


def _headline(name: str, study: str, found: dict[Hashable, Any] | None) -> Text:
    own = f"  {study}" if "/" not in name else ""
    if found is None:
        return Text.assemble((name, "bold"), (own, "dim"), "  descriptive")
    counts = "; ".join(filter(None, (found["tally"], found["beyond"])))
    verdict = (found["verdict"], _STYLES.get(found["verdict"], ""))
    return Text.assemble((name, "bold"), (own, "dim"), "  ", verdict, (f"  ({counts})", "dim"))


def _condition_rows(rows: pd.DataFrame) -> Padding:
    sesoi = rows["sesoi"].iloc[0]
    view = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    test = "" if rows["test"].iloc[0] == "larger" else f", {rows['test'].iloc[0]}"
    view.add_column(f"SESOI {sesoi:g}{test}" if pd.notna(sesoi) else "")
    for name in ("mean", "95 % interval", "n", "finds", "needs"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("verdict")
    for row in rows.to_dict("records"):
        view.add_row(*_cells(row))
    if (rows["family"] == BEYOND).any():
        view.add_row(Text("* not primary", style="dim"))
    return Padding(view, (0, 0, 0, 2))


def _cells(row: dict[Hashable, Any]) -> Iterator[str | Text]:
    yield Text(f"{row['condition']}{' *' if row['family'] == BEYOND else ''}")
    yield _number(row["estimate"])
    yield Text(f"{_number(row['ci_low'])}, {_number(row['ci_high'])}")
    yield f"{row['n']}/{row['n_planned']}"
    yield "-" if pd.isna(row["detectable"]) else f"{row['detectable']:.3f}"
    yield "-" if pd.isna(row["seeds_needed"]) else f"{row['seeds_needed']:.0f}"
    note = qualification(row["verdict"], row["note"], row["corrected"])
    verdict = (row["verdict"] or "descriptive", _STYLES.get(row["verdict"], ""))
    yield Text.assemble(verdict, f", {note}" if note else "")


def studies(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the list of studies as a table for the terminal."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("study", "question", "domain", "claims", "cost here"):
        view.add_column(name)
    for row in rows:
        cost = ", ".join(f"{scale} {duration(seconds)}" for scale, seconds in row["cost"].items())
        view.add_row(row["name"], row["question"], row["domain"], ", ".join(row["claims"]), cost)
    return view


def _number(value: Any) -> str:
    if value is None or pd.isna(value):
        return "-"
    return f"{value:+.3f}" if math.isfinite(value) else f"{value:+}"
