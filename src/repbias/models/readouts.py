"""Layers at which sequence models are read, whose output is one vector per stimulus, and the read-out of the answers.

A pool does not contribute to the network's output. It gives the mean over tokens, or the state before an output, a name
under which it can be read like any other layer. Where decoding calls a pool once per answer, its last call contains all
answers, and is the one that is read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repbias.models.model import linear


class MeanOverTokens(nn.Module):
    """The mean over the first `count` tokens, or all of them where it is None."""

    read_at_last_call = True

    def __init__(self, count: int | None = None) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, token, unit]` -> `[stimulus, unit]`."""
        return x[:, : self.count].mean(1)


class State(nn.Identity):
    """The state before an output."""

    read_at_last_call = True


class AtToken(nn.Module):
    """The state at one token; a negative index counts from the end."""

    read_at_last_call = True

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, token, unit]` -> `[stimulus, unit]`."""
        return x[:, self.index]


class StringPools(nn.Module):
    """A layer over a string whose states can be read as `mean`, `first`, `last`, and `summary` where there is one.

    Parameters
    ----------
    length : tokens of a string. The mean is over these and leaves a summary token out.
    summary : whether one more token follows the string.
    """

    def __init__(self, length: int, *, summary: bool = False) -> None:
        super().__init__()
        self.mean = MeanOverTokens(length)
        self.first = AtToken(0)
        self.last = AtToken(length - 1)
        if summary:
            self.summary = AtToken(length)

    def read(self, x: Tensor) -> Tensor:
        """Pass the states `[stimulus, token, unit]` through every pool and return them.

        The summary token's state is the output of its pool, so that an edit of `summary` affects all later layers.
        """
        self.mean(x)
        self.first(x)
        self.last(x)
        if hasattr(self, "summary"):
            x = torch.cat([x[:, :-1], self.summary(x).unsqueeze(1)], dim=1)
        return x


class AnswerPools(nn.Module):
    """A decoder whose states can be read: `state.p`, from which output p is computed, and their `mean`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.state = nn.ModuleList(State() for _ in range(features))
        self.mean = MeanOverTokens()

    def read(self, states: Tensor) -> Tensor:
        """Pass the states `[stimulus, position, unit]` through their pools; there may be fewer states than positions.

        The outputs of the pools are read out, so that an edit of `state.p` affects output p.
        """
        pools = zip(self.state, states.unbind(1), strict=False)
        states = torch.stack([pool(state) for pool, state in pools], dim=1)
        self.mean(states)
        return states


class AnswerReadout(nn.Module):
    """One read-out, tied over output positions: the log-odds of answering 1 rather than 0.

    It scores the two answers and no end token, which would carry no information: every sequence has one answer per
    feature.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scores = linear(width, 2)

    def by_position(self, states: Tensor) -> Tensor:
        """`[stimulus, position, unit]` -> logits `[stimulus, position]`."""
        zero, one = self.scores(states).unbind(2)
        return one - zero

    def forward(self, states: Tensor, order: Tensor) -> Tensor:
        """`[stimulus, position, unit]` -> logits `[stimulus, feature]`, whatever the order of reporting.

        `order` `[stimulus, position]` is the feature reported at each position.
        """
        return self.by_position(states).gather(1, order.long().argsort(1))
