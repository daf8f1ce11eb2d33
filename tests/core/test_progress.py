"""Progress says how much is done and how long the rest takes, on a terminal, in a notebook and in a log."""

from __future__ import annotations

import re
import sys
from io import StringIO
from types import SimpleNamespace

import pytest

from repbias.core.progress import Meter, duration, time_left


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines_of_work(seconds: int) -> list[str]:
    clock, file = Clock(), StringIO()
    with Meter("training", stream=file, clock=clock) as meter:
        for second in range(1, seconds + 1):
            clock.now = second
            meter.update(second / seconds, f"{second} done")
    return file.getvalue().splitlines()


def test_a_log_says_the_time_left_after_ten_seconds_and_then_less_and_less_often() -> None:
    assert lines_of_work(9) == []
    lines = lines_of_work(1_000)
    assert lines[0].startswith("training: 10 done, 10 s elapsed")
    assert "about 16 min left" in lines[3]
    assert 8 <= len(lines) <= 14


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_time_left_is_exact_for_work_at_a_constant_rate(share: float) -> None:
    assert time_left(share, 200 * share) == pytest.approx(200 * (1 - share))


def test_no_time_is_told_where_too_little_is_known() -> None:
    assert time_left(0.001, 50) is None


def test_the_start_of_the_work_does_not_count_towards_the_time_left() -> None:
    clock, file = Clock(), StringIO()
    with Meter("training", stream=file, clock=clock) as meter:
        for second in range(1, 81):
            clock.now = second
            meter.update(max(second - 20, 0) / 60, "")  # processes start for 20 s
    said = [line for line in file.getvalue().splitlines() if "left" in line]
    for line in said:
        elapsed, left = (int(number) for number in re.findall(r"(\d+) s", line))
        assert left == pytest.approx(80 - elapsed, abs=2)
    assert said


def test_nothing_is_shown_when_it_is_turned_off() -> None:
    file, clock = Terminal(), Clock()
    with Meter("training", enabled=False, stream=file, clock=clock) as meter:
        clock.now = 100
        meter.update(0.5, "half")
        meter.say("a line")
    assert file.getvalue() == ""


def test_a_terminal_has_a_bar_with_words() -> None:
    file = Terminal()
    with Meter("training", stream=file) as meter:
        meter.update(None, "3 steps")
        meter.update(0.5, "half")
        meter.say("a line [with] brackets")
    assert "training" in file.getvalue()
    assert "a line [with] brackets" in file.getvalue()


def test_a_notebook_without_widgets_has_a_bar_and_no_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    with Meter("training") as meter:
        meter.update(0.25, "a quarter")
        meter.update(1.0, "all")
    assert "training: 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (91, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
