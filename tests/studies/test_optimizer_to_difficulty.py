"""Five studies as data: claims concern the right conditions, both readings are there, every design is sound."""

from __future__ import annotations

import pytest

from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.contrasts import Growth, Level, Mastery
from repbias.experiments.evaluation import groups
from repbias.experiments.study import Claim, Study
from repbias.studies import NAMES, find_study
from repbias.studies.bits.complexity import STUDY as COMPLEXITY
from repbias.tasks import check_design
from repbias.tasks.bits.difficulty import truth_table_complexity

STUDIES = ("dynamics", "optimizer", "architecture", "correlation", "difficulty")


def claims(study: Study, id: str) -> list[Claim]:
    return [claim for claim in study.claims if claim.id == id]


def labels(study: Study, claim: Claim, scale: str = "full") -> list[str]:
    """What a claim is judged on."""
    return [label for label, _ in groups(claim, study.at(scale))]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", STUDIES)
class TestEveryStudy:
    def test_it_is_registered_under_its_name(self, name: str) -> None:
        assert name in NAMES
        assert find_study(name).name == name

    def test_quick_is_a_part_of_full_and_full_is_all_with_20_seeds(self, name: str) -> None:
        study = find_study(name)
        quick, full = study.at("quick"), study.at("full")
        assert full == study.conditions
        assert study.scales["full"].seeds == 20
        assert {c.name for c in quick} < {c.name for c in full}

    def test_factors_tell_all_conditions_apart(self, name: str) -> None:
        study = find_study(name)
        assert len({tuple(c.factors.values()) for c in study.conditions}) == len(study.conditions)
        assert len({tuple(c.factors) for c in study.conditions}) == 1

    def test_different_conditions_train_different_networks(self, name: str) -> None:
        study = find_study(name)
        assert len({c.network(0).run_id for c in study.conditions}) == len(study.conditions)

    def test_every_claim_is_judged_somewhere(self, name: str) -> None:
        study = find_study(name)
        for claim in study.claims:
            assert labels(study, claim), claim.statement

    def test_every_design_is_sound(self, name: str) -> None:
        designs = {c.task.canonical_json(): c.task for c in find_study(name).conditions}
        for task in designs.values():
            check = check_design(task)
            assert check.passed, check.failures()


class TestDynamics:
    STUDY = find_study("dynamics")

    def test_nothing_is_trained_twice(self) -> None:
        for scale in ("quick", "full"):
            own, other = self.STUDY.at(scale), COMPLEXITY.at(scale)
            assert [c.network(3).run_id for c in own] == [c.network(3).run_id for c in other]
        assert self.STUDY.scales == COMPLEXITY.scales

    def test_most_is_read_as_an_amount_and_as_a_rate(self) -> None:
        read = {c.contrast.per_step: c.contrast for c in claims(self.STUDY, "C3") if getattr(c.contrast, "minus", None)}
        assert set(read) == {False, True}
        assert read[True].model_copy(update={"per_step": False}) == read[False]
        assert (read[True].over, read[True].minus) == (("easy", "hard"), ("hard", "end"))

    def test_the_order_of_mastery_is_tested(self) -> None:
        (order,) = (c.contrast for c in self.STUDY.claims if isinstance(c.contrast, Mastery))
        assert (order.earlier, order.later) == ("easy", "hard")

    @pytest.mark.parametrize("feature", ["easy", "hard"])
    def test_the_stretches_cover_training_end_to_end(self, feature: str) -> None:
        stretches = [c.contrast for c in claims(self.STUDY, f"{feature} feature by stretch")]
        assert all(isinstance(c, Growth) and c.feature == feature for c in stretches)
        assert [c.over for c in stretches] == [("start", "easy"), ("easy", "hard"), ("hard", "end")]  # type: ignore[union-attr]


class TestOptimizer:
    STUDY = find_study("optimizer")

    def test_the_map_has_no_holes_among_the_first_settings(self) -> None:
        cells = {tuple(c.factors.values()) for c in self.STUDY.conditions}
        for optimizer in ("SGD", "SGD, momentum", "Adam", "AdamW", "RMSprop", "Muon"):
            for dropout in ("0", "0.2", "0.5"):
                assert {(optimizer, dropout, "XOR2"), (optimizer, dropout, "parity3")} <= cells

    def test_conditions_are_what_their_factors_say(self) -> None:
        for condition in self.STUDY.conditions:
            optimizer, dropout, _ = condition.factors.values()
            assert condition.model.dropout == float(dropout)
            assert optimizer.lower().startswith(condition.training.optimizer.kind)
            assert condition.training.max_steps == 15_000

    def test_the_parts_of_the_claim_concern_the_right_cells(self) -> None:
        rule, dropout, turned = claims(self.STUDY, "C10")
        assert isinstance(rule.compare, LevelDifference)
        assert (rule.compare.more, rule.compare.less) == ("SGD", "Adam")
        assert labels(self.STUDY, rule) == ["dropout 0, XOR2", "dropout 0, parity3", "dropout 0, parity4"]
        assert isinstance(dropout.compare, LevelDifference)
        assert (dropout.compare.more, dropout.compare.less) == ("0", "0.2")
        assert labels(self.STUDY, dropout) == ["SGD, XOR2", "SGD, parity3", "Adam, XOR2", "Adam, parity3"]
        concerned = [c for c in self.STUDY.conditions if turned.concerns(c)]
        assert {(c.factors["dropout"], c.training.optimizer.kind) for c in concerned} == {("0.2", "adam")}
        assert turned.contrast.describe().startswith("R2(hard) - R2(easy)")
        assert (turned.test, turned.quantifier) == ("sign", "some")

    def test_quick_judges_every_part_of_the_claim(self) -> None:
        assert [len(labels(self.STUDY, c, "quick")) for c in claims(self.STUDY, "C10")] == [2, 3, 2]


class TestArchitecture:
    STUDY = find_study("architecture")

    def test_one_factor_at_a_time_is_changed(self) -> None:
        base, *others = self.STUDY.conditions
        changed = [[f for f, level in c.factors.items() if level != base.factors[f]] for c in others]
        assert all(len(factors) == 1 for factors in changed)
        assert [c.name for c in others] == [f"{f[0]} {c.factors[f[0]]}" for f, c in zip(changed, others, strict=True)]
        assert all(c.task == base.task and c.training == base.training for c in others)

    def test_every_network_is_judged_and_each_change_once(self) -> None:
        gap, *changes = self.STUDY.claims
        assert labels(self.STUDY, gap) == [c.name for c in self.STUDY.conditions]
        assert [len(labels(self.STUDY, claim)) for claim in changes] == [1] * 8
        assert all(claim.test == "equivalence" for claim in changes)


class TestCorrelation:
    STUDY = find_study("correlation")

    def test_the_training_set_agrees_as_the_factor_says(self) -> None:
        for condition in self.STUDY.conditions:
            stimuli = condition.task.stimuli(0)
            first, second = stimuli.train.labels.T
            assert (first == second).mean() == pytest.approx(float(condition.factors["share"]), abs=1e-4)

    def test_both_readings_of_the_gate(self) -> None:
        ungated, gated, hard = claims(self.STUDY, "suppression")
        assert isinstance(ungated.contrast, Level)
        assert ungated.contrast.criterion_features() == ()
        assert gated.contrast.criterion_features() == ("easy", "hard")
        assert hard.contrast.criterion_features() == ()
        assert all(isinstance(c.compare, Trend) and c.compare.factor == "share" for c in (ungated, gated, hard))
        assert labels(self.STUDY, ungated) == ["easy and hard"]

    def test_which_is_preferred_is_asked_only_where_they_agree(self) -> None:
        (preference,) = claims(self.STUDY, "preference")
        assert labels(self.STUDY, preference) == [f"easy and hard, {share}" for share in ("0.65", "0.8", "0.95")]


class TestDifficulty:
    STUDY = find_study("difficulty")

    def test_factors_are_those_of_the_truth_table(self) -> None:
        for condition in self.STUDY.conditions:
            hard = condition.task.features["hard"]  # type: ignore[union-attr]
            found = truth_table_complexity(hard.function, hard.inputs)  # type: ignore[union-attr]
            assert float(condition.factors["sensitivity"]) == found.average_sensitivity
            assert int(condition.factors["degree"]) == found.degree

    def test_trends_run_over_all_nonlinear_functions_of_one_setting_with_each_measure(self) -> None:
        factors = {claim.compare.factor for claim in self.STUDY.claims if claim.compare is not None}
        assert factors == {"sensitivity", "degree"}
        for claim in self.STUDY.claims:
            ((label, group),) = groups(claim, self.STUDY.conditions)
            assert label in ("alone", "beside a copy")
            assert {c.factors["setting"] for c in group} == {label}
            assert [c.factors["kind"] for c in group] == [
                "and", "or", "threshold3", "threshold5", "xor", "xor_of_ands", "parity3", "parity4"
            ]  # fmt: skip

    def test_alone_is_alone(self) -> None:
        for condition in self.STUDY.conditions:
            easy = () if condition.factors["setting"] == "alone" else ("easy",)
            assert condition.task.feature_names == (*easy, "hard")
