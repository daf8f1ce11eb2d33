"""A member's result is bitwise the same whoever is trained beside it."""

import numpy as np
import pytest
import torch
from stacking import assert_alone_as_together, assert_same, differ, job, outcomes
from torch import nn

from repbias.models import MLP
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training import SGD, Adam, AdamW, Muon, Phase, RMSprop, Training, train
from repbias.training.network import build_network
from repbias.training.trainer import train_stack

OPTIMIZERS = {
    "sgd": SGD(lr=0.1),
    "momentum": SGD(lr=0.05, momentum=0.9, weight_decay=1e-3),
    "adam": Adam(lr=3e-3),
    "adamw": AdamW(lr=3e-3),
    "rmsprop": RMSprop(lr=2e-3, momentum=0.5, weight_decay=1e-3),
    "muon": Muon(lr=0.01, weight_decay=1e-3),
}


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_stacked_is_one_by_one_for_every_optimizer(task, fixed, name, dropout):
    model = MLP(widths=(24, 16), dropout=dropout)
    jobs = [job(task, model, fixed(OPTIMIZERS[name]), seed) for seed in (3, 7, 11, 200)]
    together = assert_alone_as_together(jobs)
    assert differ(together[0], together[1])


@pytest.mark.parametrize(
    "model",
    [
        MLP(widths=(24, 16), norm="batch"),
        MLP(widths=(24, 16), norm="layer", activation="gelu"),
        MLP(widths=(16, 16, 16), residual=True, activation="tanh", dropout=0.2),
        MLP(widths=(33, 7), norm="batch", activation="relu", dropout=0.5, init="orthogonal"),
        MLP(widths=(24, 16), gain=3.0),
    ],
    ids=["batch", "layer", "residual", "odd widths", "gain"],
)
def test_stacked_is_one_by_one_for_every_architecture(task, fixed, model):
    assert_alone_as_together([job(task, model, fixed(), seed) for seed in range(5)])


@pytest.mark.parametrize("batch", [1, 30, 37])
def test_sizes_that_no_vector_register_divides_stack_too(task, fixed, batch):
    """Slices of such sizes start where the BLAS may round in another order; see `trace._padding`."""
    model = MLP(widths=(33, 7), activation="tanh")
    assert_alone_as_together([job(task, model, fixed("adam", batch=batch), seed) for seed in range(4)])


def test_seed_7_alone_is_seed_7_among_ten(task, fixed):
    model = MLP(widths=(24, 16), dropout=0.1, norm="batch")
    (single,) = train(task, model, seeds=[7], training=fixed())
    among = train(task, model, seeds=10, training=fixed())
    assert [network.seed for network in among] == list(range(10))
    assert_same(single.outcome, among[7].outcome)


def test_learning_rates_may_differ_within_a_stack(task, fixed):
    model = MLP(widths=(16, 16))
    rates = [0.2, 0.01, 0.2, 0.05]
    assert_alone_as_together([job(task, model, fixed(SGD(lr=lr, momentum=0.5)), n) for n, lr in enumerate(rates)])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_members_that_finish_early_leave_the_others_as_they_are(task, optimizer):
    """Of curricula of 5 to 40 steps in one stack, some are dropped from it on the way, with their optimiser states."""
    model = MLP(widths=(16, 16), dropout=0.2, norm="batch")
    lengths = [40, 5, 12, 23, 5, 40]
    trainings = [
        Training(
            optimizer=OPTIMIZERS[optimizer],
            batch=32,
            phases=(
                Phase(features=("easy",), until="steps", steps=length // 2),
                Phase(until="steps", steps=length - length // 2),
            ),
        )
        for length in lengths
    ]
    jobs = [job(task, model, training, seed) for seed, training in enumerate(trainings)]
    together = assert_alone_as_together(jobs, members=(0, 3))
    assert [outcome.steps for outcome in together] == lengths


def test_curricula_with_mastery_may_differ_within_a_stack(task):
    model = MLP(widths=(24, 24))
    first = Training(
        optimizer=SGD(lr=0.3), batch=32, mastery_accuracy=0.9, phases=(Phase(features=("easy",), steps=300, extra=7),)
    )
    second = Training(optimizer=SGD(lr=0.3), batch=32, mastery_accuracy=0.9, phases=(Phase(steps=60, extra=3),))
    jobs = [job(task, model, training, seed) for seed, training in enumerate((first, second, first, second, first))]
    together = assert_alone_as_together(jobs)
    assert len({outcome.steps for outcome in together}) > 2


def test_optimisers_and_sizes_that_cannot_share_a_stack_are_refused(task, fixed):
    model = MLP(widths=(8,))
    larger = task.model_copy(update={"train": 600})
    for other, what in [
        (job(task, model, fixed("adam"), 1), "kind of optimiser, got Adam and SGD"),
        (job(task, model, fixed(batch=16), 1), "batch size, got 16 and 32"),
        (job(larger, model, fixed(), 1), "number of training stimuli, got 512 and 600"),
    ]:
        with pytest.raises(ValueError, match=what):
            list(train_stack([job(task, model, fixed(), 0), other]))


def test_two_threads_give_what_one_gives(task, fixed):
    model = MLP(widths=(24, 16), dropout=0.2, norm="batch")
    jobs = [job(task, model, fixed(Adam(), steps=5), seed) for seed in range(3)]
    one_thread = outcomes(jobs)
    torch.set_num_threads(2)  # the fixture puts it back
    for one, two in zip(one_thread, outcomes(jobs), strict=True):
        assert_same(one, two)


class ColourAndParity(Task):
    """A feature of three classes beside a binary one, from Gaussian inputs `[2, 5]`."""

    @property
    def feature_names(self):
        return "colour", "sign"

    @property
    def n_classes(self):
        return 3, 2

    @property
    def input_shape(self):
        return 2, 5

    @property
    def n_stimuli(self):
        return 256, 64, 64

    def stimuli(self, seed):
        random = np.random.default_rng(seed)

        def split(n):
            inputs = random.normal(size=(n, 2, 5))
            colour = inputs[:, 0, :3].argmax(1)
            return Split(inputs, np.stack([colour, inputs[:, 1, 0] > 0], axis=1).astype(np.int64))

        return Stimuli(split(256), split(64), split(64))


def test_features_of_several_classes_are_learned_and_stack(fixed):
    task, model = ColourAndParity(), MLP(widths=(32, 16))
    jobs = [job(task, model, fixed(Adam(lr=1e-2), steps=200), seed) for seed in (0, 1, 2)]
    for stacked in assert_alone_as_together(jobs):
        final = stacked.table.query("measure == 'accuracy' and step == 200").set_index("feature")["value"]
        assert final["colour"] > 0.8
        assert final["sign"] > 0.8


def test_frozen_parameters_stay_and_tied_ones_stay_tied(task, fixed):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(12, 12)
            self.again = nn.Linear(12, 12)
            self.again.weight = self.first.weight
            self.frozen = nn.Linear(12, 12)
            self.frozen.weight.requires_grad_(False)
            self.readout = nn.Linear(12, 2)
            self.register_buffer("scale", torch.full((1,), 2.0), persistent=False)

        def forward(self, x):
            x = torch.tanh(self.again(torch.tanh(self.first(x))))
            return self.readout(self.frozen(x) * self.scale)

    networks = train(task, Tied, seeds=3, training=fixed())
    for network in networks:
        initial = build_network(Tied, task, network.seed)
        assert torch.equal(network.module.frozen.weight, initial.frozen.weight)
        assert not torch.equal(network.module.frozen.bias, initial.frozen.bias)
        assert network.module.again.weight is network.module.first.weight
        assert not torch.equal(network.module.first.weight, initial.first.weight)
    (single,) = train(task, Tied, seeds=[1], training=fixed())
    assert_same(single.outcome, networks[1].outcome)
