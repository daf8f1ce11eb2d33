"""Steering in an audit: pushes of known size, in models whose answer to them is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from repbias.audit.causal.edits import Encoding, Steering, Target, as_long_as
from repbias.audit.model import audit
from repbias.features.kinds import circular, continuous
from repbias.features.values import of_labels
from repbias.measures.interventions.steering_directions import difference_vector

N, UNITS = 600, 8
FAST = {"resamples": 100, "permutations": 50}


class Turned(nn.Module):
    """Two features of signs in eight units, turned at random; the readout undoes the turn."""

    def __init__(self, used: list[float]) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=torch.Generator().manual_seed(0)))[0]
        self.layer, self.readout = nn.Linear(UNITS, UNITS, bias=False), nn.Linear(UNITS, len(used), bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(rotation)
            self.readout.weight.copy_((torch.diag(torch.tensor(used)) @ torch.eye(len(used), UNITS)) @ rotation.T)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.layer(x))


@pytest.fixture(scope="module")
def signs() -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    """Inputs [one, other, noise of variance 1 ...] with the labels of the two signs, and of nothing."""
    rng = np.random.default_rng(0)
    labels = {name: rng.permutation(np.arange(N) % 2) for name in ("one", "other", "nothing")}
    values = rng.normal(size=(N, UNITS))
    values[:, :2] = np.column_stack([2 * labels["one"] - 1, 2 * labels["other"] - 1])
    return torch.tensor(values).float(), labels


def row(report, feature, measure):
    rows = report.results
    return rows[(rows.feature == feature) & (rows.measure == measure)].iloc[0]


def reports(output):
    return {"one": output[:, 0] > 0, "other": output[:, 1] > 0}


def test_a_report_turns_to_the_class_that_is_steered_towards_and_no_other_does(signs):
    report = audit(Turned([1.0, 1.0]), *signs, "layer", predict=reports, interventions=("steering",), **FAST)
    assert row(report, "one", "steering_own").value > 0.95
    assert row(report, "one", "steering_others").value < 0.05
    assert 0 < row(report, "one", "steering_control").value < 0.5
    assert row(report, "one", "steering_own").p_holm < 0.05 < row(report, "one", "steering_others").p_holm
    assert row(report, "nothing", "steering_others").value < 0.1
    assert set(report.results.measure[report.results.measure.str.startswith("ablation")]) == set()
    (sentence,) = [text for text in map(str, report.sentences) if text.startswith("Steering one")]
    assert "its report turns to that class for 100 %" in sentence
    assert "exceeds that of shuffled labels in 1 of 1 layers" in sentence
    assert any(str(text).startswith("Steering nothing towards another class is not shown") for text in report.sentences)


def test_without_reports_the_output_moves_by_the_distance_of_the_means(signs):
    report = audit(Turned([2.0, 1.0]), *signs, "layer", interventions=("steering",), **FAST)
    # The output is 2 one + other: pushes of 4 and of 2, beside a variance of 4 + 1.
    for feature, expected in (("one", 16 / 5), ("other", 4 / 5)):
        assert row(report, feature, "steering_output").value == pytest.approx(expected, rel=0.05)
    # A push of 2 in a random direction of eight: 4 (2^2 + 1^2) / 8, which differs widely from one to the next.
    assert row(report, "other", "steering_control").value == pytest.approx(0.5, abs=0.25)
    assert row(report, "one", "steering_output").p_holm < 0.05 < row(report, "other", "steering_output").p_holm
    assert row(report, "nothing", "steering_output").value < 0.05


def test_what_the_model_does_not_use_cannot_be_steered(signs):
    report = audit(Turned([2.0, 0.0]), *signs, "layer", interventions=("steering",), **FAST)
    assert row(report, "other", "r2").value == pytest.approx(row(report, "one", "r2").value, abs=0.02)
    assert row(report, "other", "steering_output").value < 0.05
    assert row(report, "other", "steering_output").p_holm > 0.05


def test_of_several_classes_each_is_steered_towards_the_next():
    rng = np.random.default_rng(0)
    labels = {"kind": np.repeat(["a", "b", "c"], 100), "nothing": rng.permutation(np.arange(300) % 3)}
    inputs = 4 * np.repeat(np.eye(3), 100, axis=0) + 0.3 * rng.normal(size=(300, 3))

    def named(output):
        seen.append(np.array(list("abc"))[output.argmax(1)])
        return {"kind": seen[-1]}

    seen: list[np.ndarray] = []
    report = audit(
        nn.Sequential(nn.Identity()), inputs, labels, "0", predict=named, interventions=("steering",), batch_size=300
    )
    assert row(report, "kind", "steering_own").value > 0.99
    assert row(report, "nothing", "steering_others").value < 0.02
    steered = [answer for answer in seen if (answer != labels["kind"]).all()]
    assert any((answer == np.repeat(["b", "c", "a"], 100)).all() for answer in steered)


def test_pushes_are_differences_of_class_means():
    rng = np.random.default_rng(0)
    activity, labels = rng.normal(size=(50, 4)), np.arange(50) % 3
    values = of_labels(labels[:, None], [3])[0]
    pushes = Encoding.of(activity, values).moved(values.steps[:3])
    for here, there in ((0, 1), (1, 2), (2, 0)):
        np.testing.assert_allclose(pushes[here], difference_vector(activity, labels, classes=(here, there)))
    np.testing.assert_allclose(pushes.sum(0), 0, atol=1e-12)
    values = of_labels(labels[:, None], [4])[0]  # of class 3 there is no stimulus
    gap = Encoding.of(activity, values).moved(values.steps[:3])
    np.testing.assert_array_equal(gap[2], 0)
    np.testing.assert_allclose(gap[:2], pushes[:2])


def test_a_number_is_moved_by_one_standard_deviation_along_its_slope():
    rng = np.random.default_rng(0)
    speed, slope = rng.gamma(2, size=2000), rng.normal(size=4)
    activity = np.outer(speed, slope) + 0.01 * rng.normal(size=(2000, 4))
    values = continuous(speed).values()
    pushes = Encoding.of(activity, values).moved(values.steps[:2])
    np.testing.assert_allclose(pushes, np.tile(slope * speed.std(), (2, 1)), atol=0.002)


def test_an_angle_is_moved_by_a_quarter_of_its_period():
    degrees = np.linspace(0, 180, 400, endpoint=False)
    phase = np.deg2rad(2 * degrees)
    activity = np.column_stack([np.cos(phase), np.sin(phase)])
    values = circular(degrees, period=180).values()
    moved = activity + Encoding.of(activity, values).moved(values.steps)
    np.testing.assert_allclose(
        moved, np.column_stack([np.cos(phase + np.pi / 2), np.sin(phase + np.pi / 2)]), atol=1e-9
    )


def test_a_control_is_as_long_as_what_it_controls():
    rng = np.random.default_rng(0)
    pushes, lengths = rng.normal(size=(3, 4)), np.array([1.0, 2.0, 3.0])
    pushes[1] = 0
    scaled = as_long_as(pushes, lengths)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1)[[0, 2]], lengths[[0, 2]])
    np.testing.assert_array_equal(scaled[1], 0)


def test_each_stimulus_has_its_own_push_in_the_type_of_the_layer():
    fits = tuple(Encoding(np.array(weights), np.zeros(1)) for weights in ([[1.0, 2.0]], [[3.0, 4.0]]))
    which, towards = np.array([1, -1, 0]), np.array([0, -1, 1])
    steering = Steering(Target("x", "y", "steering", False), np.ones((3, 1)), fits, which, towards)
    for kind in (torch.float32, torch.bfloat16):
        moved = steering.on(slice(0, 3))(torch.zeros(3, 2, 2, dtype=kind))
        assert moved.dtype == kind
        assert moved.tolist() == [[[3, 4], [3, 4]], [[0, 0], [0, 0]], [[1, 2], [1, 2]]]
    assert steering.on(slice(2, 3))(torch.zeros(1, 1, 2)).tolist() == [[[1, 2]]]
