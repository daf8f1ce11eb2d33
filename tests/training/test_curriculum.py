"""Phases, the stop rule, checkpoints, and what is written down along the way."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from repbias.measures import variance_explained
from repbias.models import MLP
from repbias.training import SGD, Phase, Training, train
from repbias.training.curriculum import Course, check_steps, checkpoint_steps
from repbias.training.job import Job
from repbias.training.network import build_network
from repbias.training.trainer import train_stack

MODEL = MLP(widths=(24, 16))


def value(table: pd.DataFrame, measure: str, step: int, layer: str = "output") -> pd.Series:
    rows = table[(table["measure"] == measure) & (table["step"] == step) & (table["layer"] == layer)]
    return rows.set_index("feature")["value"]


@pytest.mark.parametrize("present", [0, 1])
def test_the_readout_of_an_absent_feature_does_not_move(task, present):
    names = task.feature_names
    training = Training(
        batch=32,
        optimizer=SGD(lr=0.2, momentum=0.9),
        phases=(Phase(features=(names[present],), until="steps", steps=30),),
    )
    for network in train(task, MODEL, seeds=2, training=training):
        initial = build_network(MODEL, task, network.seed).readout
        moved = (network.module.readout.weight != initial.weight).any(1)
        assert moved[present]
        assert not moved[1 - present]
        assert network.module.readout.bias[1 - present] == initial.bias[1 - present]


def test_a_second_phase_starts_where_the_first_ended(task):
    easy, both = Phase(features=("easy",), until="steps", steps=15), Phase(until="steps", steps=10)
    two = train(task, MODEL, seeds=2, training=Training(batch=32, phases=(easy, both)))
    one = train(task, MODEL, seeds=2, training=Training(batch=32, phases=(easy,)))
    for long, short in zip(two, one, strict=True):
        assert (long.outcome.steps, short.outcome.steps) == (25, 15)
        pd.testing.assert_series_equal(
            value(long.outcome.table, "r2", 15, "hidden.1"), value(short.outcome.table, "r2", 15, "hidden.1")
        )
        assert not torch.equal(long.module.readout.weight[1], short.module.readout.weight[1])


def test_a_feature_that_is_mastered_ends_its_phase(task):
    training = Training(
        batch=32,
        optimizer=SGD(lr=0.5),
        mastery_accuracy=0.95,
        phases=(Phase(features=("easy",), extra=13, steps=2000),),
    )
    for network in train(task, MODEL, seeds=3, training=training):
        table, steps = network.outcome.table, network.outcome.steps
        assert network.outcome.status == "finished"
        mastery = table[table["measure"] == "mastery_step"].set_index("feature")
        assert list(mastery.index) == ["easy"]
        assert mastery.loc["easy", "value"] == mastery.loc["easy", "step"] == steps - 13
        assert network.outcome.failed_criterion == ("hard",)
        assert set(table.query("measure == 'r2'")["step"]) >= {0, 1, steps - 13, steps}


def test_the_accuracy_criterion_is_passed_where_the_validation_accuracy_says_so(task):
    training = Training(
        batch=32, optimizer=SGD(lr=0.5), mastery_accuracy=0.9, phases=(Phase(features=("easy",), extra=0),)
    )
    (network,) = train(task, MODEL, seeds=[1], training=training)
    validation = network.stimuli.validation
    with torch.no_grad():
        logits = network.module(torch.from_numpy(validation.inputs).float())
    assert ((logits[:, 0] > 0).numpy() == validation.labels[:, 0]).mean() >= 0.9


def test_a_phase_that_never_passes_ends_at_its_limit_and_says_so(task):
    training = Training(batch=32, optimizer=SGD(lr=0.001), phases=(Phase(steps=21),))
    for network in train(task, MODEL, seeds=2, training=training):
        assert network.outcome.status == "step limit"
        assert network.outcome.steps == 21
        assert set(network.outcome.failed_criterion) == {"easy", "hard"}
        assert network.outcome.table.query("measure == 'mastery_step'").empty


def test_a_fixed_number_of_steps_is_finished_even_if_nothing_is_learned(task, fixed):
    assert set(train(task, MODEL, seeds=2, training=fixed()).summary()["status"]) == {"finished"}


def test_r2_final_has_the_last_steps_total(task, fixed):
    (network,) = train(task, MODEL, seeds=[2], training=fixed(SGD(lr=0.3), steps=40))
    table = network.outcome.table
    for layer in ("input", "hidden.0", "hidden.1", "readout"):
        pd.testing.assert_series_equal(
            value(table, "r2", 40, layer), value(table, "r2_final", 40, layer), check_names=False, rtol=1e-12
        )
    first, final = value(table, "r2", 0, "hidden.1"), value(table, "r2_final", 0, "hidden.1")
    ratios = final / first  # the same for every feature: total at step 0 / total at the last step
    assert ratios["easy"] == pytest.approx(ratios["hard"])
    assert ratios["easy"] != pytest.approx(1, abs=1e-3)


def test_the_table_is_what_the_trained_network_shows(task, fixed):
    for network in train(task, MODEL, seeds=2, training=fixed(SGD(lr=0.3), steps=40)):
        test, table = network.stimuli.test, network.outcome.table
        with torch.no_grad():
            reported = (network.module(torch.from_numpy(test.inputs).float()) > 0).numpy()
        np.testing.assert_array_equal(value(table, "accuracy", 40), (reported == test.labels).mean(0))
        expected = variance_explained(
            network.read("hidden.1", "validation"),
            network.labels("validation"),
            test_representation=network.read("hidden.1"),
            test_labels=network.labels("test"),
        )
        np.testing.assert_allclose(value(table, "r2", 40, "hidden.1"), expected.r2, rtol=1e-12)
        units = network.outcome.units.query("layer == 'hidden.1' and feature == 'easy'").sort_values("unit")
        np.testing.assert_allclose(units["r2"], expected.unit_r2[0], rtol=1e-12)


def test_what_describes_units_is_given_at_the_first_and_last_step_only(task, fixed):
    table = train(task, MODEL, seeds=1, training=fixed()).table()
    for measure in ("participation", "density_0.1", "r2_per_stimulus"):
        assert set(table[table["measure"] == measure]["step"]) == {0, 20}
    assert set(table.query("measure == 'r2'")["step"]) == {0, *checkpoint_steps(20, 6).tolist(), 20}


def test_progress_adds_up_to_all_steps(task, fixed):
    seen = []
    jobs = [Job(task, fixed(), seed, partial(build_network, MODEL, task, seed), ("readout",)) for seed in range(3)]
    list(train_stack(jobs, on_progress=lambda steps, left: seen.append((steps, left))))
    assert sum(steps for steps, _ in seen) == 60
    assert seen[-1][1] == 0


def test_a_phase_ends_some_steps_after_its_features_are_mastered_and_the_next_begins():
    training = Training(
        mastery_accuracy=0.9,
        phases=(Phase(features=("b",), steps=100, extra=5), Phase(until="steps", steps=7), Phase(steps=50, extra=0)),
    )
    course = Course(training, ("a", "b"))
    np.testing.assert_array_equal(course.weights(), [0, 1])
    assert course.phase_end == 100
    assert course.look(10, np.array([0.95, 0.5])) == ["a"]
    assert not course.advance(10)
    assert course.look(20, np.array([0.5, 0.9])) == ["b"]
    assert course.phase_end == 25
    assert course.look(25, np.array([0.5, 0.2])) == []  # the criterion was passed once, and that counts
    assert course.advance(25)
    np.testing.assert_array_equal(course.weights(), [1, 1])
    assert course.phase_end == 32
    assert course.advance(32)
    assert course.phase_end == 82
    course.look(82, np.array([0.95, 0.5]))
    assert course.advance(82)
    assert course.done
    assert course.hit_limit
    assert course.mastery == {"a": 10, "b": 20}


def test_the_rate_falls_after_the_criterion_and_is_whole_again_in_the_next_phase():
    cool = Phase(steps=100, extra=4, cooldown="linear")
    course = Course(Training(mastery_accuracy=0.9, phases=(cool, cool)), ("a",))
    assert [course.cooling, course.rate(1), course.rate(10)] == [False, 1, 1]
    course.look(10, np.array([0.95]))
    assert course.cooling
    assert [course.rate(step) for step in range(11, 15)] == [1, 0.75, 0.5, 0.25]
    assert course.advance(14)
    assert [course.cooling, course.rate(15)] == [False, 1]
    course.look(112, np.array([0.95]))  # two steps before the limit, in which it falls all the way
    assert [course.rate(step) for step in (113, 114)] == [1, 0.5]
    assert course.advance(114)
    assert [course.done, course.cooling, course.rate(115)] == [True, False, 1]


def test_a_member_that_cools_down_leaves_those_beside_it_as_they_are(task):
    """One passes the accuracy criterion of its first phase at once and cools down beside one that never does."""

    def trained(seeds, criteria):
        jobs = [
            Job(
                task,
                Training(batch=32, mastery_accuracy=criterion, phases=(Phase(steps=30, extra=20, cooldown="linear"),)),
                seed,
                partial(build_network, MODEL, task, seed),
                ("readout",),
                {},
            )
            for seed, criterion in zip(seeds, criteria, strict=True)
        ]
        return {job.seed: outcome for job, outcome in train_stack(jobs)}

    both, alone = trained([3, 4], [1e-9, 1.0]), trained([4], [1.0])
    assert [both[3].steps, both[4].steps] == [21, 30]
    for name, weight in alone[4].state.items():
        assert torch.equal(both[4].state[name], weight)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cooldown": "linear", "until": "steps"}, "extra above 0, or leave cooldown out"),
        ({"cooldown": "linear", "extra": 0}, "extra above 0, or leave cooldown out"),
        ({"position_weights": (0.0, 0.0)}, "nothing would be trained"),
        ({"position_weights": (-1.0, 1.0)}, "greater than or equal to 0"),
    ],
)
def test_a_phase_without_steps_to_cool_down_in_or_anything_to_train_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Phase(**settings)


@given(st.integers(1, 100_000), st.integers(1, 1_000))
def test_looks_are_never_far_apart_and_end_at_the_limit(limit, every):
    gaps = np.diff(check_steps(limit, every), prepend=0)
    before = check_steps(limit, every) - gaps
    assert gaps.min() >= 1
    assert gaps.sum() == limit
    assert (gaps <= np.maximum(1, np.minimum(every, before // 10))).all()


@given(st.integers(1, 10**6), st.integers(1, 30))
def test_checkpoints_are_spaced_on_a_log_scale(limit, per_decade):
    steps = checkpoint_steps(limit, per_decade)
    assert steps[0] == 1
    assert steps[-1] <= limit
    assert (np.diff(steps) > 0).all()
    assert len(steps) <= per_decade * np.log10(limit) + 1 + 1e-6
    wide = steps[steps > 100 * per_decade]  # where rounding to whole steps no longer matters
    np.testing.assert_allclose(np.diff(np.log10(wide)), 1 / per_decade, rtol=0.02)
    assert limit / steps[-1] < 10 ** (1 / per_decade) * 1.5


POSITIONS = {"a": 2.0, "b": 1.0}


def test_losses_weigh_by_the_position_at_which_a_member_reports():
    course = Course(Training(phases=(Phase(position_weights=(0.25, 3.0)),)), ("a", "b"), POSITIONS)
    np.testing.assert_array_equal(course.weights(), np.float32([3, 0.25]))


def test_a_position_without_weight_is_not_part_of_the_criterion():
    training = Training(mastery_accuracy=0.9, phases=(Phase(position_weights=(0.0, 1.0), steps=100, extra=5),))
    course = Course(training, ("a", "b"), POSITIONS)
    course.look(10, np.array([0.95, 0.5]))
    assert course.phase_end == 15
    assert course.advance(15)
    assert not course.hit_limit


def test_a_feature_outside_the_phase_has_no_weight_at_any_position():
    training = Training(phases=(Phase(features=("b",), position_weights=(2.0, 1.0)),))
    np.testing.assert_array_equal(Course(training, ("a", "b"), POSITIONS).weights(), [0, 2])


@pytest.mark.parametrize(
    ("weights", "features", "message"),
    [
        ((1.0,), None, "1 position_weights for 2 output positions"),
        ((1.0, 0.0), ("a",), "leave nothing to learn of a"),
    ],
)
def test_weights_that_do_not_fit_the_positions_are_refused(weights, features, message):
    training = Training(phases=(Phase(features=features, position_weights=weights),))
    with pytest.raises(ValueError, match=message):
        training.check_positions(("a", "b"), POSITIONS)


def test_weights_of_positions_need_a_task_with_positions(task):
    with pytest.raises(ValueError, match="at once"):
        train(task, MODEL, seeds=1, training=Training(batch=32, phases=(Phase(position_weights=(1.0, 1.0)),)))
