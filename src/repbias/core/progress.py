"""Progress of long work: a bar on a terminal or in a notebook, and lines with the time left in a log."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Self, TextIO

FIRST_LINE, BETWEEN_LINES = 10.0, 0.5
LEAST_SHARE = 0.02  # below that, the time left would be a guess from the start of the work


class Meter(AbstractContextManager["Meter"]):
    """Shows how much of some work is done, and about how long the rest will take.

        with Meter("training") as meter:
            meter.update(0.25, "2 of 8 networks")

    Parameters
    ----------
    title : what is being done.
    enabled : False to show nothing.
    stream : where to show it, by default standard error.
    clock : the time in seconds.
    """

    def __init__(
        self,
        title: str,
        *,
        enabled: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._clock = title, clock
        self._stream = stream or sys.stderr
        self._enabled = enabled
        self._exit = ExitStack()
        self._display = _Display()
        self._started = clock()
        self._first: tuple[float, float] | None = None  # seconds and share at the first sign of work

    def __enter__(self) -> Self:
        if self._enabled:
            self._display = _display(self._title, self._stream, self._exit)
        self._started = self._clock()
        return self

    def __exit__(self, *raised: object) -> None:
        self._display.end(self.elapsed)
        self._exit.close()

    @property
    def elapsed(self) -> float:
        """Seconds since the work began."""
        return self._clock() - self._started

    def update(self, share: float | None, words: str = "", left: float | None = None) -> None:
        """Show how much is done, and how long the rest will take if it goes on as since the first share above 0.

        Parameters
        ----------
        share : of the work that is done, 0 to 1; None if that cannot be known.
        words : a few words on what is done.
        left : seconds that the rest will take, where the caller knows better.
        """
        done = None if share is None else min(max(share, 0.0), 1.0)
        if done and self._first is None:
            self._first = self.elapsed, done
        if left is None and done and self._first is not None:
            left = time_left(done, self.elapsed, *self._first)
        self._display.show(done, words, self.elapsed, left)

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        self._display.say(line)


def time_left(share: float, elapsed: float, began: float = 0.0, share_then: float = 0.0) -> float | None:
    """Return the seconds left if the work goes on as it did since `began`, or None where too little is done to tell."""
    done = share - share_then
    return None if done < LEAST_SHARE else (elapsed - began) * (1 - share) / done


def duration(seconds: float) -> str:
    """Return a length of time in words short enough for a table."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Display:
    """A display that shows nothing; the others show some of what is done."""

    def show(self, share: float | None, words: str, elapsed: float, left: float | None) -> None: ...

    def say(self, line: str) -> None: ...

    def end(self, elapsed: float) -> None: ...


class _Lines(_Display):
    """A line after ten seconds, and then one each time the time that passed has grown by half."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream, self._next = title, stream, FIRST_LINE

    def show(self, share: float | None, words: str, elapsed: float, left: float | None) -> None:
        if elapsed >= self._next:
            self._next = elapsed * (1 + BETWEEN_LINES)
            self.say(f"{self._title}: {progress_words(words, elapsed, left)}")

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _Terminal(_Display):
    """A bar of rich, which disappears at the end."""

    def __init__(self, title: str, stream: TextIO, stack: ExitStack) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bars = stack.enter_context(
            Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}", markup=False),
                console=Console(file=stream), transient=True,
            )
        )  # fmt: skip
        self._task = self._bars.add_task(title, total=1.0, words="")

    def show(self, share: float | None, words: str, elapsed: float, left: float | None) -> None:
        self._bars.update(
            self._task,
            total=None if share is None else 1.0,
            completed=share or 0.0,
            words=progress_words(words, elapsed, left),
        )

    def say(self, line: str) -> None:
        self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Notebook(_Display):
    """A bar of tqdm, which stays below the cell."""

    def __init__(self, title: str, stack: ExitStack) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it can only draw a bar of text
            from tqdm.auto import tqdm

            self._bar: Any = stack.enter_context(
                tqdm(total=100, desc=title, bar_format="{desc}: {percentage:3.0f}%|{bar}| {postfix}", leave=True)
            )

    def show(self, share: float | None, words: str, elapsed: float, left: float | None) -> None:
        self._bar.set_postfix_str(progress_words(words, elapsed, left), refresh=False)
        self._bar.update(100 * (share or 0.0) - self._bar.n)

    def say(self, line: str) -> None:
        self._bar.write(line)

    def end(self, elapsed: float) -> None:
        if self._bar.n >= 99:
            self._bar.set_postfix_str(duration(elapsed))


def progress_words(words: str, elapsed: float, left: float | None) -> str:
    """Return what is done, how long it took, and about how long the rest will take."""
    rest = f"about {duration(left)} left" if left else ""
    return ", ".join(part for part in (words, f"{duration(elapsed)} elapsed", rest) if part)


def _display(title: str, stream: TextIO, stack: ExitStack) -> _Display:
    if in_notebook():
        return _Notebook(title, stack)
    return _Terminal(title, stream, stack) if stream.isatty() else _Lines(title, stream)


def in_notebook() -> bool:
    """Whether this code runs in a kernel of Jupyter, which shows what cells print in a browser."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
