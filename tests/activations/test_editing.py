"""Editing layers: any layer of any module, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from repbias.activations.editing import capture, editing
from repbias.activations.layers import evaluating


class Residual(nn.Module):
    """`[stimulus, token, unit]` in; logits out. Dropout, layer norm, attention, and a rectifier that works in place."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 12)
        self.rectifier = nn.ReLU(inplace=True)
        self.down = nn.Linear(12, width)
        self.dropout = nn.Dropout(0.5)
        self.spare = nn.Linear(width, width)
        self.readout = nn.Linear(width, 3)

    def forward(self, x):
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.dropout(self.down(self.rectifier(self.up(self.norm(x)))))
        return self.readout(x.mean(1))


@pytest.fixture
def network() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    network = Residual().double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=generator)
    return network.eval()


@pytest.fixture
def inputs() -> torch.Tensor:
    return torch.randn(5, 4, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def test_the_output_is_that_of_a_network_with_the_edit_written_in(network, inputs):
    push = torch.linspace(-1, 1, 12, dtype=torch.float64)
    with torch.no_grad(), editing(network, {"up": lambda output: output + push}):
        edited = network(inputs)
    with torch.no_grad():
        before = network(inputs)
        network.up.bias += push
        expected = network(inputs)
    torch.testing.assert_close(edited, expected)
    assert (edited - before).abs().max() > 0.01


def test_several_layers_at_once(network, inputs):
    with torch.no_grad(), editing(network, {"down": torch.zeros_like, "readout": lambda output: output * 2}):
        edited = network(inputs)
    with torch.no_grad():
        attended = inputs + network.attention(inputs, inputs, inputs, need_weights=False)[0]
        torch.testing.assert_close(edited, 2 * network.readout(attended.mean(1)))


def test_an_edit_that_changes_nothing_changes_nothing(network, inputs):
    with torch.no_grad():
        before = network(inputs)
        for layer in ("norm", "up", "rectifier", "down", "dropout", "readout"):
            with editing(network, {layer: lambda output: output}):
                assert torch.equal(network(inputs), before)


class Twice(nn.Module):
    """Calls one layer twice in each forward pass."""

    def __init__(self):
        super().__init__()
        self.act = nn.Identity()

    def forward(self, x):
        return self.act(10 * self.act(x))


@pytest.mark.parametrize(("layer", "expected"), [("act", 11), ("act#0", 10), ("act#1", 1)])
def test_every_call_of_a_layer_is_edited_or_the_one_that_is_named(layer, expected):
    network = Twice()
    with editing(network, {layer: lambda output: output + 1}):
        passes = [network(torch.zeros(3, 2)) for _ in range(2)]
    for output in passes:
        assert torch.equal(output, torch.full((3, 2), float(expected)))


def test_a_module_under_two_names_is_edited_where_it_is_named():
    shared = nn.Identity()
    network = nn.Sequential(shared, nn.Linear(2, 2), shared)
    with torch.no_grad():
        expected = network(torch.ones(3, 2)) + 5, network(torch.full((3, 2), 6.0))
        for name, output in zip(("2", "0"), expected, strict=True):
            with editing(network, {name: lambda x: x + 5}):
                torch.testing.assert_close(network(torch.ones(3, 2)), output)
    assert network[0] is network[2] is shared


def test_neither_an_edit_in_place_nor_a_later_module_in_place_reaches_other_tensors():
    inputs, stored = torch.ones(3, 2), -torch.ones(3, 2)
    network = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    with editing(network, {"0": lambda output: output.mul_(7)}):
        assert torch.equal(network(inputs), torch.full((3, 2), 7.0))
    assert torch.equal(inputs, torch.ones(3, 2))
    with editing(network, {"0": lambda _output: stored}):
        assert torch.equal(network(inputs), torch.zeros(3, 2))
    assert torch.equal(stored, -torch.ones(3, 2))


def test_a_capture_inside_sees_the_edited_output(network, inputs):
    with torch.no_grad(), editing(network, {"up": torch.ones_like}), capture(network, ["up"]) as seen:
        network(inputs)
    assert bool((seen["up"] == 1).all())


def test_gradients_flow_through_an_edit(network, inputs):
    push = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    with editing(network, {"up": lambda output: output + push}):
        network(inputs).sum().backward()
    assert push.grad is not None
    assert bool(push.grad.any())


def test_it_works_in_training_mode_and_leaves_modes_alone(network, inputs):
    network.train()
    network.norm.eval()
    before = {name: module.training for name, module in network.named_modules()}
    with editing(network, {"up": torch.zeros_like}):
        network(inputs)
    with evaluating(network), editing(network, {"up": torch.zeros_like}):
        network(inputs)
    assert {name: module.training for name, module in network.named_modules()} == before


def test_a_transformer_layer_with_a_fast_path_is_edited_too():
    network = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    inputs = torch.randn(3, 4, 8)
    with torch.no_grad():
        before = network(inputs)
        with editing(network, {"layers.0.linear1": lambda output: output + 3}):
            assert (network(inputs) - before).abs().max() > 0.01


@pytest.mark.parametrize(
    ("layer", "edit", "error", "message"),
    [
        ("upp", torch.zeros_like, ValueError, "no layer is called 'upp'; did you mean 'up'"),
        ("", torch.zeros_like, ValueError, "no layer is called ''; known: attention"),
        ("spare", torch.zeros_like, ValueError, r"layers \['spare'\] were never called .* edit layers that are used"),
        ("up", lambda _: None, TypeError, "the edit of layer 'up' must return a tensor, got NoneType"),
        ("up", lambda x: x[:, :1], ValueError, r"'up' must keep the shape \(5, 4, 12\), got \(5, 1, 12\)"),
        ("up", lambda x: x.float(), TypeError, "torch.float64 on cpu, got torch.float32 on cpu: return edited.to"),
        ("up", lambda x: x.to("meta"), TypeError, "on cpu, got torch.float64 on meta"),
        ("up", lambda x: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_after_an_error_nothing_is_left_behind(network, inputs, layer, edit, error, message):
    before = network(inputs)
    with pytest.raises(error, match=message), editing(network, {"down": torch.zeros_like, layer: edit}):
        network(inputs)
    assert hooks(network) == 0
    assert torch.equal(network(inputs), before)


def test_hooks_that_were_there_stay(network, inputs):
    seen = []
    network.up.register_forward_hook(lambda _m, _i, output: seen.append(float(output.detach().abs().sum())))
    with editing(network, {"up": torch.zeros_like}):
        network(inputs)
    assert hooks(network) == 1
    assert seen[0] > 0
