"""`train`: many networks on one task, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from repbias.core.randomness import torch_rng
from repbias.core.specs import explain
from repbias.models import Model
from repbias.models.model import made_by
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training.batches import responses
from repbias.training.checkpoint import Measure
from repbias.training.curriculum import Training
from repbias.training.job import Job, Outcome, Progress
from repbias.training.trainer import train_stack

ModelLike = Model | Callable[[], nn.Module]


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


@dataclass(frozen=True)
class Network:
    """A trained network: its module, its measurements, and the stimuli on which it was trained and measured.

    Attributes
    ----------
    outcome : status, steps, tables and weights, see `Outcome`.
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
        ValueError : the network diverged and has no weights.
        """
        if self.outcome.status == "failed":
            raise ValueError(
                f"the network of seed {self.seed} diverged at step {self.outcome.failed_step} and has no weights"
            )
        module = build_network(self.model, self.task, self.seed)
        own = dict(module.named_parameters()) | dict(module.named_buffers())
        with torch.no_grad():  # `load_state_dict` expects tied weights twice, and no buffers outside the state dict
            for name, tensor in self.outcome.state.items():
                own[name].copy_(tensor)
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


class Networks(Sequence[Network]):
    """Trained networks, in the order of their seeds."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = sorted(networks, key=lambda network: network.seed)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._networks[index]

    def __len__(self) -> int:
        return len(self._networks)

    def __iter__(self) -> Iterator[Network]:
        return iter(self._networks)

    def table(self) -> pd.DataFrame:
        """Return all measurements as a tidy table: seed, step, layer, feature, measure, value."""
        return _stacked({network.seed: network.outcome.table for network in self})

    def units(self) -> pd.DataFrame:
        """Return the R2 of every unit by every feature at the last step: seed, layer, unit, feature, r2."""
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
    training: Training | Mapping[str, Any] | None = None,
    layers: str | Sequence[str] | None = None,
    measures: Mapping[str, Measure] | None = None,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Networks:
    """Train one network per seed, all at once, and measure every layer in the course of training.

    The result for a seed depends on the seed and the settings alone, not on the other seeds that are trained with it.

    Parameters
    ----------
    task : the source of the stimuli and features; each seed draws different stimuli.
    model : a repbias model, or a function without arguments that makes an `nn.Module` which maps float32 stimuli
        `[stimulus, *task.input_shape]` to logits, one per binary feature and C per feature of C classes, in order.
    seeds : how many networks (seeds 0, 1, ...), or the seeds themselves.
    training : optimiser, curriculum, stop rule and checkpoints, as a `Training` or a dict of its fields; by default
        `Training()`.
    layers : glob patterns of the layers to measure; by default a repbias model's hidden layers and read-out, or the
        top-level submodules of a module.
    measures : further measures by name, each a function of (validation responses `[stimulus, unit]`, labels
        `[stimulus, feature]`, test responses, test labels) that returns one number per feature.
    device : "cpu", "cuda", ...
    on_progress : called with (steps taken since the last call, summed over networks; networks still training).

    Raises
    ------
    ValueError : no seeds, a repeated or negative one, a curriculum that does not fit the task, a layer that does not
        exist, a network that does not fit the task or draws random numbers other than dropout.
    TypeError : an argument of the wrong type, a `model` that makes no `nn.Module`, or a measured layer that returns no
        tensor.
    """
    if not isinstance(task, Task):
        raise TypeError(f"task must be a repbias task, such as BooleanTask(...), got {type(task).__name__}")
    chosen, settings = _checked_seeds(seeds), _checked_training(training)
    patterns = _layers_to_read(model, layers)
    jobs = [
        Job(task, settings, seed, partial(build_network, model, task, seed), patterns, measures or {})
        for seed in chosen
    ]
    trained = train_stack(jobs, device=device, on_progress=on_progress)
    return Networks(Network(outcome, task, model) for _, outcome in trained)


def _checked_seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, str) or not isinstance(seeds, int | Iterable):
        raise TypeError(f"seeds must be a number of networks or a list of seeds, got {seeds!r}")
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ValueError(f"seeds must be at least one, different from one another and >= 0, got {chosen or seeds}")
    return chosen


def _checked_training(training: Training | Mapping[str, Any] | None) -> Training:
    if training is None or isinstance(training, Training):
        return training or Training()
    if not isinstance(training, Mapping):
        raise TypeError(
            f"training must be a Training or a dict of its fields, got {type(training).__name__}; "
            'for example Training(optimizer="adam")'
        )
    try:
        return Training.model_validate(dict(training))
    except ValidationError as error:
        raise ValueError(explain(error, "training")) from error


def _layers_to_read(model: ModelLike, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    if layers is None:
        return model.layers_read if isinstance(model, Model) else ("*",)
    if not layers:
        raise ValueError(
            f"layers={layers!r} names no layer; name the layers to measure, such as 'hidden.*', or leave layers out"
        )
    return (layers,) if isinstance(layers, str) else tuple(layers)


def _stacked(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    frames = [table.assign(seed=seed)[["seed", *table.columns]] for seed, table in tables.items()]
    return pd.concat(frames, ignore_index=True)
