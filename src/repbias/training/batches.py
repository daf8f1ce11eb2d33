"""The training stimuli of a stack, batch by batch, each member in its own order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from repbias.randomness import rng
from repbias.tasks.task import Split


class Batches:
    """Draws one batch a member at each step: a new permutation each epoch, from the member's own stream.

    Parameters
    ----------
    seeds : one a member; splits : each member's training stimuli, all of one length; batch : stimuli in a step.
    """

    def __init__(self, seeds: Sequence[int], splits: Sequence[Split], batch: int, device: torch.device) -> None:
        self._seeds = list(seeds)
        self._length = len(splits[0])
        self._batch = batch
        self._device = device
        self._rows = list(range(len(splits)))
        self._inputs = torch.from_numpy(np.concatenate([s.inputs for s in splits])).to(device, torch.float32)
        self._labels = torch.from_numpy(np.concatenate([s.labels for s in splits])).to(device, torch.float32)
        self._per_epoch = self._length // batch
        self._step = 0
        self._order = torch.empty(0)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next inputs `[member, stimulus, ...]` and labels `[member, stimulus, feature]`."""
        epoch, position = divmod(self._step, self._per_epoch)
        if position == 0 or len(self._order) != len(self._rows):
            self._order = self._permutations(epoch)
        self._step += 1
        index = self._order[:, position * self._batch : (position + 1) * self._batch]
        flat = index.reshape(-1)
        inputs, labels = self._inputs.index_select(0, flat), self._labels.index_select(0, flat)
        return inputs.unflatten(0, index.shape), labels.unflatten(0, index.shape)

    def keep(self, rows: Sequence[int]) -> None:
        """Leave only the members at `rows`; their orders go on unchanged."""
        self._rows = [self._rows[row] for row in rows]

    def _permutations(self, epoch: int) -> Tensor:
        orders = [
            rng(self._seeds[row], "batches", epoch).permutation(self._length) + row * self._length for row in self._rows
        ]
        return torch.from_numpy(np.stack(orders)).to(self._device)
