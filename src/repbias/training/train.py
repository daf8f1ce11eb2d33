"""`train`: many networks on one task, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.core.randomness import torch_rng
from repbias.models import Model
from repbias.models.user import made_by
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training.checkpoint import Measure
from repbias.training.curriculum import Training
from repbias.training.feed import responses
from repbias.training.job import Job, Outcome, Progress
from repbias.training.trainer import train_stack

ModelLike = Model | Callable[[], nn.Module]


def build_network(model: ModelLike, task: Task, seed: int) -> nn.Module:
    """Make a member's network with its initial weights; the same seed gives the same weights.

    A function that makes an `nn.Module` is called with torch's global generator set to the member's stream, and the
    generator is put back afterwards.
    """
    generator = torch_rng(seed, "init")
    if isinstance(model, Model):
        return model.build_for(task, generator)
    if isinstance(model, nn.Module) or not callable(model):
        raise TypeError(
            f"model must be a repbias model or a function that makes an nn.Module, got {type(model).__name__}; "
            "every seed needs a network of its own: write lambda: nn.Sequential(...), or the name of your class"
        )
    return made_by(model, generator)


@dataclass(frozen=True)
class Network:
    """A trained member: its module, what was measured of it, and the stimuli it was trained and measured on.

    Attributes
    ----------
    outcome : status, steps, tables and weights, see `Outcome`.
    """

    outcome: Outcome
    task: Task
    model: ModelLike

    @property
    def seed(self) -> int:
        """The member's seed."""
        return self.outcome.seed

    @cached_property
    def module(self) -> nn.Module:
        """The trained network, in eval mode.

        Raises
        ------
        ValueError : the member diverged and has no weights.
        """
        if self.outcome.status == "failed":
            raise ValueError(f"member {self.seed} diverged at step {self.outcome.failed_step} and has no weights")
        module = build_network(self.model, self.task, self.seed)
        own = dict(module.named_parameters()) | dict(module.named_buffers())
        with torch.no_grad():  # `load_state_dict` wants tied weights twice, and buffers outside the state dict never
            for name, tensor in self.outcome.state.items():
                own[name].copy_(tensor)
        return module.eval()

    @cached_property
    def stimuli(self) -> Stimuli:
        """The three splits, drawn again from the seed."""
        return self.task.stimuli(self.seed)

    def split(self, name: str) -> Split:
        """Return the "train", "validation" or "test" stimuli."""
        if name not in {"train", "validation", "test"}:
            raise ValueError(f"a split is 'train', 'validation' or 'test', got {name!r}")
        split: Split = getattr(self.stimuli, name)
        return split

    def labels(self, split: str = "test") -> NDArray:
        """Return the value of each feature, int64 `[stimulus, feature]`."""
        return self.split(split).labels

    def read(self, layer: str, split: str = "test") -> Tensor:
        """Return the responses of one layer to the stimuli of a split, float32 `[stimulus, unit]`."""
        return responses(self.module, self.task, layer, self.split(split).inputs)


class Networks(Sequence[Network]):
    """Trained members, in the order of their seeds."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = sorted(networks, key=lambda network: network.seed)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._networks[index]

    def __len__(self) -> int:
        return len(self._networks)

    def __iter__(self) -> Iterator[Network]:
        return iter(self._networks)

    def table(self) -> pd.DataFrame:
        """Return everything measured, tidy: member, step, layer, feature, measure, value."""
        return _stacked({network.seed: network.outcome.table for network in self})

    def units(self) -> pd.DataFrame:
        """Return the R2 of every unit by every feature at the last step: member, layer, unit, feature, r2."""
        return _stacked({network.seed: network.outcome.units for network in self})

    def summary(self) -> pd.DataFrame:
        """Return one row per network: status, steps, the step it failed at, features that failed the criterion."""
        return pd.DataFrame(
            [
                {
                    "seed": n.seed,
                    "status": n.outcome.status,
                    "steps": n.outcome.steps,
                    "failed_step": n.outcome.failed_step,
                    "failed_criterion": ", ".join(n.outcome.failed_criterion),
                }
                for n in self
            ]
        )


def train(
    task: Task,
    model: ModelLike,
    *,
    seeds: int | Iterable[int] = 10,
    training: Training | None = None,
    layers: str | Sequence[str] | None = None,
    measures: Mapping[str, Measure] | None = None,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Networks:
    """Train one network a seed, all of them at once, and measure every layer along the way.

    A member's result depends on its seed and settings alone, not on which other seeds are trained with it.

    Parameters
    ----------
    task : where the stimuli and features come from; each member draws its own.
    model : a repbias model, or a function without arguments that makes an `nn.Module` which maps float32 stimuli
        `[stimulus, *task.input_shape]` to logits, one a binary feature and C a feature of C classes, in order.
    seeds : how many members (seeds 0, 1, ...), or the seeds themselves.
    training : optimiser, curriculum, stop rule and checkpoints; `Training()` by default.
    layers : glob patterns of the layers to measure; by default a repbias model's hidden layers and read-out, or the
        top-level submodules of a module.
    measures : further measures by name, each a function of (validation responses `[stimulus, unit]`, labels
        `[stimulus, feature]`, test responses, test labels) that returns one number a feature.
    device : "cpu", "cuda", ...
    on_progress : called with (steps taken since the last call, summed over members; members still training).

    Raises
    ------
    ValueError : no seeds, a repeated or negative one, a curriculum that does not fit the task, a layer that does not
        exist, a network that does not fit the task or draws random numbers other than dropout.
    TypeError : `model` makes no `nn.Module`, or a layer to be measured returns no tensor.
    """
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ValueError(f"seeds must be at least one, different from one another and >= 0, got {chosen or seeds}")
    if layers is None:
        layers = model.layers_read if isinstance(model, Model) else "*"
    patterns = (layers,) if isinstance(layers, str) else tuple(layers)
    training, measures = training or Training(), measures or {}
    jobs = [Job(task, training, seed, partial(build_network, model, task, seed), patterns, measures) for seed in chosen]
    trained = train_stack(jobs, device=device, on_progress=on_progress)
    return Networks(Network(outcome, task, model) for _, outcome in trained)


def _stacked(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    frames = [table.assign(seed=seed)[["seed", *table.columns]] for seed, table in tables.items()]
    return pd.concat(frames, ignore_index=True)
