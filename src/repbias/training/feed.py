"""Pass stimuli through a network and read it: all of them at once, or as many as the task says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.activations.layers import match_one_layer
from repbias.activations.reading import read_layers
from repbias.tasks.task import Task


def chunk_size(task: Task, inputs: NDArray[np.generic]) -> int:
    """Return how many of the stimuli `[stimulus, ...]` go through a network together."""
    return task.stimuli_at_once or max(len(inputs), 1)


@dataclass(frozen=True, eq=False)
class Chunks:
    """A task's stimuli `[stimulus, ...]` as networks read them, in order, a chunk at a time."""

    task: Task
    inputs: NDArray[np.generic]
    device: torch.device | str = "cpu"

    def __iter__(self) -> Iterator[Tensor]:
        size = chunk_size(self.task, self.inputs)
        for start in range(0, max(len(self.inputs), 1), size):
            yield self.task.network_inputs(self.inputs[start : start + size], self.device)


def responses(module: nn.Module, task: Task, layer: str, inputs: NDArray[np.generic]) -> Tensor:
    """Return a layer's responses to any stimuli of a task, float32 `[stimulus, unit]`.

    Raises
    ------
    ValueError : no layer of that name, several, or one that is called several times.
    """
    found = read_layers(module, Chunks(task, inputs), match_one_layer(module, layer))
    if len(found) > 1:
        raise ValueError(f"layer {layer!r} is called {len(found)} times; name one call: {', '.join(found)}")
    return next(iter(found.values()))
