"""How a network's output units are divided among the features: one logit for a binary feature, C for C classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def output_slices(n_classes: Sequence[int]) -> list[slice]:
    """Return the slice of the output units that reports each feature, in the order of the features."""
    slices, start = [], 0
    for count in n_classes:
        width = 1 if count == 2 else count
        slices.append(slice(start, start + width))
        start += width
    return slices


def n_outputs(n_classes: Sequence[int]) -> int:
    """Return how many output units report features with so many classes."""
    return output_slices(n_classes)[-1].stop


def predictions(logits: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return the reported class of each feature, `[stimulus, feature]`, from the logits `[stimulus, output]`."""
    columns = [
        logits[:, part].squeeze(1) > 0 if count == 2 else logits[:, part].argmax(1)
        for part, count in zip(output_slices(n_classes), n_classes, strict=True)
    ]
    return torch.stack([column.long() for column in columns], dim=1)
