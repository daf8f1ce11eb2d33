from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import pytest
from study_results import result, study_of

from repbias.experiments.claim import Claim
from repbias.experiments.contrasts import FeatureDifference
from repbias.report.answer import answer
from repbias.report.study_report import write_report
from repbias.runs.results import StudyResult
from repbias.studies.bits.complexity import STUDY

HOSTILE = '<script>alert(1)</script> "q" & {{ 7*7 }}'


def told(made: StudyResult) -> list[str]:
    """The answer's sentences, with spaces for no-break spaces."""
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in answer(made)]


@pytest.mark.parametrize(
    ("r2", "lead"),
    [
        (
            ((0.53, 0.11), (0.55, 0.14)),
            "Replicated in 2 of 2 conditions: easy explains 53 % to 55 % of the penultimate layer’s variance, "
            "hard 11 % to 14 % (means over 4 seeds).",
        ),
        (
            ((0.2, 0.2), (0.2, 0.22)),
            "Contradicted (no effect in 1, contradicted in 1 of 2 conditions): easy explains 20 % of the "
            "penultimate layer’s variance, hard 20 % to 22 % (means over 4 seeds).",
        ),
        (
            ((0.53, 0.025), (0.2, 0.2)),
            "Mixed (replicated in 1, no effect in 1 of 2 conditions): easy explains 20 % to 53 % of the "
            "penultimate layer’s variance, hard 2.5 % to 20.0 % (means over 4 seeds).",
        ),
        (
            ((-0.002, -0.004), (0.0001, -0.0001)),
            "Inconclusive in 2 of 2 conditions: easy explains −0.2 % to 0.0 % of the penultimate layer’s variance, "
            "hard −0.4 % to 0.0 % (means over 4 seeds).",
        ),
    ],
)
def test_the_first_sentence_tells_the_verdict_and_the_shares(r2: tuple[tuple[float, float], ...], lead: str) -> None:
    assert told(result(r2))[0] == lead


def test_one_seed_is_no_data_and_gives_no_numbers() -> None:
    lead = told(result(seeds=1))[0]
    assert lead.startswith("No data in 2 of 2 conditions: ")
    assert lead.endswith("fewer than four seeds count in each.")


def test_networks_that_fail_the_criterion_are_neither_averaged_nor_hidden() -> None:
    missed = [(1, seed) for seed in range(3)]
    sentences = told(result(((0.53, 0.11), (0.9, 0.9)), missed=missed))
    assert sentences[0] == (
        "Inconclusive (replicated in 1, no data in 1 of 2 conditions): easy explains 53 % of the penultimate layer’s "
        "variance, hard 11 % (means over 4 seeds)."
    )
    assert sentences[-1] == (
        "Failed the accuracy criterion on hard: 3 of 8 networks; a claim leaves out the networks that failed it on one "
        "of the claim’s features."
    )
    assert told(result(((0.53, 0.11), (0.55, 0.14)), seeds=6, missed=[(0, 0), (0, 1)]))[0] == (
        "Inconclusive (replicated in 1, inconclusive in 1 of 2 conditions); fewer than 80 % of the seeds count in 1: "
        "easy explains 54 % to 55 % of the penultimate layer’s variance, hard 10 % to 14 % (means over 4 to 6 seeds)."
    )


def test_networks_that_failed_are_not_averaged() -> None:
    made = result(seeds=6, status={(0, 0): "failed", (0, 1): "failed"})
    assert "easy explains 54 % to 55 % of" in told(made)[0]
    assert "hard 10 % to 14 % (means over 4 to 6 seeds)" in told(made)[0]
    assert made.claims["n"].min() == 4


def test_what_was_left_out_is_counted() -> None:
    sentences = told(result(status={(0, 0): "not run", (0, 1): "failed", (1, 2): "failed"}))
    assert sentences[-3:] == [
        "The quick scale covers 2 of the study’s 12 conditions.",
        "Not run yet: 1 of 8 networks.",
        "Diverged in training: 2 of 8 networks.",
    ]
    everything = {(place, seed): "not run" for place in range(2) for seed in range(4)}
    nothing = told(result(status=everything))
    assert nothing[0].startswith("No data in 2 of 2 conditions: ")
    assert nothing[-1] == "Not run yet: 8 of 8 networks."


def test_each_further_claim_has_one_sentence_and_its_parts_stay_together() -> None:
    sentences = told(result())
    assert [sentence.partition(",")[0] for sentence in sentences[1:4]] == ["C2", "C3", "C22"]
    assert sentences[1] == (
        "C2, replicated in 2 of 2 conditions: “The simpler feature is represented more densely: more units carry it” "
        "(mean effect 41 to 42 percentage points)."
    )
    assert sentences[2].count("“") == 2
    assert sentences[2].startswith("C3, mixed as a whole: “The easy feature's variance keeps growing")
    assert "”: replicated in 2 of 2 conditions (mean effect" in sentences[2]
    assert "”: no effect in 2 of 2 conditions (mean effect" in sentences[2]
    assert "percentage points per layer" in sentences[3]


def test_a_first_claim_of_parts_tells_the_others_after_the_lead() -> None:
    first, second = (claim for claim in STUDY.claims if claim.id == "C3")
    sentences = told(result(study=study_of(first, second)))
    assert sentences[0].startswith(f"Replicated in 2 of 2 conditions: {first.statement}; mean effect ")
    assert sentences[0].endswith(" percentage points.")
    assert sentences[1].startswith(f"C3, mixed as a whole: “{second.statement}”: no effect in 2 of 2 conditions (")


def test_a_measure_that_is_no_share_is_told_in_its_own_unit() -> None:
    contrast = FeatureDifference(measure="participation", more="easy", less="hard")
    made = result(study=study_of(Claim(id="C9", statement="It is wider.", contrast=contrast, sesoi=0.1)))
    table = made.table.replace({"measure": {"density_0.1": "participation"}})
    assert (
        told(replace(made, table=table))[0] == "Replicated in 2 of 2 conditions: It is wider; mean effect 0.41 to 0.42."
    )


def test_a_study_without_claims_says_so() -> None:
    assert told(result(study=study_of()))[0].startswith("This study states no claims")


def test_hostile_names_of_features_reach_the_page_escaped(tmp_path: Path) -> None:
    conditions = [
        one.model_copy(
            update={
                "task": one.task.model_copy(
                    update={"features": {HOSTILE: one.task.features["easy"], "hard": one.task.features["hard"]}}
                )
            }
        )
        for one in STUDY.conditions
    ]
    contrast = FeatureDifference(measure="r2", more=HOSTILE, less="hard")
    claim = Claim(id="C1", statement=HOSTILE, contrast=contrast, sesoi=0.1)
    study = STUDY.model_copy(update={"conditions": tuple(conditions), "claims": (claim,)})
    made = result(study=study, features=(HOSTILE, "hard"))
    assert f"{HOSTILE} explains 53 % to 55 % of" in told(made)[0]
    page = write_report(made, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert f"{html.escape(HOSTILE).replace('&quot;', '&#34;')} explains" in page
