"""A split of an image task as a torch `Dataset`, for training loops of one's own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from repbias.tasks.images.task import ImageSplit, ImageTask


class ImageDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images and labels, one pair an index: float32 `[3, size, size]`, 0 to 1, and int64 `[feature]`.

    `ImageTask.dataset(seed, split)` makes it. Labels are -1 where a feature is not labelled. Images are kept as
    bytes and
    converted when they are read.
    """

    def __init__(self, task: ImageTask, split: ImageSplit) -> None:
        self._task = task
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"the split has {len(self)} images, got index {index}")
        return self._task.network_inputs(self.split.inputs[index]), torch.from_numpy(self.split.labels[index])
