"""Progress of a run: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from tiny_studies import make_study

from repbias.cli.progress import ConsoleProgress, duration
from repbias.runs.plan import make_plan


class TestTraining:
    study = make_study(steps={"one": 100, "two": 300})

    def shown(self, *, terminal_width: int | None) -> str:
        plan = make_plan(self.study, "quick", 2)
        file = StringIO()
        console = Console(file=file, force_terminal=terminal_width is not None, width=terminal_width or 40)
        missing = [condition for condition, _ in plan.networks()]
        with ConsoleProgress(console).training(plan, missing) as on_progress:
            on_progress(200, None, "", 0)
            on_progress(0, "a-0000", "finished", 100)
            on_progress(0, "a-0001", "failed", 100)
            on_progress(600, "b-0000", "step limit", 300)
            on_progress(0, "b-0001", "finished", 300)
            on_progress(0, None, "", 0)
        return file.getvalue()

    def test_plain_lines_where_there_is_no_terminal(self) -> None:
        text = self.shown(terminal_width=None)
        assert all(character.isprintable() or character == "\n" for character in text)
        first, *networks, last = text.splitlines()
        assert first == "tiny (quick): 2 conditions, 2 seeds each; of 4 networks 4 to train"
        assert networks == ["  network a-0001: failed after 100 steps", "  network b-0000: step limit after 300 steps"]
        assert last.startswith("  4/4 networks, 800 steps (")
        assert "left" not in last

    def test_bars_on_a_terminal(self) -> None:
        text = self.shown(terminal_width=120)
        assert "\x1b[" in text
        assert "━" in text
        assert "training" in text
        assert "4/4" in text

    def test_nothing_to_train_says_so(self) -> None:
        file = StringIO()
        with ConsoleProgress(Console(file=file, width=40)).training(
            make_plan(self.study, "quick", 1), []
        ) as on_progress:
            on_progress(1, None, "", 0)
        assert file.getvalue() == "tiny (quick): 2 conditions, 1 seed each; of 2 networks all are in the store\n"

    @pytest.mark.parametrize(
        ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (91, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
    )
    def test_durations(self, seconds: float, words: str) -> None:
        assert duration(seconds) == words


class TestAnalyses:
    def shown(self, count: int, *, is_terminal: bool) -> str:
        file = StringIO()
        console = Console(file=file, force_terminal=is_terminal, width=30)
        with ConsoleProgress(console).analyses(count) as on_saved:
            for i in range(count):
                on_saved(f"analysis-{i}")
        return file.getvalue()

    @pytest.mark.parametrize(
        ("count", "line"),
        [(0, ""), (1, "  1/1 analysis of trained networks\n"), (12, "  12/12 analyses of trained networks\n")],
    )
    def test_one_line_where_there_is_no_terminal(self, count: int, line: str) -> None:
        assert self.shown(count, is_terminal=False) == line

    def test_a_status_on_a_terminal(self) -> None:
        text = self.shown(2, is_terminal=True)
        assert "\x1b[" in text
        assert "/2 analyses of trained" in text
        assert self.shown(0, is_terminal=True) == ""
