"""The contract of a model: a spec that builds an ordinary `nn.Module` with named layers.

Nothing else in the package knows how a network is built, so a user-defined `nn.Module` is trained and measured in the
same way.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn

from repbias.core.specs import Spec
from repbias.models.heads import n_outputs
from repbias.tasks.task import Task


class Model(Spec):
    """A description of a network; `build` makes it."""

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network: stimuli `[stimulus, *input_shape]` in, logits `[stimulus, outputs]` out.

        Every initial weight comes from `generator`.
        """

    def build_for(self, task: Task, generator: torch.Generator) -> nn.Module:
        """Make the network for a task: stimuli in, one logit per binary feature and C per feature of C classes out.

        By default it calls `build` with the sizes; a model that depends on more of the task, such as its tokens,
        overrides it.

        Raises
        ------
        ValueError : the model cannot read such a task.
        """
        if task.teacher_forced:
            raise ValueError(
                f"a {type(self).__name__} would read the answers in the training inputs of a "
                f"{type(task).__name__}; use a model that reports features in sequence, such as EncoderDecoder"
            )
        return self.build(task.input_shape, n_outputs(task.n_classes), generator)

    @abstractmethod
    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """Return how many multiply-adds one stimulus costs in a forward pass, for estimates of cost."""

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """The hidden layers that are read, from input to output."""

    @property
    def layers_read(self) -> tuple[str, ...]:
        """The layers that are measured by default: the hidden layers and the read-out."""
        return (*self.layer_names, "readout")

    @property
    def penultimate(self) -> str:
        """The input of the read-out: the last hidden layer."""
        return self.layer_names[-1]


def linear(inputs: int, units: int) -> nn.Linear:
    """Return a linear layer without initial weights, because torch would draw them from its global generator."""
    return nn.utils.skip_init(nn.Linear, inputs, units)
