"""`train`: many networks on one task, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from repbias.core.progress import Meter
from repbias.core.specs import explaining
from repbias.models import Model
from repbias.tasks.task import Task
from repbias.training.checkpoint import Measure
from repbias.training.curriculum import Training
from repbias.training.job import Job, Progress
from repbias.training.network import Network, build_network
from repbias.training.networks import Networks
from repbias.training.saving import ModelLike
from repbias.training.trainer import train_stack


def train(
    task: Task,
    model: ModelLike,
    *,
    seeds: int | Iterable[int] = 10,
    training: Training | Mapping[str, Any] | None = None,
    layers: str | Sequence[str] | None = None,
    measures: Mapping[str, Measure] | None = None,
    device: str = "cpu",
    progress: bool = True,
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
    progress : whether to show how many steps were taken, on standard error or in the notebook; the time left is shown
        where the number of steps is known, because every phase ends after a given number.

    Raises
    ------
    ValueError : no seeds, a repeated or negative one, a curriculum that does not fit the task, a layer that does not
        exist, a network that does not fit the task or draws random numbers other than dropout.
    TypeError : an argument of the wrong type, a `model` that makes no `nn.Module`, or a measured layer that returns no
        tensor.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=50)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=3, training={"phases": [phase]})
    >>> networks.summary()["status"].tolist()
    ['finished', 'finished', 'finished']
    """
    if not isinstance(task, Task):
        raise TypeError(f"task must be a repbias task, such as BooleanTask(...), got {type(task).__name__}")
    chosen, settings = _checked_seeds(seeds), _checked_training(training)
    patterns = _layers_to_read(model, layers)
    jobs = [
        Job(task, settings, seed, partial(build_network, model, task, seed), patterns, measures or {})
        for seed in chosen
    ]
    with Meter("training", enabled=progress) as meter:
        trained = train_stack(jobs, device=device, on_progress=_shown(meter, len(jobs), settings))
        return Networks(Network(outcome, task, model) for _, outcome in trained)


def _shown(meter: Meter, networks: int, training: Training) -> Progress:
    """Return what shows the steps taken; how many there will be is known where no phase waits for accuracies."""
    taken, most = 0, networks * training.max_steps
    is_known = all(phase.until == "steps" for phase in training.phases)

    def on_progress(steps: int, active: int) -> None:
        nonlocal taken
        taken += steps
        limit = "" if is_known else "at most "
        words = f"{networks - active}/{networks} networks, {taken:,} of {limit}{most:,} steps"
        meter.update(taken / most if is_known else None, words)

    return on_progress


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
    with explaining("training"):
        return Training.model_validate(dict(training))


def _layers_to_read(model: ModelLike, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    if layers is None:
        return model.layers_read if isinstance(model, Model) else ("*",)
    if not layers:
        raise ValueError(
            f"layers={layers!r} names no layer; name the layers to measure, such as 'hidden.*', or leave layers out"
        )
    return (layers,) if isinstance(layers, str) else tuple(layers)
