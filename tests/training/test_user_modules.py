"""Any nn.Module trains through the same call; what would break reproducibility is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from repbias.models import MLP
from repbias.training import train
from repbias.training.network import build_network

SEEDS = [0, 4, 9]


def sequential() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))


class Branching(nn.Module):
    """Which way it goes depends on the data, which no stack can follow."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(12, 16)
        self.dropout = nn.Dropout(0.1)
        self.readout = nn.Linear(16, 2)

    def forward(self, x):
        hidden = self.first(x)
        hidden = torch.relu(hidden) if hidden.mean() > 0 else torch.tanh(hidden)
        return self.readout(self.dropout(hidden))


class Straight(Branching):
    """The same network with one way, which a stack can follow."""

    def forward(self, x):
        return self.readout(self.dropout(torch.tanh(self.first(x))))


class StraightButUnstackable(Straight):
    def forward(self, x):
        assert float(x.sum()) > -1  # asks for a number, which cannot be traced
        return super().forward(x)


def test_a_sequential_trains_and_its_top_level_layers_are_read(task, fixed):
    networks = train(task, sequential, seeds=SEEDS, training=fixed())
    table = networks.table()
    assert set(table["layer"]) == {"input", "output", "0", "1", "2", "3"}
    for network in networks:
        initial = build_network(sequential, task, network.seed).state_dict()
        assert not torch.equal(network.module.state_dict()["0.weight"], initial["0.weight"])
    (single,) = train(task, sequential, seeds=[4], training=fixed())
    pd.testing.assert_frame_equal(single.outcome.table, networks[1].outcome.table, check_exact=True)


def test_initial_weights_follow_the_seed_and_nothing_else(task):
    torch.manual_seed(1)
    one = build_network(sequential, task, 5)
    torch.manual_seed(2)
    again, other = build_network(sequential, task, 5), build_network(sequential, task, 6)
    assert torch.equal(one[0].weight, again[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)


def train_one_by_one(task, model, seeds, training):
    with pytest.warns(UserWarning, match="cannot be stacked"):
        return train(task, model, seeds=seeds, training=training)


def test_what_cannot_be_stacked_trains_one_by_one_with_a_warning(task, fixed):
    together = train_one_by_one(task, Branching, SEEDS, fixed())
    for network in together:
        (single,) = train_one_by_one(task, Branching, [network.seed], fixed())
        pd.testing.assert_frame_equal(single.outcome.table, network.outcome.table, check_exact=True)
        for name, tensor in single.outcome.state.items():
            assert torch.equal(tensor, network.outcome.state[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_one_by_one_and_stacked_agree(task, fixed, optimizer):
    """Two ways to the same numbers, dropout masks included, within the rounding of float32."""
    stacked = train(task, Straight, seeds=SEEDS, training=fixed(optimizer))
    single = train_one_by_one(task, StraightButUnstackable, SEEDS, fixed(optimizer))
    for one, other in zip(stacked, single, strict=True):
        for name, tensor in one.outcome.state.items():
            torch.testing.assert_close(tensor, other.outcome.state[name], rtol=1e-4, atol=1e-5)


class Noisy(nn.Module):
    def __init__(self, noise, branching=False):
        super().__init__()
        self.readout = nn.Linear(12, 2)
        self.noise = noise
        self.branching = branching

    def forward(self, x):
        return self.readout(self.noise(x) if not self.branching or x.sum() > 0 else x)


@pytest.mark.parametrize(
    "noise",
    [
        lambda x: x + torch.rand_like(x),
        lambda x: x + torch.randn(x.shape),
        lambda x: torch.bernoulli(x),
        lambda x: x + torch.rand(x.shape, generator=torch.Generator().manual_seed(0)),
        nn.AlphaDropout(0.5),
        lambda x: nn.functional.scaled_dot_product_attention(x[None], x[None], x[None], dropout_p=0.5)[0],
    ],
    ids=["rand", "randn", "bernoulli", "own generator", "alpha dropout", "attention dropout"],
)
@pytest.mark.parametrize("branching", [False, True])
@pytest.mark.filterwarnings("ignore:the network cannot be stacked")
def test_other_random_numbers_are_refused(task, fixed, noise, branching):
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"draws random numbers.*only nn\.Dropout"):
        train(task, lambda: Noisy(noise, branching), seeds=2, training=fixed())
    assert torch.equal(state, torch.get_rng_state())


def test_attention_without_dropout_is_not_taken_for_random(task, fixed, recwarn):
    def attend(x):
        tokens = x.view(-1, 3, 4)
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).flatten(1)

    networks = train(task, lambda: Noisy(attend), seeds=2, training=fixed(steps=3))
    assert not [warning for warning in recwarn if "stacked" in str(warning.message)]
    assert list(networks.summary()["status"]) == ["finished", "finished"]


@pytest.mark.parametrize("model", [MLP(widths=(8,), dropout=0.2), sequential], ids=["spec", "factory"])
def test_global_random_states_are_left_alone(task, fixed, model):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    train(task, model, seeds=2, training=fixed(steps=3))
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_an_activation_in_place_does_not_change_what_is_read(task, fixed):
    def network(inplace):
        return nn.Sequential(nn.Linear(12, 16), nn.ReLU(inplace), nn.Linear(16, 2))

    safe, in_place = (
        train(task, lambda value=value: network(value), seeds=2, training=fixed()) for value in (False, True)
    )
    pd.testing.assert_frame_equal(safe.table(), in_place.table(), check_exact=True)
    r2 = in_place.table().query("measure == 'r2' and step == 20 and feature == 'easy'").set_index(["seed", "layer"])
    assert r2.loc[(0, "0"), "value"] != r2.loc[(0, "1"), "value"]


def test_the_default_layers_of_a_spec_are_its_hidden_ones_and_the_readout(task, fixed):
    table = train(task, MLP(widths=(8, 6)), seeds=1, training=fixed(steps=2)).table()
    assert list(table["layer"].unique()) == ["output", "input", "hidden.0", "hidden.1", "readout"]


def test_a_trained_network_can_be_read(task, fixed):
    (network,) = train(task, MLP(widths=(8, 6)), seeds=[3], training=fixed(steps=2))
    assert network.read("hidden.1").shape == (128, 6)
    assert network.read("hidden.0", "train").shape == (512, 8)
    np.testing.assert_array_equal(network.labels("validation"), task.stimuli(3).validation.labels)
    for read, argument, message in [(network.read, "hidden.*", "matches 2"), (network.split, "valid", "a split is")]:
        with pytest.raises(ValueError, match=message):
            read(argument)
