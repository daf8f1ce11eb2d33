"""The rule that turns numbers into verdicts, at its edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from repbias.studies.study import Study
from repbias.studies.verdicts import (
    CLAIM_COLUMNS,
    MIXED,
    NO_VERDICT,
    NOT_REPLICATED,
    REPLICATED,
    combine,
    evaluate,
    overall,
)
from tiny_studies import make_study

COLUMNS = ["condition", "member", "step", "layer", "feature", "measure", "value"]


def table(gaps: Sequence[float], condition: str = "short", missed: Sequence[int] = ()) -> pd.DataFrame:
    """Return members whose easy feature has so much more R2 than the hard one; some miss the gate."""
    rows = []
    for member, gap in enumerate(gaps):
        for feature, r2 in (("easy", 0.25 + gap), ("hard", 0.25)):
            accuracy = 0.95 if member in missed and feature == "hard" else 1.0
            rows.append((condition, member, 60, "output", feature, "accuracy", accuracy))
            rows.append((condition, member, 60, "hidden.1", feature, "r2", r2))
    return pd.DataFrame(rows, columns=COLUMNS)


def judged(frame: pd.DataFrame, minimum: float = 0.0, seeds: int = 9) -> pd.Series:
    study = make_study(claims={"T1": minimum})
    claims = evaluate(study, study.conditions, frame, "quick", seeds)
    assert len(claims) == 1
    return claims.iloc[0]


def test_the_columns_are_those_documented() -> None:
    row = judged(table([0.25, 0.5]), minimum=0.125)
    assert list(row.index) == CLAIM_COLUMNS == [
        "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
        "n_planned", "minimum", "strength",
    ]  # fmt: skip
    words = ["id", "study", "condition", "statement", "statistic", "scale", "n_planned", "minimum", "strength"]
    assert row[words].to_list() == [
        "T1", "tiny", "short", "The copy explains more than the conjunction",
        "R2(easy) - R2(hard), penultimate layer, last step", "quick", 9, 0.125, "C",
    ]  # fmt: skip


def test_the_interval_is_students_over_members() -> None:
    gaps = [0.1, 0.3, 0.2, 0.6]
    row = judged(table(gaps))
    half = stats.t.ppf(0.975, 3) * np.std(gaps, ddof=1) / 2
    assert row[["estimate", "ci_low", "ci_high"]].to_list() == pytest.approx([0.3, 0.3 - half, 0.3 + half])
    assert row["n"] == 4


def test_the_lower_end_must_lie_above_the_smallest_effect() -> None:
    gaps = [0.25, 0.25, 0.25]  # exact in binary, and without spread: the interval is the point .25
    assert judged(table(gaps), minimum=0.25)["verdict"] == NOT_REPLICATED
    assert judged(table(gaps), minimum=np.nextafter(0.25, 0))["verdict"] == REPLICATED
    assert judged(table(gaps), minimum=np.nextafter(0.25, 1))["verdict"] == NOT_REPLICATED


def test_an_estimate_above_the_smallest_effect_is_not_enough() -> None:
    row = judged(table([0.1, 0.5]), minimum=0.05)
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
    assert row[["estimate", "ci_low", "ci_high"]].isna().all()


def test_members_that_missed_the_gate_are_counted_and_never_averaged() -> None:
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
    parts = (claim, claim.model_copy(update={"statement": "and by much", "minimum": 0.5}))
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
