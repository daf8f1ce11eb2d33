"""The stack does what a plain PyTorch loop over one network does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from repbias.core.randomness import rng
from repbias.models import MLP
from repbias.training import SGD, Adam, AdamW, Muon, Phase, RMSprop, train
from repbias.training.intercept import MaskStream, find_sites
from repbias.training.network import build_network

STEPS = 34  # more than two epochs of 16 batches


def plain_loop(network: nn.Module, optimizer: torch.optim.Optimizer, task, seed: int, rate=None) -> nn.Module:
    """Train for `STEPS`; `rate` is the share of the learning rate at each step, counted from 0."""
    split = task.stimuli(seed).train
    inputs, labels = torch.from_numpy(split.inputs).float(), torch.from_numpy(split.labels).float()
    network.train()
    schedule = None if rate is None else torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for step in range(STEPS):
        epoch, position = divmod(step, 16)
        order = rng(seed, "batches", epoch).permutation(512)[position * 32 : (position + 1) * 32]
        optimizer.zero_grad()
        logits = network(inputs[order])
        losses = functional.binary_cross_entropy_with_logits(logits, labels[order], reduction="none")
        losses.sum(1).mean().backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return network.eval()


OPTIMIZERS = pytest.mark.parametrize(
    ("spec", "torch_optimizer"),
    [
        (SGD(lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        (
            SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
        ),
        (
            Adam(lr=2e-3, betas=(0.8, 0.95), weight_decay=0.1),
            lambda p: torch.optim.Adam(p, lr=2e-3, betas=(0.8, 0.95), weight_decay=0.1),
        ),
        (AdamW(lr=2e-3), lambda p: torch.optim.AdamW(p, lr=2e-3, weight_decay=0.01)),
        (
            RMSprop(lr=1e-3, alpha=0.9, momentum=0.5, weight_decay=0.01),
            lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, momentum=0.5, weight_decay=0.01),
        ),
    ],
    ids=["sgd", "momentum", "adam", "adamw", "rmsprop"],
)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@OPTIMIZERS
def test_weights_agree_with_a_plain_loop(task, fixed, spec, torch_optimizer, norm):
    # No ReLU: at its kink a rounding error becomes a finite one. A bias that batch norm cancels gets a gradient of
    # rounding errors, which Adam scales up, so biases are compared through the outputs, in which they cancel.
    model = MLP(widths=(16, 8), norm=norm, activation="tanh")
    seeds = [2, 5]
    for network in train(task, model, seeds=seeds, training=fixed(spec, steps=STEPS)):
        expected = build_network(model, task, network.seed)
        expected = plain_loop(expected, torch_optimizer(expected.parameters()), task, network.seed)
        inputs = torch.from_numpy(network.stimuli.test.inputs).float()
        for name, weight in expected.state_dict().items():
            if name.endswith(("weight", "running_var", "num_batches_tracked")):
                torch.testing.assert_close(network.module.state_dict()[name], weight, rtol=1e-4, atol=2e-5)
        torch.testing.assert_close(network.module.train()(inputs), expected.train()(inputs), rtol=1e-4, atol=2e-5)


@OPTIMIZERS
def test_a_cooldown_is_a_schedule_of_the_learning_rate(task, fixed, spec, torch_optimizer):
    """After the gate, here passed at step 1, the rate falls linearly; the last step has the smallest share."""
    model = MLP(widths=(16, 8), activation="tanh")
    training = fixed(spec).model_copy(
        update={"mastery_accuracy": 1e-9, "phases": (Phase(extra=STEPS - 1, cooldown="linear"),)}
    )
    for network in train(task, model, seeds=[2, 5], training=training):
        assert network.outcome.steps == STEPS
        expected = build_network(model, task, network.seed)
        optimizer = torch_optimizer(expected.parameters())
        expected = plain_loop(
            expected, optimizer, task, network.seed, lambda step: min(1, (STEPS - step) / (STEPS - 1))
        )
        for name, weight in expected.state_dict().items():
            torch.testing.assert_close(network.module.state_dict()[name], weight, rtol=1e-4, atol=2e-5)


class Both:
    """Two of torch's optimisers that step together."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()


def test_muon_agrees_with_a_plain_loop(task, fixed):
    """Torch's Muon on the matrix between the hidden layers, AdamW on all else; Muon works in bfloat16."""
    model = MLP(widths=(16, 8), activation="tanh")
    for network in train(task, model, seeds=[2, 5], training=fixed(Muon(lr=0.01, adamw_lr=2e-3), steps=STEPS)):
        expected = build_network(model, task, network.seed)
        between = expected.get_submodule("hidden.1").get_parameter("linear.weight")
        rest = [p for p in expected.parameters() if p is not between]
        muon = torch.optim.Muon([between], lr=0.01, weight_decay=0.0, momentum=0.95)
        both = Both(muon, torch.optim.AdamW(rest, lr=2e-3, weight_decay=0.0))
        before = between.detach().clone()
        expected = plain_loop(expected, both, task, network.seed)
        assert (between - before).norm() > 0.5  # what agrees has moved
        for name, weight in expected.state_dict().items():
            torch.testing.assert_close(network.module.state_dict()[name], weight, rtol=0, atol=3e-3)


def test_running_statistics_are_torchs(task, fixed):
    model = MLP(widths=(16, 8), norm="batch", activation="tanh")
    for network in train(task, model, seeds=2, training=fixed(SGD(lr=0.1), steps=STEPS)):
        expected = build_network(model, task, network.seed)
        plain_loop(expected, torch.optim.SGD(expected.parameters(), lr=0.1), task, network.seed)
        for name in ("hidden.0.norm.running_mean", "hidden.1.norm.running_mean", "hidden.1.norm.running_var"):
            torch.testing.assert_close(network.module.state_dict()[name], expected.state_dict()[name])
        assert int(network.module.state_dict()["hidden.0.norm.num_batches_tracked"]) == STEPS


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_masks_keep_the_right_share_and_the_scale(probability):
    stream = MaskStream(3, [((1000, 100), probability), ((50,), 0.25)])
    masks = np.empty(stream.size, np.float32)
    stream.fill(masks)
    kept = masks[:100_000] > 0
    tolerance = 4 * (probability * (1 - probability) / 100_000) ** 0.5
    assert abs(kept.mean() - (1 - probability)) < tolerance
    np.testing.assert_allclose(masks[:100_000][kept], 1 / (1 - probability), rtol=1e-6)
    np.testing.assert_allclose(masks[100_000:][masks[100_000:] > 0], 1 / 0.75, rtol=1e-6)
    before = masks.copy()
    stream.fill(masks)
    assert (before != masks).mean() > 0.05


def test_dropout_of_everything_is_nothing_and_not_infinite():
    stream = MaskStream(3, [((10,), 1.0)])
    masks = np.ones(10, np.float32)
    stream.fill(masks)
    assert not masks.any()


def test_dropout_is_found_where_it_acts_and_only_there():
    network = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Dropout(0.0), nn.Linear(3, 2), nn.Dropout(0.25))
    sites, output = find_sites(lambda: network.train()(torch.ones(6, 4)))
    assert sites == [((6, 3), 0.5), ((6, 2), 0.25)]
    assert output.shape == (6, 2)
    assert find_sites(lambda: network.eval()(torch.ones(6, 4)))[0] == []


def test_dropout_reaches_the_weights_but_not_the_readers(task, fixed):
    """With dropout other weights come out; what is measured at step 0, in eval mode, is the same."""
    without, with_ = (train(task, MLP(widths=(16, 16), dropout=p), seeds=2, training=fixed()) for p in (0.0, 0.5))
    first = [
        networks.table().query("step == 0 and measure == 'r2'")["value"].to_numpy() for networks in (without, with_)
    ]
    np.testing.assert_array_equal(first[0], first[1])
    name = "hidden.1.linear.weight"
    assert not torch.equal(without[0].outcome.state[name], with_[0].outcome.state[name])
