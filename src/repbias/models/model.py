"""What every model is: a spec that builds an ordinary `nn.Module` with named layers.

Nothing else in the package knows how a network is built, so a user's own `nn.Module` is trained and measured in
the same way.
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
        """Make the network for a task: stimuli in, one logit a binary feature and C a feature of C classes out.

        By default it needs no more than sizes, and is `build`; a model that needs to know more of the task, such as its
        tokens, overrides this.

        Raises
        ------
        ValueError : the model cannot read such a task.
        """
        if task.teacher_forced:
            raise ValueError(
                f"a {type(self).__name__} would read the answers that stand in the training inputs of a "
                f"{type(task).__name__}; take a model that reports features in sequence, such as EncoderDecoder"
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
        """What is measured where nothing else is asked for: the hidden layers, and the read-out."""
        return (*self.layer_names, "readout")

    @property
    def penultimate(self) -> str:
        """The layer that the read-out reads: the last hidden one."""
        return self.layer_names[-1]
