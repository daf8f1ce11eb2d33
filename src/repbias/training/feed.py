"""Pass stimuli through a network and read it: all of them at once, or as many as the task says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.activations.layers import match_layers, read_layers
from repbias.tasks.task import Task


def chunk_size(task: Task, inputs: NDArray[np.generic]) -> int:
    """Return how many of the stimuli `[stimulus, ...]` go through a network together."""
    return task.stimuli_at_once or max(len(inputs), 1)


def chunks(task: Task, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Iterator[Tensor]:
    """Yield a task's stimuli `[stimulus, ...]` as networks read them, in order."""
    size = chunk_size(task, inputs)
    for start in range(0, max(len(inputs), 1), size):
        yield task.network_inputs(inputs[start : start + size], device)


def responses(module: nn.Module, task: Task, layer: str, inputs: NDArray[np.generic]) -> Tensor:
    """Return a layer's responses to any stimuli of a task, float32 `[stimulus, unit]`.

    Raises
    ------
    ValueError : no layer of that name, or several.
    """
    names = match_layers(module, layer)
    if len(names) > 1:
        raise ValueError(f"{layer!r} names {len(names)} layers, {list(names)}; name one")
    return torch.cat([read_layers(module, chunk, names)[names[0]] for chunk in chunks(task, inputs)])
