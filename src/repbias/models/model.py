"""What every model is: a spec that builds an ordinary `nn.Module` with named layers.

Nothing else in the package knows how a network is built, so a user's own `nn.Module` is trained and measured in
the same way.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn

from repbias.specs import Spec


class Model(Spec):
    """A description of a network; `build` makes it."""

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network: stimuli `[stimulus, *input_shape]` in, logits `[stimulus, outputs]` out.

        Every initial weight comes from `generator`.
        """

    @abstractmethod
    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """Return how many multiply-adds one stimulus costs in a forward pass, for estimates of cost."""

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """The hidden layers that are read, from input to output."""

    @property
    def penultimate(self) -> str:
        """The layer that the read-out reads: the last hidden one."""
        return self.layer_names[-1]
