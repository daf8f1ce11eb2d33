"""A task's stimuli as a network reads them, and its responses: all at once, or a few images at a time."""

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

# The feature maps of thousands would fill the memory; those of 256 outgrow the caches of a CPU and take twice as long.
IMAGES_AT_ONCE = 64


def chunk_size(inputs: NDArray[np.generic]) -> int:
    """Return how many of the stimuli `[stimulus, ...]` go through a network together; images have three more axes."""
    return IMAGES_AT_ONCE if inputs.ndim == 4 else max(len(inputs), 1)


@dataclass(frozen=True, eq=False)
class Chunks:
    """A task's stimuli `[stimulus, ...]` as networks read them, in order, a chunk at a time."""

    task: Task
    inputs: NDArray[np.generic]
    device: torch.device | str = "cpu"

    def __iter__(self) -> Iterator[Tensor]:
        size = chunk_size(self.inputs)
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
