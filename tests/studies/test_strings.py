"""Studies of strings: claims read what all outputs have in common, orders are balanced, factors say what differs."""

from __future__ import annotations

import pytest
from study_claims import claims_with_planted_r2

from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.study import Study
from repbias.models import EncoderDecoder
from repbias.studies import DOMAINS, find_study

STUDIES = {name: find_study(name) for name in DOMAINS["strings"]}
of_every_study = pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)


def phases(name: str) -> dict[str, list]:
    return {c.name: [phase.features for phase in c.training.phases] for c in STUDIES[name].conditions}


@of_every_study
def test_claims_read_the_encoder_alone(study: Study) -> None:
    for claim in study.claims:
        for condition in filter(claim.concerns, study.conditions):
            assert all(n.startswith("encoder.") for n in claim.contrast.layers_read(condition.model.layer_names))


@of_every_study
def test_orders_are_balanced_over_seeds_or_fixed_by_the_study(study: Study) -> None:
    for condition in study.conditions:
        if study.name == "position_complexity":
            first = condition.factors["order"].removesuffix(" first")
            assert condition.task.order[0] == first
            assert set(condition.task.order) == {"easy", "hard"}
        else:
            assert condition.task.order == "rotated"
            assert all(scale.seeds % 2 == 0 for scale in study.scales.values())


class TestPosition:
    STUDY = STUDIES["position"]

    @pytest.mark.parametrize("scale", ["quick", "full"])
    def test_seeds_are_whole_latin_squares(self, scale) -> None:
        rows = {len(condition.task.features) for condition in self.STUDY.at(scale)}
        assert all(self.STUDY.scales[scale].seeds % number == 0 for number in rows)

    def test_features_are_of_one_kind(self) -> None:
        for condition in self.STUDY.conditions:
            assert {feature.kind for feature in condition.task.features.values()} == {condition.factors["kind"]}

    def test_equal_shares_replicate_only_the_control_without_an_order_of_reporting(self) -> None:
        judged = claims_with_planted_r2(self.STUDY, lambda c: dict.fromkeys(c.task.feature_names, 0.1), noise=0.001)
        replicated = judged["verdict"] == "replicated"
        assert judged.loc[replicated, "condition"].tolist() == ["encoder with heads"]


def test_reporting_easy_first_is_compared_with_reporting_hard_first() -> None:
    (compare,) = (c.compare for c in STUDIES["position_complexity"].claims if c.compare is not None)
    assert compare == LevelDifference(factor="order", more="easy first", less="hard first")


def test_residual_paths_are_those_of_the_factor_and_features_differ_in_extent_alone() -> None:
    for condition in STUDIES["integration"].conditions:
        assert condition.model == EncoderDecoder(residual=float(condition.factors["residual"]))
        narrow, wide = condition.task.features.values()
        assert (narrow.extent, wide.extent) == (1, 12)
        assert narrow.model_copy(update={"extent": 12}) == wide


def test_stages_train_the_feature_that_they_name() -> None:
    assert phases("string_order") == {
        "together": [None],
        "hard first": [("hard",), None],
        "two presences, one first": [("first",), None],
    }


def test_prevalence_is_that_of_the_factor() -> None:
    for condition in STUDIES["string_prevalence"].conditions:
        common, rare = condition.task.features.values()
        level = float(condition.factors["prevalence"])
        expected = (level, 1.0) if condition.factors["reading"] == "P(f=1)" else (0.5, level)
        assert (rare.prevalence, rare.labelled) == expected
        assert (common.prevalence, common.labelled) == (0.5, 1.0)
    (claim,) = STUDIES["string_prevalence"].claims
    assert claim.compare == Trend(factor="prevalence", scale="log2", falling=True)


def test_methods_are_applied_to_a_layer_on_the_path_to_the_outputs() -> None:
    assert {c.model.penultimate for c in STUDIES["string_methods"].conditions} == {"encoder.1.summary"}


def test_transformer_shape_changes_one_thing_at_a_time() -> None:
    conditions = {c.factors["model"]: c for c in STUDIES["transformer_shape"].conditions}
    base = conditions.pop("base")
    assert conditions.pop("decoder-only").training == base.training
    for name, condition in conditions.items():
        was, now = base.model.model_dump(), condition.model.model_dump()
        changed = [field for field in was if was[field] != now[field]]
        other_optimizer = condition.training.optimizer != base.training.optimizer
        assert len(changed) + other_optimizer == 1, name
        assert condition.training.model_copy(update={"optimizer": base.training.optimizer}) == base.training


def test_position_learning_changes_how_networks_of_position_are_trained() -> None:
    known = {c.network(0).run_id for c in STUDIES["position"].conditions}
    for condition in STUDIES["position_learning"].conditions:
        (phase,) = condition.training.phases
        regime, weights = condition.factors["regime"], phase.position_weights
        assert (condition.network(0).run_id in known) == (regime == "teacher forcing")
        share = {"half its own answers": 0.5, "its own answers": 1.0}
        assert condition.model.own_answers == share.get(regime)
        if regime == "later weigh more":
            assert weights == tuple(sorted(weights))
        elif regime in ("first alone", "last alone"):
            assert [i for i, weight in enumerate(weights) if weight] == [0 if regime == "first alone" else 3]
        else:
            assert (weights is None) == (regime != "equal speed")


def test_networks_that_are_compared_differ_in_what_they_report() -> None:
    both = STUDIES["string_rsa"].conditions[0]
    assert both.network(0) == STUDIES["string_methods"].conditions[0].network(0)
    assert phases("string_rsa") == {"both": [None], "easy": [("easy",)], "hard": [("hard",)]}
