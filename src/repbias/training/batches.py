"""The training stimuli of a stack in batches, in a separate order for each member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repbias.core.randomness import rng
from repbias.tasks.task import Split, as_floats

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
