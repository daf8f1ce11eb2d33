"""The studies of images: conditions are what their factors say, and differ in nothing else."""

from __future__ import annotations

import pytest

from repbias.experiments.study import Condition, Study
from repbias.models import MLP, ConvNet, ResNet
from repbias.studies import NAMES, find_study
from repbias.tasks import ImageTask, check_design

STUDIES = {name: study for name in NAMES if (study := find_study(name)).domain == "images"}
VISION = STUDIES["vision"]


def test_they_are_all_here() -> None:
    assert set(STUDIES) == {
        "vision", "vision_layers", "vision_order", "vision_prevalence", "vision_relation", "vision_methods",
        "vision_rsa", "trifeature2020",
    }  # fmt: skip


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_full_has_ten_seeds_and_every_condition(study: Study) -> None:
    assert study.scales["full"].seeds == 10
    assert study.at("full") == study.conditions


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_design_of_every_kind_of_task_is_sound(study: Study) -> None:
    tasks = {condition.task.digest(): condition.task for condition in study.conditions}
    for task in tasks.values():
        check = check_design(task.model_copy(update={"train": 4096}))
        assert check.passed, check.failures()


def network_of(condition: Condition) -> ResNet | ConvNet | MLP:
    model = condition.model
    assert isinstance(model, ResNet | ConvNet | MLP)
    return model


def test_networks_are_what_the_factors_say() -> None:
    kinds = {"residual": ResNet, "plain": ConvNet, "MLP": MLP}
    for condition in VISION.conditions:
        model, factors = network_of(condition), condition.factors
        network, _, variant = factors["network"].partition(", ")
        assert isinstance(model, kinds[network])
        assert {"none": "no norm", "batch": "batch norm"}[model.norm] == factors["norm"]
        optimizer = condition.training.optimizer
        named = {"sgd": "momentum" if getattr(optimizer, "momentum", 0) else "SGD", "adam": "Adam"}
        assert named[optimizer.kind] == factors["optimizer"]
        assert isinstance(condition.task, ImageTask)
        assert condition.task.fixed == ({} if variant == "textured" else {"texture": "solid"})
        assert getattr(model, "skips", False) == (factors["wiring"] == "skips")
        if isinstance(model, ResNet):
            assert set(model.blocks) == {2 if variant == "deeper" else 1}


def test_twins_differ_in_their_skips_alone() -> None:
    twins: dict[tuple[str, ...], list[ResNet]] = {}
    for condition in VISION.conditions:
        model = network_of(condition)
        if isinstance(model, ResNet):
            others = (*(v for k, v in condition.factors.items() if k != "wiring"), condition.training.canonical_json())
            twins.setdefault(others, []).append(model)
    assert len(twins) == 8
    for one, other in twins.values():
        assert one.model_copy(update={"skips": not one.skips}) == other


def test_mlps_bear_on_no_claim() -> None:
    of_pixels = [condition for condition in VISION.conditions if condition.factors["network"] == "MLP"]
    assert len(of_pixels) == 6
    assert not any(claim.concerns(condition) for claim in VISION.claims for condition in of_pixels)


def test_stages_are_read_of_networks_of_vision() -> None:
    known = {condition.network(0).run_id for condition in VISION.conditions}
    layers = STUDIES["vision_layers"].conditions
    assert {condition.network(0).run_id for condition in layers} < known
    assert {condition.factors["optimizer"] for condition in layers} == {"Adam"}
    assert {condition.factors["network"] for condition in layers} == {"residual", "plain"}


def test_stages_of_training_are_those_of_the_regime() -> None:
    first = {"together": [None], "shape first": [("shape",), None], "colour first": [("colour",), None]}
    for condition in STUDIES["vision_order"].conditions:
        assert [phase.features for phase in condition.training.phases] == first[condition.factors["regime"]]


def test_the_rare_feature_is_asked_for_as_often_as_the_factor_says() -> None:
    for condition in STUDIES["vision_prevalence"].conditions:
        common, rare = condition.task.features.values()  # type: ignore[union-attr]
        assert (rare.factor, f"{rare.labelled:g}") == (condition.factors["rare"], condition.factors["labelled"])  # type: ignore[union-attr]
        assert common.labelled == 1
        assert {common.factor, rare.factor} == {"colour", "shape"}  # type: ignore[union-attr]


def test_two_shapes_that_are_compared_by_methods_cover_the_same_area() -> None:
    task = STUDIES["vision_methods"].conditions[0].task
    split = task.stimuli(0).test
    painted = (split.inputs != split.inputs[:, :, :1, :1]).any(1).sum((1, 2)).astype(float)
    plus, tee = (painted[split.labels[:, 1] == label].mean() for label in (0, 1))
    assert plus == pytest.approx(tee, rel=0.02)


def test_the_target_alone_is_reported_and_the_others_are_measured() -> None:
    for condition in STUDIES["trifeature2020"].conditions:
        assert condition.task.feature_names == (condition.factors["target"],)
        assert set(condition.task.measured_names) == {"shape", "texture", "colour"}
        assert condition.task.held_out == 3  # type: ignore[union-attr]
