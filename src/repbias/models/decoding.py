"""What all sequence models share: they read strings and report answers one after another.

In training the decoder reads the true answers before each position (teacher forcing), or some of its own where a model
says so; otherwise it reads its own, always the likelier one (greedy decoding).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn

from repbias.core.specs import Spec
from repbias.models.model import Model
from repbias.models.readouts import AnswerReadout
from repbias.tasks.task import Task

START = 3
ANSWER_SYMBOLS = 4  # 0, 1, no label, start
EMBEDDING_STD = 1.0
# The decoder's information about the string, by layer: keys and values, or the initial state.
Memory: TypeAlias = tuple[tuple[Tensor, ...], ...]
PositionKind: TypeAlias = Literal["learned", "sinusoidal"]


@dataclass(frozen=True)
class StringShape:
    """The number of different tokens, the number of tokens in a string, and the number of binary features."""

    vocabulary: int
    length: int
    features: int

    @classmethod
    def of(cls, task: Task, model: str) -> StringShape:
        """Return the shape of a task's strings.

        Raises
        ------
        ValueError : the task does not have strings with binary features.
        """
        features, shape = len(task.feature_names), task.input_shape
        is_string = task.n_tokens is not None and len(shape) == 1 and shape[0] > 2 * features
        if task.n_tokens is None or not is_string or set(task.n_classes) != {2}:
            raise ValueError(
                f"{model} reads strings and reports binary features: it needs a task whose stimuli are tokens, order "
                f"and answers, such as StringTask; got {type(task).__name__} with stimuli of shape {shape} and "
                f"features of {task.n_classes} classes. Use MLP for it"
            )
        return cls(task.n_tokens, shape[0] - 2 * features, features)


class SequenceModel(Model):
    """A description of a network that reads strings."""

    @abstractmethod
    def network(self, shape: StringShape) -> nn.Module:
        """Make the network without initial weights."""

    def build_for(self, task: Task, generator: torch.Generator) -> nn.Module:
        """Make the network for a task of strings, with its initial weights; see `initialise`.

        Raises
        ------
        ValueError : the task does not have strings with binary features.
        """
        network = self.network(StringShape.of(task, type(self).__name__))
        initialise(network, generator)
        return network

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Refuse: the number of different tokens does not follow from the shape of a stimulus."""
        raise ValueError(
            f"{type(self).__name__} needs the number of tokens of the task; call build_for(task, generator)"
        )


class AnswersInSequence(Spec):
    """The training option of models that report features one after another.

    Attributes
    ----------
    own_answers : probability with which, in training, the decoder reads its own answer at a position instead of the
        true one, drawn for each stimulus and position: scheduled sampling (Bengio et al. 2015) at a constant rate. None
        is teacher forcing; with 1 the decoder always reads its own answers, as in use.
    """

    own_answers: float | None = Field(default=None, gt=0, le=1)


class SymbolTable(nn.Module):
    """A vector for each symbol: an embedding that can be stacked.

    The look-up is a product with a one-hot code, which is exact, and which `torch.func.vmap` turns into one product for
    all networks.
    """

    def __init__(self, symbols: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(symbols, width))

    def forward(self, symbols: Tensor) -> Tensor:
        """`[stimulus, place]` whole numbers -> `[stimulus, place, width]`."""
        known = torch.arange(len(self.weight), device=symbols.device)
        code = (symbols.unsqueeze(2) == known).to(self.weight.dtype)
        return code @ self.weight


class LearnedPositions(SymbolTable):
    """A learned vector for each place of a sequence, added to the vector there."""

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, place, width]` -> the same shape."""
        return x + self.weight[: x.shape[1]]


class SinusoidalPositions(nn.Module):
    """Sines and cosines of the place, added to the vector there.

    Parameters
    ----------
    first : the place of the first symbol, where others come before it.
    """

    def __init__(self, places: int, width: int, first: int = 0) -> None:
        super().__init__()
        place = torch.arange(first, first + places).unsqueeze(1)
        angles = place * 10000.0 ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("waves", torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, place, width]` -> the same shape."""
        return x + self.get_buffer("waves")[: x.shape[1]]


class Embedding(nn.Module):
    """Symbol and place, as one vector.

    Parameters
    ----------
    symbols, places : the number of each.
    first : the place of the first symbol, where another sequence comes before this one.
    """

    def __init__(
        self, symbols: int, places: int, width: int, positions: PositionKind, dropout: float, first: int = 0
    ) -> None:
        super().__init__()
        self.symbol = SymbolTable(symbols, width)
        learned = positions == "learned"
        self.place = LearnedPositions(places, width) if learned else SinusoidalPositions(places, width, first)
        self.dropout = nn.Dropout(dropout)

    def forward(self, symbols: Tensor) -> Tensor:
        """`[stimulus, place]` -> `[stimulus, place, width]`."""
        embedded: Tensor = self.dropout(self.place(self.symbol(symbols)))
        return embedded


class SummaryEmbedding(Embedding):
    """The embedding of a string followed by one more token, with its own symbol and place."""

    def __init__(self, symbols: int, places: int, width: int, positions: PositionKind, dropout: float) -> None:
        super().__init__(symbols + 1, places + 1, width, positions, dropout)
        self.summary = symbols

    def forward(self, symbols: Tensor) -> Tensor:
        """`[stimulus, token]` -> `[stimulus, token + 1, width]`."""
        return super().forward(torch.cat([symbols, torch.full_like(symbols[:, :1], self.summary)], dim=1))


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all initial weights: Glorot's uniform for linear layers, standard normal for symbols and learned positions.

    Biases are zero, and layer norms begin as the identity.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, SymbolTable):
            nn.init.normal_(module.weight, std=EMBEDDING_STD, generator=generator)


class AnsweringNetwork(nn.Module, ABC):
    """A network that encodes a string and then decodes one answer after another; subclasses define both steps.

    A row is `[tokens (length) | order (features) | answers (features)]`; the logits are in the order of the features.

    Parameters
    ----------
    own_answers : see `AnswersInSequence`.
    """

    def __init__(self, shape: StringShape, width: int, own_answers: float | None) -> None:
        super().__init__()
        self.shape = shape
        self.own_answers = own_answers
        self.readout = AnswerReadout(width)

    @abstractmethod
    def encode(self, tokens: Tensor) -> Memory:
        """Read the strings `[stimulus, token]`."""

    @abstractmethod
    def decode(self, memory: Memory, fed: Tensor) -> Tensor:
        """Return the state `[stimulus, position, unit]` before each output.

        `fed` `[stimulus, position]` are the symbols that the decoder reads: the start symbol, then the answers so far.
        """

    def forward(self, rows: Tensor) -> Tensor:
        """Rows `[stimulus, length + 2 features]` -> logits `[stimulus, feature]`.

        In eval mode the answers in the rows are ignored.
        """
        features = self.shape.features
        tokens, order, answers = rows.split([self.shape.length, features, features], dim=1)
        memory = self.encode(tokens)
        start = torch.full_like(answers[:, :1], START)
        true = answers[:, :-1]
        if not self.training:
            states = self._decode_greedily(memory, start)
        elif self.own_answers is None:
            states = self.decode(memory, torch.cat([start, true], dim=1))
        else:
            # A dropout mask, which comes from the network's random stream; no gradient goes through it.
            is_true = nn.functional.dropout(torch.ones_like(true), self.own_answers, training=True) > 0
            states = self._decode_greedily(memory, start, true, is_true)
        logits: Tensor = self.readout(states, order)
        return logits

    def _decode_greedily(
        self, memory: Memory, fed: Tensor, true: Tensor | None = None, is_true: Tensor | None = None
    ) -> Tensor:
        """Decode one more position at a time; the last pass is over all of them.

        Where `is_true` `[stimulus, position]`, the next position reads the `true` answer instead of the decoder's.
        """
        for position in range(self.shape.features - 1):
            newest = self.decode(memory, fed)[:, -1:]
            answer = (self.readout.by_position(newest) > 0).to(fed.dtype)
            if true is not None and is_true is not None:
                here = slice(position, position + 1)
                answer = torch.where(is_true[:, here], true[:, here], answer)
            fed = torch.cat([fed, answer], dim=1)
        return self.decode(memory, fed)
