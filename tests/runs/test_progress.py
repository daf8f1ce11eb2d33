"""Progress of studies: how many networks are trained and analyses done, and how long the rest takes."""

from __future__ import annotations

from io import StringIO

import pytest
from tiny_studies import make_study

from repbias.runs.plan import make_plan
from repbias.runs.progress import RunProgress


class Terminal(StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class TestTraining:
    study = make_study(steps={"one": 100, "two": 300})

    def shown(self, file: StringIO, *, enabled: bool = True) -> str:
        plan = make_plan(self.study, "quick", 2)
        missing = [condition for condition, _ in plan.networks()]
        with RunProgress(enabled=enabled, stream=file).training(plan, missing) as on_progress:
            on_progress(200, None, "", 0)
            on_progress(0, "a-0000", "finished", 100)
            on_progress(0, "a-0001", "failed", 100)
            on_progress(600, "b-0000", "step limit", 300)
            on_progress(0, "b-0001", "finished", 300)
            on_progress(0, None, "", 0)
        return file.getvalue()

    def test_a_log_has_the_plan_the_networks_that_failed_and_the_end(self) -> None:
        first, *networks, last = self.shown(StringIO()).splitlines()
        assert first == "tiny (quick): 2 conditions, 2 seeds each; of 4 networks 4 to train"
        assert networks == ["  network a-0001: failed after 100 steps", "  network b-0000: step limit after 300 steps"]
        assert last.startswith("  4/4 networks, 800 steps (")

    def test_a_terminal_has_a_bar(self) -> None:
        text = self.shown(Terminal())
        assert "tiny" in text
        assert "4/4" in text

    def test_nothing_is_shown_when_it_is_turned_off(self) -> None:
        assert self.shown(StringIO(), enabled=False) == ""

    def test_a_complete_store_is_said_to_be_complete(self) -> None:
        file = StringIO()
        with RunProgress(stream=file).training(make_plan(self.study, "quick", 1), []):
            pass
        assert file.getvalue() == "tiny (quick): 2 conditions, 1 seed each; of 2 networks all are in the store\n"


@pytest.mark.parametrize(
    ("count", "start"), [(0, ""), (1, "  1/1 analysis of trained"), (12, "  12/12 analyses of trained")]
)
def test_analyses_are_counted(count: int, start: str) -> None:
    file = StringIO()
    with RunProgress(stream=file).analyses(count) as on_saved:
        for i in range(count):
            on_saved(f"analysis-{i}")
    assert file.getvalue().startswith(start)
    assert len(file.getvalue().splitlines()) == min(count, 1)
