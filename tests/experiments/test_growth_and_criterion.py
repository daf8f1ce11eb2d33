"""Mastery, growth as a rate, the accuracy criterion and its ungated twin, and trends over shared levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError
from tiny_studies import make_study

from repbias.experiments import Contrast, Growth, LearnedLevel, Level, Mastery
from repbias.experiments.comparisons import Trend
from repbias.experiments.evaluation import evaluate
from repbias.experiments.study import Study
from repbias.training.job import counts, passes

HIDDEN = ("hidden.0", "hidden.1")
COLUMNS = ["condition", "seed", "step", "layer", "feature", "measure", "value"]
POINTS = {0: 0.05, 10: 0.1, 40: 0.4, 140: 0.5}


def network(
    number: int = 0, easy: int | None = 10, hard: int | None = 40, accuracy: float = 1.0, condition: str = "a"
) -> pd.DataFrame:
    """A network whose easy feature grows as in `POINTS`, and whose R2 at the end is .5 and .125."""
    rows: list[tuple[Any, ...]] = [(number, step, "hidden.1", "easy", "r2_final", r2) for step, r2 in POINTS.items()]
    for feature, mastered, r2, correct in (("easy", easy, 0.5, 1.0), ("hard", hard, 0.125, accuracy)):
        rows += [(number, step, "output", feature, "accuracy", correct) for step in (0, 140)]
        rows.append((number, 140, "hidden.1", feature, "r2", r2))
        if mastered is not None:
            rows.append((number, mastered, "output", feature, "mastery_step", mastered))
    return pd.DataFrame([(condition, *row) for row in rows], columns=COLUMNS)


def value(contrast: Contrast, table: pd.DataFrame) -> float:
    (found,) = contrast.per_seed(table, HIDDEN)
    return float(found)


class TestMastery:
    def test_mastery_is_counted_in_doublings_of_steps(self) -> None:
        assert value(Mastery(later="hard", earlier="easy"), network(easy=10, hard=80)) == pytest.approx(3)
        assert value(Mastery(later="hard", earlier="easy"), network(easy=40, hard=10)) == pytest.approx(-2)
        assert value(Mastery(later="hard"), network(hard=64)) == pytest.approx(6)

    def test_never_mastered_or_not_reported_is_nan(self) -> None:
        assert np.isnan(value(Mastery(later="hard"), network(hard=None)))
        assert np.isnan(value(Mastery(later="hard"), network(accuracy=0.9)))
        assert value(Mastery(later="easy"), network(easy=8, hard=None, accuracy=0.5)) == pytest.approx(3)

    def test_mastered_before_training_counts_as_at_the_first_step(self) -> None:
        assert value(Mastery(later="easy"), network(easy=0)) == 0
        assert value(Mastery(later="hard", earlier="easy"), network(easy=0, hard=40)) == pytest.approx(np.log2(40))

    def test_it_is_described_in_words(self) -> None:
        assert Mastery(later="hard").describe() == "log2 of the step at which hard is mastered"
        assert Mastery(later="b", earlier="a").describe() == "log2 of the step at which b is mastered over that of a"


class TestGrowth:
    def test_growth_from_the_start_is_the_rise_since_step_0(self) -> None:
        assert value(Growth(feature="easy", over=("start", "easy")), network()) == pytest.approx(0.05)
        assert value(Growth(feature="easy", over=("start", "end")), network()) == pytest.approx(0.45)

    def test_the_stretches_add_up(self) -> None:
        stretches = [("start", "easy"), ("easy", "hard"), ("hard", "end")]
        parts = [value(Growth(feature="easy", over=stretch), network()) for stretch in stretches]
        assert sum(parts) == pytest.approx(value(Growth(feature="easy", over=("start", "end")), network()))

    def test_a_rate_is_growth_over_length(self) -> None:
        rate = Growth(feature="easy", over=("easy", "hard"), per_step=True)
        assert value(rate, network()) == pytest.approx(0.3 / 30 * 1000)
        difference = Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"), per_step=True)
        assert value(difference, network()) == pytest.approx((0.3 / 30 - 0.1 / 100) * 1000)

    def test_a_steady_curve_has_one_rate_and_amounts_that_depend_on_lengths(self) -> None:
        table = network()
        curve = table["measure"] == "r2_final"
        table.loc[curve, "value"] = table.loc[curve, "step"] * 0.002
        both = {
            per_step: Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"), per_step=per_step)
            for per_step in (False, True)
        }
        assert value(both[True], table) == pytest.approx(0)
        assert value(both[False], table) == pytest.approx(0.002 * (30 - 100))

    def test_a_stretch_of_no_length_has_no_rate(self) -> None:
        at_the_end = Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"), per_step=True)
        assert np.isnan(value(at_the_end, network(hard=140)))

    def test_it_is_described_in_words(self) -> None:
        rate = Growth(feature="easy", over=("start", "easy"), per_step=True)
        assert rate.describe().startswith("growth of R2(easy) per 1,000 steps from the start to mastery of easy")

    @pytest.mark.parametrize("name", ["start", "end"])
    def test_a_feature_with_the_name_of_an_event_is_refused(self, name: str) -> None:
        given = make_study().model_dump()
        given["conditions"][0]["task"]["features"] = {name: "copy", "hard": "and"}
        given["claims"] = [
            {
                "id": "T",
                "statement": "",
                "contrast": {"kind": "growth", "feature": name, "over": ["hard", "end"]},
                "sesoi": 0.1,
            }
        ]
        with pytest.raises(ValidationError, match=f"a feature called '{name}'.*rename the feature"):
            Study.model_validate(given)


class TestCriterion:
    MISSED = network(accuracy=0.5)

    def test_by_default_every_feature_read_must_pass(self) -> None:
        assert np.isnan(value(Level(of=("easy",), less=("hard",)), self.MISSED))
        assert value(Level(of=("easy",), less=("hard",)), network()) == 0.375

    def test_without_a_criterion_every_network_counts(self) -> None:
        ungated = Level(of=("easy",), less=("hard",), criterion=())
        assert value(ungated, self.MISSED) == 0.375
        assert "accuracy criterion on none" in ungated.describe()

    def test_a_criterion_on_one_feature_is_on_that_one_alone(self) -> None:
        assert value(Level(of=("easy",), less=("hard",), criterion=("easy",)), self.MISSED) == 0.375
        assert np.isnan(value(Level(of=("easy",), less=("hard",), criterion=("hard",)), self.MISSED))

    def test_a_network_without_a_last_step_never_counts(self) -> None:
        cut = self.MISSED[~((self.MISSED["step"] == 140) & (self.MISSED["measure"] == "accuracy"))]
        assert np.isnan(value(Level(of=("easy",), criterion=()), cut))

    def test_a_criterion_on_what_is_not_read_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"'hrad', .*did you mean 'hard'"):
            Level(of=("hard",), criterion=("hrad",))


class TestUngated:
    """The ungated twin: networks that fail the accuracy criterion, read at their last step."""

    MISSED = network(accuracy=0.5)

    def twin(self, contrast: Contrast, table: pd.DataFrame) -> float:
        (found,) = contrast.per_seed_ungated(table, HIDDEN)
        return float(found)

    def test_a_network_that_passes_has_the_same_number(self) -> None:
        for contrast in (
            Level(of=("easy",), less=("hard",)),
            Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end")),
            Mastery(later="hard", earlier="easy"),
            LearnedLevel(of=("easy", "hard")),
        ):
            assert self.twin(contrast, network()) == value(contrast, network())

    def test_variance_is_that_of_the_last_step(self) -> None:
        gap = Level(of=("easy",), less=("hard",))
        assert np.isnan(value(gap, self.MISSED))
        assert self.twin(gap, self.MISSED) == 0.375

    def test_a_feature_that_is_never_mastered_counts_as_mastered_at_the_last_step(self) -> None:
        never = network(hard=None, accuracy=0.5)
        assert self.twin(Mastery(later="hard"), never) == pytest.approx(np.log2(140))
        amount = Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"))
        assert self.twin(amount, never) == pytest.approx(0.4)  # all of its growth lies before, none after

    def test_of_a_network_that_learned_no_feature_the_best_is_read(self) -> None:
        none = self.MISSED.copy()
        none.loc[(none["measure"] == "accuracy") & (none["feature"] == "easy"), "value"] = 0.9
        level = LearnedLevel(of=("easy", "hard"))
        assert np.isnan(value(level, none))
        assert self.twin(level, none) == 0.5

    def test_networks_that_diverged_have_no_last_step(self) -> None:
        cut = self.MISSED[~((self.MISSED["step"] == 140) & (self.MISSED["layer"] == "hidden.1"))]
        assert np.isnan(self.twin(Level(of=("easy",)), cut))


class TestTrendAlong:
    def study(self, along: tuple[str, ...]) -> dict[str, Any]:
        given = make_study(steps={"a": 60, "b": 61, "c": 62}).model_dump()
        for condition, kind, level in zip(given["conditions"], "xyz", "112", strict=True):
            condition["factors"] = {"kind": kind, "sensitivity": level}
        compare = {"kind": "trend", "factor": "sensitivity", "falling": True, "along": along}
        contrast = {"kind": "level", "of": ["hard"]}
        given["claims"] = [{"id": "T", "statement": "", "contrast": contrast, "compare": compare, "sesoi": 0.1}]
        return given

    def test_conditions_that_share_a_level_each_count(self) -> None:
        study = Study.model_validate(self.study(("kind",)))
        frames = []
        for condition, r2 in zip("abc", (0.5, 0.25, 0.125), strict=True):
            for number in range(3):
                table = network(number, condition=condition)
                table.loc[(table["measure"] == "r2") & (table["feature"] == "hard"), "value"] = r2
                frames.append(table)
        (row,) = evaluate(study, study.conditions, pd.concat(frames), "quick", 3).itertuples()
        assert row.condition == "all conditions"
        assert_allclose(row.estimate, -np.polyfit([1, 1, 2], [0.5, 0.25, 0.125], 1)[0])

    def test_an_unknown_factor_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="has no factor 'knid'; did you mean 'kind'"):
            Study.model_validate(self.study(("knid",)))

    def test_by_default_nothing_else_may_vary(self) -> None:
        assert Trend(factor="sensitivity").varying == ("sensitivity",)
        assert Trend(factor="sensitivity", along=("kind",)).varying == ("sensitivity", "kind")


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [("finished", (), True), ("step limit", (), True), ("finished", ("hard",), False), ("failed", (), False),
     ("not run", (), False)],
)  # fmt: skip
def test_a_network_counts_that_was_trained_to_the_end_and_reports_what_is_analysed(
    status: str, failed: tuple[str, ...], expected: bool
) -> None:
    assert counts(status, failed) is expected


def test_the_criterion_is_above_95_percent() -> None:
    assert [passes(accuracy) for accuracy in (0.95, np.nextafter(0.95, 1), 1.0)] == [False, True, True]
    assert passes(pd.Series([0.9, 0.96, np.nan])).to_list() == [False, True, False]
