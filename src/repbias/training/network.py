"""A trained network: its module, its stimuli and its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.core.display import Displayed
from repbias.core.randomness import torch_rng
from repbias.models import Model
from repbias.models.model import made_by
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training.batches import responses
from repbias.training.job import Outcome
from repbias.training.saving import ModelLike
from repbias.training.summaries import by_feature, ending
from repbias.training.weights import put_weights


def build_network(model: ModelLike, task: Task, seed: int) -> nn.Module:
    """Make a network with its initial weights; the same seed gives the same weights.

    A function that makes an `nn.Module` is called with torch's global generator set to the seed's stream, and the
    generator is restored afterwards.
    """
    generator = torch_rng(seed, "init")
    if isinstance(model, Model):
        return model.build_for(task, generator)
    if isinstance(model, nn.Module) or not callable(model):
        raise TypeError(
            f"model must be a repbias model or a function that makes an nn.Module, got {type(model).__name__}; "
            "each seed needs a new network: write lambda: nn.Sequential(...), or give your class"
        )
    return made_by(model, generator)


@dataclass(frozen=True, eq=False, repr=False)
class Network(Displayed):
    """A trained network: its module, its measurements, and the stimuli on which it was trained and measured.

    Attributes
    ----------
    outcome : status, steps, tables and weights, see `Outcome`.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=50)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=2, training={"phases": [phase]})
    >>> network = networks[0]
    >>> network.read("hidden.1", "test").shape[1]
    16
    """

    outcome: Outcome
    task: Task
    model: ModelLike

    @property
    def seed(self) -> int:
        """The network's seed."""
        return self.outcome.seed

    @cached_property
    def module(self) -> nn.Module:
        """The trained network, in eval mode.

        Raises
        ------
        ValueError : the network diverged and has no weights, or the model does not make the module that was trained.
        """
        if self.outcome.status == "failed":
            raise ValueError(
                f"the network of seed {self.seed} diverged at step {self.outcome.failed_step} and has no weights"
            )
        module = build_network(self.model, self.task, self.seed)
        put_weights(module, self.outcome)
        return module.eval()

    @cached_property
    def stimuli(self) -> Stimuli:
        """The three splits, drawn again from the seed."""
        return self.task.stimuli(self.seed)

    def split(self, name: str) -> Split:
        """Return the "train", "validation" or "test" stimuli."""
        return self.stimuli.split(name)

    def labels(self, split: str = "test") -> NDArray:
        """Return the value of each feature, int64 `[stimulus, feature]`."""
        return self.split(split).labels

    def read(self, layer: str, split: str = "test") -> Tensor:
        """Return the responses of one layer to the stimuli of a split, float32 `[stimulus, unit]`."""
        return responses(self.module, self.task, layer, self.split(split).inputs)

    def __eq__(self, other: object) -> bool:
        """Whether two networks have the same task, model, measurements and weights."""
        if not isinstance(other, Network):
            return NotImplemented
        return (self.task, self.model, self.outcome) == (other.task, other.model, other.outcome)

    def __hash__(self) -> int:
        return hash(self.outcome)

    def _display(self) -> tuple[str, pd.DataFrame]:
        return f"Network of seed {self.seed}: {ending(self.outcome)}", by_feature([self.outcome])
