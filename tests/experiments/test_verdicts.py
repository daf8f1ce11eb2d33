"""The rule that turns numbers into verdicts, at its edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from tiny_studies import make_study

from repbias.experiments.study import Claim, Study
from repbias.experiments.verdicts import (
    CLAIM_COLUMNS,
    LEVEL,
    MIXED,
    NO_VERDICT,
    NOT_REPLICATED,
    REPLICATED,
    combine,
    evaluate,
    overall,
)

COLUMNS = ["condition", "seed", "step", "layer", "feature", "measure", "value"]


def table(gaps: Sequence[float], condition: str = "short", missed: Sequence[int] = ()) -> pd.DataFrame:
    """Return networks whose easy feature has so much more R2 than the hard one; some fail the accuracy criterion."""
    rows = []
    for network, gap in enumerate(gaps):
        for feature, r2 in (("easy", 0.25 + gap), ("hard", 0.25)):
            accuracy = 0.95 if network in missed and feature == "hard" else 1.0
            rows.append((condition, network, 60, "output", feature, "accuracy", accuracy))
            rows.append((condition, network, 60, "hidden.1", feature, "r2", r2))
    return pd.DataFrame(rows, columns=COLUMNS)


def judged(frame: pd.DataFrame, sesoi: float = 0.0, seeds: int = 9) -> pd.Series:
    study = make_study(claims={"T1": sesoi})
    claims = evaluate(study, study.conditions, frame, "quick", seeds)
    assert len(claims) == 1
    return claims.iloc[0]


def test_the_columns_are_those_documented() -> None:
    row = judged(table([0.25, 0.5]), sesoi=0.125)
    assert list(row.index) == CLAIM_COLUMNS == [
        "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
        "n_planned", "sesoi", "p", "strength",
    ]  # fmt: skip
    words = ["id", "study", "condition", "statement", "statistic", "scale", "n_planned", "sesoi", "strength"]
    assert row[words].to_list() == [
        "T1", "tiny", "short", "The copy explains more than the conjunction",
        "R2(easy) - R2(hard), penultimate layer, last step", "quick", 9, 0.125, "C",
    ]  # fmt: skip


def test_the_interval_is_students_over_networks() -> None:
    gaps = [0.1, 0.3, 0.2, 0.6]
    row = judged(table(gaps))
    half = stats.t.ppf(0.975, 3) * np.std(gaps, ddof=1) / 2
    assert row[["estimate", "ci_low", "ci_high"]].to_list() == pytest.approx([0.3, 0.3 - half, 0.3 + half])
    assert row["n"] == 4


def claimed(frame: pd.DataFrame, steps: dict[str, int], *changes: dict[str, object]) -> pd.DataFrame:
    """Judge the claim of the tiny study with each of these changes, in conditions of these lengths."""
    study = make_study(steps=steps)
    (stated,) = study.claims
    claims = [{**stated.model_dump(), **change} for change in changes]
    study = Study.model_validate({**study.model_dump(), "claims": claims})
    return evaluate(study, study.conditions, frame, "quick", 9)


def spread_around(mean: float, error: float, n: int = 5) -> list[float]:
    """Return n numbers of this mean and standard error of the mean."""
    scores = stats.zscore(np.arange(n, dtype=float), ddof=1)
    return list(mean + error * np.sqrt(n) * scores)


class TestRule:
    def test_p_is_students_one_sided(self) -> None:
        gaps = [0.1, 0.3, 0.2, 0.6]
        row = judged(table(gaps), sesoi=0.05)
        assert row["p"] == pytest.approx(stats.ttest_1samp(gaps, 0.05, alternative="greater").pvalue)

    @pytest.mark.parametrize(("nudge", "verdict"), [(1.001, REPLICATED), (0.999, NOT_REPLICATED)])
    def test_it_turns_at_two_and_a_half_percent(self, nudge: float, verdict: str) -> None:
        """So does the whole 95 % interval's place, for one test alone."""
        edge = stats.t.ppf(1 - LEVEL, 4)
        row = judged(table(spread_around(0.1 + 0.02 * edge * nudge, 0.02)), sesoi=0.1)
        assert row["p"] == pytest.approx(LEVEL, rel=0.01)
        assert row["verdict"] == verdict
        assert (row["ci_low"] > 0.1) == (verdict == REPLICATED)

    def test_the_other_direction_is_no_evidence(self) -> None:
        row = judged(table([-0.5, -0.6, -0.4]))
        assert row["verdict"] == NOT_REPLICATED
        assert row["p"] > 0.99


class TestHolm:
    STEPS = ("one", "two", "three")

    def test_over_all_rows_of_the_study_by_hand(self) -> None:
        """Two claims in three conditions are six tests; the strictest is multiplied by six, the next by five, ..."""
        gaps = {"one": spread_around(0.3, 0.05), "two": spread_around(0.2, 0.06), "three": spread_around(0.1, 0.06)}
        frame = pd.concat([table(values, name) for name, values in gaps.items()], ignore_index=True)
        claims = claimed(frame, dict.fromkeys(self.STEPS, 60), {"sesoi": 0.0}, {"id": "T2", "sesoi": 0.125})
        raw = [
            stats.ttest_1samp(gaps[name], sesoi, alternative="greater").pvalue
            for sesoi in (0.0, 0.125)
            for name in self.STEPS
        ]
        expected, least = dict.fromkeys(range(6), 0.0), 0.0
        for rank, test in enumerate(np.argsort(raw)):
            least = max(least, raw[test] * (6 - rank))
            expected[int(test)] = min(least, 1.0)
        assert claims["p"].to_list() == pytest.approx(list(expected.values()))
        assert claims["verdict"].to_list() == [REPLICATED if p < LEVEL else NOT_REPLICATED for p in expected.values()]
        assert REPLICATED in set(claims["verdict"])

    def test_what_is_replicated_alone_may_not_be_among_many(self) -> None:
        once = spread_around(0.1, 0.1 / stats.t.ppf(1 - 0.02, 4))  # p = 0.02
        assert claimed(table(once, "one"), {"one": 60}, {})["verdict"].to_list() == [REPLICATED]
        both = pd.concat([table(once, "one"), table(once, "two")], ignore_index=True)
        claims = claimed(both, {"one": 60, "two": 60}, {})
        assert claims["p"].to_list() == pytest.approx([0.04, 0.04])
        assert claims["verdict"].to_list() == [NOT_REPLICATED, NOT_REPLICATED]

    def test_rows_without_a_verdict_are_no_tests(self) -> None:
        once = spread_around(0.1, 0.1 / stats.t.ppf(1 - 0.02, 4))
        claims = claimed(pd.concat([table(once, "one"), table([0.3], "two")]), dict.fromkeys(self.STEPS, 60), {})
        assert claims["verdict"].to_list() == [REPLICATED, NO_VERDICT, NO_VERDICT]
        assert claims["p"].to_list() == pytest.approx([0.02, np.nan, np.nan], nan_ok=True)
        assert claims["n"].to_list() == [5, 1, 0]


class TestEquivalence:
    @pytest.mark.parametrize(
        ("values", "verdict"),
        [
            (spread_around(0.0, 0.01), REPLICATED),
            (spread_around(0.04, 0.01), REPLICATED),
            (spread_around(-0.04, 0.01), REPLICATED),
            (spread_around(0.09, 0.01), NOT_REPLICATED),  # inside, and not surely so
            (spread_around(-0.09, 0.01), NOT_REPLICATED),
            (spread_around(0.3, 0.01), NOT_REPLICATED),
            (spread_around(-0.3, 0.01), NOT_REPLICATED),
            (spread_around(0.0, 0.2), NOT_REPLICATED),  # a wide interval says nothing
            ([0.0, 0.0], REPLICATED),
            ([0.125, 0.125], NOT_REPLICATED),
            ([0.3], NO_VERDICT),
        ],
    )
    def test_no_effect_is_claimed_where_both_bounds_hold(self, values: list[float], verdict: str) -> None:
        sesoi = 0.125 if len(values) == 2 else 0.1
        (row,) = claimed(table(values), {"short": 60}, {"equivalent": True, "sesoi": sesoi}).to_dict("records")
        assert row["verdict"] == verdict

    def test_its_p_is_the_larger_of_the_two(self) -> None:
        values = spread_around(0.04, 0.02)
        claims = claimed(table(values), {"short": 60}, {"equivalent": True, "sesoi": 0.1})
        sides = [
            stats.ttest_1samp(values, -0.1, alternative="greater").pvalue,
            stats.ttest_1samp(values, 0.1, alternative="less").pvalue,
        ]
        assert claims["p"].to_list() == pytest.approx([max(sides)])


class TestComparisons:
    STEPS: ClassVar = {"1": 10, "2": 20, "4": 40}  # conditions are named, and differ in the factor "steps"

    def frame(self, missed: Sequence[int] = ()) -> pd.DataFrame:
        noise = np.array([0.0, 0.01, -0.02, 0.015])
        gaps = {"1": 0.5 + noise, "2": 0.4 - noise, "4": 0.1 + 2 * noise}
        parts = [table(list(g), name, missed if name == "4" else ()) for name, g in gaps.items()]
        return pd.concat(parts, ignore_index=True)

    def gaps(self) -> NDArray[np.float64]:
        noise = np.array([0.0, 0.01, -0.02, 0.015])
        return np.stack([0.5 + noise, 0.4 - noise, 0.1 + 2 * noise])

    def test_a_difference_is_taken_within_networks(self) -> None:
        compare = {"kind": "difference", "factor": "steps", "more": "10", "less": "40"}
        (row,) = claimed(self.frame(), self.STEPS, {"compare": compare, "sesoi": 0.1}).to_dict("records")
        differences = self.gaps()[0] - self.gaps()[2]
        assert (row["condition"], row["n"], row["verdict"]) == ("all conditions", 4, REPLICATED)
        assert row["estimate"] == pytest.approx(differences.mean())
        assert row["p"] == pytest.approx(
            stats.ttest_rel(*(self.gaps()[[0, 2]] - [[0.1], [0]]), alternative="greater").pvalue
        )
        assert row["statistic"].endswith(": steps 10 minus 40")

    def test_who_missed_the_gate_in_one_of_two_conditions_has_no_difference(self) -> None:
        compare = {"kind": "difference", "factor": "steps", "more": "10", "less": "40"}
        (row,) = claimed(self.frame(missed=[1]), self.STEPS, {"compare": compare}).to_dict("records")
        assert row["n"] == 3
        assert row["estimate"] == pytest.approx((self.gaps()[0] - self.gaps()[2])[[0, 2, 3]].mean())

    def test_a_trend_over_conditions(self) -> None:
        compare = {"kind": "trend", "factor": "steps", "scale": "log2", "falling": True}
        (row,) = claimed(self.frame(missed=[2]), self.STEPS, {"compare": compare}).to_dict("records")
        x = np.log2([10, 20, 40])
        slopes = [-np.polyfit(x, network, 1)[0] for network in self.gaps().T]
        slopes[2] = -np.polyfit(x[:2], self.gaps()[:2, 2], 1)[0]  # two of three levels are two thirds
        assert row["n"] == 4
        assert row["estimate"] == pytest.approx(np.mean(slopes))

    def test_a_condition_that_was_not_run_leaves_no_verdict(self) -> None:
        compare = {"kind": "difference", "factor": "steps", "more": "10", "less": "40"}
        frame = self.frame().query("condition != '4'")
        (row,) = claimed(frame, self.STEPS, {"compare": compare}).to_dict("records")
        assert (row["n"], row["verdict"]) == (0, NO_VERDICT)
        assert np.isnan(row["p"])

    def test_where_keeps_a_claim_to_some_conditions(self) -> None:
        claims = claimed(self.frame(), self.STEPS, {"where": {"steps": ("10", "40")}}, {"id": "T2"})
        assert claims[["id", "condition"]].to_numpy().tolist() == [
            ["T1", "1"], ["T1", "4"], ["T2", "1"], ["T2", "2"], ["T2", "4"],
        ]  # fmt: skip


def test_a_claim_concerns_conditions_with_one_of_the_levels_of_every_factor() -> None:
    (condition,) = make_study().conditions  # its factors are {"steps": "60"}
    (claim,) = make_study().claims

    def concerned(where: dict[str, tuple[str, ...]] | None) -> bool:
        return Claim.model_validate({**claim.model_dump(), "where": where}).concerns(condition)

    assert concerned(None)
    assert concerned({"steps": ("30", "60")})
    assert not concerned({"steps": ("30",)})
    assert not concerned({"steps": ("60",), "depth": ("1",)})


def test_the_lower_end_must_lie_above_the_smallest_effect() -> None:
    gaps = [0.25, 0.25, 0.25]  # exact in binary, and without spread: the interval is the point .25
    assert judged(table(gaps), sesoi=0.25)["verdict"] == NOT_REPLICATED
    assert judged(table(gaps), sesoi=np.nextafter(0.25, 0))["verdict"] == REPLICATED
    assert judged(table(gaps), sesoi=np.nextafter(0.25, 1))["verdict"] == NOT_REPLICATED


def test_an_estimate_above_the_smallest_effect_is_not_enough() -> None:
    row = judged(table([0.1, 0.5]), sesoi=0.05)
    assert row["estimate"] > 0.05
    assert row["verdict"] == NOT_REPLICATED


def test_one_member_gives_no_verdict_and_no_interval() -> None:
    row = judged(table([0.5]))
    assert (row["n"], row["verdict"], row["estimate"]) == (1, NO_VERDICT, 0.5)
    assert [row["ci_low"], row["ci_high"]] == [-np.inf, np.inf]


@pytest.mark.parametrize("frame", [table([]), table([0.5] * 3, missed=[0, 1, 2]), table([0.5], condition="another")])
def test_no_member_gives_no_verdict_and_no_estimate(frame: pd.DataFrame) -> None:
    row = judged(frame)
    assert (row["n"], row["n_planned"], row["verdict"]) == (0, 9, NO_VERDICT)
    assert row[["estimate", "ci_low", "ci_high", "p"]].isna().all()


def test_networks_that_missed_the_gate_are_counted_and_never_averaged() -> None:
    among = judged(table([0.25, 100.0, 0.5, -100.0], missed=[1, 3]), seeds=4)
    alone = judged(table([0.25, 0.5]), seeds=4)
    assert (among["n"], among["n_planned"]) == (2, 4)
    numbers = ["estimate", "ci_low", "ci_high", "verdict"]
    assert among[numbers].to_list() == alone[numbers].to_list()


def two_conditions(first: Sequence[float], second: Sequence[float], claims: dict[str, float]) -> pd.DataFrame:
    study = make_study(steps={"one": 60, "two": 90}, claims=claims)
    frame = pd.concat([table(first, "one"), table(second, "two")], ignore_index=True)
    return evaluate(study, study.conditions, frame, "quick", 3)


YES, NO, NONE = [0.25] * 3, [-0.25] * 3, []


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (YES, YES, REPLICATED),
        (YES, NO, MIXED),
        (NO, NO, NOT_REPLICATED),
        (YES, NONE, REPLICATED),
        (NO, NONE, NOT_REPLICATED),
        (NONE, NONE, NO_VERDICT),
    ],
)
def test_over_conditions(first: list[float], second: list[float], verdict: str) -> None:
    claims = two_conditions(first, second, {"T1": 0.0})
    assert claims["condition"].to_list() == ["one", "two"]
    assert overall(claims)["verdict"].to_list() == [verdict]


def test_claims_of_one_id_are_parts_of_one_claim() -> None:
    study = make_study(claims={"T1": 0.0})
    (claim,) = study.claims
    parts = (claim, claim.model_copy(update={"statement": "and by much", "sesoi": 0.5}))
    study = study.model_copy(update={"claims": (*parts, claim.model_copy(update={"id": "T2"}))})
    total = overall(evaluate(study, study.conditions, table(YES), "quick", 3))
    assert list(total.columns) == ["id", "study", "statement", "verdict", "strength", "scale"]
    assert total.to_numpy().tolist() == [
        ["T1", "tiny", "The copy explains more than the conjunction; and by much", MIXED, "C", "quick"],
        ["T2", "tiny", "The copy explains more than the conjunction", REPLICATED, "C", "quick"],
    ]


def test_combining_nothing_gives_no_verdict() -> None:
    assert combine([]) == NO_VERDICT


def test_a_study_without_claims_has_an_empty_table_with_all_columns() -> None:
    study: Study = make_study().model_copy(update={"claims": ()})
    claims = evaluate(study, study.conditions, table(YES), "quick", 3)
    assert list(claims.columns) == CLAIM_COLUMNS
    assert claims.empty
    assert overall(claims).empty
