"""Multilayer perceptrons: what a spec describes is what is built."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from repbias.activations.layers import layer_names
from repbias.activations.reading import read_layers
from repbias.models import MLP


def built(spec, seed=0, inputs=(10,), outputs=3):
    return spec.build(inputs, outputs, torch.Generator().manual_seed(seed))


def test_sizes_and_names_are_those_described():
    spec = MLP(widths=(7, 5))
    network = built(spec, inputs=(2, 5))
    assert spec.layer_names == ("hidden.0", "hidden.1")
    assert spec.penultimate == "hidden.1"
    assert set(spec.layer_names) < set(layer_names(network))
    assert [tuple(p.shape) for p in network.parameters()] == [(7, 10), (7,), (5, 7), (5,), (3, 5), (3,)]
    assert network(torch.rand(4, 2, 5)).shape == (4, 3)


@pytest.mark.parametrize("init", ["glorot", "he", "orthogonal"])
def test_weights_come_from_the_generator_alone(init):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one, again, other = built(MLP(init=init), 1), built(MLP(init=init), 1), built(MLP(init=init), 2)
    assert torch.equal(state, torch.get_rng_state())
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        assert name.endswith("bias") or not torch.equal(tensor, other.state_dict()[name])
    assert not any(p.any() for name, p in one.named_parameters() if name.endswith("bias"))


def test_initial_weights_have_the_variance_that_their_names_say():
    sizes = {"inputs": (300,), "outputs": 2}
    glorot = built(MLP(widths=(200,), init="glorot"), **sizes).hidden[0].linear.weight
    he = built(MLP(widths=(200,), init="he"), **sizes).hidden[0].linear.weight
    orthogonal = built(MLP(widths=(200,), init="orthogonal"), **sizes).hidden[0].linear.weight
    assert glorot.var().item() == pytest.approx(2 / (300 + 200), rel=0.02)
    assert he.var().item() == pytest.approx(2 / 300, rel=0.02)
    torch.testing.assert_close(orthogonal @ orthogonal.T, torch.eye(200), rtol=0, atol=1e-5)


@pytest.mark.parametrize("spec", [MLP(widths=(7, 5)), MLP(widths=(6, 6), norm="batch", init="he", residual=True)])
@pytest.mark.parametrize("gain", [0.25, 1, 3.0])
def test_a_gain_scales_the_hidden_weights_and_nothing_else(spec, gain):
    plain = built(spec).state_dict()
    scaled = built(spec.model_copy(update={"gain": gain})).state_dict()
    assert plain.keys() == scaled.keys()
    hidden = {name for name in plain if name.endswith("linear.weight")}
    assert hidden == {"hidden.0.linear.weight", "hidden.1.linear.weight"}
    for name, tensor in plain.items():
        assert torch.equal(scaled[name], tensor * gain if name in hidden else tensor), name


def test_without_a_gain_the_weights_are_what_they_were():
    """Pinned to the last bit by an independent draw: Glorot's uniform bounds, layer by layer, from one generator."""
    generator = torch.Generator().manual_seed(0)
    network = built(MLP(widths=(7, 5), gain=None))
    for layer in [*(hidden.linear for hidden in network.hidden), network.readout]:
        weight = nn.init.xavier_uniform_(torch.empty_like(layer.weight), generator=generator)
        assert torch.equal(layer.weight, weight)


@pytest.mark.parametrize("gain", [0, -1.0])
def test_a_gain_is_larger_than_zero(gain):
    with pytest.raises(ValidationError):
        MLP(gain=gain)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.2 * x)),
        ("relu", lambda x: x.clamp_min(0)),
        ("tanh", torch.tanh),
        ("gelu", nn.functional.gelu),
    ],
)
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_hidden_layer_is_linear_norm_activation(activation, function, norm):
    network = built(MLP(widths=(6, 6), activation=activation, norm=norm)).eval()
    x = torch.randn(9, 10)
    linear = network.hidden[0].linear(x)
    if norm == "layer":
        centred = linear - linear.mean(1, keepdim=True)
        linear = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    if norm == "batch":
        linear = linear / (1 + 1e-5) ** 0.5
    read = read_layers(network, x, "hidden.*")
    torch.testing.assert_close(read["hidden.0"], function(linear), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(x), network.readout(read["hidden.1"]))


def test_a_residual_layer_adds_its_input_where_widths_agree():
    network = built(MLP(widths=(8, 8, 4, 4), residual=True)).eval()
    x = torch.randn(5, 10)
    read = read_layers(network, x, "hidden.*")
    plain = built(MLP(widths=(8, 8, 4, 4))).eval()
    plain.load_state_dict(network.state_dict())
    assert [layer.skip for layer in network.hidden] == [False, True, False, True]
    with torch.no_grad():
        torch.testing.assert_close(read["hidden.1"], read["hidden.0"] + plain.hidden[1](read["hidden.0"]))
        torch.testing.assert_close(read["hidden.2"], plain.hidden[2](read["hidden.1"]))


def test_dropout_acts_in_training_and_not_in_eval():
    network = built(MLP(widths=(400,), dropout=0.5))
    x = torch.randn(50, 10)
    torch.testing.assert_close(network.eval()(x), network(x), rtol=0, atol=0)
    hidden = network.train().hidden[0](x)
    assert (hidden == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_connections_are_the_weights_without_biases():
    spec = MLP(widths=(7, 5))
    counted = sum(p.numel() for name, p in built(spec).named_parameters() if name.endswith("weight"))
    assert spec.connections((10,), 3) == counted
