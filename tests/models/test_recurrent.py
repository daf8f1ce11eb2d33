"""Recurrent networks: gates written out are torch's, and the decoder sees the last state alone."""

import pytest
import torch
from marker_strings import Markers
from torch import nn

from repbias.activations.layers import editing, read_layers
from repbias.models.recurrent import CELLS, Recurrent, RecurrentLayer

REFERENCE = {"gru": (nn.GRUCell, nn.GRU), "lstm": (nn.LSTMCell, nn.LSTM)}
TASK = Markers(features=3, length=6, vocabulary=10)
cells = pytest.mark.parametrize("cell", CELLS)


def copy(own, theirs, suffix=""):
    """Fill the cell with random weights, and torch's with the same."""
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.copy_(torch.randn(parameter.shape) / 3)
        for name, linear in [("ih", own.input), ("hh", own.recurrent)]:
            getattr(theirs, f"weight_{name}{suffix}").copy_(linear.weight)
            getattr(theirs, f"bias_{name}{suffix}").copy_(linear.bias)


@cells
def test_a_cell_is_torchs(cell):
    own, theirs = CELLS[cell](8), REFERENCE[cell][0](8, 8)
    copy(own, theirs)
    x, state = torch.randn(5, 8), tuple(torch.randn(5, 8) for _ in range(own.n_states))
    expected = theirs(x, state if cell == "lstm" else state[0])
    expected = expected if cell == "lstm" else (expected,)
    for found, wanted in zip(own(own.input(x), state), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@cells
def test_a_layer_is_torchs_from_a_state_of_zeros_on(cell):
    own = RecurrentLayer(Recurrent(cell=cell, width=8))
    theirs = REFERENCE[cell][1](8, 8, batch_first=True)
    copy(own.cell, theirs, "_l0")
    x, finals = torch.randn(5, 7, 8), []
    expected, last = theirs(x)
    torch.testing.assert_close(own(x, None, finals), expected, rtol=1e-5, atol=1e-6)
    for found, wanted in zip(finals[0], last if cell == "lstm" else (last,), strict=True):
        torch.testing.assert_close(found, wanted[0], rtol=1e-5, atol=1e-6)


@cells
def test_names_are_those_described_and_read(cell):
    model = Recurrent(cell=cell, width=8, layers=2)
    network = model.build_for(TASK, torch.Generator().manual_seed(0))
    x = torch.from_numpy(TASK.stimuli(0).test.inputs).float()
    read = read_layers(network, x, model.all_layers)
    assert model.layer_names == ("encoder.0.last", "encoder.1.last")
    assert set(model.layer_names) < set(read)
    assert {tuple(response.shape) for response in read.values()} == {(128, 8)}
    outputs = read_layers(network, x, "encoder.1")["encoder.1"].unflatten(1, (6, 8))
    assert torch.equal(read["encoder.1.last"], outputs[:, -1])
    torch.testing.assert_close(read["encoder.1.mean"], outputs.mean(1))


def test_the_decoder_starts_from_the_last_state_and_sees_nothing_else():
    network = Recurrent(width=8).build_for(TASK, torch.Generator().manual_seed(0)).eval()
    x = torch.from_numpy(TASK.stimuli(0).test.inputs).float()
    with torch.no_grad():
        assert len(network(x).unique(dim=0)) > 100
        with editing(network, {"encoder.0.last": lambda state: torch.ones_like(state)}):
            assert len(network(x).unique(dim=0)) == 1


def test_an_lstm_is_read_and_edited_at_its_memory_too():
    model = Recurrent(cell="lstm", width=8, layers=2)
    network = model.build_for(TASK, torch.Generator().manual_seed(0)).eval()
    x = torch.from_numpy(TASK.stimuli(0).test.inputs).float()
    read = read_layers(network, x, ["encoder.*.memory", "encoder.*.last"])
    assert set(read) == {"encoder.0.memory", "encoder.1.memory", "encoder.0.last", "encoder.1.last"}
    with torch.no_grad():
        finals = []
        network.encoder[0](network.embedding(x[:, :6]), finals)
        assert torch.equal(finals[0][1], read["encoder.0.memory"])
        plain = network(x)
        with editing(network, {"encoder.1.memory": torch.zeros_like}):
            assert not torch.equal(network(x), plain)
    assert not hasattr(Recurrent(width=8).build_for(TASK, torch.Generator()).encoder[0], "memory")


def test_an_lstm_forgets_slowly_at_first():
    network = Recurrent(cell="lstm", width=8).build_for(TASK, torch.Generator().manual_seed(0))
    cell = network.encoder[0].layer.cell
    assert torch.equal(cell.input.bias, torch.eye(4)[1].repeat_interleave(8))
    assert not cell.recurrent.bias.any()
