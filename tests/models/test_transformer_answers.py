"""What every sequence model does with a row: it reads tokens, answers in an order, and reports in another."""

from functools import partial

import pytest
import torch
from marker_strings import Markers
from pydantic import ValidationError

from repbias.models import MLP
from repbias.models.decoding import START
from repbias.models.recurrent import Recurrent
from repbias.models.transformer import DecoderOnly, EncoderDecoder, EncoderHeads
from repbias.tasks import BooleanTask

TASK = Markers(features=4, length=6, vocabulary=10)
SMALL = {"width": 16, "heads": 2}
ANSWERING = {
    "encoder-decoder": EncoderDecoder(**SMALL),
    "summary": EncoderDecoder(**SMALL, summary=True, positions="sinusoidal"),
    "decoder-only": DecoderOnly(**SMALL),
    "gru": Recurrent(width=16),
    "lstm": Recurrent(width=16, cell="lstm", layers=2),
}
HEADS = EncoderHeads(**SMALL)
answering = pytest.mark.parametrize("model", ANSWERING.values(), ids=ANSWERING.keys())
every = pytest.mark.parametrize("model", [*ANSWERING.values(), HEADS], ids=[*ANSWERING.keys(), "heads"])


def built(model, seed=0):
    return model.build_for(TASK, torch.Generator().manual_seed(seed))


def rows(order=(2, 0, 3, 1), n=50):
    """Random tokens, an order, and random answers."""
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randint(0, 10, (n, 6), generator=generator)
    answers = torch.randint(0, 3, (n, 4), generator=generator)
    return torch.cat([tokens, torch.tensor(order).expand(n, 4), answers], dim=1).float()


def with_answers(x, answers):
    return torch.cat([x[:, :-4], answers.float()], dim=1)


@answering
def test_a_later_answer_changes_no_earlier_output(model):
    network, x = built(model).train(), rows()
    logits = network(x)
    for changed in range(4):
        other = x.clone()
        other[:, 10 + changed] = (other[:, 10 + changed] + 1) % 3
        differs = (network(other) != logits).any(0)[[2, 0, 3, 1]]  # by position
        assert not differs[: changed + 1].any()
        assert differs[changed + 1 :].all()


@every
def test_outside_training_the_answers_are_not_read(model):
    network, x = built(model).eval(), rows()
    assert torch.equal(network(x), network(with_answers(x, torch.full((50, 4), torch.nan))))


@answering
def test_greedy_decoding_is_teacher_forcing_with_its_own_answers(model):
    network, x = built(model), rows()
    with torch.no_grad():  # so that both answers are about as likely
        network.readout.scores.bias[1] -= network.eval()(x).median()
    greedy = network(x)
    own = (greedy > 0)[:, [2, 0, 3, 1]]
    assert 0.1 < own.float().mean() < 0.9
    assert torch.equal(network.train()(with_answers(x, own)), greedy)


@answering
def test_the_order_says_which_output_is_which_feature(model):
    network = built(model).eval()
    in_order = network(rows((0, 1, 2, 3)))
    for order in [(2, 0, 3, 1), (1, 2, 3, 0)]:
        assert torch.equal(network(rows(order))[:, list(order)], in_order)


@every
def test_the_task_says_the_sizes_and_every_token_counts(model):
    network, x = built(model).eval(), rows()
    logits = network(x)
    assert logits.shape == (50, 4)
    other = x.clone()
    other[:, 0] = (other[:, 0] + 1) % 10
    assert (network(other) != logits).any(1).all()


@every
def test_weights_come_from_the_generator_alone(model):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one, again, other = built(model, 1), built(model, 1), built(model, 2)
    assert torch.equal(state, torch.get_rng_state())
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name)), name
        drawn = not (name.endswith("bias") or "norm" in name)
        assert drawn != torch.equal(parameter, other.get_parameter(name)), name


@answering
def test_position_zero_reads_the_start_symbol(model):
    network, x = built(model).eval(), rows()
    logits = network(x)
    table = next(m for n, m in network.named_modules() if n.endswith(("answer_embedding.symbol", "decoder.embedding")))
    table = getattr(table, "symbol", table)
    with torch.no_grad():
        table.weight[START, 0] += 1  # not to all units alike, which a layer norm would undo
    assert (network(x)[:, 2] != logits[:, 2]).all()


@every
def test_a_task_without_strings_is_refused(model):
    class Vectors(Markers):
        @property
        def input_shape(self):
            return (32,)

        @property
        def n_tokens(self):
            return None

    for build, message in [
        (partial(model.build_for, Vectors()), r"got Vectors with stimuli of shape \(32,\)"),
        (partial(model.build, (14,), 4), r"call build_for\(task, generator\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            build(torch.Generator())


def test_a_model_of_sizes_alone_is_built_for_a_task_as_ever():
    task = BooleanTask(features={"easy": "copy"}, bits=5)
    one = MLP(widths=(4,)).build_for(task, torch.Generator().manual_seed(3))
    other = MLP(widths=(4,)).build((5,), 1, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_model_that_would_read_the_answers_is_refused():
    with pytest.raises(ValueError, match="would read the answers"):
        MLP(widths=(4,)).build_for(TASK, torch.Generator())


OWN = {
    "encoder-decoder": EncoderDecoder(**SMALL, own_answers=1.0),
    "decoder-only": DecoderOnly(**SMALL, own_answers=1.0),
    "gru": Recurrent(width=16, own_answers=1.0),
}


@pytest.mark.parametrize("model", OWN.values(), ids=OWN.keys())
def test_a_decoder_left_to_itself_in_training_is_one_in_use(model):
    network, x = built(model), rows()
    torch.testing.assert_close(network.train()(x), network.eval()(x))


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_the_share_of_own_answers_is_that_of_the_spec(share):
    """Of two features, the second's logit is that of the true answer or of the decoder's own, as a coin falls."""
    network = EncoderDecoder(**SMALL, own_answers=share).build_for(
        Markers(features=2, length=6, vocabulary=10), torch.Generator().manual_seed(0)
    )
    x = torch.cat([rows(n=1)[:, :6], torch.tensor([[0.0, 1.0, 0.0, 0.0]])], dim=1).repeat(4_000, 1)
    own = float(network.eval()(x[:1])[0, 0] > 0)
    x[:, 8] = 1 - own  # the true answer is the other one
    torch.manual_seed(0)
    read_own = torch.isclose(network.train()(x)[:, 1], network.eval()(x)[:, 1])
    assert read_own.float().mean().item() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_the_share_of_own_answers_is_above_zero_and_at_most_one(share):
    with pytest.raises(ValidationError):
        EncoderDecoder(own_answers=share)
