"""A member that diverges is reported with its step, and takes nobody with it."""

from functools import partial

import pandas as pd
import pytest
import torch
from torch import nn

from repbias.models import MLP
from repbias.training import SGD, train
from repbias.training.job import Job
from repbias.training.network import build_network
from repbias.training.trainer import train_stack

MODEL = MLP(widths=(16, 16), activation="relu")


def job(task, training, seed):
    return Job(task, training, seed, partial(build_network, MODEL, task, seed), ("hidden.*", "readout"))


@pytest.mark.parametrize("lr", [1e3, 1e9, 1e30, 3e38])
def test_a_diverging_member_fails_alone(task, fixed, lr):
    calm, wild = fixed(SGD(lr=0.05)), fixed(SGD(lr=lr))
    outcomes = {o.seed: o for _, o in train_stack([job(task, wild if s in (1, 3) else calm, s) for s in range(5)])}
    for seed in (0, 2, 4):
        ((_, alone),) = train_stack([job(task, calm, seed)])
        assert outcomes[seed].status == "finished"
        pd.testing.assert_frame_equal(alone.table, outcomes[seed].table, check_exact=True)
        assert all(torch.equal(alone.state[name], tensor) for name, tensor in outcomes[seed].state.items())
    for seed in (1, 3):
        ((_, alone),) = train_stack([job(task, wild, seed)])
        assert (alone.status, alone.failed_step) == (outcomes[seed].status, outcomes[seed].failed_step)
        pd.testing.assert_frame_equal(alone.table, outcomes[seed].table, check_exact=True)


def test_a_failed_member_keeps_what_came_before(task, fixed):
    networks = train(task, MLP(widths=(16,)), seeds=2, training=fixed(SGD(lr=1e12), steps=60))
    for network in networks:
        outcome = network.outcome
        assert outcome.status == "failed"
        assert outcome.steps == outcome.failed_step
        assert outcome.table["step"].max() < outcome.failed_step <= 60
        assert outcome.table["value"].notna().all()
        assert outcome.failed_criterion == task.feature_names
        assert outcome.state == {}
        with pytest.raises(ValueError, match=f"seed {network.seed} diverged at step {outcome.failed_step}"):
            _ = network.module
    assert len(networks.units()) == 0
    assert list(networks.summary()["status"]) == ["failed", "failed"]


def test_the_step_is_that_of_the_first_infinite_loss(task, fixed):
    """The network's output overflows once its weights exceed a known size, which plain SGD reaches at a known step."""

    class Clock(nn.Module):
        def __init__(self):
            super().__init__()
            self.still = nn.Linear(12, 2)
            self.register_buffer("time", torch.zeros(()))

        def forward(self, x):
            if self.training:
                self.time.add_(1)
            return self.still(x) + torch.where(self.time > 17, torch.inf, 0.0)

    networks = train(task, Clock, seeds=3, training=fixed(steps=50))
    assert list(networks.summary()["failed_step"]) == [18, 18, 18]


def test_a_network_that_starts_infinite_fails_at_step_0(task, fixed):
    def infinite():
        network = nn.Sequential(nn.Linear(12, 4), nn.Linear(4, 2))
        nn.init.constant_(network[0].bias, torch.inf)
        return network

    networks = train(task, infinite, seeds=2, training=fixed())
    assert list(networks.summary()["failed_step"]) == [0, 0]
    assert networks.table().empty


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_layer_that_overflows_on_one_held_out_stimulus_has_diverged(task, fixed, split):
    class Sensitive(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("stimulus", torch.from_numpy(getattr(task.stimuli(0), split).inputs[0]).float())

        def forward(self, x):
            return x + 1e20 * (x == self.stimulus).all(1, keepdim=True)

    (network,) = train(task, lambda: nn.Sequential(Sensitive(), nn.Linear(12, 2)), seeds=1, training=fixed(steps=2))
    assert (network.outcome.status, network.outcome.failed_step) == ("failed", 0)


def test_failed_and_finished_members_share_a_table(task, fixed):
    """One network in two starts beyond all bounds."""

    def sometimes():
        network = nn.Sequential(nn.Linear(12, 4), nn.Linear(4, 2))
        if network[0].weight[0, 0] > 0:
            nn.init.constant_(network[0].bias, 1e20)
        return network

    networks = train(task, sometimes, seeds=8, training=fixed(steps=3))
    status = networks.summary().set_index("seed")["status"]
    assert set(status) == {"failed", "finished"}
    assert set(networks.units()["seed"]) == set(status.index[status == "finished"])
    assert networks.table()["value"].dtype == "float64"
