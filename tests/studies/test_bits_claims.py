"""Claims of the studies of bits and symbols: the cells that they are judged on, and what planted R2s make of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from study_claims import claims_of, claims_with_planted_r2, concerned, judged_on

from repbias.experiments import FeatureDifference, Growth, Level, Mastery
from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.study import Study
from repbias.models import MLP
from repbias.studies import find_study
from repbias.training import Phase
from repbias.training.train import train

ARCHITECTURE, CLASSES, COMPONENTS, CORRELATION, DEPTH, DIFFICULTY = map(
    find_study, ("architecture", "classes", "components", "correlation", "depth", "difficulty")
)
DYNAMICS, ISOLATION, NUMBER, OPTIMIZER, ORDER, PREVALENCE, WIDTH = map(
    find_study, ("dynamics", "isolation", "number", "optimizer", "order", "prevalence", "width")
)


class TestDynamics:
    def test_growing_most_is_read_as_an_amount_and_as_a_rate(self) -> None:
        read = [c.contrast for c in claims_of(DYNAMICS, "C3") if getattr(c.contrast, "minus", None)]
        most = Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"))
        assert read == [most, most.model_copy(update={"per_step": True})]

    def test_the_easy_feature_is_mastered_first(self) -> None:
        (order,) = (c.contrast for c in DYNAMICS.claims if isinstance(c.contrast, Mastery))
        assert (order.earlier, order.later) == ("easy", "hard")

    @pytest.mark.parametrize("feature", ["easy", "hard"])
    def test_stretches_cover_training_end_to_end(self, feature: str) -> None:
        growths = [c.contrast for c in DYNAMICS.claims if c.id.endswith(f"{feature} feature by stretch")]
        assert growths == [
            Growth(feature=feature, over=over) for over in (("start", "easy"), ("easy", "hard"), ("hard", "end"))
        ]


class TestOptimizer:
    def test_the_rule_and_dropout_are_each_compared_within_the_other(self) -> None:
        rule, dropout, _ = claims_of(OPTIMIZER, "C10")
        assert rule.compare == LevelDifference(factor="optimizer", more="SGD", less="Adam")
        assert list(judged_on(OPTIMIZER, rule)) == ["dropout 0, XOR2", "dropout 0, parity3", "dropout 0, parity4"]
        assert dropout.compare == LevelDifference(factor="dropout", more="0", less="0.2")
        assert list(judged_on(OPTIMIZER, dropout)) == ["SGD, XOR2", "SGD, parity3", "Adam, XOR2", "Adam, parity3"]

    def test_a_reversal_is_sought_under_adam_with_moderate_dropout(self) -> None:
        *_, turned = claims_of(OPTIMIZER, "C10")
        assert (turned.contrast.more, turned.contrast.less) == ("hard", "easy")
        chosen = [c for c in OPTIMIZER.conditions if turned.concerns(c)]
        assert {(c.factors["dropout"], c.training.optimizer.kind) for c in chosen} == {("0.2", "adam")}

    def test_quick_judges_every_part(self) -> None:
        assert [len(judged_on(OPTIMIZER, c, "quick")) for c in claims_of(OPTIMIZER, "C10")] == [2, 3, 2]


class TestArchitecture:
    def test_every_network_is_judged_and_each_change_once(self) -> None:
        gap, *changes = ARCHITECTURE.claims
        assert list(judged_on(ARCHITECTURE, gap)) == [c.name for c in ARCHITECTURE.conditions]
        assert [len(judged_on(ARCHITECTURE, claim)) for claim in changes] == [1] * 8

    @pytest.mark.parametrize("change", [0.0, 0.2, -0.2])
    def test_a_change_is_replicated_where_it_leaves_the_gap(self, change: float) -> None:
        judged = claims_with_planted_r2(ARCHITECTURE, lambda c: {"easy": 0.4 + change * (c.name != "base")})
        changes = judged[~judged["id"].str.endswith("gap")]
        assert set(changes["verdict"] == "replicated") == {change == 0}


class TestCorrelation:
    def test_suppression_is_read_with_and_without_the_accuracy_criterion(self) -> None:
        parts = [c for c in CORRELATION.claims if c.id.endswith("suppression")]
        assert [c.contrast.criterion_features() for c in parts] == [(), ("easy", "hard"), ()]
        assert [c.contrast.features() for c in parts] == [("easy", "hard"), ("easy", "hard"), ("hard",)]
        assert all(isinstance(c.compare, Trend) and c.compare.factor == "share" for c in parts)
        assert all(list(judged_on(CORRELATION, c)) == ["easy and hard"] for c in parts)

    def test_preference_is_judged_only_where_features_agree(self) -> None:
        (preference,) = (c for c in CORRELATION.claims if c.id.endswith("preference"))
        assert list(judged_on(CORRELATION, preference)) == [f"easy and hard, {s}" for s in ("0.65", "0.8", "0.95")]


def test_difficulty_runs_over_all_nonlinear_functions_of_one_setting_with_each_measure() -> None:
    assert {claim.compare.factor for claim in DIFFICULTY.claims} == {"sensitivity", "degree"}
    kinds = ("and", "or", "threshold3", "threshold5", "xor", "xor_of_ands", "parity3", "parity4")
    for claim in DIFFICULTY.claims:
        ((setting, names),) = judged_on(DIFFICULTY, claim).items()
        assert names == [f"{kind}, {setting}" for kind in kinds]


class TestOrder:
    def test_c4_says_narrower_and_not_closed(self) -> None:
        narrower, not_closed = claims_of(ORDER, "C4")
        assert narrower.compare == LevelDifference(factor="regime", more="together", less="hard first")
        assert list(judged_on(ORDER, narrower)) == ["parity3", "parity4"]
        assert not_closed.compare is None
        assert concerned(ORDER, not_closed) == ["parity3, hard first", "parity4, hard first"]
        assert narrower.contrast == not_closed.contrast == FeatureDifference(more="easy", less="hard")

    def test_c5_concerns_the_pairs_of_equal_functions(self) -> None:
        (claim,) = claims_of(ORDER, "C5")
        assert concerned(ORDER, claim) == [c.name for c in ORDER.conditions if "pair" in c.factors]


def test_isolation_compares_the_extremes_and_follows_a_trend_in_every_series() -> None:
    seven, trend = claims_of(ISOLATION, "C6")
    assert seven.contrast == trend.contrast == Level(of=("target",))
    assert seven.compare == LevelDifference(factor="companions", more="0", less="7")
    assert trend.compare == Trend(factor="companions", falling=True)
    assert len(judged_on(ISOLATION, seven)) == len(judged_on(ISOLATION, trend)) == 3


class TestComponents:
    @pytest.mark.parametrize("how", ["mean", "sum"])
    def test_each_reading_takes_all_bits_of_every_hard_feature(self, how: str) -> None:
        parts = [claim for claim in claims_of(COMPONENTS, "C7") if claim.contrast.how == how]
        assert sorted(n for c in parts for n in concerned(COMPONENTS, c)) == sorted(
            c.name for c in COMPONENTS.conditions
        )
        for claim in parts:
            assert claim.contrast.less == ("hard",)
            for condition in filter(claim.concerns, COMPONENTS.conditions):
                inputs = condition.task.features["hard"].inputs
                assert claim.contrast.of == tuple(f"bit {i + 1}" for i in range(inputs))

    def test_a_short_run_measures_what_the_claims_read(self) -> None:
        condition = COMPONENTS.conditions[0]
        task = condition.task.model_copy(update={"bits": 8, "train": 256, "validation": 128, "test": 128})
        training = condition.training.model_copy(update={"phases": (Phase(until="steps", steps=10),)})
        table = train(task, MLP(widths=(8, 8)), seeds=2, training=training).table()
        last = table[(table["step"] == 10) & (table["layer"] == "hidden.1")]
        assert set(last.loc[last["measure"] == "r2", "feature"]) == set(task.measured_names)
        assert (last.loc[last["measure"] == "joint_r2", "feature"] == "(all)").sum() == 2
        numbers = {
            claim.id: claim.contrast.per_seed(table, ("hidden.0", "hidden.1")).notna().sum()
            for claim in COMPONENTS.claims
            if claim.concerns(condition)
        }
        assert list(numbers.values()) == [0, 2]  # C7 needs the hard feature, which is not learned; the control does not

    def test_a_probe_needs_no_accuracy_and_a_feature_does(self) -> None:
        """Both networks have bits of .1 each beside a hard feature of .2, which the second network does not report."""
        rows = [
            (seed, 9, layer, feature, measure, value)
            for seed, accuracy in enumerate([1.0, 0.5])
            for layer, feature, measure, value in (
                ("output", "easy", "accuracy", 1.0), ("output", "hard", "accuracy", accuracy),
                ("hidden.3", "hard", "r2", 0.2), *(("hidden.3", f"bit {i}", "r2", 0.1) for i in (1, 2, 3)),
            )
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=["seed", "step", "layer", "feature", "measure", "value"])
        layers = COMPONENTS.conditions[0].model.layer_names
        mean, total = (c.contrast.per_seed(table, layers) for c in claims_of(COMPONENTS, "C7")[::2])
        assert mean.to_list() == pytest.approx([-0.1, np.nan], nan_ok=True)
        assert total.to_list() == pytest.approx([0.1, np.nan], nan_ok=True)


class TestPrevalence:
    def test_every_claim_is_judged_in_both_readings(self) -> None:
        for claim in PREVALENCE.claims:
            readings = {name.split(" ")[0] for names in judged_on(PREVALENCE, claim).values() for name in names}
            assert readings == {"P(f=1)", "labelled"}

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_gap_that_widens_as_the_feature_gets_rarer_replicates_and_the_reverse_does_not(self, sign: int) -> None:
        judged = claims_with_planted_r2(
            PREVALENCE,
            lambda c: {"common": 0.3, "rare": 0.3 + sign * 0.04 * np.log2(float(c.factors["prevalence"]))},
        )
        assert set(judged["verdict"] == "replicated") == {sign == 1}
        trend = judged[judged["statistic"].str.startswith("fall")]
        assert len(trend) == 4
        np.testing.assert_allclose(trend["estimate"], sign * 0.04, atol=0.005)


@pytest.mark.parametrize(
    ("study", "size", "slope", "replicated"),
    [
        (DEPTH, lambda c: len(c.model.widths), 0.05, True),
        (DEPTH, lambda c: len(c.model.widths), 0.0, False),
        (DEPTH, lambda c: len(c.model.widths), -0.05, False),
        (WIDTH, lambda c: np.log2(c.model.widths[0]), 0.0, True),
        (WIDTH, lambda c: np.log2(c.model.widths[0]), 0.04, False),
        (WIDTH, lambda c: np.log2(c.model.widths[0]), -0.04, False),
    ],
    ids=["depth widens", "depth nothing", "depth narrows", "width nothing", "width widens", "width narrows"],
)
def test_the_gap_grows_with_depth_and_not_with_width(study: Study, size, slope: float, replicated: bool) -> None:
    (row,) = claims_with_planted_r2(study, lambda c: {"easy": 0.4 + slope * size(c)}).itertuples()
    assert row.estimate == pytest.approx(slope, abs=0.01)
    assert (row.verdict == "replicated") == replicated


def test_too_few_noisy_seeds_do_not_show_that_width_matters_little() -> None:
    judged = claims_with_planted_r2(WIDTH, lambda _: {"easy": 0.4}, seeds=3, noise=0.2)
    assert judged["verdict"].tolist() != ["replicated"]


class TestNumber:
    def test_sums_and_means_read_all_features_of_their_condition(self) -> None:
        over_all = [claim for claim in NUMBER.claims if claim.compare is None]
        assert Counter(claim.contrast.how for claim in over_all) == {"sum": 16, "mean": 4}
        for claim in over_all:
            (condition,) = filter(claim.concerns, NUMBER.conditions)
            assert claim.contrast.features() == condition.task.feature_names

    def test_each_trend_runs_over_every_number_for_each_number_of_the_other_kind(self) -> None:
        trends = [claim for claim in NUMBER.claims if claim.compare is not None]
        assert Counter(claim.contrast.of for claim in trends) == {("easy1",): 2, ("hard1",): 2}
        for claim in trends:
            assert (claim.compare.scale, claim.compare.falling) == ("log2", True)
            assert [len(names) for names in judged_on(NUMBER, claim).values()] == [4] * 4

    def test_shares_of_a_budget_that_is_divided_equally_fall(self) -> None:
        judged = claims_with_planted_r2(
            NUMBER, lambda c: dict.fromkeys(c.task.feature_names, 0.9 / len(c.task.feature_names))
        )
        shares = judged[judged["statistic"].str.startswith("fall")]
        assert len(shares) == 16
        assert (shares["estimate"] > 0).all()
        sums = judged[judged["id"].str.endswith("all easy and all hard")].set_index("condition")["estimate"]
        assert sums["8 easy, 1 hard"] == pytest.approx(0.7, abs=0.03)
        assert sums["1 easy, 8 hard"] == pytest.approx(-0.7, abs=0.03)
        means = judged.loc[judged["id"].str.endswith("one easy and one hard"), "estimate"]
        np.testing.assert_allclose(means, np.zeros(4), atol=0.02)


class TestClasses:
    def test_the_trend_runs_over_all_classes_of_each_sum(self) -> None:
        (claim,) = claims_of(CLASSES, "C14")
        assert claim.contrast == FeatureDifference(measure="r2", more="easy", less="hard")
        assert claim.compare == Trend(factor="classes", scale="log2")
        assert judged_on(CLASSES, claim) == {
            f"sum of {summed}, clean": [f"{classes} classes, sum of {summed}" for classes in of]
            for summed, of in ((2, (2, 3, 4, 8, 16)), (3, (2, 3, 4)))
        }

    def test_noise_is_compared_with_the_same_task_without(self) -> None:
        (claim,) = (c for c in CLASSES.claims if isinstance(c.compare, LevelDifference))
        assert list(judged_on(CLASSES, claim).values()) == [
            [f"{classes} classes, sum of 2", f"{classes} classes, sum of 2, noisy labels"] for classes in (2, 8)
        ]
