"""Sequence models train in a stack, each member bit for bit as if it were alone, and learn."""

from dataclasses import replace

import pytest
from marker_strings import Markers
from stacking import alone, assert_same, differ, job, outcomes

from repbias.models.recurrent import Recurrent
from repbias.models.transformer import DecoderOnly, EncoderDecoder, EncoderHeads
from repbias.training import SGD, Adam, train
from repbias.training.ensemble import Stack

TASK = Markers(features=3, length=8, vocabulary=16, train=256, held_out=64)
SHORT = Markers(features=2, length=4, vocabulary=16, train=256, held_out=64)  # a graph that is traced quickly
ODD_TASK = Markers(features=3, length=7, vocabulary=11, train=256, held_out=64)
SMALL = {"width": 16, "heads": 2}
ONE = {**SMALL, "layers": 1}
MODELS = {
    "encoder-decoder": EncoderDecoder(**ONE, dropout=0.1),
    "summary": EncoderDecoder(**ONE, summary=True, positions="sinusoidal", residual=0.5),
    "decoder-only": DecoderOnly(**SMALL, dropout=0.1),
    "heads": EncoderHeads(**ONE, dropout=0.1, residual=0.0),
    "gru": Recurrent(width=16, dropout=0.1),
    "own answers": EncoderDecoder(**ONE, own_answers=0.5),
    "own answers and dropout": DecoderOnly(**SMALL, dropout=0.1, own_answers=1.0),
    "lstm": Recurrent(width=16, cell="lstm"),
}
DEEPER = {
    "encoder-decoder": EncoderDecoder(**SMALL, layers=3, dropout=0.1),
    "gru": Recurrent(width=16, layers=2, dropout=0.1),
}
ODD = {
    "encoder-decoder": EncoderDecoder(width=15, heads=3, mlp_width=13, layers=1),
    "gru": Recurrent(width=13),
}
MORE_ODD = {
    "decoder-only": DecoderOnly(width=15, heads=3, mlp_width=13, dropout=0.2),
    "heads": EncoderHeads(width=15, heads=3, mlp_width=13),
    "lstm": Recurrent(width=13, cell="lstm"),
}


def each(models):
    return pytest.mark.parametrize("model", models.values(), ids=models.keys())


@pytest.fixture(autouse=True)
def _stacked(monkeypatch):
    """Fail where members would train one by one, which is the same bit for bit and proves nothing."""

    def refuse(*_args):
        raise AssertionError("the network was not stacked")

    monkeypatch.setattr(Stack, "_one_by_one", refuse)


def assert_alone_as_among(task, model, training):
    among = train(task, model, seeds=(3, 7, 200), training=training)
    assert differ(among[0].outcome, among[1].outcome)
    (single,) = train(task, model, seeds=[7], training=training)
    assert_same(single.outcome, among[1].outcome)


@each(MODELS)
def test_stacked_is_one_by_one(fixed, model):
    assert_alone_as_among(SHORT, model, fixed(Adam(lr=3e-3), steps=5))


@pytest.mark.slow
@each(MODELS | {f"deeper {name}": model for name, model in DEEPER.items()})
def test_stacked_is_one_by_one_under_sgd(fixed, model):
    assert_alone_as_among(TASK, model, fixed(SGD(lr=0.1, momentum=0.5), steps=20))


@each(ODD)
def test_sizes_that_no_vector_register_divides_stack_too(fixed, model):
    assert_alone_as_among(ODD_TASK, model, fixed("adam", steps=5, batch=19))


@pytest.mark.slow
@each(MORE_ODD)
def test_more_sizes_that_no_vector_register_divides(fixed, model):
    assert_alone_as_among(ODD_TASK, model, fixed("adam", steps=20, batch=19))


def test_members_of_different_orders_share_a_stack(fixed):
    """An order travels with the stimuli; a neighbour's changes nothing."""
    model, training = MODELS["encoder-decoder"], fixed("adam", steps=5)
    tasks = [TASK.model_copy(update={"order": order}) for order in [(0, 1, 2), (2, 0, 1), (1, 2, 0)]]
    jobs = [replace(job(task, model, training, 5), layers=model.layer_names) for task in tasks]
    found = outcomes(jobs)
    assert differ(found[0], found[1])
    assert_same(alone(jobs[1]), found[1])


def assert_learned(model, training):
    task = Markers(features=3, length=8, vocabulary=16, order=(2, 0, 1), train=2048, held_out=256)
    (network,) = train(task, model, seeds=[0], training=training)
    table = network.outcome.table.query("measure == 'accuracy'")
    assert (table.query("step == 0")["value"] < 0.8).all()
    assert (table.query("step == step.max()")["value"] > 0.95).all()


def test_presence_of_markers_is_learned_and_reported_without_a_teacher(fixed):
    assert_learned(EncoderDecoder(width=32, mlp_width=64, layers=1), fixed(Adam(lr=3e-3), steps=150))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "steps"),
    [
        (EncoderDecoder(width=32, summary=True), 300),
        (EncoderDecoder(width=32, residual=0.0), 300),
        (DecoderOnly(width=32), 200),
        (EncoderHeads(width=32), 200),
        (Recurrent(width=64), 800),
        (Recurrent(width=64, cell="lstm"), 800),
    ],
    ids=["summary", "no residual path", "decoder-only", "heads", "gru", "lstm"],
)
def test_every_architecture_learns(fixed, model, steps):
    assert_learned(model, fixed(Adam(lr=3e-3), steps=steps))
