"""From tables of trained networks to the claims table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats
from tiny_studies import make_study

from repbias.experiments.claim import Claim
from repbias.experiments.evaluation import CLAIM_COLUMNS, evaluate
from repbias.experiments.families import BEYOND, DESCRIPTIVE, PRIMARY, headlines
from repbias.experiments.study import Study
from repbias.experiments.verdicts import (
    FEW_PASS,
    INCONCLUSIVE,
    MIXED,
    NO_DATA,
    NO_EFFECT,
    REPLICATED,
    REVERSED,
    WHO_PASSED,
)

COLUMNS = ["condition", "seed", "step", "layer", "feature", "measure", "value"]
YES, NO, NONE = [0.25] * 4, [-0.25] * 4, []


def table(gaps: Sequence[float], condition: str = "short", missed: Sequence[int] = ()) -> pd.DataFrame:
    """Return networks whose easy feature has so much more R2 than the hard one; some fail the accuracy criterion."""
    rows = []
    for network, gap in enumerate(gaps):
        for feature, r2 in (("easy", 0.25 + gap), ("hard", 0.25)):
            accuracy = 0.95 if network in missed and feature == "hard" else 1.0
            rows.append((condition, network, 60, "output", feature, "accuracy", accuracy))
            rows.append((condition, network, 60, "hidden.1", feature, "r2", r2))
    return pd.DataFrame(rows, columns=COLUMNS)


def judged(frame: pd.DataFrame, sesoi: float = 0.1, seeds: int = 4) -> pd.Series:
    study = make_study(claims={"T1": sesoi})
    claims = evaluate(study, study.conditions, frame, "quick", seeds)
    assert len(claims) == 1
    return claims.iloc[0]


def changed(steps: dict[str, int], *changes: dict[str, Any], quick: tuple[str, ...] | None = None) -> Study:
    """The tiny study with its claim changed in each of these ways, and conditions of these lengths."""
    study = make_study(steps=steps)
    (stated,) = study.claims
    claims = [{**stated.model_dump(), **change} for change in changes]
    scales = {"quick": {"seeds": 4, "conditions": quick}, "full": {"seeds": 4}}
    return Study.model_validate({**study.model_dump(), "claims": claims, "scales": scales})


def claimed(frame: pd.DataFrame, study: Study, seeds: int = 4) -> pd.DataFrame:
    return evaluate(study, study.conditions, frame, "full", seeds)


def frames(**gaps: Sequence[float]) -> pd.DataFrame:
    return pd.concat([table([]), *(table(values, name) for name, values in gaps.items())], ignore_index=True)


class TestTable:
    def test_the_columns_are_those_documented(self) -> None:
        row = judged(table([0.25, 0.5, 0.25, 0.5]), sesoi=0.25)
        assert list(row.index) == CLAIM_COLUMNS
        words = ["id", "study", "role", "about", "domain", "condition", "statement", "statistic", "test", "quantifier",
                 "family", "n", "n_planned", "twin_n", "sesoi", "verdict", "note", "corrected", "scale"]  # fmt: skip
        assert row[words].to_list() == [
            "tiny/T1", "tiny", "ours", "", "bits", "short", "The copy explains more than the conjunction",
            "R2(easy) - R2(hard), penultimate layer, last step", "larger", "every", "primary", 4, 4, 4, 0.25,
            INCONCLUSIVE, "right sign, size open", INCONCLUSIVE, "quick",
        ]  # fmt: skip

    def test_the_interval_is_students_over_networks(self) -> None:
        gaps = [0.1, 0.3, 0.2, 0.6]
        row = judged(table(gaps))
        low, high = stats.t.interval(0.95, 3, loc=0.3, scale=stats.sem(gaps))
        assert row[["estimate", "ci_low", "ci_high"]].to_list() == pytest.approx([0.3, low, high])
        assert row["spread"] == pytest.approx(np.std(gaps, ddof=1))
        assert row["p"] == pytest.approx(stats.ttest_1samp(gaps, 0.1, alternative="greater").pvalue)

    def test_one_network_has_an_estimate_and_no_interval(self) -> None:
        row = judged(table([0.5]), seeds=1)
        assert (row["n"], row["verdict"], row["estimate"]) == (1, NO_DATA, 0.5)
        assert [row["ci_low"], row["ci_high"]] == [-np.inf, np.inf]

    @pytest.mark.parametrize("frame", [table([]), table(YES, missed=range(4)), table(YES, condition="another")])
    def test_no_network_has_no_estimate(self, frame: pd.DataFrame) -> None:
        row = judged(frame)
        assert (row["n"], row["n_planned"], row["verdict"]) == (0, 4, NO_DATA)
        assert row[["estimate", "ci_low", "ci_high", "p", "detectable", "seeds_needed"]].isna().all()

    def test_a_study_without_claims_has_an_empty_table_with_all_columns(self) -> None:
        study: Study = make_study().model_copy(update={"claims": ()})
        claims = evaluate(study, study.conditions, table(YES), "quick", 4)
        assert list(claims.columns) == CLAIM_COLUMNS
        assert claims.empty
        assert headlines(claims).empty

    def test_the_same_test_has_the_same_id_whatever_the_study_and_condition_are_called(self) -> None:
        study = changed({"one": 60, "two": 60, "three": 61}, {}, {"statement": "another"}, {"test": "sign"})
        other = study.model_copy(update={"name": "other"})
        rows = pd.concat([claimed(frames(), one) for one in (study, other)]).set_index(["study", "statement", "test"])
        first = rows.loc[("tiny", "The copy explains more than the conjunction", "larger")].set_index("condition")
        again = rows.loc[("other", "another", "larger")].set_index("condition")
        assert first["test_id"].to_dict() == again["test_id"].to_dict()
        assert first["test_id"]["one"] == first["test_id"]["two"] != first["test_id"]["three"]
        assert set(rows.loc[("tiny", slice(None), "sign"), "test_id"]).isdisjoint(first["test_id"])


class TestAttrition:
    def test_networks_that_fail_the_criterion_are_counted_and_never_averaged(self) -> None:
        among = judged(table([0.25, 100.0, 0.5, -100.0, 0.25, 0.5], missed=[1, 3]), seeds=6)
        alone = judged(table([0.25, 0.5, 0.25, 0.5]), seeds=4)
        assert (among["n"], among["n_planned"], among["twin_n"]) == (4, 6, 6)
        numbers = ["estimate", "ci_low", "ci_high", "spread", "p"]
        assert among[numbers].to_list() == alone[numbers].to_list()

    def test_the_twin_reads_them_at_their_last_step(self) -> None:
        gaps = [0.25, 0.5, 0.25, 0.5, 0.0]
        row = judged(table(gaps, missed=[4]), seeds=5)
        low, high = stats.t.interval(0.95, 4, loc=np.mean(gaps), scale=stats.sem(gaps))
        found = row[["twin_estimate", "twin_ci_low", "twin_ci_high"]].to_list()
        assert found == pytest.approx([np.mean(gaps), low, high])

    def test_a_result_that_depends_on_who_passed_is_inconclusive(self) -> None:
        gaps = [0.5, 0.51, 0.49, 0.5]
        assert judged(table([*gaps, 0.4], missed=[4]), seeds=5)["verdict"] == REPLICATED
        row = judged(table([*gaps, -1.0], missed=[4]), seeds=5)
        assert (row["verdict"], row["note"]) == (INCONCLUSIVE, WHO_PASSED)

    def test_with_fewer_than_four_fifths_a_result_is_inconclusive(self) -> None:
        row = judged(table([*YES, 0.25, 0.25], missed=[4, 5]), seeds=6)
        assert (row["verdict"], row["note"]) == (INCONCLUSIVE, FEW_PASS)

    def test_networks_that_diverged_or_were_not_run_are_missing_seeds_in_the_twin_too(self) -> None:
        row = judged(table(YES), seeds=6)
        assert (row["n"], row["twin_n"], row["note"]) == (4, 4, FEW_PASS)

    def test_a_network_is_dropped_only_for_the_features_of_the_claim(self) -> None:
        level = {"kind": "level", "of": ["easy"]}
        claims = claimed(table(YES, missed=[0]), changed({"short": 60}, {}, {"contrast": level}))
        assert claims["n"].to_list() == [3, 4]

    def test_the_twin_may_come_from_another_table(self) -> None:
        """Measures of several networks at once are others where networks that failed the criterion take part."""
        gated, ungated = table(YES[:3]), table([0.5, 0.5, 0.5, 0.5])
        study = make_study(claims={"T1": 0.1})
        (row,) = evaluate(study, study.conditions, gated, "quick", 4, ungated).to_dict("records")
        assert (row["estimate"], row["n"]) == (0.25, 3)
        gated = pd.concat([gated, table([np.nan] * 4).query("seed == 3")], ignore_index=True)
        (row,) = evaluate(study, study.conditions, gated, "quick", 4, ungated).to_dict("records")
        assert (row["estimate"], row["n"], row["twin_estimate"], row["twin_n"]) == (0.25, 3, 0.5, 4)


class TestFamilies:
    def test_the_quick_conditions_are_primary_and_the_others_another_family(self) -> None:
        study = changed({"one": 60, "two": 61, "three": 62}, {"sesoi": 0.1}, quick=("one",))
        claims = claimed(frames(one=YES, two=NO, three=YES), study)
        assert claims["family"].to_list() == [PRIMARY, BEYOND, BEYOND]
        (found,) = headlines(claims).to_dict("records")
        assert (found["verdict"], found["beyond"]) == (MIXED, "holds also in 1 of 2, against in 1")

    def test_a_claim_may_name_its_primary_conditions(self) -> None:
        named = changed({"one": 60, "two": 61}, {"primary": {"steps": ("61",)}}, quick=("one",))
        assert claimed(frames(), named)["family"].to_list() == [BEYOND, PRIMARY]

    def test_where_the_quick_scale_has_none_all_are_primary(self) -> None:
        study = changed({"one": 60, "two": 61, "three": 62}, {"where": {"steps": ("61", "62")}}, quick=("one",))
        assert claimed(frames(), study)["family"].to_list() == [PRIMARY, PRIMARY]

    def test_an_unknown_primary_level_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="no condition has steps '6l'"):
            changed({"one": 60}, {"primary": {"steps": ("6l",)}})

    def test_claims_of_other_ids_and_descriptive_rows_are_in_no_family(self) -> None:
        edge = list(0.1 + stats.zscore(np.arange(5.0), ddof=1) * 0.02 + 0.03)  # p of about .014
        frame = frames(one=edge, two=[0.1, 0.2, 0.0, 0.3, 0.1])
        alone = {"where": {"steps": ("60",)}, "sesoi": 0.1, "quantifier": "some"}
        other = {"where": {"steps": ("61",)}, "sesoi": 0.1, "quantifier": "some"}

        def corrected(**change: Any) -> str:
            return str(claimed(frame, changed({"one": 60, "two": 61}, alone, other | change), 5)["corrected"].iloc[0])

        assert corrected() == INCONCLUSIVE
        assert corrected(id="T2") == REPLICATED
        assert corrected(test="descriptive") == REPLICATED

    def test_a_descriptive_row_has_an_interval_and_no_verdict(self) -> None:
        study = changed({"one": 60}, {"test": "descriptive", "sesoi": None})
        (row,) = claimed(frames(one=[0.1, 0.2, 0.3, 0.2]), study).to_dict("records")
        assert (row["family"], row["verdict"], row["corrected"]) == (DESCRIPTIVE, "", "")
        assert row["ci_low"] < 0.2 < row["ci_high"]
        assert np.isnan([row["p"], row["detectable"], row["seeds_needed"]]).all()
        assert headlines(claimed(frames(one=YES), study)).empty

    def test_an_average_is_one_test_of_each_seeds_mean(self) -> None:
        first, second = np.array([0.5, 0.7, 0.6, 0.4]), np.array([-0.1, 0.1, 0.0, 0.2])
        study = changed({"one": 60, "two": 61}, {"quantifier": "average"})
        claims = claimed(frames(one=list(first), two=list(second)), study)
        assert claims["family"].to_list() == [DESCRIPTIVE, DESCRIPTIVE, PRIMARY]
        low, high = stats.t.interval(
            0.95, 3, *((first + second) / 2).mean(keepdims=True), stats.sem((first + second) / 2)
        )
        assert claims.iloc[2][["estimate", "ci_low", "ci_high"]].to_list() == pytest.approx([0.3, low, high])
        partly = claimed(frames(one=list(first), two=list(second)[:3]), study)
        assert partly["n"].to_list() == [4, 3, 3]

    @pytest.mark.parametrize(
        ("first", "second", "verdict"),
        [
            (YES, YES, REPLICATED),
            (YES, NO, MIXED),
            (NO, NO, REVERSED),
            (YES, NONE, INCONCLUSIVE),
            ([0.01] * 4, [-0.01] * 4, NO_EFFECT),
            (NONE, NONE, NO_DATA),
        ],
    )
    def test_the_verdict_of_a_claim_is_over_its_conditions(
        self, first: list[float], second: list[float], verdict: str
    ) -> None:
        claims = claimed(frames(one=first, two=second), changed({"one": 60, "two": 90}, {"sesoi": 0.1}))
        assert claims["condition"].to_list() == ["one", "two"]
        assert headlines(claims)["verdict"].to_list() == [verdict]

    def test_claims_of_one_id_are_parts_of_one_claim(self) -> None:
        study = changed({"short": 60}, {}, {"statement": "and by much", "sesoi": 0.5}, {"id": "C1"})
        found = headlines(claimed(table(YES), study))
        assert found[["id", "role", "about", "statement", "verdict", "scale"]].to_numpy().tolist() == [
            ["tiny/T1", "ours", "", "The copy explains more than the conjunction; and by much", MIXED, "full"],
            ["C1", "paper", "C1", "The copy explains more than the conjunction", REPLICATED, "full"],
        ]


class TestComparisons:
    STEPS: ClassVar = {"1": 10, "2": 20, "4": 40}  # conditions are named, and differ in the factor "steps"

    def frame(self, missed: Sequence[int] = ()) -> pd.DataFrame:
        parts = [
            table(list(gaps), name, missed if name == "4" else ())
            for name, gaps in zip(self.STEPS, self.gaps(), strict=True)
        ]
        return pd.concat(parts, ignore_index=True)

    def gaps(self) -> NDArray[np.float64]:
        noise = np.array([0.0, 0.01, -0.02, 0.015, 0.0])
        return np.stack([0.5 + noise, 0.4 - noise, 0.1 + 2 * noise])

    DIFFERENCE: ClassVar = {"compare": {"kind": "difference", "factor": "steps", "more": "10", "less": "40"}}

    def test_a_difference_is_taken_within_networks(self) -> None:
        (row,) = claimed(self.frame(), changed(self.STEPS, {**self.DIFFERENCE, "sesoi": 0.1}), 5).to_dict("records")
        differences = self.gaps()[0] - self.gaps()[2]
        assert (row["condition"], row["n"], row["verdict"]) == ("all conditions", 5, REPLICATED)
        assert row["estimate"] == pytest.approx(differences.mean())
        assert row["p"] == pytest.approx(stats.ttest_1samp(differences, 0.1, alternative="greater").pvalue)
        assert row["statistic"].endswith(": steps 10 minus 40")

    def test_a_network_that_fails_in_one_of_two_conditions_is_in_the_twin_alone(self) -> None:
        (row,) = claimed(self.frame(missed=[1]), changed(self.STEPS, self.DIFFERENCE), 5).to_dict("records")
        differences = self.gaps()[0] - self.gaps()[2]
        assert (row["n"], row["twin_n"]) == (4, 5)
        assert row["estimate"] == pytest.approx(differences[[0, 2, 3, 4]].mean())
        assert row["twin_estimate"] == pytest.approx(differences.mean())

    def test_a_trend_is_the_mean_slope_over_the_levels_that_each_seed_has(self) -> None:
        compare = {"kind": "trend", "factor": "steps", "scale": "log2", "falling": True}
        (row,) = claimed(self.frame(missed=[2]), changed(self.STEPS, {"compare": compare}), 5).to_dict("records")
        x = np.log2([10, 20, 40])
        slopes = [-np.polyfit(x, network, 1)[0] for network in self.gaps().T]
        assert row["twin_estimate"] == pytest.approx(np.mean(slopes))
        slopes[2] = -np.polyfit(x[:2], self.gaps()[:2, 2], 1)[0]  # two of three levels are two thirds
        assert row["n"] == 5
        assert row["estimate"] == pytest.approx(np.mean(slopes))

    def test_a_condition_that_was_not_run_leaves_no_data(self) -> None:
        (row,) = claimed(self.frame().query("condition != '4'"), changed(self.STEPS, self.DIFFERENCE)).to_dict(
            "records"
        )
        assert (row["n"], row["verdict"]) == (0, NO_DATA)
        assert np.isnan(row["p"])

    def test_where_keeps_a_claim_to_some_conditions(self) -> None:
        study = changed(self.STEPS, {"where": {"steps": ("10", "40")}}, {"id": "T2"})
        assert claimed(self.frame(), study)[["id", "condition"]].to_numpy().tolist() == [
            ["tiny/T1", "1"], ["tiny/T1", "4"], ["tiny/T2", "1"], ["tiny/T2", "2"], ["tiny/T2", "4"],
        ]  # fmt: skip


class TestClaims:
    def stated(self, **changes: Any) -> Claim:
        (claim,) = make_study().claims
        return Claim.model_validate({**claim.model_dump(), **changes})

    def test_a_claim_concerns_conditions_with_one_of_the_levels_of_every_factor(self) -> None:
        (condition,) = make_study().conditions  # its factors are {"steps": "60"}
        assert self.stated(where=None).concerns(condition)
        assert self.stated(where={"steps": ("30", "60")}).concerns(condition)
        assert not self.stated(where={"steps": ("30",)}).concerns(condition)
        assert not self.stated(where={"steps": ("60",), "depth": ("1",)}).concerns(condition)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"sesoi": None}, "'T1' needs the smallest effect of interest: set sesoi"),
            ({"sesoi": 0.0}, "greater than 0"),
            ({"illuminates": "C99"}, "illuminates 'C99', which the catalogue of claims lacks"),
            ({"id": "C1", "illuminates": "C2"}, "'C1' is one of the catalogue"),
            ({"test": "greater"}, "'larger', 'sign', 'change', 'equivalence' or 'descriptive'"),
        ],
    )
    def test_what_cannot_be_judged_is_refused(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            self.stated(**changes)
