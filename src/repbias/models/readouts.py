"""Where a sequence model is read: modules whose output is one vector a stimulus, and the read-out of the answers.

A pool computes nothing that the network would not be without. It exists to have a name, so that `repbias.activations`
reads the mean over tokens, or the state before an output, as it reads any layer. Where decoding calls a pool once per
answer, its last call has all of them, and is the one that is read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def linear(inputs: int, units: int) -> nn.Linear:
    """Return a linear layer without initial weights: torch would draw them from its global generator."""
    return nn.utils.skip_init(nn.Linear, inputs, units)


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
    """A layer over a string with what is read of its states: `mean`, `first`, `last`, and `summary` where there is one.

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
        """Show the states `[stimulus, token, unit]` to every pool and return them.

        The summary token's state is what came through its pool, so that an edit of `summary` acts on all that follows.
        """
        self.mean(x)
        self.first(x)
        self.last(x)
        if hasattr(self, "summary"):
            x = torch.cat([x[:, :-1], self.summary(x).unsqueeze(1)], dim=1)
        return x


class AnswerPools(nn.Module):
    """A decoder with what is read of its states: `state.p`, from which output p is read, and their `mean`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.state = nn.ModuleList(State() for _ in range(features))
        self.mean = MeanOverTokens()

    def read(self, states: Tensor) -> Tensor:
        """Pass the states `[stimulus, position, unit]` through their pools; there may be fewer than positions yet.

        What is read out is what came through, so that an edit of `state.p` acts on output p.
        """
        pools = zip(self.state, states.unbind(1), strict=False)
        states = torch.stack([pool(state) for pool, state in pools], dim=1)
        self.mean(states)
        return states


class AnswerReadout(nn.Module):
    """One read-out, tied over output positions: the log-odds of answering 1 rather than 0.

    It scores the two answers and no end token: every sequence has as many answers as there are features, so an end
    would carry no information.
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

        `order` `[stimulus, position]` is the feature that is reported at each position.
        """
        return self.by_position(states).gather(1, order.long().argsort(1))
