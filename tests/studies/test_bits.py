"""Studies of bits and symbols: conditions are what their factors say, and stimuli are shared where they must be."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest

from repbias.experiments.study import Study
from repbias.models import MLP
from repbias.studies import find_study
from repbias.tasks import BooleanTask
from repbias.tasks.bits.functions import truth_table_complexity
from repbias.training import Training
from repbias.training.curriculum import Course

ARCHITECTURE, CLASSES, COMPLEXITY, COMPONENTS, CORRELATION, DIFFICULTY = map(
    find_study, ("architecture", "classes", "complexity", "components", "correlation", "difficulty")
)
DYNAMICS, ISOLATION, NUMBER, OPTIMIZER, ORDER, PREVALENCE = map(
    find_study, ("dynamics", "isolation", "number", "optimizer", "order", "prevalence")
)
EASY_AND_HARD = BooleanTask(features={"easy": "copy", "hard": "parity3"})
by_name = pytest.mark.parametrize("condition", COMPONENTS.conditions, ids=lambda condition: condition.name)


def phases(study: Study) -> dict[str, list]:
    return {c.name: [phase.features for phase in c.training.phases] for c in study.conditions}


class TestNetworksThatAreShared:
    def test_dynamics_trains_nothing_that_complexity_does_not(self) -> None:
        assert [c.network(3).run_id for c in DYNAMICS.conditions] == [
            c.network(3).run_id for c in COMPLEXITY.conditions
        ]
        assert DYNAMICS.scales == COMPLEXITY.scales

    @pytest.mark.parametrize("name", ["autoencoder", "clustering", "pca", "reliance", "steering"])
    def test_analyses_of_networks_read_those_of_complexity(self, name: str) -> None:
        known = {c.network(0).run_id for c in COMPLEXITY.conditions}
        assert {c.network(0).run_id for c in find_study(name).conditions} <= known

    @pytest.mark.parametrize("name", ["debiased", "regression"])
    def test_analyses_of_kinds_of_networks_read_those_of_rsa(self, name: str) -> None:
        assert find_study(name).conditions == find_study("rsa").conditions

    def test_networks_that_report_both_are_those_of_complexity(self) -> None:
        both = next(c for c in find_study("rsa").conditions if c.name == "both")
        assert both.network(0).run_id in {c.network(0).run_id for c in COMPLEXITY.conditions}

    def test_a_target_alone_is_one_run_in_both_series(self) -> None:
        alone = {condition.name: condition.network(0).run_id for condition in ISOLATION.conditions}
        assert alone["parity3 among parity3, 0 companions"] == alone["parity3 among copies, 0 companions"]


class TestNetworksAndTraining:
    @pytest.mark.parametrize("name", ["prevalence", "depth", "width", "number", "classes"])
    def test_training_is_the_default_but_for_its_step_limit(self, name: str) -> None:
        for condition in find_study(name).conditions:
            (phase,) = condition.training.phases
            assert condition.training == Training().model_copy(update={"phases": (phase,)})
            assert (phase.until, phase.extra) == ("mastery", 2_000)

    @pytest.mark.parametrize("name", ["order", "isolation", "components"])
    def test_training_ends_2000_steps_after_mastery(self, name: str) -> None:
        assert {(p.until, p.extra) for c in find_study(name).conditions for p in c.training.phases[-1:]} == {
            ("mastery", 2_000)
        }

    @pytest.mark.parametrize(
        ("name", "levels", "widths"),
        [
            ("depth", ("1", "2", "3", "4", "6", "8"), lambda level: (64,) * level),
            ("width", ("32", "64", "128", "256", "512"), lambda level: (level,) * 4),
        ],
    )
    def test_sizes_are_those_of_the_factor_on_one_task(self, name, levels, widths) -> None:
        conditions = find_study(name).conditions
        assert tuple(c.factors[name] for c in conditions) == levels
        assert [c.model for c in conditions] == [MLP(widths=widths(int(level))) for level in levels]
        assert {c.task.digest() for c in conditions} == {EASY_AND_HARD.digest()}

    def test_architecture_changes_one_factor_at_a_time(self) -> None:
        base, *others = ARCHITECTURE.conditions
        for condition in others:
            ((factor, level),) = condition.factors.items() - base.factors.items()
            assert condition.name == f"{factor} {level}"

    def test_optimizer_crosses_the_first_settings_with_every_dropout_rate(self) -> None:
        cells = {tuple(c.factors.values()) for c in OPTIMIZER.conditions}
        first = ("SGD", "SGD, momentum", "Adam", "AdamW", "RMSprop", "Muon")
        assert set(product(first, ("0", "0.2", "0.5"), ("XOR2", "parity3"))) <= cells

    def test_optimizer_and_dropout_are_those_of_the_factors(self) -> None:
        for condition in OPTIMIZER.conditions:
            optimizer, dropout, _ = condition.factors.values()
            assert condition.model.dropout == float(dropout)
            assert optimizer.lower().startswith(condition.training.optimizer.kind)
            assert condition.training.max_steps == 15_000


class TestOrder:
    def test_stages_train_the_feature_that_the_regime_names(self) -> None:
        alone = {"together": [], "hard first": [("hard",)], "easy first": [("easy",)], "first, then both": [("first",)]}
        for condition in ORDER.conditions:
            assert phases(ORDER)[condition.name] == [*alone[condition.factors["regime"]], None]
            assert all((p.until, p.extra) == ("mastery", 0) for p in condition.training.phases[:-1])

    def test_the_easy_feature_enters_the_loss_once_the_hard_one_is_mastered(self) -> None:
        (condition,) = (c for c in ORDER.conditions if c.name == "parity3, hard first")
        course = Course(condition.training, condition.task.feature_names)
        for step, easy, hard, weights in ((100, 0.5, 0.7, [0, 1]), (200, 0.5, 1.0, [1, 1]), (300, 1.0, 1.0, [1, 1])):
            course.look(step, np.array([easy, hard]))
            course.advance(step)
            assert course.weights().tolist() == weights
        assert course.phase_end == 2_300

    def test_pairs_are_of_equal_functions(self) -> None:
        pairs = [c.task.features.values() for c in ORDER.conditions if "pair" in c.factors]
        assert len(pairs) == 2
        assert all(first == second for first, second in pairs)


class TestIsolation:
    @pytest.mark.parametrize("series", ["parity3 among parity3", "copy among copies", "parity3 among copies"])
    def test_the_target_and_its_stimuli_do_not_depend_on_the_companions(self, series: str) -> None:
        chosen = [condition for condition in ISOLATION.conditions if condition.factors["series"] == series]
        assert [condition.factors["companions"] for condition in chosen] == ["0", "1", "3", "7"]
        assert [len(condition.task.features) for condition in chosen] == [1, 2, 4, 8]
        target = chosen[0].task.features["target"]
        first, *others = (condition.task.stimuli(3).train for condition in chosen)
        for condition, stimuli in zip(chosen[1:], others, strict=True):
            assert condition.task.features["target"] == target
            assert stimuli.inputs.shape == first.inputs.shape
            assert np.array_equal(stimuli.labels[:, 0], first.labels[:, 0])
            assert np.array_equal(stimuli.inputs[:, : target.inputs], first.inputs[:, : target.inputs])

    def test_companions_are_as_complex_or_less(self) -> None:
        pairs = {
            (task.features["target"].function, feature.function)
            for task in (condition.task for condition in ISOLATION.conditions)
            for name, feature in task.features.items()
            if name != "target"
        }
        assert pairs == {("parity", "parity"), ("copy", "copy"), ("parity", "copy")}


class TestComponents:
    @by_name
    def test_probes_compute_what_their_names_say(self, condition) -> None:
        task, split = condition.task, condition.task.stimuli(0).test
        own, noise = task.positions()["hard"], task.distractors
        assert task.measured_names[:2] == ("easy", "hard")
        for name, values in zip(task.measured_names[2:], task.measured_labels(split).T[2:], strict=True):
            kind, numbers = name.split()
            positions = noise if kind == "noise" else own
            bits = split.inputs[:, [positions[int(number) - 1] for number in numbers.split("-")]]
            expected = bits.all(axis=1) if kind == "and" else bits.sum(axis=1) % 2
            assert np.array_equal(values, expected), name

    @by_name
    def test_parities_and_the_feature_span_every_function_of_its_bits(self, condition) -> None:
        task, split = condition.task, condition.task.stimuli(0).test
        own = split.inputs[:, list(task.positions()["hard"])]
        kept = [i for i, n in enumerate(task.measured_names) if n == "hard" or n.startswith(("bit", "parity"))]
        found = np.column_stack([np.ones(len(own)), task.measured_labels(split)[:, kept]])
        assert np.linalg.matrix_rank(found) == 2 ** own.shape[1] == len(np.unique(own, axis=0))

    @pytest.mark.parametrize(("name", "n", "parities"), [("parity3", 3, 3), ("parity4", 4, 10), ("XOR of ANDs", 4, 11)])
    def test_all_pairs_and_partial_parities_are_probes(self, name: str, n: int, parities: int) -> None:
        (task,) = (condition.task for condition in COMPONENTS.conditions if condition.name == name)
        kinds = Counter(probe.split()[0] for probe in task.probes)
        assert kinds == {"bit": n, "parity": parities, "and": len(list(combinations(range(n), 2))), "noise": n}
        whole = "parity " + "-".join(str(i) for i in range(1, n + 1))
        assert (whole in task.probes) == (name == "XOR of ANDs")


class TestPrevalence:
    @pytest.mark.parametrize("scale", ["quick", "full"])
    def test_both_readings_are_there(self, scale) -> None:
        assert {condition.factors["reading"] for condition in PREVALENCE.at(scale)} == {"P(f=1)", "labelled"}

    def test_only_the_rare_feature_changes_and_by_what_the_factors_say(self) -> None:
        for condition in PREVALENCE.conditions:
            common, rare = condition.task.features.values()
            assert (common.function, common.prevalence, common.labelled) == (rare.function, 0.5, 1.0)
            assert condition.factors["features"] == f"{rare.function} and {rare.function}"
            level = float(condition.factors["prevalence"])
            expected = (level, 1.0) if condition.factors["reading"] == "P(f=1)" else (0.5, level)
            assert (rare.prevalence, rare.labelled) == expected

    def test_validation_and_test_stimuli_are_the_same_at_every_level(self) -> None:
        chosen = [c for c in PREVALENCE.conditions if c.factors["features"] == "copy and copy"]
        first, *others = (condition.task.stimuli(0) for condition in chosen)
        for stimuli in others:
            np.testing.assert_array_equal(stimuli.test.labels, first.test.labels)
            np.testing.assert_array_equal(stimuli.validation.labels, first.validation.labels)

    def test_each_reading_has_a_level_at_which_the_two_features_are_equally_prevalent(self) -> None:
        equal = [c.name for c in PREVALENCE.conditions if not c.task.manipulations]
        assert equal == ["P(f=1) 0.5, copy", "P(f=1) 0.5, xor", "labelled 1, copy", "labelled 1, xor"]


def test_numbers_of_features_are_those_of_the_factors() -> None:
    assert len(NUMBER.conditions) == 16
    for condition in NUMBER.conditions:
        functions = Counter(feature.function for feature in condition.task.features.values())
        assert functions["copy"] == int(condition.factors["easy features"])
        assert functions["xor"] == int(condition.factors["hard features"])


def test_symbols_sums_and_label_noise_are_those_of_the_factors() -> None:
    for condition in CLASSES.conditions:
        easy, hard = condition.task.features.values()
        assert (condition.task.symbols, easy.inputs) == (int(condition.factors["classes"]), 1)
        assert condition.factors["hard"] == f"sum of {hard.inputs}"
        assert easy.noise == hard.noise == {"clean": 0, "noisy": 0.1}[condition.factors["labels"]]


def test_features_agree_in_the_share_of_training_items_that_the_factor_says() -> None:
    for condition in CORRELATION.conditions:
        first, second = condition.task.stimuli(0).train.labels.T
        assert (first == second).mean() == pytest.approx(float(condition.factors["share"]), abs=1e-4)


def test_sensitivity_and_degree_are_those_of_the_truth_table() -> None:
    for condition in DIFFICULTY.conditions:
        hard = condition.task.features["hard"]
        found = truth_table_complexity(hard.function, hard.inputs)
        assert float(condition.factors["sensitivity"]) == found.average_sensitivity
        assert int(condition.factors["degree"]) == found.degree
        easy = () if condition.factors["setting"] == "alone" else ("easy",)
        assert condition.task.feature_names == (*easy, "hard")
