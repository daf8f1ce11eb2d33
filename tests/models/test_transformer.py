"""Transformers are built as described, and read where their specs say."""

import pytest
import torch
from marker_strings import Markers
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from repbias.activations.editing import editing
from repbias.activations.layers import match_layers
from repbias.activations.reading import read_layers
from repbias.models.attention import causal_mask
from repbias.models.recurrent import Recurrent
from repbias.models.transformer import DecoderOnly, EncoderDecoder, EncoderHeads

TASK = Markers(features=3, length=6, vocabulary=10)
SMALL = {"width": 16, "heads": 2}
MODELS = {
    "encoder-decoder": EncoderDecoder(**SMALL, layers=3),
    "summary": EncoderDecoder(**SMALL, summary=True),
    "decoder-only": DecoderOnly(**SMALL),
    "heads": EncoderHeads(**SMALL, mlp_width=20),
    "heads of a summary": EncoderHeads(**SMALL, summary=True),
}
every = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def built(model):
    return model.build_for(TASK, torch.Generator().manual_seed(0)).eval()


def stimuli(n=40):
    return torch.from_numpy(TASK.stimuli(0).test.inputs[:n]).float()


@every
def test_the_layers_named_are_there_and_are_stimulus_by_unit(model):
    network = built(model)
    read = read_layers(network, stimuli(), model.all_layers)
    assert set(model.layer_names) <= set(read)
    assert {tuple(response.shape) for response in read.values()} == {(40, 16)}
    layers = match_layers(network, "encoder.*")
    pools = ("mean", "first", "last", "attention_mean", "mlp_mean")
    assert {f"{layer}.{pool}" for layer in layers for pool in pools} <= set(read)
    if not isinstance(model, EncoderHeads):
        assert {"decoder.state.0", "decoder.state.1", "decoder.state.2", "decoder.mean"} < set(read)


def test_what_counts_as_penultimate_is_read_by_every_output():
    assert MODELS["encoder-decoder"].penultimate == "encoder.2.mean"
    assert MODELS["summary"].penultimate == "encoder.1.summary"
    assert MODELS["decoder-only"].penultimate == "encoder.0.mean"  # nothing reads the string's last states
    assert MODELS["heads"].penultimate == "encoder.1.mean"
    assert MODELS["heads of a summary"].penultimate == "encoder.1.summary"


@every
def test_pools_hold_what_their_names_say(model):
    network, x = built(model), stimuli()
    length, last = 6, model.layers - 1
    for layer in range(model.layers):
        name = f"encoder.{layer}"
        whole = read_layers(network, x, name)[name].unflatten(1, (-1, 16))
        read = read_layers(network, x, f"{name}.*")
        torch.testing.assert_close(read[f"{name}.mean"], whole[:, :length].mean(1))
        assert torch.equal(read[f"{name}.first"], whole[:, 0])
        assert torch.equal(read[f"{name}.last"], whole[:, length - 1])
        if getattr(model, "summary", False):
            assert torch.equal(read[f"{name}.summary"], whole[:, length])
    before = read_layers(network, x, f"encoder.{last - 1}.mean")[f"encoder.{last - 1}.mean"]
    written = read[f"encoder.{last}.attention_mean"] + read[f"encoder.{last}.mlp_mean"]
    torch.testing.assert_close(before + written, read[f"encoder.{last}.mean"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "model", [MODELS["encoder-decoder"], MODELS["decoder-only"], Recurrent(width=16)], ids=["ed", "do", "gru"]
)
def test_output_p_is_read_from_decoder_state_p(model):
    network, x = built(model), stimuli()
    states = [read_layers(network, x, f"decoder.state.{p}")[f"decoder.state.{p}"] for p in range(3)]
    with torch.no_grad():
        scores = network.readout.scores(torch.stack(states, dim=1))
        torch.testing.assert_close(network(x), scores[:, :, 1] - scores[:, :, 0])
        mean = read_layers(network, x, "decoder.mean")["decoder.mean"]
        torch.testing.assert_close(mean, torch.stack(states).mean(0))
        plain = network(x)
        with editing(network, {"decoder.state.1": lambda state: 0 * state}):
            edited = network(x)
    assert torch.equal(edited[:, 0], plain[:, 0])
    zero = network.readout.scores.bias
    torch.testing.assert_close(edited[:, 1], (zero[1] - zero[0]).expand(40))


@pytest.mark.parametrize("model", [MODELS["summary"], MODELS["heads of a summary"]], ids=["decoder", "heads"])
def test_what_follows_the_encoder_sees_the_summary_and_nothing_else(model):
    network, x = built(model), stimuli()
    noise = torch.randn(40, 7, 16, generator=torch.Generator().manual_seed(1))

    def string_perturbed(states):
        return torch.cat([noise[:, :6], states[:, 6:]], dim=1)

    def summary_perturbed(states):
        return torch.cat([states[:, :6], noise[:, 6:]], dim=1)

    with torch.no_grad():
        plain = network(x)
        with editing(network, {"encoder.1": string_perturbed}):
            assert torch.equal(network(x), plain)
        with editing(network, {"encoder.1": summary_perturbed}):
            assert (network(x) != plain).any(1).all()


@pytest.mark.parametrize("kind", [EncoderDecoder, DecoderOnly])
def test_without_residual_paths_the_embedding_reaches_nothing_but_what_is_written(kind):
    for residual in (0.0, 0.5):
        network = built(kind(**SMALL, residual=residual))
        with torch.no_grad():
            for name, parameter in network.encoder.named_parameters():
                if ".out." in name:
                    parameter.zero_()
            read = read_layers(network, stimuli(), ["embedding", "encoder.1"])
        torch.testing.assert_close(read["encoder.1"], residual**4 * read["embedding"])


def test_decoder_only_is_one_causal_sequence():
    """String, start and answers in one pass through the blocks, against the two that the network makes."""
    network, x = built(MODELS["decoder-only"]).train(), stimuli()
    x[:, 9:] = torch.randint(0, 3, (40, 3), generator=torch.Generator().manual_seed(2)).float()
    fed = torch.cat([torch.full((40, 1), 3.0), x[:, 9:11]], dim=1)
    with torch.no_grad():
        sequence = torch.cat([network.embedding(x[:, :6]), network.answer_embedding(fed)], dim=1)
        for layer in network.encoder:
            sequence = layer.step(sequence, causal_mask(9, 9, x.device)).stream
        scores = network.readout.scores(network.norm(sequence[:, 6:]))
        torch.testing.assert_close(network(x), scores[:, :, 1] - scores[:, :, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "model", [*MODELS.values(), Recurrent(width=16, layers=2), Recurrent(width=16, cell="lstm")], ids=str
)
def test_connections_are_the_multiply_adds_of_a_forward_pass(model):
    network, x = built(model).train(), stimuli(1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    tokens = 6 + getattr(model, "summary", False)
    look_ups = tokens * (10 + getattr(model, "summary", False)) * 16
    look_ups += 0 if isinstance(model, EncoderHeads) else 3 * 4 * 16
    counted = counter.get_total_flops() // 2 - look_ups
    expected = model.connections(TASK.input_shape, 3)
    unread = read_by_nothing(model)
    assert counted + unread == expected


def read_by_nothing(model):
    """Attention of a short sequence is counted as if each query saw every token of the whole sequence."""
    if isinstance(model, DecoderOnly):
        return model.layers * 2 * 16 * (9 * 9 - 6 * 6 - 3 * 9)
    if isinstance(model, EncoderHeads):
        return 3 * 16  # one output a feature, where the others score two answers
    return 0


def test_dropout_acts_in_training_and_not_in_eval():
    model = EncoderDecoder(**SMALL, dropout=0.5)
    network, x = model.build_for(TASK, torch.Generator().manual_seed(0)), stimuli()
    assert torch.equal(network.eval()(x), built(MODELS["encoder-decoder"].model_copy(update={"layers": 2}))(x))
    assert not torch.equal(network.train()(x), network(x))


@pytest.mark.parametrize(
    ("model", "wrong", "message"),
    [
        (EncoderDecoder, {"width": 30, "heads": 4}, "width=30 .*heads=4.* set width to 32"),
        (EncoderDecoder, {"width": 5, "heads": 1, "positions": "sinusoidal"}, "width=5 is odd"),
        (EncoderDecoder, {"residual": -1}, "greater than or equal to 0"),
        (EncoderDecoder, {"positions": "rotary"}, "'learned' or 'sinusoidal'"),
        (DecoderOnly, {"layers": 1}, "greater than or equal to 2"),
    ],
    ids=["width and heads", "odd width", "residual", "positions", "one layer leaves nothing to read"],
)
def test_wrong_settings_are_refused(model, wrong, message):
    with pytest.raises(ValidationError, match=message):
        model(**wrong)
