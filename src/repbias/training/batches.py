"""Stimuli as networks read them: in random batches to train a stack, and in order, chunk by chunk, to read layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.activations.layers import match_one_layer
from repbias.activations.reading import read_layers
from repbias.core.randomness import rng
from repbias.tasks.task import Split, Task, as_floats

Conversion: TypeAlias = Callable[[NDArray[np.generic], torch.device], Tensor]  # see `Task.network_inputs`


class Batches:
    """Draws one batch per member at each step: a new permutation each epoch, from the member's random stream.

    Stimuli are stored as the task draws them (images as bytes) and converted to a network's inputs batch by batch.

    Parameters
    ----------
    seeds : one per member. splits : the training stimuli of each member, all of one length. batch : stimuli per step.
    conversion : converts stimuli to a network's inputs.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        splits: Sequence[Split],
        batch: int,
        device: torch.device,
        conversion: Conversion = as_floats,
    ) -> None:
        self._seeds = list(seeds)
        self._length = len(splits[0])
        self._batch = batch
        self._device = device
        self._rows = list(range(len(splits)))
        self._conversion = conversion
        self._inputs = np.concatenate([s.inputs for s in splits])
        self._labels = torch.from_numpy(np.concatenate([s.labels for s in splits])).to(device, torch.float32)
        self._per_epoch = self._length // batch
        self._step = 0
        self._order = np.empty((0, 0), np.int64)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next inputs `[member, stimulus, ...]` and labels `[member, stimulus, feature]`."""
        epoch, position = divmod(self._step, self._per_epoch)
        if position == 0 or len(self._order) != len(self._rows):
            self._order = self._permutations(epoch)
        self._step += 1
        index = self._order[:, position * self._batch : (position + 1) * self._batch]
        flat = index.reshape(-1)
        inputs = self._conversion(self._inputs.take(flat, axis=0), self._device)
        labels = self._labels.index_select(0, torch.from_numpy(flat).to(self._device))
        return inputs.unflatten(0, index.shape), labels.unflatten(0, index.shape)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only the members at `rows`; their orders continue unchanged."""
        self._rows = [self._rows[row] for row in rows]

    def _permutations(self, epoch: int) -> NDArray[np.int64]:
        orders = [
            rng(self._seeds[row], "batches", epoch).permutation(self._length) + row * self._length for row in self._rows
        ]
        return np.stack(orders)


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
