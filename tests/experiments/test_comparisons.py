"""Comparisons over conditions: slopes and differences by hand, the groups they are made in, and what is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pydantic import ValidationError
from tiny_studies import study_text

from repbias.experiments import Claim, Condition, Study
from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.groups import groups

CONTRAST = FeatureDifference(more="easy", less="hard")
NUMBERS = st.floats(-100, 100)


def conditions(*factors: dict[str, str]) -> list[Condition]:
    (given,) = tomllib.loads(study_text())["conditions"]
    return [Condition.model_validate({**given, "name": f"c{i}", "factors": own}) for i, own in enumerate(factors)]


def study(claim: dict[str, Any], *factors: dict[str, str]) -> Study:
    text = tomllib.loads(study_text())
    claim = {"id": "T1", "statement": "so", "contrast": CONTRAST.model_dump(), "sesoi": 0.1, **claim}
    return Study.model_validate({**text, "name": "tiny", "conditions": conditions(*factors), "claims": [claim]})


def names(claim: Claim, chosen: list[Condition]) -> dict[str, list[str]]:
    return {label: [condition.name for condition in group] for label, group in groups(claim, chosen)}


def comparing(compare: LevelDifference | Trend, **changes: Any) -> Claim:
    return Claim(id="T1", statement="so", contrast=CONTRAST, compare=compare, sesoi=0.1, **changes)


class TestTrend:
    @given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4))
    def test_it_is_the_least_squares_slope_of_each_network(self, rows: list[tuple[float, ...]]) -> None:
        values = pd.DataFrame(rows, columns=["8", "0.5", "2", "-1"])
        found = Trend(factor="bits").compute(values)
        assert_allclose(found, [np.polyfit([8, 0.5, 2, -1], row, 1)[0] for row in rows], atol=1e-9)

    @given(st.lists(NUMBERS, min_size=4, max_size=4))
    def test_per_doubling_it_is_the_slope_over_the_logarithm(self, row: list[float]) -> None:
        values = pd.DataFrame([row], columns=["1024", "3000", "4096", "16384"])
        found = Trend(factor="train", scale="log2").compute(values)
        assert_allclose(found, [np.polyfit(np.log2([1024, 3000, 4096, 16384]), row, 1)[0]], atol=1e-9)

    def test_a_falling_trend_counts_a_fall_as_positive(self) -> None:
        values = pd.DataFrame([[6.0, 4.0, 2.0]], columns=["1", "2", "4"], index=[7])
        assert Trend(factor="n", scale="log2", falling=True).compute(values).to_dict() == {7: 2.0}
        assert Trend(factor="n", scale="log2").compute(values).to_dict() == {7: -2.0}

    @pytest.mark.parametrize(
        ("levels", "known", "counts"),
        [(2, 2, True), (2, 1, False), (3, 2, True), (3, 1, False), (4, 3, True), (4, 2, False), (6, 4, True),
         (6, 3, False), (7, 5, True), (7, 4, False)],
    )  # fmt: skip
    def test_a_network_counts_from_two_thirds_of_the_levels_on(self, levels: int, known: int, counts: bool) -> None:
        row = 3.0 * np.arange(levels)
        row[: levels - known] = np.nan
        values = pd.DataFrame([row, 3.0 * np.arange(levels)], columns=[str(level) for level in range(levels)])
        assert_allclose(Trend(factor="n").compute(values), [3.0 if counts else np.nan, 3.0])

    def test_levels_that_a_network_lacks_are_no_part_of_its_slope(self) -> None:
        values = pd.DataFrame([[1.0, np.nan, 2.0, 7.0]], columns=["0", "1", "3", "4"])
        assert_allclose(Trend(factor="n").compute(values), [np.polyfit([0, 3, 4], [1, 2, 7], 1)[0]])

    @pytest.mark.parametrize("level", ["many", "", "nan", "inf", "1,000"])
    def test_levels_that_are_no_numbers_are_named(self, level: str) -> None:
        (problem,) = Trend(factor="n").problems(["1", level, "3"])
        assert problem == f"a trend over n reads numbers, got {level!r}"

    def test_a_logarithm_needs_numbers_above_zero(self) -> None:
        assert Trend(factor="n").problems(["0", "-1"]) == []
        assert Trend(factor="n", scale="log2").problems(["0", "1", "-1"]) == [
            "a trend over n reads numbers above 0, got '0'",
            "a trend over n reads numbers above 0, got '-1'",
        ]

    def test_one_level_is_no_trend(self) -> None:
        assert Trend(factor="n").problems(["1"]) == ["a trend over n needs two levels or more, got 1"]
        assert Trend(factor="n").problems([]) == ["a trend over n needs two levels or more, got none"]

    def test_it_says_what_it_is(self) -> None:
        claim = comparing(Trend(factor="train", scale="log2", falling=True))
        assert claim.describe() == ("fall of R2(easy) - R2(hard), penultimate layer, last step, per doubling of train")
        assert Trend(factor="n").describe("x") == "rise of x, per unit of n"


class TestLevelDifference:
    def test_it_is_one_level_minus_another_network_by_network(self) -> None:
        values = pd.DataFrame(
            {"adam": [1.0, np.nan, 5.0], "sgd": [0.25, 2.0, np.nan], "x": [9.0, 9.0, 9.0]}, index=[3, 4, 8]
        )
        found = LevelDifference(factor="optimizer", more="adam", less="sgd").compute(values)
        assert list(found.index) == [3, 4, 8]
        assert_allclose(found, [0.75, np.nan, np.nan])

    def test_it_says_what_it_is(self) -> None:
        assert LevelDifference(factor="depth", more="4", less="1").describe("x") == "x: depth 4 minus 1"

    def test_an_unknown_level_suggests_the_nearest(self) -> None:
        assert LevelDifference(factor="optimizer", more="adm", less="sgd").problems(["adam", "sgd"]) == [
            "no condition has optimizer 'adm'; did you mean 'adam'?"
        ]


class TestGroups:
    GRID = tuple({"depth": depth, "hard": hard} for hard in ("and", "parity3") for depth in ("1", "2", "4"))

    def test_conditions_that_are_alike_in_all_other_factors_form_a_group(self) -> None:
        expected = {"and": ["c0", "c1", "c2"], "parity3": ["c3", "c4", "c5"]}
        assert names(comparing(Trend(factor="depth")), conditions(*self.GRID)) == expected
        by_function = comparing(LevelDifference(factor="hard", more="and", less="parity3"))
        assert names(by_function, conditions(*self.GRID)) == {
            "depth 1": ["c0", "c3"],
            "depth 2": ["c1", "c4"],
            "depth 4": ["c2", "c5"],
        }

    def test_one_factor_alone_makes_one_group(self) -> None:
        assert names(comparing(Trend(factor="n")), conditions({"n": "1"}, {"n": "2"})) == {
            "all conditions": ["c0", "c1"]
        }

    def test_without_a_comparison_each_condition_is_judged(self) -> None:
        claim = Claim(id="T1", statement="so", contrast=CONTRAST, sesoi=0.1)
        assert names(claim, conditions({"n": "1"}, {"n": "2"})) == {"c0": ["c0"], "c1": ["c1"]}

    def test_the_order_in_which_factors_are_written_is_no_difference(self) -> None:
        turned = conditions({"n": "1", "a": "x", "b": "y"}, {"b": "y", "a": "x", "n": "2"})
        assert names(comparing(Trend(factor="n")), turned) == {"x, y": ["c0", "c1"]}

    def test_the_same_levels_of_other_factors_are_another_group(self) -> None:
        mixed = conditions({"n": "1", "a": "x"}, {"n": "2", "a": "x"}, {"n": "1", "b": "x"}, {"n": "2", "b": "x"})
        found = groups(comparing(Trend(factor="n")), mixed)
        assert [[condition.name for condition in group] for _, group in found] == [["c0", "c1"], ["c2", "c3"]]

    def test_groups_that_lack_a_level_at_a_scale_are_left_out(self) -> None:
        quick = [c for c in conditions(*self.GRID) if c.name not in ("c3", "c4")]
        assert names(comparing(Trend(factor="depth")), quick) == {"and": ["c0", "c1", "c2"]}
        difference = comparing(LevelDifference(factor="depth", more="4", less="1"))
        assert names(difference, quick) == {"and": ["c0", "c1", "c2"]}
        assert names(comparing(LevelDifference(factor="depth", more="2", less="1")), quick[3:]) == {}

    def test_where_chooses_before_groups_are_made(self) -> None:
        claim = comparing(Trend(factor="depth"), where={"hard": ("and",), "depth": ("1", "4")})
        assert names(claim, conditions(*self.GRID)) == {"and": ["c0", "c2"]}


DIFFERENCE = {"kind": "difference", "factor": "depth", "more": "2", "less": "1"}
TWO = ({"depth": "1"}, {"depth": "2"})
REFUSED = {
    "an unknown factor": ({"compare": {**DIFFERENCE, "factor": "dept"}}, TWO, "no factor 'dept'; did you mean 'depth'"),
    "a factor that one condition lacks": (
        {"compare": DIFFERENCE},
        (*TWO, {"width": "1"}),
        "condition 'c2' has no factor 'depth'",
    ),
    "an unknown level": (
        {"compare": {**DIFFERENCE, "more": "deep"}},
        ({"depth": "deeep"}, {"depth": "1"}),
        "no condition has depth 'deep'; did you mean 'deeep'",
    ),
    "levels that are no numbers": (
        {"compare": {"kind": "trend", "factor": "depth"}},
        (*TWO, {"depth": "deep"}),
        "a trend over depth reads numbers, got 'deep'",
    ),
    "one level": ({"compare": {"kind": "trend", "factor": "depth"}}, TWO[:1], "needs two levels or more, got 1"),
    "conditions that differ in nothing": (
        {"compare": DIFFERENCE},
        (*TWO, {"depth": "2"}),
        "those of 'c1' and 'c2' are the same",
    ),
    "where an unknown factor": ({"where": {"dept": ["1"]}}, TWO, "a factor 'dept'; did you mean 'depth'"),
    "where an unknown level": (
        {"where": {"optimizer": ["sgd", "adm"]}},
        ({"optimizer": "sgd"}, {"optimizer": "adam"}),
        "no condition has optimizer 'adm'; did you mean 'adam'",
    ),
    "where nothing is": (
        {"where": {"a": ["1"], "b": ["2"]}},
        ({"a": "1", "b": "1"}, {"a": "2", "b": "2"}),
        "claim T1 concerns no condition",
    ),
    "no effect within no bound": ({"test": "equivalence", "sesoi": None}, TWO, "set sesoi"),
}


@pytest.mark.parametrize(("claim", "factors", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(claim: dict[str, Any], factors: tuple[dict[str, str], ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        study(claim, *factors)
    assert words in str(caught.value)


def test_the_corrected_study_is_accepted() -> None:
    assert study({"compare": DIFFERENCE}, *TWO).claims[0].compare == LevelDifference(factor="depth", more="2", less="1")
    trend = {"kind": "trend", "factor": "depth", "scale": "log2"}
    assert study({"compare": trend, "where": {"depth": ["1", "2"]}}, *TWO, {"depth": "deep"}).claims
    assert study({"test": "equivalence", "sesoi": 0.1}, *TWO).claims
