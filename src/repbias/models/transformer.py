"""Transformers that read a string and report its features: encoder-decoder, decoder-only, and an encoder with heads.

All have `encoder.0`, `encoder.1`, ...: the layers at the tokens of the string, whose streams all outputs share. For the
pre-norm layers see `repbias.models.attention`, for initial weights `initialise` in `repbias.models.decoding`. Layers,
width and heads are our choices; we do not know the paper's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.models.attention import AnswerDecoder, AttentionSpec, EncoderLayer, KeysAndValues, causal_mask
from repbias.models.decoding import (
    ANSWER_SYMBOLS,
    AnsweringNetwork,
    AnswersInSequence,
    Embedding,
    Memory,
    PositionKind,
    SequenceModel,
    StringShape,
    SummaryEmbedding,
)
from repbias.models.model import linear
from repbias.models.readouts import AnswerPools


class Transformer(AttentionSpec, SequenceModel):
    """The settings and layers that all Transformers of strings have.

    Attributes
    ----------
    layers : layers of the encoder, and as many of the decoder.
    width : units of the stream. heads : attention heads, which share it evenly.
    mlp_width : hidden units of each layer's MLP; four times the width where it is None.
    positions : "learned", or "sinusoidal" (Vaswani et al. 2017).
    dropout : probability with which embeddings and outputs of attention and MLP are silenced in a training step, unit
        by unit.
    """

    layers: int = Field(default=2, ge=1)
    positions: PositionKind = "learned"

    @model_validator(mode="after")
    def _pairs_of_waves(self) -> Transformer:
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"sinusoidal positions are pairs of units, and width={self.width} is odd; make it even")
        return self

    def embedding(self, symbols: int, places: int, first: int = 0) -> Embedding:
        """Make the embedding of a sequence of symbols; see `Embedding`."""
        return Embedding(symbols, places, self.width, self.positions, self.dropout, first)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over the string's tokens after each layer of the encoder."""
        return tuple(f"encoder.{i}.mean" for i in range(self.layers))

    @property
    def all_layers(self) -> tuple[str, ...]:
        """Globs of all layers that can be read, from input to output: pools, and the outputs of attention and MLP."""
        return (
            "encoder.*.*_mean",
            "encoder.*.first",
            "encoder.*.last",
            "encoder.*.mean",
            "decoder.state.*",
            "decoder.mean",
        )

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`; embeddings are not counted."""
        tokens = self.tokens(input_shape[0] - 2 * outputs, outputs)
        return self.layers * tokens * self.block_shape.connections(tokens) + outputs * 2 * self.width

    def tokens(self, length: int, features: int) -> int:
        """Return how many tokens go through the encoder's layers."""
        return length


class Encoding(Transformer):
    """A Transformer with an encoder that sees the whole string.

    Attributes
    ----------
    residual : factor on the encoder's residual paths; 0 turns them off.
    summary : append a token to the string; the layers after the encoder see only its last state.
    """

    residual: float = Field(default=1.0, ge=0)
    summary: bool = False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The shared representation after each layer of the encoder: the tokens' mean, or the summary."""
        return tuple(f"encoder.{i}.{'summary' if self.summary else 'mean'}" for i in range(self.layers))

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `Transformer.all_layers`."""
        return (*(["encoder.*.summary"] if self.summary else []), *super().all_layers)

    def encoder(self, shape: StringShape) -> nn.ModuleList:
        """Make the layers of the encoder."""
        layers = (
            EncoderLayer(self.block_shape, shape.length, residual=self.residual, summary=self.summary)
            for _ in range(self.layers)
        )
        return nn.ModuleList(layers)

    def string_embedding(self, shape: StringShape) -> Embedding:
        """Make the embedding of a string, with the summary token where there is one."""
        if not self.summary:
            return self.embedding(shape.vocabulary, shape.length)
        return SummaryEmbedding(shape.vocabulary, shape.length, self.width, self.positions, self.dropout)

    def tokens(self, length: int, features: int) -> int:
        """See `Transformer.tokens`."""
        return length + self.summary


class EncoderDecoder(AnswersInSequence, Encoding):
    """An encoder of the string, and a decoder that attends to it and reports one feature after another.

    Examples
    --------
    >>> import repbias
    >>> repbias.EncoderDecoder().layer_names
    ('encoder.0.mean', 'encoder.1.mean')
    """

    kind: Literal["encoder_decoder"] = "encoder_decoder"

    def network(self, shape: StringShape) -> nn.Module:
        """See `SequenceModel.network`."""
        return EncoderDecoderNetwork(self, shape)

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`."""
        seen = 1 if self.summary else input_shape[0] - 2 * outputs
        looking_up = 2 * self.width**2 + 2 * seen * self.width
        answers = outputs * (self.block_shape.connections(outputs) + looking_up) + seen * 2 * self.width**2
        return super().connections(input_shape, outputs) + self.layers * answers


class DecoderOnly(AnswersInSequence, Transformer):
    """String and answers in one causal sequence, through the same layers.

    `encoder.*` are the layers at the string's tokens. The answers attend to the input of each layer, so nothing
    depends on the string's states after the last layer: these can be read, but are not among `layer_names`.

    Attributes
    ----------
    residual : factor on the residual paths of all layers, for string and answers alike; 0 turns them off, None is 1.

    Examples
    --------
    >>> import repbias
    >>> repbias.DecoderOnly().layer_names
    ('encoder.0.mean',)
    """

    kind: Literal["decoder_only"] = "decoder_only"
    layers: int = Field(default=2, ge=2)
    residual: float | None = Field(default=None, ge=0)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over the string's tokens after each layer but the last."""
        return super().layer_names[:-1]

    def network(self, shape: StringShape) -> nn.Module:
        """See `SequenceModel.network`."""
        return DecoderOnlyNetwork(self, shape)

    def tokens(self, length: int, features: int) -> int:
        """See `Transformer.tokens`; the answers go through them too."""
        return length + features


class EncoderHeads(Encoding):
    """An encoder of the string, and one read-out per feature from the tokens' mean, or the summary.

    Its outputs have no order: the control for effects of the order of reporting.

    Examples
    --------
    >>> import repbias
    >>> repbias.EncoderHeads().layer_names
    ('encoder.0.mean', 'encoder.1.mean')
    """

    kind: Literal["encoder_heads"] = "encoder_heads"

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `Transformer.all_layers`; there is no decoder."""
        return tuple(name for name in super().all_layers if name.startswith("encoder"))

    def network(self, shape: StringShape) -> nn.Module:
        """See `SequenceModel.network`."""
        return EncoderHeadsNetwork(self, shape)


class EncoderDecoderNetwork(AnsweringNetwork):
    """The network that an `EncoderDecoder` spec describes."""

    def __init__(self, spec: EncoderDecoder, shape: StringShape) -> None:
        super().__init__(shape, spec.width, spec.own_answers)
        self.embedding = spec.string_embedding(shape)
        self.encoder = spec.encoder(shape)
        self.norm = nn.LayerNorm(spec.width)
        self.summary = spec.summary
        answers = spec.embedding(ANSWER_SYMBOLS, shape.features)
        self.decoder = AnswerDecoder(answers, shape.features, spec.layers, spec.block_shape)

    def encode(self, tokens: Tensor) -> Memory:
        """See `AnsweringNetwork`; the keys and values for each layer of the decoder."""
        x = self.embedding(tokens)
        for layer in self.encoder:
            x = layer(x)
        if self.summary:
            x = x[:, -1:]
        return self.decoder.contexts(self.norm(x))

    def decode(self, memory: Memory, fed: Tensor) -> Tensor:
        """See `AnsweringNetwork`."""
        states: Tensor = self.decoder(fed, memory)
        return states


class DecoderOnlyNetwork(AnsweringNetwork):
    """The network that a `DecoderOnly` spec describes.

    The string comes first, so its states do not depend on the answers and are computed once.
    """

    def __init__(self, spec: DecoderOnly, shape: StringShape) -> None:
        super().__init__(shape, spec.width, spec.own_answers)
        self.embedding = spec.embedding(shape.vocabulary, shape.length)
        residual = 1.0 if spec.residual is None else spec.residual
        layers = (EncoderLayer(spec.block_shape, shape.length, residual=residual) for _ in range(spec.layers))
        self.encoder = nn.ModuleList(layers)
        self.answer_embedding = spec.embedding(ANSWER_SYMBOLS, shape.features, first=shape.length)
        self.norm = nn.LayerNorm(spec.width)
        self.decoder = AnswerPools(shape.features)

    def encode(self, tokens: Tensor) -> Memory:
        """See `AnsweringNetwork`; the keys and values of every layer at the string's tokens."""
        x = self.embedding(tokens)
        hidden = causal_mask(tokens.shape[1], tokens.shape[1], tokens.device)
        contexts: list[KeysAndValues] = []
        for layer in self.encoder:
            x = layer(x, hidden, contexts)
        return tuple(contexts)

    def decode(self, memory: Memory, fed: Tensor) -> Tensor:
        """See `AnsweringNetwork`."""
        x = self.answer_embedding(fed)
        hidden = causal_mask(fed.shape[1], self.shape.length + fed.shape[1], fed.device)
        for layer, past in zip(self.encoder, memory, strict=True):
            x = layer.step(x, hidden, past).stream  # type: ignore[operator]
        return self.decoder.read(self.norm(x))


class EncoderHeadsNetwork(nn.Module):
    """The network that an `EncoderHeads` spec describes; it ignores order and answers."""

    def __init__(self, spec: EncoderHeads, shape: StringShape) -> None:
        super().__init__()
        self.length = shape.length
        self.summary = spec.summary
        self.embedding = spec.string_embedding(shape)
        self.encoder = spec.encoder(shape)
        self.norm = nn.LayerNorm(spec.width)
        self.readout = linear(spec.width, shape.features)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows `[stimulus, length + 2 features]` -> logits `[stimulus, feature]`."""
        x = self.embedding(rows[:, : self.length])
        for layer in self.encoder:
            x = layer(x)
        pooled = x[:, -1] if self.summary else self.encoder[-1].mean(x)  # type: ignore[operator]
        logits: Tensor = self.readout(self.norm(pooled))
        return logits
