"""Transformer layers from small modules: pre-norm, multi-head attention, and an MLP of one hidden layer.

Layer normalisation comes before each sublayer (Xiong et al. 2020), so the outputs of attention and MLP are added to a
stream that runs from the embedding to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple, Self, TypeAlias

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.core.specs import Spec
from repbias.models.model import linear
from repbias.models.readouts import AnswerPools, MeanOverTokens, StringPools

KeysAndValues: TypeAlias = tuple[Tensor, ...]  # keys and values, each [stimulus, head, token, unit]


class BlockShape(NamedTuple):
    """The sizes of a layer: units of the stream, attention heads, hidden units of the MLP; and its dropout."""

    width: int
    heads: int
    mlp_width: int
    dropout: float

    def connections(self, tokens: int) -> int:
        """Return the multiply-adds of one token among so many: projections, scores and sums of attention, and MLP."""
        return 4 * self.width**2 + 2 * tokens * self.width + 2 * self.width * self.mlp_width


class AttentionSpec(Spec):
    """The sizes of a Transformer's layers.

    Attributes
    ----------
    width : units of the stream. heads : attention heads, which share it evenly.
    mlp_width : hidden units of each layer's MLP; four times the width where it is None.
    """

    width: int = Field(default=64, ge=1)
    heads: int = Field(default=4, ge=1)
    mlp_width: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"width={self.width} is not a multiple of heads={self.heads}, and the heads share it evenly; "
                f"set width to {-(-self.width // self.heads) * self.heads}"
            )
        return self

    @property
    def block_shape(self) -> BlockShape:
        """The sizes of each layer."""
        return BlockShape(self.width, self.heads, self.mlp_width or 4 * self.width, self.dropout)


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """Return the keys hidden from each query, bool `[query, key]`: those after it; the queries are the last keys."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).triu(keys - queries + 1)


def attend(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None = None) -> Tensor:
    """Return softmax(Q K' / sqrt(d)) V, `[..., query, unit]`, without the keys that are `hidden` `[query, key]`.

    Written out because torch's `scaled_dot_product_attention` has no batching rule on a CPU: under vmap it runs network
    by network, with a warning, and takes twice as long for strings of this length.
    """
    scores = query @ key.transpose(-1, -2) / sqrt(query.shape[-1])
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    return scores.softmax(-1) @ value


class Attention(nn.Module):
    """Multi-head attention; its output is added to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = linear(width, width), linear(width, width), linear(width, width)
        self.out = linear(width, width)

    def keys_and_values(self, context: Tensor) -> KeysAndValues:
        """`[stimulus, token, width]` -> the keys and values there."""
        return self._by_head(self.key(context)), self._by_head(self.value(context))

    def forward(self, x: Tensor, context: KeysAndValues, hidden: Tensor | None = None) -> Tensor:
        """`[stimulus, query, width]` -> `[stimulus, query, width]`."""
        key, value = context
        attended = attend(self._by_head(self.query(x)), key, value, hidden)
        written: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return written

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """The MLP of a layer: linear -> ReLU -> linear, token by token."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden, self.out = linear(width, hidden), linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, token, width]` -> the same shape."""
        written: Tensor = self.out(self.hidden(x).relu())
        return written


class Step(NamedTuple):
    """The stream after a layer, what attention and MLP wrote to it, and the keys and values that attention saw."""

    stream: Tensor
    attention: Tensor
    mlp: Tensor
    context: KeysAndValues


class EncoderLayer(StringPools):
    """Self-attention and MLP over the string: `x = residual * x + write` for each.

    Its stream can be read in the pools, and the outputs of attention and MLP as `attention_mean` and `mlp_mean`.

    Parameters
    ----------
    length, summary : see `StringPools`.
    residual : factor on the residual path, normally 1; with 0 only the outputs of attention and MLP are left.
    """

    def __init__(self, shape: BlockShape, length: int, *, residual: float = 1.0, summary: bool = False) -> None:
        super().__init__(length, summary=summary)
        self.residual = residual
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = Attention(shape.width, shape.heads)
        self.mlp_norm = nn.LayerNorm(shape.width)
        self.mlp = FeedForward(shape.width, shape.mlp_width)
        self.dropout = nn.Dropout(shape.dropout)
        self.attention_mean = MeanOverTokens(length)
        self.mlp_mean = MeanOverTokens(length)

    def forward(self, x: Tensor, hidden: Tensor | None = None, contexts: list[KeysAndValues] | None = None) -> Tensor:
        """`[stimulus, token, width]` -> the same shape; the keys and values are appended to `contexts`."""
        step = self.step(x, hidden)
        self.attention_mean(step.attention)
        self.mlp_mean(step.mlp)
        if contexts is not None:
            contexts.append(step.context)
        return self.read(step.stream)

    def step(self, x: Tensor, hidden: Tensor | None = None, past: KeysAndValues | None = None) -> Step:
        """Compute the layer at any tokens `[stimulus, token, width]`, without its pools.

        `past` are the keys and values of tokens before these.
        """
        normed = self.attention_norm(x)
        context = self.attention.keys_and_values(normed)
        if past is not None:
            context = tuple(torch.cat([old, new], dim=2) for old, new in zip(past, context, strict=True))
        attention = self.dropout(self.attention(normed, context, hidden))
        x = torch.add(attention, x, alpha=self.residual)
        mlp = self.dropout(self.mlp(self.mlp_norm(x)))
        return Step(torch.add(mlp, x, alpha=self.residual), attention, mlp, context)


class DecoderLayer(nn.Module):
    """Self-attention over the answers so far, attention to the encoded string, and MLP."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = Attention(shape.width, shape.heads)
        self.cross_norm = nn.LayerNorm(shape.width)
        self.cross_attention = Attention(shape.width, shape.heads)
        self.mlp_norm = nn.LayerNorm(shape.width)
        self.mlp = FeedForward(shape.width, shape.mlp_width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, string: KeysAndValues, hidden: Tensor) -> Tensor:
        """`[stimulus, position, width]` -> the same shape; `string` are the keys and values of `cross_attention`."""
        normed = self.attention_norm(x)
        x = x + self.dropout(self.attention(normed, self.attention.keys_and_values(normed), hidden))
        x = x + self.dropout(self.cross_attention(self.cross_norm(x), string))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class AnswerDecoder(AnswerPools):
    """Decoder layers over the answers so far, read in the stream after the final layer norm.

    Parameters
    ----------
    embedding : of the answers, `[stimulus, position]` -> `[stimulus, position, width]`.
    """

    def __init__(self, embedding: nn.Module, features: int, layers: int, shape: BlockShape) -> None:
        super().__init__(features)
        self.embedding = embedding
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width)

    def contexts(self, string: Tensor) -> tuple[KeysAndValues, ...]:
        """Return the keys and values of the encoded string `[stimulus, token, width]` for each layer."""
        return tuple(layer.cross_attention.keys_and_values(string) for layer in self.layers)  # type: ignore[union-attr, operator]

    def forward(self, fed: Tensor, string: Sequence[KeysAndValues]) -> Tensor:
        """Symbols `[stimulus, position]` -> the states before the outputs, `[stimulus, position, width]`.

        `string` is what `contexts` made of the encoded string.
        """
        x = self.embedding(fed)
        hidden = causal_mask(fed.shape[1], fed.shape[1], fed.device)
        for layer, context in zip(self.layers, string, strict=True):
            x = layer(x, context, hidden)
        return self.read(self.norm(x))
