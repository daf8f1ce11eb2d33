"""The studies of strings: conditions are what their factors say, and claims read what all outputs have in common."""

from __future__ import annotations

import pytest

from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.study import Study
from repbias.models import EncoderDecoder
from repbias.studies import NAMES, find_study
from repbias.tasks import StringTask, check_design

STUDIES = {name: study for name in NAMES if (study := find_study(name)).domain == "strings"}


def test_they_are_all_here() -> None:
    assert set(STUDIES) == {
        "position", "position_learning", "position_complexity", "integration", "string_complexity", "string_order",
        "string_prevalence", "string_methods", "string_rsa", "transformer_shape",
    }  # fmt: skip


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_claims_read_the_encoder_alone(study: Study) -> None:
    for claim in study.claims:
        for condition in study.conditions:
            if claim.concerns(condition):
                assert all(n.startswith("encoder.") for n in claim.contrast.layers_read(condition.model.layer_names))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_full_has_sixteen_seeds_and_every_condition(study: Study) -> None:
    assert study.scales["full"].seeds == 16
    assert study.at("full") == study.conditions


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_orders_are_balanced_over_seeds_or_set(study: Study) -> None:
    for condition in study.conditions:
        assert isinstance(condition.task, StringTask)
        if condition.task.order == "rotated":
            assert all(scale.seeds % 2 == 0 for scale in study.scales.values())
        else:
            assert study.name == "position_complexity"


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_design_of_every_kind_of_task_is_sound(study: Study) -> None:
    tasks = {condition.task.digest(): condition.task for condition in study.conditions}
    for task in tasks.values():
        small = task.model_copy(update={"train": 4096})
        check = check_design(small)
        assert check.passed, check.failures()


def test_easy_or_hard_is_reported_first() -> None:
    for condition in STUDIES["position_complexity"].conditions:
        assert condition.task.order == tuple(
            sorted(("easy", "hard"), key=lambda n: n not in condition.factors["order"])
        )  # type: ignore[union-attr]
    (position, _) = STUDIES["position_complexity"].claims
    assert isinstance(position.compare, LevelDifference)
    assert (position.compare.more, position.compare.less) == ("easy first", "hard first")


def test_residual_paths_are_those_of_the_factor_and_extents_differ_alone() -> None:
    for condition in STUDIES["integration"].conditions:
        assert isinstance(condition.model, EncoderDecoder)
        assert condition.model.residual == float(condition.factors["residual"])
        narrow, wide = condition.task.features.values()  # type: ignore[union-attr]
        assert (narrow.extent, wide.extent) == (1, 12)  # type: ignore[union-attr]
        assert narrow.model_copy(update={"extent": 12}) == wide


def test_stages_train_the_feature_that_they_name() -> None:
    by_name = {c.name: [phase.features for phase in c.training.phases] for c in STUDIES["string_order"].conditions}
    assert by_name == {
        "together": [None],
        "hard first": [("hard",), None],
        "two presences, one first": [("first",), None],
    }


def test_prevalence_is_that_of_the_factor() -> None:
    for condition in STUDIES["string_prevalence"].conditions:
        common, rare = condition.task.features.values()  # type: ignore[union-attr]
        level = float(condition.factors["prevalence"])
        expected = (level, 1.0) if condition.factors["reading"] == "P(f=1)" else (0.5, level)
        assert (rare.prevalence, rare.labelled) == expected
        assert (common.prevalence, common.labelled) == (0.5, 1.0)
    (claim,) = STUDIES["string_prevalence"].claims
    assert isinstance(claim.compare, Trend)
    assert claim.compare.falling


def test_methods_are_put_to_a_layer_on_the_path_to_the_outputs() -> None:
    for condition in STUDIES["string_methods"].conditions:
        assert condition.model.penultimate == "encoder.1.summary"


def test_one_thing_at_a_time_is_changed_of_the_base() -> None:
    conditions = {c.factors["model"]: c for c in STUDIES["transformer_shape"].conditions}
    base = conditions.pop("base")
    assert conditions.pop("decoder-only").training == base.training
    for name, condition in conditions.items():
        was, now = base.model.model_dump(), condition.model.model_dump()
        changed = [field for field in was if was[field] != now[field]]
        other_optimizer = condition.training.optimizer != base.training.optimizer
        assert len(changed) + other_optimizer == 1, name
        assert condition.training.model_copy(update={"optimizer": base.training.optimizer}) == base.training


def test_ways_of_training_are_those_of_the_factor() -> None:
    """Position or learning order: one thing at a time differs from `position`, and teacher forcing is its own runs."""
    by_name = {c.name: c for c in STUDIES["position_learning"].conditions}
    known = {c.network(0).run_id for c in STUDIES["position"].conditions}
    for condition in by_name.values():
        (phase,) = condition.training.phases
        regime, own = condition.factors["regime"], condition.model.own_answers  # type: ignore[union-attr]
        assert (condition.network(0).run_id in known) == (regime == "teacher forcing")
        assert own == {"half its own answers": 0.5, "its own answers": 1.0}.get(regime)
        weights = phase.position_weights
        if regime == "later weigh more":
            assert weights == tuple(sorted(weights))
        elif regime in ("first alone", "last alone"):
            assert [i for i, weight in enumerate(weights) if weight] == [0 if regime == "first alone" else 3]
        else:
            assert (weights is None) == (regime != "equal speed")


def test_networks_that_are_compared_differ_in_what_they_report() -> None:
    conditions = {c.name: c for c in STUDIES["string_rsa"].conditions}
    assert conditions["both"].network(0) == STUDIES["string_methods"].conditions[0].network(0)
    assert {name: c.training.phases[0].features for name, c in conditions.items()} == {
        "both": None, "easy": ("easy",), "hard": ("hard",),
    }  # fmt: skip
    assert len({c.task.digest() for c in conditions.values()}) == 1
