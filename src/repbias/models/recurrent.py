"""Recurrent encoder-decoders: a string is read token by token into a state, from which the answers are reported.

Gates are written out, so that a network can be stacked and traced like any other; with the same weights the cells equal
`torch.nn.GRUCell` and `torch.nn.LSTMCell`. The decoder starts from the state after the last token, which is all it sees
of the string.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn

from repbias.models.decoding import (
    ANSWER_SYMBOLS,
    AnsweringNetwork,
    AnswersInSequence,
    Memory,
    SequenceModel,
    StringShape,
    SymbolTable,
)
from repbias.models.model import linear
from repbias.models.readouts import AnswerPools, StringPools
from repbias.tasks.task import Task

State: TypeAlias = tuple[Tensor, ...]  # the output [stimulus, unit] first, and whatever else a cell keeps


class Recurrent(AnswersInSequence, SequenceModel):
    """A recurrent encoder-decoder (Cho et al. 2014, Sutskever et al. 2014), without attention.

    Attributes
    ----------
    cell : "gru" or "lstm"; an LSTM's forget gates start with a bias of 1 (Jozefowicz et al. 2015).
    width : units of each layer, and of the embeddings.
    layers : layers of the encoder, and as many of the decoder.
    dropout : probability with which a layer's inputs are silenced in a training step, unit by unit.

    Examples
    --------
    >>> import repbias
    >>> repbias.Recurrent(cell="gru").layer_names
    ('encoder.0.last',)
    """

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal["gru", "lstm"] = "gru"
    width: int = Field(default=64, ge=1)
    layers: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The output of each layer at the last token, where the decoder takes over."""
        return tuple(f"encoder.{i}.last" for i in range(self.layers))

    @property
    def all_layers(self) -> tuple[str, ...]:
        """Globs of all layers that can be read, from input to output; for an LSTM also its memory at the last token."""
        memory = ["encoder.*.memory"] if self.cell == "lstm" else []
        return "encoder.*.first", "encoder.*.mean", "encoder.*.last", *memory, "decoder.state.*", "decoder.mean"

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`; embeddings are not counted."""
        steps = input_shape[0] - outputs
        return steps * self.layers * 2 * CELLS[self.cell].gates * self.width**2 + outputs * 2 * self.width

    def network(self, shape: StringShape) -> nn.Module:
        """See `SequenceModel.network`."""
        return RecurrentNetwork(self, shape)

    def build_for(self, task: Task, generator: torch.Generator) -> nn.Module:
        """Make the network; see `SequenceModel.build_for`."""
        network = super().build_for(task, generator)
        for module in network.modules():
            if isinstance(module, LSTMCell):
                module.open_forget_gates()
        return network


def logistic(x: Tensor) -> Tensor:
    """Return the logistic function, by way of tanh.

    Last digits of torch's `sigmoid` depend on where in a vector an element lies, and so on a network's place in a
    stack.
    """
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


class Cell(nn.Module, ABC):
    """One step of a recurrent layer: linear maps of its input and of its last output, a row of units for each gate."""

    gates: ClassVar[int]
    n_states: ClassVar[int]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = linear(width, self.gates * width)
        self.recurrent = linear(width, self.gates * width)

    def start(self, driven: Tensor) -> State:
        """Return the state before the first step, all zeros; `driven` is as in `forward`."""
        zeros = torch.zeros_like(driven[:, : driven.shape[1] // self.gates])
        return (zeros,) * self.n_states

    @abstractmethod
    def forward(self, driven: Tensor, state: State) -> State:
        """Step: `driven` `[stimulus, gates * width]` is the output of `input` for this step."""


class GRUCell(Cell):
    """Reset gate, update gate and candidate, as in `torch.nn.GRUCell`."""

    gates = 3
    n_states = 1

    def forward(self, driven: Tensor, state: State) -> State:
        """See `Cell`; the state is the output."""
        (output,) = state
        reset_in, update_in, new_in = driven.chunk(3, dim=1)
        reset_own, update_own, new_own = self.recurrent(output).chunk(3, dim=1)
        update = logistic(update_in + update_own)
        new = torch.tanh(new_in + logistic(reset_in + reset_own) * new_own)
        return (new + update * (output - new),)


class LSTMCell(Cell):
    """Input gate, forget gate, candidate and output gate, as in `torch.nn.LSTMCell`."""

    gates = 4
    n_states = 2

    def forward(self, driven: Tensor, state: State) -> State:
        """See `Cell`; the state is the output and the memory."""
        output, memory = state
        let_in, keep, new, let_out = (driven + self.recurrent(output)).chunk(4, dim=1)
        memory = logistic(keep) * memory + logistic(let_in) * torch.tanh(new)
        return logistic(let_out) * torch.tanh(memory), memory

    @torch.no_grad()
    def open_forget_gates(self) -> None:
        """Set the forget gates' bias to 1: at 0, half of the memory would be lost at each token."""
        self.input.bias.chunk(4)[1].fill_(1)


CELLS: dict[str, type[Cell]] = {"gru": GRUCell, "lstm": LSTMCell}


class RecurrentLayer(nn.Module):
    """A cell, step by step along a sequence."""

    def __init__(self, spec: Recurrent) -> None:
        super().__init__()
        self.dropout = nn.Dropout(spec.dropout)
        self.cell = CELLS[spec.cell](spec.width)

    def forward(self, x: Tensor, state: State | None = None, finals: list[State] | None = None) -> Tensor:
        """`[stimulus, step, unit]` -> the outputs, the same shape.

        It starts from `state`, or from zeros; the state after the last step is appended to `finals`.
        """
        outputs = []
        for driven in self.cell.input(self.dropout(x)).unbind(1):
            state = self.cell(driven, self.cell.start(driven) if state is None else state)
            outputs.append(state[0])
        if finals is not None and state is not None:
            finals.append(state)
        return torch.stack(outputs, dim=1)


class RecurrentEncoderLayer(StringPools):
    """A recurrent layer along the string, which can be read at its outputs, and an LSTM also at its last `memory`."""

    def __init__(self, spec: Recurrent, length: int) -> None:
        super().__init__(length)
        self.layer = RecurrentLayer(spec)
        if spec.cell == "lstm":
            self.memory = nn.Identity()

    def forward(self, x: Tensor, finals: list[State]) -> Tensor:
        """`[stimulus, token, unit]` -> the outputs, the same shape; the final state is appended to `finals`."""
        own: list[State] = []
        outputs = self.read(self.layer(x, None, own))
        # Through the pools, so that an edit of `last` or `memory` has an effect.
        finals.append((self.last(outputs), *(self.memory(kept) for kept in own[0][1:])))
        return outputs


class RecurrentDecoder(AnswerPools):
    """Recurrent layers along the answers."""

    def __init__(self, spec: Recurrent, features: int) -> None:
        super().__init__(features)
        self.embedding = SymbolTable(ANSWER_SYMBOLS, spec.width)
        self.layers = nn.ModuleList(RecurrentLayer(spec) for _ in range(spec.layers))

    def forward(self, memory: Memory, fed: Tensor) -> Tensor:
        """Symbols `[stimulus, position]` -> the states before the outputs, `[stimulus, position, unit]`."""
        x = self.embedding(fed)
        for layer, state in zip(self.layers, memory, strict=True):
            x = layer(x, state)
        return self.read(x)


class RecurrentNetwork(AnsweringNetwork):
    """The network that a `Recurrent` spec describes."""

    def __init__(self, spec: Recurrent, shape: StringShape) -> None:
        super().__init__(shape, spec.width, spec.own_answers)
        self.embedding = SymbolTable(shape.vocabulary, spec.width)
        self.encoder = nn.ModuleList(RecurrentEncoderLayer(spec, shape.length) for _ in range(spec.layers))
        self.decoder = RecurrentDecoder(spec, shape.features)

    def encode(self, tokens: Tensor) -> Memory:
        """See `AnsweringNetwork`; the state of every layer after the last token."""
        x = self.embedding(tokens)
        finals: list[State] = []
        for layer in self.encoder:
            x = layer(x, finals)
        return tuple(finals)

    def decode(self, memory: Memory, fed: Tensor) -> Tensor:
        """See `AnsweringNetwork`."""
        states: Tensor = self.decoder(memory, fed)
        return states
