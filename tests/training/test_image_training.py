"""Image models are trained member by member: as a plain loop would, and the same bit for bit in any company."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from stacking import alone, assert_same, differ, outcomes
from torch import nn
from torch.nn import functional

from repbias.analyses.reading import Layer
from repbias.core.randomness import rng
from repbias.models import MLP
from repbias.models.convolutional import ConvNet, ResNet
from repbias.models.vit import ViT
from repbias.tasks.task import Split, Stimuli, Task, as_floats
from repbias.training import SGD, Adam, Muon, Phase, Training, train
from repbias.training.checkpoint import Examiner
from repbias.training.ensemble import Stack, trains_apart
from repbias.training.job import Job
from repbias.training.network import build_network
from repbias.training.trainer import _Session, train_stack

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
SIDES = (4, 8, 12)


class Squares(Task):
    """Squares on grey, 16 px: of four colours and three sizes, anywhere."""

    train: int = 256
    held_out: int = 300  # several chunks, and a part of one

    @property
    def feature_names(self):
        return "colour", "size"

    @property
    def n_classes(self):
        return len(COLOURS), len(SIDES)

    @property
    def input_shape(self):
        return 3, 16, 16

    @property
    def n_stimuli(self):
        return self.train, self.held_out, self.held_out

    def network_inputs(self, inputs, device="cpu"):
        return as_floats(inputs, device) / 255

    def stimuli(self, seed):
        return Stimuli(*(self._split(rng(seed, "squares", i), n) for i, n in enumerate(self.n_stimuli)))

    def _split(self, random, n):
        labels = np.stack([random.integers(0, classes, n) for classes in self.n_classes], axis=1)
        inputs = np.full((n, 3, 16, 16), 128, np.uint8)
        for image, (colour, size) in zip(inputs, labels, strict=True):
            y, x = random.integers(0, 17 - SIDES[size], 2)
            image[:, y : y + SIDES[size], x : x + SIDES[size]] = COLOURS[colour][:, None, None]
        return Split(inputs, labels)


TASK = Squares()
CONV = ConvNet(channels=(8, 12), norm="batch")
MODELS = {
    "plain": ConvNet(channels=(8, 12)),
    "batch norm": CONV,
    "group norm": ConvNet(channels=(8, 12), norm="group"),
    "resnet": ResNet(widths=(8, 12), blocks=(1, 1)),
    "no skips": ResNet(widths=(8, 12), blocks=(1, 1), skips=False, norm="none"),
    "vit": ViT(layers=1, width=16, heads=2, dropout=0.1),
}


class Convolving(nn.Module):
    """A user's own network, with batch norm, dropout and a `view` of the maps."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.readout = nn.Linear(8 * 9, 7)

    def forward(self, x):
        return self.readout(functional.dropout(self.features(x).view(len(x), -1), 0.2, self.training))


class Branching(Convolving):
    """The same; a number that it asks for cannot be traced."""

    def forward(self, x):
        assert float(x.sum()) > 0
        return super().forward(x)


def job(model, training, seed, layers=("readout",)):
    return Job(TASK, training, seed, partial(build_network, model, TASK, seed), layers)


def plain_loop(network, optimizer, seed, steps, batch=32):
    """What a user writes: the same batches, torch's own losses, norms and optimisers."""
    split = TASK.stimuli(seed).train
    inputs, labels = torch.from_numpy(split.inputs) / 255, torch.from_numpy(split.labels)
    network.train()
    batches = []
    for epoch in range(steps * batch // TASK.train + 1):
        batches += torch.from_numpy(rng(seed, "batches", epoch).permutation(TASK.train)).split(batch)
    for index in batches[:steps]:
        optimizer.zero_grad()
        logits, (colour, size) = network(inputs[index]), labels[index].unbind(1)
        loss = functional.cross_entropy(logits[:, :4], colour) + functional.cross_entropy(logits[:, 4:], size)
        loss.backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize("model", [CONV, MODELS["group norm"], MODELS["resnet"]], ids=["batch", "group", "resnet"])
@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9), Adam(lr=1e-3)], ids=["sgd", "adam"])
def test_a_member_is_a_plain_loop_with_its_running_statistics(fixed, model, optimizer):
    for network in train(TASK, model, seeds=[2, 5], training=fixed(optimizer, steps=8)):
        expected = build_network(model, TASK, network.seed)
        torch_optimizer = optimizer.torch_class()(expected.parameters(), **optimizer.hyperparameters())
        before = expected.readout.weight.detach().clone()
        plain_loop(expected, torch_optimizer, network.seed, steps=8)
        assert (expected.readout.weight - before).norm() > 0.03  # what agrees has moved
        for name, tensor in expected.state_dict().items():
            # Round-off flips a ReLU now and then, which moves a weight of this loop by 1e-4, too.
            torch.testing.assert_close(network.module.state_dict()[name], tensor, rtol=1e-3, atol=1e-3, msg=name)
        if model is CONV:
            assert {"running_mean", "running_var"} <= {name.split(".")[-1] for name in expected.state_dict()}
            assert int(network.module.state_dict()["stage.0.layers.0.1.num_batches_tracked"]) == 8


@pytest.mark.parametrize("model", [*MODELS.values(), Convolving, Branching], ids=[*MODELS, "own", "own, untraceable"])
def test_a_member_is_the_same_bit_for_bit_alone_and_among_others(fixed, model):
    jobs = [job(model, fixed(Adam(lr=3e-3), steps=8), seed) for seed in (3, 7, 11, 200)]
    together = outcomes(jobs)
    assert differ(together[0], together[1])
    for one, among in zip(jobs[:2], together[:2], strict=True):
        assert_same(alone(one), among)


def test_members_that_finish_early_leave_the_others_as_they_are():
    lengths = [3, 14, 9, 3, 14]
    optimizers = [SGD(lr=0.05, momentum=0.9), SGD(lr=0.02)]
    jobs = [
        job(CONV, Training(optimizer=optimizers[i % 2], batch=32, phases=(Phase(until="steps", steps=n),)), seed=i)
        for i, n in enumerate(lengths)
    ]
    together = outcomes(jobs)
    assert [outcome.steps for outcome in together] == lengths
    for one, among in zip(jobs, together, strict=True):
        assert_same(alone(one), among)


def test_one_member_is_trained_once_and_the_finished_cost_nothing(fixed):
    """A stack needs a second row; members that train apart do not."""
    device = torch.device("cpu")
    assert len(_Session([job(CONV, fixed(steps=1), 0)], device, None).stack) == 1
    assert len(_Session([job(MLP(widths=(8,)), fixed(steps=1), 0)], device, None).stack) == 2
    session = _Session([job(CONV, fixed(steps=n), n) for n in (2, 4, 4, 4, 4)], device, None)
    next(session.run())
    session._compact()
    assert len(session.stack) == 4


def test_what_trains_apart_depends_on_network_and_device():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    networks = {name: build_network(model, TASK, 0) for name, model in MODELS.items()}
    assert all(trains_apart(network, cpu) for network in networks.values())
    assert trains_apart(Convolving(), cpu)
    assert not trains_apart(build_network(MLP(), TASK, 0), cpu)
    assert not trains_apart(networks["plain"], cuda)


@pytest.mark.parametrize("model", [CONV, MODELS["resnet"], Convolving], ids=["plain", "resnet", "user"])
def test_the_trace_of_a_member_gives_what_autograd_gives(fixed, model, monkeypatch):
    traced = train(TASK, model, seeds=2, training=fixed(steps=6))
    monkeypatch.setattr(Stack, "_traced_one", lambda stack: stack._one_with_autograd)
    for network, untraced in zip(traced, train(TASK, model, seeds=2, training=fixed(steps=6)), strict=True):
        for name, tensor in network.outcome.state.items():
            torch.testing.assert_close(tensor, untraced.outcome.state[name], rtol=1e-4, atol=1e-5, msg=name)


def test_matrices_train_by_muon_and_the_rest_by_adamw(fixed):
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    jobs = [job(MODELS["vit"], fixed(Muon(lr=0.01), steps=5), seed) for seed in (0, 1)]
    assert_same(alone(jobs[1]), outcomes(jobs)[1])


def test_colour_and_size_are_learned(fixed):
    task = Squares(train=2048)
    (network,) = train(task, ConvNet(channels=(8, 16, 16)), seeds=[1], training=fixed(Adam(lr=3e-3), steps=300))
    final = network.outcome.table.query("measure == 'accuracy' and step == 300").set_index("feature")["value"]
    assert final["colour"] > 0.95
    assert final["size"] > 0.95
    assert network.outcome.status == "finished"


def test_training_images_stay_bytes_and_come_out_as_numbers_from_0_to_1(fixed):
    session = _Session([job(CONV, fixed(steps=1), seed) for seed in (0, 1)], torch.device("cpu"), None)
    assert session.batches._inputs.dtype == np.uint8
    inputs, _ = session.batches.next()
    assert inputs.shape == (2, 32, 3, 16, 16)
    assert inputs.dtype == torch.float32
    assert inputs.max() == 1
    order = rng(1, "batches", 0).permutation(TASK.train)[:32]
    torch.testing.assert_close(inputs[1], torch.from_numpy(TASK.stimuli(1).train.inputs[order]) / 255)


def test_images_are_read_in_chunks_and_as_they_would_be_at_once(monkeypatch):
    network = build_network(CONV, TASK, 0).eval()
    stimuli, state = TASK.stimuli(0), network.state_dict()
    examiner = Examiner(network, TASK, stimuli, ("stage.0.map", "pool"), {}, torch.device("cpu"))
    seen = []
    handle = network.pool.register_forward_hook(lambda _m, _i, out: seen.append(len(out)))
    chunked, accuracy = examiner.examine(state, extremes=True), examiner.validation_accuracy(state)
    assert seen == [3] + [64, 64, 64, 64, 44] * 3  # a few first, which show the axes of the layers
    handle.remove()
    monkeypatch.setattr("repbias.tasks.task.IMAGES_AT_ONCE", 1000)
    at_once = examiner.examine(state, extremes=True)
    for layer, result in chunked.layers.items():
        np.testing.assert_allclose(result.r2, at_once.layers[layer].r2, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(chunked.accuracy, at_once.accuracy)
    np.testing.assert_array_equal(accuracy, examiner.validation_accuracy(state))
    logits = network(torch.from_numpy(stimuli.validation.inputs) / 255)
    said = torch.stack([logits[:, :4].argmax(1), logits[:, 4:].argmax(1)], dim=1).numpy()
    np.testing.assert_allclose(accuracy, (said == stimuli.validation.labels).mean(0))


def test_the_pixels_are_measured_once_and_every_layer_at_every_checkpoint(fixed):
    (network,) = train(TASK, CONV, seeds=[0], training=fixed(steps=10), measures={"units": _units})
    table = network.outcome.table
    assert set(table["layer"]) == {"input", "stage.0.mean", "pool", "readout", "output"}
    pixels = table.query("layer == 'input' and measure == 'r2'").pivot_table("value", "step", "feature")
    assert len(pixels) > 2
    assert len(pixels.drop_duplicates()) == 1
    assert (table.query("layer == 'pool' and measure == 'r2' and feature == 'colour'")["value"].nunique()) > 2
    counted = table.query("measure == 'units' and step == 10 and feature == 'size'").set_index("layer")["value"]
    assert counted.to_dict() == {"input": 768, "stage.0.mean": 8, "pool": 12, "readout": 7}


def _units(fitted, labels, scored, _scored_labels):
    assert fitted.shape[1] == scored.shape[1]
    return [float(fitted.shape[1])] * labels.shape[1]


def test_a_trained_network_is_read_as_it_was_trained(fixed):
    (network,) = train(TASK, CONV, seeds=[0], training=fixed(steps=10))
    images = torch.from_numpy(network.split("test").inputs) / 255
    layer = Layer.of(network)
    assert layer.name == "pool"
    assert layer.test.shape == (300, 12)
    torch.testing.assert_close(layer.test_inputs, images)
    torch.testing.assert_close(network.module.readout(layer.test), network.module(images))
    assert torch.equal(layer.read_out(layer.test), layer.predict(network.module(images)))
    assert network.read("stage.0.map").shape == (300, 8 * 16 * 16)
    measured = network.outcome.table.query("measure == 'accuracy' and step == 10")["value"].to_numpy()
    correct = layer.read_out(layer.test).numpy() == network.labels("test")
    np.testing.assert_allclose(correct.mean(0), measured)


def test_tasks_that_make_inputs_differently_share_no_stack(fixed):
    class Unscaled(Squares):
        def network_inputs(self, inputs, device="cpu"):
            return as_floats(inputs, device)

    other = Job(Unscaled(), fixed(), 1, partial(build_network, CONV, TASK, 1), ("readout",))
    with pytest.raises(
        ValueError, match=r"conversion of stimuli.*Squares.network_inputs and .*Unscaled.network_inputs"
    ):
        list(train_stack([job(CONV, fixed(), 0), other]))


def test_an_mlp_on_pixels_stacks_and_reads_the_same_numbers(fixed):
    model = MLP(widths=(16,))
    among = train(TASK, model, seeds=[0, 4, 9], training=fixed(steps=6))
    (single,) = train(TASK, model, seeds=[4], training=fixed(steps=6))
    pd.testing.assert_frame_equal(single.outcome.table, among[1].outcome.table, check_exact=True)
    hidden = single.module.hidden[0]((torch.from_numpy(single.split("test").inputs) / 255).flatten(1))
    torch.testing.assert_close(single.read("hidden.0"), hidden)
