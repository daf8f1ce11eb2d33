"""Steering: networks whose thresholds are known by hand, and that nothing is left behind in them."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from torch import nn

from repbias.measures.interventions.steering import Steering, steer
from repbias.measures.interventions.steering_directions import difference_vector, probe_direction


def linear_network(code: np.ndarray, readout: np.ndarray, bias: np.ndarray | None = None) -> nn.Module:
    """`code` `[unit, input]` and `readout` `[feature, unit]`, float64."""
    network = nn.Sequential(
        OrderedDict(rep=nn.Linear(code.shape[1], code.shape[0], bias=False), out=nn.Linear(*readout.shape[::-1]))
    ).double()
    with torch.no_grad():
        network.rep.weight.copy_(torch.from_numpy(code))
        network.out.weight.copy_(torch.from_numpy(readout))
        network.out.bias.copy_(torch.from_numpy(np.zeros(len(readout)) if bias is None else bias))
    return network


MAGNITUDES = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.fixture
def inputs() -> torch.Tensor:
    """Every sign and magnitude of two inputs, 64 stimuli."""
    values = np.concatenate([-MAGNITUDES, MAGNITUDES])
    return torch.from_numpy(np.stack(np.meshgrid(values, values), -1).reshape(-1, 2))


@pytest.fixture
def identity() -> nn.Module:
    return linear_network(np.eye(2), np.eye(2))


def test_each_stimulus_flips_when_the_push_exceeds_its_distance_from_the_boundary(identity, inputs):
    found = steer(identity, inputs, "rep", [5.0, 0.0], [0, 0.5, 1.5, 2.5, 3.5, 4.5], feature=0)
    assert found.flips[:, 0].tolist() == [0, 0, 0.25, 0.5, 0.75, 1]
    assert found.flips[:, 1].tolist() == [0] * 6
    assert found.specificity.tolist() == found.flips[:, 0].tolist()
    assert found.n_stimuli == 64
    assert (found.names, found.feature) == (("feature_0", "feature_1"), "feature_0")


def test_lengths_of_half_flips_in_three_units(identity, inputs):
    found = steer(identity, inputs, "rep", [5.0, 0.0], [1.5, 3.5], feature=0)
    # both units vary by 7.5; the classes' means are 2.5 and -2.5
    assert found.representation_sd == pytest.approx(np.sqrt(15))
    assert found.class_distance == pytest.approx(5)
    assert found.length_at(0.5)[0] == pytest.approx(2.5)
    assert found.length_at(0.125)[0] == pytest.approx(0.75)  # from no flips at length 0
    assert found.length_at(0.25)[0] == pytest.approx(1.5)
    assert found.length_at(0.5, "sd")[0] == pytest.approx(2.5 / np.sqrt(15))
    assert found.length_at(0.5, "difference")[0] == pytest.approx(0.5)
    assert np.isnan(found.length_at(0.5)[1])
    assert np.isnan(found.length_at(0.76)[0])


@pytest.mark.parametrize(("unit", "size"), [("absolute", 1.0), ("sd", np.sqrt(15)), ("difference", 5.0)])
def test_lengths_may_be_given_in_each_unit(identity, inputs, unit, size):
    found = steer(identity, inputs, "rep", [1.0, 0.0], np.array([0.5, 2.5]) / size, feature=0, unit=unit)
    assert found.lengths == pytest.approx([0.5, 2.5])
    assert found.lengths_in(unit) == pytest.approx(np.array([0.5, 2.5]) / size)
    assert found.flips[:, 0].tolist() == [0, 0.5]


def test_pushes_along_another_feature_are_unspecific(identity, inputs):
    found = steer(identity, inputs, "rep", [0.0, 1.0], [100.0], feature=0)
    assert found.flips[0, 0] == 0
    assert found.flips[0, 1] == 0.5  # the half whose second feature agrees with the first
    assert found.specificity[0] == -0.5
    diagonal = steer(identity, inputs, "rep", [1.0, 1.0], [100.0], feature=0)
    assert diagonal.flips.tolist() == [[1.0, 0.5]]


def expected_flips(network, inputs, direction, lengths, sides):
    """The flips of a network that is linear after the layer, in closed form."""
    logits = network(inputs).detach().numpy()
    gain = network.out.weight.detach().numpy() @ direction
    pushed = logits + lengths[:, None, None] * sides[None, :, None] * gain
    return ((pushed > 0) != (logits > 0)).mean(1)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 40), batch=st.sampled_from([1, 7, 4096]))
def test_flips_agree_with_the_closed_form_for_random_linear_networks(seed, n, batch):
    rng = np.random.default_rng(seed)
    network = linear_network(rng.normal(size=(6, 4)), rng.normal(size=(3, 6)), rng.normal(size=3))
    inputs = torch.from_numpy(rng.normal(size=(n, 4)))
    labels = rng.permutation(np.arange(n) % 2)
    vector, lengths = rng.normal(size=6), np.sort(rng.exponential(3, size=8))
    found = steer(network, inputs, "rep", vector, lengths, feature=1, labels=labels, batch_size=batch)
    direction = vector / np.linalg.norm(vector)
    assert found.flips == pytest.approx(expected_flips(network, inputs, direction, lengths, 1 - 2 * labels))
    others = found.flips[:, [0, 2]].mean(1)
    assert found.specificity == pytest.approx(found.flips[:, 1] - others)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_a_rotation_of_the_representation_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    code, readout = rng.normal(size=(5, 4)), rng.normal(size=(2, 5))
    rotation = ortho_group.rvs(5, random_state=seed % 2**31)
    inputs = torch.from_numpy(rng.normal(size=(60, 4)))
    labels = rng.permutation(np.arange(60) % 2)
    results = []
    for turned in (np.eye(5), rotation):
        network = linear_network(turned @ code, readout @ turned.T)
        vector = difference_vector(network.rep(inputs), labels)
        results.append(steer(network, inputs, "rep", vector, [0.3, 1, 3], feature=0, labels=labels, unit="sd"))
    assert results[1].flips == pytest.approx(results[0].flips)
    assert results[1].lengths == pytest.approx(results[0].lengths)
    assert results[1].class_distance == pytest.approx(results[0].class_distance)


def test_no_forward_pass_holds_more_than_a_batch(identity, inputs):
    sizes = []
    identity.register_forward_hook(lambda _m, given, _output: sizes.append(len(given[0])))
    steer(identity, inputs, "rep", [1, 0], [1, 2, 3], feature=0, batch_size=10)
    assert max(sizes) <= 10
    looked_at = 3  # stimuli of the pass that shows what the axes of the layer are
    assert (
        sum(sizes) == looked_at + 64 + 3 * 64 + 2 * 10
    )  # read, push, and two passes of a batch: does the output depend


def test_opposite_classes_are_pushed_in_opposite_directions(identity, inputs):
    """With the labels exchanged every stimulus is pushed deeper into its own class."""
    labels = (inputs[:, 0] > 0).long()
    assert steer(identity, inputs, "rep", [1, 0], [50], feature=0, labels=labels).flips[0, 0] == 1
    assert steer(identity, inputs, "rep", [1, 0], [50], feature=0, labels=1 - labels).flips[0, 0] == 0
    assert steer(identity, inputs, "rep", [-1, 0], [50], feature=0, labels=labels).flips[0, 0] == 0


def test_classes_beyond_two_are_left_out(identity, inputs):
    labels = np.where(inputs[:, 0] > 0, 7, 3)
    labels[inputs[:, 1] < 0] = 5
    found = steer(identity, inputs, "rep", [1, 0], [2.5, 50], feature=0, labels=labels, classes=(3, 7))
    assert found.n_stimuli == 32
    assert found.flips[:, 0].tolist() == [0.5, 1]


def test_predictions_of_several_classes():
    """Three classes read from three units: the push must exceed the winner's margin."""
    network = linear_network(np.eye(3), np.eye(3))
    inputs = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 2]], dtype=torch.float64)
    vector, predict = np.array([-1.0, 1, 0]), lambda output: output.argmax(1)
    found = steer(network, inputs, "rep", vector, [1.4, 1.42], feature="shape", names=["shape"], predict=predict)
    assert found.flips.tolist() == [[0], [1]]
    assert found.n_stimuli == 2
    assert found.specificity.tolist() == [0, 1]


class Tokens(nn.Module):
    """`[stimulus, token, 6]` in; logits of two features out: a residual block with all that may go wrong."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 6)
        self.up = nn.Linear(6, 9)
        self.rectifier = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm1d(9)
        self.dropout = nn.Dropout(0.5)
        self.down = nn.Linear(9, 6)
        self.aside = nn.Linear(6, 6)
        self.count = nn.Identity()
        self.shared = nn.Tanh()
        self.readout = nn.Linear(6, 2)

    def forward(self, x):
        x = self.embed(x)
        self.aside(x)
        self.count((x[..., 0] > 0).long())
        hidden = self.norm(self.rectifier(self.up(x)).transpose(1, 2)).transpose(1, 2)
        x = x + self.shared(self.shared(self.down(self.dropout(hidden))))
        return self.readout(x.mean(1))


@pytest.fixture
def tokens() -> nn.Module:
    torch.manual_seed(0)
    network = Tokens()
    network(torch.randn(50, 3, 6))
    with torch.no_grad():
        network.readout.bias -= network.eval()(torch.randn(200, 3, 6)).mean(0)
    return network.train()


def test_a_vector_is_added_at_every_position_or_at_all_positions_and_units(tokens):
    inputs = torch.randn(40, 3, 6)
    vector = tokens.readout.weight[0].detach() + 0.1 * torch.randn(6)
    everywhere = steer(tokens, inputs, "down", vector, [0.5, 2, 8], feature=0)
    flat = steer(tokens, inputs, "down", vector.repeat(3), np.sqrt(3) * np.array([0.5, 2, 8]), feature=0)
    assert flat.flips == pytest.approx(everywhere.flips)
    assert flat.representation_sd == pytest.approx(np.sqrt(3) * everywhere.representation_sd)
    one = torch.zeros(3, 6)
    one[1] = vector
    alone = steer(tokens, inputs, "embed", one.flatten(), [4.0], feature=0)
    tokens.eval()
    with torch.no_grad():
        before = tokens(inputs)[:, 0] > 0
        x = inputs.clone()
        push = 4 * vector / vector.norm() * torch.where(before, -1, 1)[:, None]
        x[:, 1] += torch.linalg.solve(tokens.embed.weight, push.T).T
        after = tokens(x)[:, 0] > 0
    assert alone.flips[0, 0] == pytest.approx((before != after).double().mean().item())
    assert alone.flips[0, 0] > 0.1


@pytest.mark.parametrize("layer", ["embed", "up", "rectifier", "dropout", "down", "readout"])
def test_the_module_is_left_as_it_was(tokens, layer):
    tokens.norm.eval()
    inputs = torch.randn(30, 3, 6)
    state = {name: value.clone() for name, value in tokens.state_dict().items()}
    modes = [module.training for module in tokens.modules()]
    copy, n_units = inputs.clone(), {"up": 9, "rectifier": 9, "dropout": 9, "readout": 2}.get(layer, 6)
    first, again = (steer(tokens, inputs, layer, np.ones(n_units), [1.0, 9.0], feature=0) for _ in range(2))
    assert first.flips.tolist() == again.flips.tolist()  # in eval mode: no dropout, no batch statistics
    assert all(torch.equal(value, state[name]) for name, value in tokens.state_dict().items())
    assert [module.training for module in tokens.modules()] == modes
    assert not any(module._forward_hooks for module in tokens.modules())
    assert all(parameter.grad is None for parameter in tokens.parameters())
    assert torch.equal(inputs, copy)


def test_no_global_random_state_is_touched(identity, inputs):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    steer(identity, inputs, "rep", [1, 0], [1], feature=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_outputs_that_are_no_tensor_are_read_by_predict(inputs):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.rep = nn.Linear(2, 2).double()

        def forward(self, x):
            return {"logits": (self.rep(x), None)}

    def predict(output):
        return (output["logits"][0] > 0).numpy()

    found = steer(Wrapped(), inputs, "rep", [1, 0], [100], feature=0, predict=predict)
    assert found.flips.tolist() == [[1, 0]]
    with pytest.raises(TypeError, match=r"returns dict, not logits \[stimulus, feature\]: give predict"):
        steer(Wrapped(), inputs, "rep", [1, 0], [100], feature=0)


def test_a_direction_that_is_not_read_is_not_an_error(inputs):
    network = linear_network(np.eye(2), np.array([[1.0, 0.0]]))
    assert steer(network, inputs, "rep", [0, 1], [1e3], feature=0).flips.tolist() == [[0]]


def test_classes_with_one_mean_have_no_difference_to_count_in(identity, inputs):
    labels = (inputs.prod(1) > 0).long()
    found = steer(identity, inputs, "rep", [1, 0], [0.0, 9.0], feature=0, labels=labels)
    assert found.class_distance == 0
    assert found.lengths_in("difference").tolist() == [0, np.inf]
    assert np.isinf(found.length_at(0.5, "difference")[0])
    assert np.isnan(found.length_at(0.5, "difference")[1])
    for stimuli, unit in [(inputs, "difference"), (torch.ones(64, 2).double(), "sd")]:
        with pytest.raises(ValueError, match=f"'rep' has no '{unit}' to measure lengths in"):
            steer(identity, stimuli, "rep", [1, 0], [1.0], feature=0, labels=labels, unit=unit)


def test_the_table_is_tidy(identity, inputs):
    found = steer(identity, inputs, "rep", [1, 0], [1.5, 2.5], feature="left", names=["left", "right"])
    table = found.table()
    assert list(table.columns) == ["feature", "measure", "length", "length_sd", "length_difference", "value"]
    assert len(table) == 6
    assert table.query("feature == 'left' and measure == 'flips'")["value"].tolist() == [0.25, 0.5]
    assert table.query("measure == 'specificity'")["feature"].tolist() == ["left", "left"]
    assert table["length_difference"].to_numpy()[:2] == pytest.approx([0.3, 0.5])


FOUND = Steering(("a",), "a", np.array([1.0]), np.array([[1.0]]), 1.0, 1.0, 5)


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [*((FOUND.length_at, fraction, "fraction") for fraction in (0, -1, 1.01)), (FOUND.lengths_in, "std", "mean 'sd'")],
)
def test_fractions_out_of_range_and_unknown_units_are_refused(method, argument, message):
    with pytest.raises(ValueError, match=message):
        method(argument)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"layer": "repp"}, ValueError, "no layer is called 'repp'; did you mean 'rep'"),
        ({"layer": "*"}, ValueError, r"layer must name one layer, '\*' matches 2: rep, out"),
        ({"layer": ["rep"]}, TypeError, r"layer must be the name of one layer, got list \['rep'\]"),
        ({"vector": [1.0, 0, 0]}, ValueError, r"vector has 3 units, layer 'rep' returns \[2\] for each .* 2 units"),
        ({"vector": [0.0, 0.0]}, ValueError, "vector must have a direction, all its values are 0"),
        ({"vector": [np.nan, 0.0]}, ValueError, "vector must be finite, got 1 values that are NaN"),
        ({"vector": np.eye(2)}, ValueError, r"vector must be one direction, \[unit\], got shape \(2, 2\)"),
        ({"lengths": []}, ValueError, r"lengths must be one or more numbers, \[length\], got shape \(0,\)"),
        ({"lengths": 2.0}, ValueError, r"got shape \(\)"),
        ({"lengths": [2.0, 1.0]}, ValueError, r"must be finite, 0 or more, and ascend, got \[2.0, 1.0\]"),
        ({"lengths": [-1.0]}, ValueError, "the sign of each push follows"),
        ({"lengths": [np.inf]}, ValueError, "lengths must be finite"),
        ({"feature": 2}, ValueError, "feature must be a name or a number from 0 to 1, got 2"),
        (
            {"feature": "feature_O"},
            ValueError,
            "no feature is called 'feature_O'; did you mean 'feature_1' or 'feature_0'",
        ),
        ({"names": ["one"]}, ValueError, "names must hold one name for each of the 2 features"),
        ({"labels": np.zeros((64, 2), int)}, ValueError, r"labels must be those of one feature.* give labels\[:, k\]"),
        ({"labels": np.zeros(64, int)}, ValueError, r"labels must hold stimuli of class 1, got none among 64 .*\[0\]"),
        ({"labels": np.zeros(5, int)}, ValueError, "labels must have one row for each of the 64 stimuli"),
        ({"classes": (1, 1)}, ValueError, r"classes must be two different classes.* got \(1, 1\)"),
        ({"classes": (0, 2)}, ValueError, "predicted labels must hold stimuli of class 2"),
        ({"unit": "sds"}, ValueError, "no unit of length is called 'sds'; did you mean 'sd'"),
        ({"batch_size": 0}, ValueError, "batch size must be 1 or more, got 0"),
        ({"inputs": torch.empty(0, 2)}, ValueError, "inputs must hold at least one stimulus"),
        ({"inputs": (torch.ones(3, 2), torch.ones(3, 2))}, TypeError, "inputs is a tuple"),
        ({"predict": lambda output: output[:3] > 0}, ValueError, "the predicted labels must have one row for each"),
        ({"predict": lambda output: output.sigmoid()}, ValueError, "the predicted labels must be whole .* > 0.5"),
    ],
)
def test_what_cannot_be_steered_is_refused_and_leaves_no_hook(identity, inputs, changed, error, message):
    inputs = inputs + 0.25
    arguments = {"inputs": inputs, "layer": "rep", "vector": [1.0, 0.0], "lengths": [1.0], "feature": 0} | changed
    with pytest.raises(error, match=message):
        steer(identity, **arguments)
    assert not any(module._forward_hooks for module in identity.modules())


@pytest.mark.parametrize(
    ("layer", "n_units", "error", "message"),
    [
        (
            "shared",
            6,
            ValueError,
            "layer 'shared' is called 2 times in a forward pass: name one of its calls, 'shared#0' or",
        ),
        ("count", 3, TypeError, "'count' returns torch.int64"),
        ("up", 6, ValueError, r"returns \[3, 9\] for each stimulus: .* 9 units, or for each of the 27 positions"),
        ("aside", 6, ValueError, "does not depend on layer 'aside'"),
    ],
)
def test_layers_where_no_vector_can_be_added_or_has_no_effect_are_refused(tokens, layer, n_units, error, message):
    with pytest.raises(error, match=message):
        steer(tokens, torch.randn(30, 3, 6), layer, np.ones(n_units), [1.0], feature=0)
    assert not any(module._forward_hooks for module in tokens.modules())


@pytest.mark.parametrize(
    ("modules", "inputs", "message"),
    [
        ([nn.Flatten(0), nn.Unflatten(0, (4, 2))], torch.ones(4, 2), r"layer '0' returns shape \(8,\)"),
        ([nn.Identity()], torch.ones(4, 2, 3), r"shape \(4, 2, 3\), not logits .* output.argmax\(-1\)"),
        ([nn.Identity()], torch.full((4, 2), torch.nan), "logits that are NaN"),
        ([nn.Identity(), nn.Hardtanh()], torch.tensor([[torch.inf], [-1.0]]), "layer '0' must be finite, got 1 values"),
    ],
)
def test_layers_and_outputs_of_the_wrong_shape_or_not_finite_are_refused(modules, inputs, message):
    with pytest.raises(ValueError, match=message):
        steer(nn.Sequential(*modules), inputs, "0", [1.0] * inputs[0].numel(), [1.0], feature=0)


# --- directions ---------------------------------------------------------------------------------------------------


def test_the_difference_vector_is_the_difference_of_the_means():
    x = np.array([[0.0, 1], [2, 1], [5, 5], [7, 9]], dtype=np.float32)
    assert difference_vector(x, [0, 0, 1, 1]).tolist() == [5, 6]
    assert difference_vector(torch.from_numpy(x).half(), [0, 2, 1, 2], classes=(2, 1)).tolist() == [0.5, 0]
    assert difference_vector(x, [0, 0, 1, 1], classes=(1, 0)).tolist() == [-5, -6]


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), log_scale=st.floats(-4, 4), offset=st.floats(-10, 10))
def test_directions_turn_with_the_representation(seed, log_scale, offset):
    rng = np.random.default_rng(seed)
    labels = np.arange(80) % 2
    x = rng.normal(size=(80, 5)) + np.outer(labels, [2, 0, 0, 1, 0])
    rotation, scale = ortho_group.rvs(5, random_state=seed % 2**31), 10**log_scale
    y = scale * (x @ rotation + offset)
    assert difference_vector(y, labels) == pytest.approx(scale * difference_vector(x, labels) @ rotation)
    assert probe_direction(y, labels) == pytest.approx(probe_direction(x, labels) @ rotation, abs=1e-5)


def test_the_probe_is_the_logistic_regression_that_its_formula_says():
    """The gradient of the objective vanishes at some multiple of the direction; here found by Newton's method."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 100)
    x = rng.normal(size=(100, 4)) + np.outer(labels, [1, 0.5, 0, 0])
    z = x - x.mean(0)
    z = np.column_stack([z / np.sqrt((z**2).mean()), np.ones(100)])
    weights, penalty = np.zeros(5), np.diag([1.0, 1, 1, 1, 0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ weights))
        gradient = penalty @ weights + 0.3 * z.T @ (p - labels)
        weights -= np.linalg.solve(penalty + 0.3 * (z.T * p * (1 - p)) @ z, gradient)
    expected = weights[:4] / np.linalg.norm(weights[:4])
    found = probe_direction(x, labels, inverse_penalty=0.3)
    assert found == pytest.approx(expected, abs=1e-6)
    assert np.linalg.norm(found) == pytest.approx(1)


def test_the_probe_sees_through_correlated_noise():
    """Where noise lies along the difference of the means, the probe leaves it."""
    rng = np.random.default_rng(1)
    labels = np.arange(2_000) % 2
    noise = rng.normal(size=2_000)
    x = np.column_stack([labels + noise, noise])
    assert abs(difference_vector(x, labels)[1]) < 0.1
    assert probe_direction(x, labels, inverse_penalty=1e4) == pytest.approx([0.707, -0.707], abs=0.05)


def test_probes_of_degenerate_representations():
    rng = np.random.default_rng(2)
    labels = np.arange(10) % 2
    wide = rng.normal(size=(10, 200))
    wide[:, 7] = 3.0
    found = probe_direction(np.repeat(wide, 3, axis=0), np.repeat(labels, 3))
    assert np.linalg.norm(found) == pytest.approx(1)
    assert abs(found[7]) < 1e-6
    for same in (np.full((10, 3), 0.1), np.repeat(rng.normal(size=(5, 3)), 2, axis=0)):
        with pytest.raises(ValueError, match="means are the same"):
            probe_direction(same, labels)


@pytest.mark.parametrize(
    ("find", "arguments", "message"),
    [
        *(
            (find, arguments, message)
            for find in (difference_vector, probe_direction)
            for arguments, message in [
                ({"labels": [0, 0, 0]}, r"class 1, got none among 3 \(there are \[0\]\)"),
                ({"labels": [[0, 1]] * 3}, "labels must be those of one feature"),
                ({"labels": [0, 1]}, "labels must have one row for each of the 3"),
                ({"labels": [0, 1, 1], "classes": (0, 0)}, "two different classes"),
            ]
        ),
        (probe_direction, {"labels": [0, 1, 1], "inverse_penalty": 0}, "inverse_penalty"),
    ],
)
def test_directions_without_two_classes_and_a_penalty_of_zero_are_refused(find, arguments, message):
    with pytest.raises(ValueError, match=message):
        find(np.eye(3), **arguments)
