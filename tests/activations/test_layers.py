"""Reading layers: by glob name, whole, and without leaving a trace in the module."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from repbias.activations.editing import capture
from repbias.activations.layers import evaluating, layer_names, match_layers
from repbias.activations.reading import read_layers


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(torch.relu(self.linear(x)))


class Broken(nn.Module):
    """Returns no tensor."""

    def forward(self, x):
        return {"length": x.shape[1]}


class Tokens(nn.Module):
    """`[stimulus, position, 6]` in; logits out."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(12))
        self.pair = nn.LSTM(6, 3, batch_first=True)
        self.total = nn.Flatten(0)
        self.broken = Broken()
        self.spare = nn.Linear(6, 6)
        self.readout = nn.Linear(6, 2)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        self.pair(x)
        self.total(x[:, 0, 0])
        self.broken(x)
        return self.readout(x.mean(1))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    network = Tokens()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return network.train()


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    return torch.randn(10, 4, 6, generator=torch.Generator().manual_seed(1))


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def test_names_are_matched_by_glob_in_declared_order(network):
    assert match_layers(network, "blocks.*") == tuple(f"blocks.{i}" for i in range(12))
    assert match_layers(network, "blocks.*.linear") == tuple(f"blocks.{i}.linear" for i in range(12))
    assert match_layers(network, "*") == ("blocks", "pair", "total", "broken", "spare", "readout")
    assert match_layers(network, "blocks.[01]") == ("blocks.0", "blocks.1")


def test_patterns_are_taken_in_turn_and_each_name_once(network):
    assert match_layers(network, ["readout", "blocks.1", "blocks.[13]", "readout"]) == (
        "readout", "blocks.1", "blocks.3",
    )  # fmt: skip


PAIR = nn.Sequential(nn.Identity(), nn.ReLU())
BLOCKS = nn.ModuleList(nn.ModuleDict({"attn": nn.Identity()}) for _ in range(2))
NESTED = nn.ModuleDict({"transformer": nn.ModuleDict({"h": BLOCKS})})


@pytest.mark.parametrize(
    ("module", "pattern", "offered"),
    [
        (None, "block.0", "did you mean .*'blocks.0'"),
        (None, "readuot", "did you mean .*'readout'"),
        (None, "blocks.12", "did you mean .*'blocks.1"),
        (PAIR, "zz", "known: 0, 1"),
        (NESTED, "h.*", r"did you mean 'transformer\.h\.\*'\?"),
        (NESTED, "h.*.attn", r"did you mean 'transformer\.h\.\*\.attn'\?"),
        (NESTED, "attn", r"did you mean 'transformer\.h\.0\.attn' or 'transformer\.h\.1\.attn'\?"),
        (NESTED, "head", "known: "),
    ],
)
def test_an_unknown_name_offers_the_nearest_by_their_whole_names_or_all(network, module, pattern, offered):
    with pytest.raises(ValueError, match=f"no layer is called {re.escape(repr(pattern))}; {offered}"):
        match_layers(module or network, pattern)


def test_a_module_without_submodules_has_no_layers():
    assert layer_names(nn.Linear(2, 2)) == ()


@pytest.mark.parametrize("batch", [1, 3, 10, 99])
def test_batches_add_up_to_the_whole(network, inputs, batch):
    whole = read_layers(network, inputs, ["blocks.3", "readout"])
    parts = read_layers(network, inputs, ["blocks.3", "readout"], batch_size=batch)
    for name, response in whole.items():
        torch.testing.assert_close(parts[name], response, rtol=1e-5, atol=1e-6)


def test_a_pool_takes_the_mean_the_first_the_last_a_token_or_all_tokens(network, inputs):
    with evaluating(network), torch.no_grad(), capture(network, ["blocks.2"]) as seen:
        network(inputs)
    response = seen["blocks.2"]
    assert response.shape == (10, 4, 6)
    expected = {
        "flatten": response.reshape(10, 24),
        "mean": response.mean(1),
        "first": response[:, 0],
        3: response[:, 3],
        -1: response[:, 3],
        "last": response[:, 3],
    }
    for pool, value in expected.items():
        torch.testing.assert_close(read_layers(network, inputs, "blocks.2", pool=pool)["blocks.2"], value)


@pytest.mark.parametrize(("axes", "pool"), [("flatten", "flatten"), ("mean", "mean"), ("token:-2", -2)])
def test_former_names_of_pools_are_read_with_a_warning(network, inputs, axes, pool):
    with pytest.warns(FutureWarning, match="pool="):
        former = read_layers(network, inputs, "blocks.2", axes=axes)["blocks.2"]
    torch.testing.assert_close(former, read_layers(network, inputs, "blocks.2", pool=pool)["blocks.2"])


@pytest.mark.parametrize(
    "options", [{"axes": "max"}, {"axes": "stimulus time"}, {"axes": "stimulus unit unit"}, {"pool": "max"}]
)
def test_unknown_settings_are_refused_before_anything_runs(options):
    class Never(nn.Sequential):
        def forward(self, x):
            raise AssertionError("was run")

    with pytest.raises(ValueError, match=r"axes of layer '0' must name|pool must be one of"):
        read_layers(Never(nn.Linear(2, 2)), torch.ones(3, 2), "0", **options)


@pytest.mark.parametrize(
    ("shape", "pool", "message"),
    [
        ((10, 4, 6), 4, "pool=4, but layer 'blocks.0' has 4 tokens"),
        ((10, 4, 6), -5, "pool=-5, but layer 'blocks.0' has 4 tokens"),
        ((0, 4, 6), "flatten", "at least one stimulus"),
    ],
)
def test_a_token_beyond_the_last_and_no_stimuli_are_refused(network, shape, pool, message):
    with pytest.raises(ValueError, match=message):
        read_layers(network, torch.randn(shape), "blocks.0", pool=pool)


def test_reading_is_in_eval_mode_and_puts_every_flag_back(network, inputs):
    network.train()
    network.blocks[2].eval()
    before = {name: module.training for name, module in network.named_modules()}
    one, again = (read_layers(network, inputs, "blocks.5")["blocks.5"] for _ in range(2))
    assert torch.equal(one, again)
    assert not one.requires_grad
    assert {name: module.training for name, module in network.named_modules()} == before
    network.train()


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("broken", TypeError, "'broken' returns dict"),
        ("spare", ValueError, r"\['spare'\] were never called"),
        ("total", ValueError, r"'total' returns shape \(3,\)"),
    ],
)
def test_after_an_error_nothing_is_left_behind(network, inputs, layer, error, message):
    network.train()
    with pytest.raises(error, match=message):
        read_layers(network, inputs, ["blocks.0", layer])
    assert hooks(network) == 0
    assert all(module.training for module in network.modules())


def test_hooks_are_removed_when_the_network_itself_fails(network):
    with pytest.raises(RuntimeError):
        read_layers(network, torch.randn(3, 4, 5), "blocks.0")
    assert hooks(network) == 0
    assert all(module.training for module in network.modules())


def test_what_was_read_is_not_changed_by_a_later_module_in_place():
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(inplace=True))
    inputs = torch.randn(8, 3)
    with torch.no_grad():
        before = network[0](inputs)
    read = read_layers(network, inputs, "*")
    torch.testing.assert_close(read["0"], before)
    torch.testing.assert_close(read["1"], before.clamp_min(0))
    assert (read["0"] < 0).any()


def test_a_captured_layer_carries_gradients():
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    with capture(network, ["1"]) as seen:
        network(torch.randn(4, 3))
    seen["1"].sum().backward()
    assert network[0].weight.grad.any()
    assert network[2].weight.grad is None
