"""Order, isolation, components: that their claims concern what they say, in conditions that differ in nothing else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.contrasts import FeatureDifference, Level
from repbias.experiments.study import Claim, Condition, Study
from repbias.experiments.verdicts import evaluate, groups
from repbias.models import MLP
from repbias.studies import find_study
from repbias.tasks import BooleanTask, check_design
from repbias.training import Phase
from repbias.training.curriculum import Course
from repbias.training.train import train

ORDER, ISOLATION, COMPONENTS = (find_study(name) for name in ("order", "isolation", "components"))
STUDIES = (ORDER, ISOLATION, COMPONENTS)
TASKS = {
    condition.task.digest(): condition for study in STUDIES for condition in study.conditions
}  # each task once, under the name of a condition that has it


def with_id(study: Study, id: str) -> list[Claim]:
    return [claim for claim in study.claims if claim.id == id]


def task_of(condition: Condition) -> BooleanTask:
    assert isinstance(condition.task, BooleanTask)
    return condition.task


def names(study: Study, claim: Claim) -> set[str]:
    return {condition.name for condition in study.conditions if claim.concerns(condition)}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
class TestEveryStudy:
    def test_it_survives_its_json(self, study: Study) -> None:
        assert Study.model_validate(study.model_dump(mode="json")) == study

    def test_quick_is_a_part_of_full(self, study: Study) -> None:
        quick, full = ([c.name for c in study.at(scale)] for scale in ("quick", "full"))
        assert full == [condition.name for condition in study.conditions]
        assert set(quick) < set(full)
        assert (study.scales["quick"].seeds, study.scales["full"].seeds) == (4, 20)

    def test_quick_judges_every_claim_id(self, study: Study) -> None:
        assert {c.id for c in study.claims if groups(c, study.at("quick"))} >= {
            claim.id for claim in study.claims if claim.strength != "C"
        }

    def test_full_judges_every_claim(self, study: Study) -> None:
        assert all(groups(claim, study.conditions) for claim in study.claims)

    def test_parts_with_other_statistics_are_told_apart(self, study: Study) -> None:
        keys = [(claim.id, claim.statement, claim.describe()) for claim in study.claims]
        assert len(set(keys)) == len(keys)

    def test_network_and_optimiser_are_the_same_throughout(self, study: Study) -> None:
        assert len({condition.model.digest() for condition in study.conditions}) == 1
        assert len({condition.training.optimizer.digest() for condition in study.conditions}) == 1
        assert all(condition.training.phases[-1].extra == 2_000 for condition in study.conditions)


@pytest.mark.parametrize("condition", TASKS.values(), ids=lambda condition: condition.name)
def test_roles_are_matched(condition: Condition) -> None:
    assert check_design(condition.task).failures() == ""


class TestOrder:
    def test_regimes_differ_in_their_phases_alone(self) -> None:
        for hard in ("parity3", "parity4"):
            chosen = [condition for condition in ORDER.conditions if condition.factors.get("hard") == hard]
            assert {condition.factors["regime"] for condition in chosen} == {"together", "hard first", "easy first"}
            assert len({c.task.digest() for c in chosen}) == 1
            assert len({c.training.model_copy(update={"phases": ()}).digest() for c in chosen}) == 1
            alone = {c.factors["regime"]: [phase.features for phase in c.training.phases] for c in chosen}
            assert alone == {
                "together": [None],
                "hard first": [("hard",), None],
                "easy first": [("easy",), None],
            }

    def test_a_stage_ends_at_the_gate(self) -> None:
        stages = [phase for condition in ORDER.conditions for phase in condition.training.phases if phase.features]
        assert stages
        assert all((phase.until, phase.extra) == ("mastery", 0) for phase in stages)

    def test_hard_first_puts_the_easy_feature_into_the_loss_once_the_hard_one_passes(self) -> None:
        (condition,) = (c for c in ORDER.conditions if c.name == "parity3, hard first")
        course = Course(condition.training, condition.task.feature_names)
        for step, easy, hard, weights in ((100, 0.5, 0.7, [0, 1]), (200, 0.5, 1.0, [1, 1]), (300, 1.0, 1.0, [1, 1])):
            course.look(step, np.array([easy, hard]))
            course.advance(step)
            assert course.weights().tolist() == weights
        assert course.phase_end == 2_300

    def test_c4_is_two_rows_narrower_and_not_closed(self) -> None:
        narrower, open_still = with_id(ORDER, "C4")
        assert narrower.compare == LevelDifference(factor="regime", more="together", less="hard first")
        assert [label for label, _ in groups(narrower, ORDER.conditions)] == ["parity3", "parity4"]
        assert open_still.compare is None
        assert names(ORDER, open_still) == {"parity3, hard first", "parity4, hard first"}
        assert narrower.contrast == open_still.contrast == FeatureDifference(more="easy", less="hard")

    def test_c5_concerns_pairs_of_equal_functions_first_before_both(self) -> None:
        (claim,) = with_id(ORDER, "C5")
        chosen = [condition for condition in ORDER.conditions if claim.concerns(condition)]
        assert len(chosen) == 2
        for condition in chosen:
            first, second = condition.task.features.values()
            assert first == second
            assert [phase.features for phase in condition.training.phases] == [("first",), None]


class TestIsolation:
    def test_target_and_size_of_stimuli_do_not_depend_on_the_companions(self) -> None:
        for series in {condition.factors["series"] for condition in ISOLATION.conditions}:
            chosen = [condition for condition in ISOLATION.conditions if condition.factors["series"] == series]
            assert [condition.factors["companions"] for condition in chosen] == ["0", "1", "3", "7"]
            assert [len(condition.task.features) for condition in chosen] == [1, 2, 4, 8]
            assert len({c.training.digest() for c in chosen}) == len({task_of(c).bits for c in chosen}) == 1
            assert len({c.task.features["target"].digest() for c in chosen}) == 1
            stimuli = [condition.task.stimuli(3).train for condition in chosen]
            bits = chosen[0].task.features["target"].inputs
            for other in stimuli[1:]:
                assert np.array_equal(other.labels[:, 0], stimuli[0].labels[:, 0])
                assert np.array_equal(other.inputs[:, :bits], stimuli[0].inputs[:, :bits])

    def test_companions_are_as_complex_or_less(self) -> None:
        kinds = {
            (task_of(c).features["target"].function, feature.function)
            for c in ISOLATION.conditions
            for name, feature in task_of(c).features.items()
            if name != "target"
        }
        assert kinds == {("parity", "parity"), ("copy", "copy"), ("parity", "copy")}

    def test_both_readings_are_there(self) -> None:
        seven, trend = with_id(ISOLATION, "C6")
        assert seven.contrast == trend.contrast == Level(of=("target",))
        assert seven.compare == LevelDifference(factor="companions", more="0", less="7")
        assert trend.compare == Trend(factor="companions", falling=True)
        for claim in (seven, trend):
            assert len(groups(claim, ISOLATION.conditions)) == 3

    def test_alone_is_one_run_in_both_series(self) -> None:
        alone = {condition.name: condition.network(0).run_id for condition in ISOLATION.conditions}
        assert alone["parity3 among parity3, 0 companions"] == alone["parity3 among copies, 0 companions"]


class TestComponents:
    @pytest.mark.parametrize("condition", COMPONENTS.conditions, ids=lambda condition: condition.name)
    def test_probes_compute_what_their_names_say(self, condition: Condition) -> None:
        task, split = task_of(condition), condition.task.stimuli(0).test
        own, noise = task.positions()["hard"], task.distractors
        assert task.measured_names[:2] == ("easy", "hard")
        for name, values in zip(task.measured_names[2:], task.measured_labels(split).T[2:], strict=True):
            kind, numbers = name.split()
            positions = noise if kind == "noise" else own
            bits = split.inputs[:, [positions[int(number) - 1] for number in numbers.split("-")]]
            expected = bits.all(axis=1) if kind == "and" else bits.sum(axis=1) % 2
            assert np.array_equal(values, expected), name

    @pytest.mark.parametrize("condition", COMPONENTS.conditions, ids=lambda condition: condition.name)
    def test_parities_and_the_feature_span_every_function_of_its_bits(self, condition: Condition) -> None:
        task, split = task_of(condition), condition.task.stimuli(0).test
        own = split.inputs[:, list(task.positions()["hard"])]
        kept = [i for i, n in enumerate(task.measured_names) if n == "hard" or n.startswith(("bit", "parity"))]
        found = np.column_stack([np.ones(len(own)), task.measured_labels(split)[:, kept]])
        assert np.linalg.matrix_rank(found) == 2 ** own.shape[1] == len(np.unique(own, axis=0))

    def test_all_pairs_and_partial_parities_are_there(self) -> None:
        probes = {condition.name: list(task_of(condition).probes or ()) for condition in COMPONENTS.conditions}
        for name, n, parities in (("parity3", 3, 3), ("parity4", 4, 10), ("XOR of ANDs", 4, 11)):
            kinds = [probe.split()[0] for probe in probes[name]]
            pairs = len(list(combinations(range(n), 2)))
            assert [kinds.count(kind) for kind in ("bit", "parity", "and", "noise")] == [n, parities, pairs, n]
        assert "parity 1-2-3" not in probes["parity3"]

    def test_both_readings_are_there_for_every_function(self) -> None:
        parts = with_id(COMPONENTS, "C7")
        for how in ("mean", "sum"):
            chosen = [claim for claim in parts if isinstance(claim.contrast, Level) and claim.contrast.how == how]
            concerned = [name for claim in chosen for name in sorted(names(COMPONENTS, claim))]
            assert sorted(concerned) == sorted(condition.name for condition in COMPONENTS.conditions)
        for claim in parts:
            assert isinstance(claim.contrast, Level)
            assert claim.contrast.less == ("hard",)
            for condition in COMPONENTS.conditions:
                if claim.concerns(condition):
                    own = condition.task.features["hard"].inputs
                    assert claim.contrast.of == tuple(f"bit {i + 1}" for i in range(own))

    def test_a_short_run_measures_what_the_claims_read(self) -> None:
        """Ten steps of a small task: the hard feature is not learned, and C7 has no verdict; the control needs none."""
        condition = COMPONENTS.conditions[0]
        sizes = {"bits": 8, "train": 256, "validation": 128, "test": 128}
        task = condition.task.model_copy(update=sizes)
        phases = (Phase(until="steps", steps=10),)
        networks = train(
            task, MLP(widths=(8, 8, 8, 8)), seeds=2, training=condition.training.model_copy(update={"phases": phases})
        )
        table = networks.table().assign(condition=condition.name)
        last = table[(table["step"] == 10) & (table["layer"] == "hidden.3")]
        assert set(last.loc[last["measure"] == "r2", "feature"]) == set(task.measured_names)
        assert (last.loc[last["measure"] == "joint_r2", "feature"] == "(all)").sum() == 2
        claims = evaluate(COMPONENTS, [condition], table, "quick", 2)
        assert claims["n"].to_list() == [0, 0, 2]
        assert claims["verdict"].to_list()[:2] == ["no verdict"] * 2

    def test_a_probe_needs_no_accuracy_and_a_feature_does(self) -> None:
        """Networks 0 and 1 have bits of .1 each beside a hard feature of .2; network 1 does not report it."""
        rows = [
            ("parity3", network, 9, layer, feature, measure, value)
            for network, accuracy in enumerate([1.0, 0.5])
            for layer, feature, measure, value in (
                ("output", "easy", "accuracy", 1.0), ("output", "hard", "accuracy", accuracy),
                ("hidden.3", "hard", "r2", 0.2), *(("hidden.3", f"bit {i}", "r2", 0.1) for i in (1, 2, 3)),
            )
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=["condition", "seed", "step", "layer", "feature", "measure", "value"])
        layers = COMPONENTS.conditions[0].model.layer_names
        mean, total = (c.contrast.per_seed(table, layers) for c in with_id(COMPONENTS, "C7")[::2])
        assert mean.to_list() == pytest.approx([-0.1, np.nan], nan_ok=True)
        assert total.to_list() == pytest.approx([0.1, np.nan], nan_ok=True)
