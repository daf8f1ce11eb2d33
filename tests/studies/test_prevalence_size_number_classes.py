"""Prevalence, depth, width, number, classes: what differs between conditions, and what their claims are decided by."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from repbias.experiments.comparisons import Trend
from repbias.experiments.contrasts import FeatureDifference, Level
from repbias.experiments.evaluation import evaluate, groups
from repbias.experiments.study import Claim, Condition, Study
from repbias.experiments.verdicts import CONTRADICTED, INCONCLUSIVE, NO_EFFECT, REPLICATED, REVERSED
from repbias.models import MLP
from repbias.studies import find_study
from repbias.tasks import BooleanTask, SymbolTask, check_design
from repbias.training import Training

PREVALENCE, DEPTH, WIDTH, NUMBER, CLASSES = STUDIES = tuple(
    find_study(name) for name in ("prevalence", "depth", "width", "number", "classes")
)
TASKS = {condition.task.digest(): condition.task for study in STUDIES for condition in study.conditions}


def trends(study: Study) -> list[tuple[Claim, Trend]]:
    return [(claim, claim.compare) for claim in study.claims if isinstance(claim.compare, Trend)]


def boolean(condition: Condition) -> BooleanTask:
    assert isinstance(condition.task, BooleanTask)
    return condition.task


def symbols(condition: Condition) -> SymbolTask:
    assert isinstance(condition.task, SymbolTask)
    return condition.task


def results(study: Study, gaps: dict[str, dict[str, float]], seeds: int = 6) -> pd.DataFrame:
    """Return a table in which every feature of a condition has the given R2 plus noise, and all pass."""
    random = np.random.default_rng(0)
    rows = []
    for condition in study.conditions:
        layer = condition.model.layer_names[-1]
        for network in range(seeds):
            for feature in condition.task.feature_names:
                r2 = gaps[condition.name].get(feature, 0.0) + random.normal(0, 0.01)
                rows.append((condition.name, network, 100, layer, feature, "r2", r2))
                rows.append((condition.name, network, 100, "output", feature, "accuracy", 1.0))
    return pd.DataFrame(rows, columns=["condition", "seed", "step", "layer", "feature", "measure", "value"])


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
class TestEveryStudy:
    def test_it_survives_its_json(self, study: Study) -> None:
        assert Study.model_validate(study.model_dump(mode="json")) == study

    def test_quick_is_a_part_of_full(self, study: Study) -> None:
        quick, full = ([c.name for c in study.at(scale)] for scale in ("quick", "full"))
        assert full == [condition.name for condition in study.conditions]
        assert set(quick) < set(full)
        assert study.scales["quick"].seeds == 4

    def test_both_scales_judge_every_claim_of_the_paper_and_full_judges_all(self, study: Study) -> None:
        assert all(groups(claim, study.conditions) for claim in study.claims)
        assert all(groups(claim, study.at("quick")) for claim in study.claims if claim.role == "paper")

    def test_conditions_differ_in_their_factors_and_in_nothing_that_is_not_declared(self, study: Study) -> None:
        factors = Counter(tuple(condition.factors.items()) for condition in study.conditions)
        assert max(factors.values()) == 1
        assert len({tuple(condition.factors) for condition in study.conditions}) == 1
        assert len({condition.training.canonical_json() for condition in study.conditions}) == 1
        default, used = Training(), study.conditions[0].training
        assert used == default.model_copy(update={"phases": used.phases})
        assert (used.phases[0].until, used.phases[0].extra, len(used.phases)) == ("mastery", 2_000, 1)

    def test_no_member_is_expected_to_exceed_its_step_limit(self, study: Study) -> None:
        assert all(condition.steps <= condition.training.max_steps for condition in study.conditions)

    def test_the_smallest_effect_of_every_claim_is_set(self, study: Study) -> None:
        assert all(claim.sesoi > 0 for claim in study.claims)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_design_of_every_condition_passes(task: BooleanTask | SymbolTask) -> None:
    check = check_design(task)
    assert check.passed, check.failures()


class TestPrevalence:
    def test_both_readings_are_there_in_both_scales(self) -> None:
        for scale in ("quick", "full"):
            assert {condition.factors["reading"] for condition in PREVALENCE.at(scale)} == {"P(f=1)", "labelled"}
        for claim in PREVALENCE.claims:
            label = {group.split(",")[0].split(" ")[0] for group, _ in groups(claim, PREVALENCE.conditions)}
            assert label == {"P(f=1)", "labelled"}

    def test_only_the_rare_features_prevalence_changes_and_by_what_the_factors_say(self) -> None:
        for condition in PREVALENCE.conditions:
            common, rare = boolean(condition).features.values()
            assert (common.function, common.prevalence, common.labelled) == (rare.function, 0.5, 1.0)
            assert condition.factors["features"] == f"{rare.function} and {rare.function}"
            level = float(condition.factors["prevalence"])
            expected = (level, 1.0) if condition.factors["reading"] == "P(f=1)" else (0.5, level)
            assert (rare.prevalence, rare.labelled) == expected

    def test_validation_and_test_are_the_same_at_every_level(self) -> None:
        chosen = [c for c in PREVALENCE.conditions if c.factors["features"] == "copy and copy"]
        stimuli = [boolean(condition).stimuli(0) for condition in chosen]
        for own in stimuli[1:]:
            np.testing.assert_array_equal(own.test.labels, stimuli[0].test.labels)
            np.testing.assert_array_equal(own.validation.labels, stimuli[0].validation.labels)

    def test_each_reading_has_a_level_at_which_the_two_features_are_equally_prevalent(self) -> None:
        equal = [c.name for c in PREVALENCE.conditions if not boolean(c).manipulations]
        assert equal == ["P(f=1) 0.5, copy", "P(f=1) 0.5, xor", "labelled 1, copy", "labelled 1, xor"]

    def test_a_gap_that_widens_as_the_feature_gets_rarer_is_the_claim_and_the_reverse_is_not(self) -> None:
        for sign, verdict in ((1, REPLICATED), (-1, REVERSED)):
            gaps = {
                c.name: {"common": 0.3, "rare": 0.3 + sign * 0.04 * np.log2(float(c.factors["prevalence"]))}
                for c in PREVALENCE.conditions
            }
            judged = evaluate(PREVALENCE, PREVALENCE.conditions, results(PREVALENCE, gaps), "full", 6)
            assert set(judged["verdict"]) == {verdict}
            trend = judged[judged["statistic"].str.startswith("fall")]
            assert len(trend) == 4
            np.testing.assert_allclose(trend["estimate"], sign * 0.04, atol=0.005)


class TestDepthAndWidth:
    def test_networks_are_what_the_factors_say(self) -> None:
        for condition in DEPTH.conditions:
            assert condition.model == MLP(widths=(64,) * int(condition.factors["depth"]))
        for condition in WIDTH.conditions:
            assert condition.model == MLP(widths=(int(condition.factors["width"]),) * 4)
        assert [c.factors["depth"] for c in DEPTH.conditions] == ["1", "2", "3", "4", "6", "8"]
        assert [c.factors["width"] for c in WIDTH.conditions] == ["32", "64", "128", "256", "512"]

    def test_the_task_is_the_same_throughout(self) -> None:
        assert {c.task.digest() for c in (*DEPTH.conditions, *WIDTH.conditions)} == {
            BooleanTask(features={"easy": "copy", "hard": "parity3"}).digest()
        }

    def test_a_growing_gap_is_the_claim_and_a_gap_that_stays_is_not(self) -> None:
        for slope, verdict in ((0.05, REPLICATED), (0.0, NO_EFFECT), (-0.05, REVERSED)):
            gaps = {c.name: {"easy": 0.2 + slope * len(c.model.widths)} for c in DEPTH.conditions}
            judged = evaluate(DEPTH, DEPTH.conditions, results(DEPTH, gaps), "full", 6)
            assert judged["verdict"].tolist() == [verdict]

    def test_width_is_judged_by_equivalence(self) -> None:
        for slope, verdict in ((0.0, REPLICATED), (0.04, CONTRADICTED), (-0.04, CONTRADICTED)):
            gaps = {c.name: {"easy": 0.4 + slope * np.log2(c.model.widths[0] / 32)} for c in WIDTH.conditions}
            judged = evaluate(WIDTH, WIDTH.conditions, results(WIDTH, gaps), "full", 6)
            assert judged["verdict"].tolist() == [verdict]

    def test_too_few_seeds_do_not_show_that_width_matters_little(self) -> None:
        random = np.random.default_rng(1)
        table = results(WIDTH, {c.name: {"easy": 0.4} for c in WIDTH.conditions}, seeds=4)
        table.loc[table["measure"] == "r2", "value"] += random.normal(0, 0.2, (table["measure"] == "r2").sum())
        judged = evaluate(WIDTH, WIDTH.conditions, table, "full", 4)
        assert judged["verdict"].tolist() == [INCONCLUSIVE]


class TestNumber:
    def test_conditions_hold_as_many_features_as_their_factors_say(self) -> None:
        assert len(NUMBER.conditions) == 16
        for condition in NUMBER.conditions:
            functions = Counter(feature.function for feature in boolean(condition).features.values())
            assert functions["copy"] == int(condition.factors["easy features"])
            assert functions["xor"] == int(condition.factors["hard features"])

    def test_sums_and_means_read_all_features_of_their_condition(self) -> None:
        over_all = [claim for claim in NUMBER.claims if claim.compare is None]
        assert Counter(c.contrast.how for c in over_all if isinstance(c.contrast, Level)) == {"sum": 16, "mean": 4}
        for claim in over_all:
            (condition,) = (c for c in NUMBER.conditions if claim.concerns(c))
            assert claim.contrast.features() == condition.task.feature_names

    def test_every_trend_has_a_group_for_each_number_of_the_other_kind(self) -> None:
        assert Counter(claim.id for claim, _ in trends(NUMBER)) == {
            "share of one easy feature": 2,
            "share of one hard feature": 2,
        }
        for claim, trend in trends(NUMBER):
            assert (trend.scale, trend.falling) == ("log2", True)
            assert [len(group) for _, group in groups(claim, NUMBER.conditions)] == [4] * 4

    def test_a_budget_that_is_shared_equally_makes_the_shares_fall(self) -> None:
        gaps = {c.name: dict.fromkeys(c.task.feature_names, 0.9 / len(c.task.feature_names)) for c in NUMBER.conditions}
        judged = evaluate(NUMBER, NUMBER.conditions, results(NUMBER, gaps), "full", 6)
        shares = judged[judged["id"].str.startswith("number/share")]
        assert len(shares) == 16
        assert (shares["estimate"] > 0).all()
        sums = judged[judged["id"] == "number/all easy and all hard"].set_index("condition")["estimate"]
        assert sums["8 easy, 1 hard"] == pytest.approx(0.7, abs=0.03)
        assert sums["1 easy, 8 hard"] == pytest.approx(-0.7, abs=0.03)
        means = judged[judged["id"] == "number/one easy and one hard"]["estimate"]
        np.testing.assert_allclose(means, 0, atol=0.02)


class TestClasses:
    def test_tasks_are_what_the_factors_say(self) -> None:
        for condition in CLASSES.conditions:
            task = symbols(condition)
            easy, hard = task.features.values()
            assert (task.symbols, easy.inputs) == (int(condition.factors["classes"]), 1)
            assert condition.factors["hard"] == f"sum of {hard.inputs}"
            assert easy.noise == hard.noise == {"clean": 0, "noisy": 0.1}[condition.factors["labels"]]

    def test_the_claim_runs_over_these_classes(self) -> None:
        (claim,) = (claim for claim in CLASSES.claims if claim.id == "C14")
        assert claim.contrast == FeatureDifference(measure="r2", more="easy", less="hard")
        assert claim.compare == Trend(factor="classes", scale="log2")
        assert {label: [c.factors["classes"] for c in group] for label, group in groups(claim, CLASSES.conditions)} == {
            "sum of 2, clean": ["2", "3", "4", "8", "16"],
            "sum of 3, clean": ["2", "3", "4"],
        }

    def test_noise_is_compared_with_the_same_task_without(self) -> None:
        (claim,) = (claim for claim in CLASSES.claims if claim.id == "noise")
        found = [[c.name for c in group] for _, group in groups(claim, CLASSES.conditions)]
        assert found == [
            ["2 classes, sum of 2", "2 classes, sum of 2, noisy labels"],
            ["8 classes, sum of 2", "8 classes, sum of 2, noisy labels"],
        ]
