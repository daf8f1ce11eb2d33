"""Studies of images: networks, stimuli and stages of training are what the factors say."""

from __future__ import annotations

import pytest

from repbias.models import MLP, ConvNet, ResNet
from repbias.studies import DOMAINS, find_study

STUDIES = {name: find_study(name) for name in DOMAINS["images"]}
VISION = STUDIES["vision"]


def test_networks_are_what_the_factors_say() -> None:
    kinds = {"residual": ResNet, "plain": ConvNet, "MLP": MLP}
    for condition in VISION.conditions:
        model, factors = condition.model, condition.factors
        network, _, variant = factors["network"].partition(", ")
        assert isinstance(model, kinds[network])
        assert {"none": "no norm", "batch": "batch norm"}[model.norm] == factors["norm"]
        optimizer = condition.training.optimizer
        named = {"sgd": "momentum" if getattr(optimizer, "momentum", 0) else "SGD", "adam": "Adam"}
        assert named[optimizer.kind] == factors["optimizer"]
        assert condition.task.fixed == ({} if variant == "textured" else {"texture": "solid"})
        assert getattr(model, "skips", False) == (factors["wiring"] == "skips")
        if network == "residual":
            assert set(model.blocks) == {2 if variant == "deeper" else 1}


def test_pairs_with_and_without_skips_differ_in_their_skips_alone() -> None:
    pairs: dict[tuple, list] = {}
    for condition in VISION.conditions:
        if isinstance(condition.model, ResNet):
            others = (*(v for k, v in condition.factors.items() if k != "wiring"), condition.training.canonical_json())
            pairs.setdefault(others, []).append(condition.model)
    assert len(pairs) == 8
    for one, other in pairs.values():
        assert one.model_copy(update={"skips": not one.skips}) == other


def test_mlps_bear_on_no_claim() -> None:
    of_pixels = [condition for condition in VISION.conditions if condition.factors["network"] == "MLP"]
    assert len(of_pixels) == 6
    assert not any(claim.concerns(condition) for claim in VISION.claims for condition in of_pixels)


def test_stages_are_read_in_the_convolutional_networks_of_vision_that_adam_trains() -> None:
    layers = STUDIES["vision_layers"].conditions
    assert {c.network(0).run_id for c in layers} < {c.network(0).run_id for c in VISION.conditions}
    assert {condition.factors["optimizer"] for condition in layers} == {"Adam"}
    assert {condition.factors["network"] for condition in layers} == {"residual", "plain"}


def test_stages_of_training_are_those_of_the_regime() -> None:
    first = {"together": [None], "shape first": [("shape",), None], "colour first": [("colour",), None]}
    for condition in STUDIES["vision_order"].conditions:
        assert [phase.features for phase in condition.training.phases] == first[condition.factors["regime"]]


def test_the_rare_feature_is_labelled_as_often_as_the_factor_says() -> None:
    for condition in STUDIES["vision_prevalence"].conditions:
        common, rare = condition.task.features.values()
        assert (rare.factor, f"{rare.labelled:g}") == (condition.factors["rare"], condition.factors["labelled"])
        assert common.labelled == 1
        assert {common.factor, rare.factor} == {"colour", "shape"}


def test_two_shapes_that_are_compared_by_methods_cover_the_same_area() -> None:
    split = STUDIES["vision_methods"].conditions[0].task.stimuli(0).test
    painted = (split.inputs != split.inputs[:, :, :1, :1]).any(1).sum((1, 2)).astype(float)
    plus, tee = (painted[split.labels[:, 1] == label].mean() for label in (0, 1))
    assert plus == pytest.approx(tee, rel=0.02)


def test_the_target_alone_is_reported_and_the_others_are_measured() -> None:
    for condition in STUDIES["trifeature2020"].conditions:
        assert condition.task.feature_names == (condition.factors["target"],)
        assert set(condition.task.measured_names) == {"shape", "texture", "colour"}
        assert condition.task.held_out == 3


def test_networks_that_are_compared_differ_in_what_they_report() -> None:
    reported = {c.name: [phase.features for phase in c.training.phases] for c in STUDIES["vision_rsa"].conditions}
    assert reported == {"both": [None], "easy": [("easy",)], "hard": [("hard",)]}
