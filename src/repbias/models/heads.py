"""A network's output units: one logit for a binary feature and C for C classes, the reported classes, and the loss."""

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
    """Return the number of output units for features with these numbers of classes."""
    return output_slices(n_classes)[-1].stop


def predictions(logits: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return the reported class of each feature, `[stimulus, feature]`, from the logits `[stimulus, output]`."""
    columns = [
        logits[:, part].squeeze(1) > 0 if count == 2 else logits[:, part].argmax(1)
        for part, count in zip(output_slices(n_classes), n_classes, strict=True)
    ]
    return torch.stack([column.long() for column in columns], dim=1)


def feature_loss(logits: Tensor, labels: Tensor, weights: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return one network's loss: cross-entropy of each labelled feature, averaged over stimuli, summed over features.

    Every feature has its own outputs, the same form of loss and the same weight: their computational roles are matched.

    Parameters
    ----------
    logits : `[stimulus, output]`.
    labels : `[stimulus, feature]`, -1 where a feature is not labelled; such items add nothing, and the average is still
        over all stimuli of the batch.
    weights : `[feature]`, 0 for a feature that is not in the phase's loss.
    """
    logits = logits.double()  # last digits of exp and log1p would otherwise depend, rarely, on an element's place
    if all(count == 2 for count in n_classes):
        losses = _binary(logits, labels)
    else:
        parts = zip(output_slices(n_classes), n_classes, labels.unbind(1), strict=True)
        losses = torch.stack([_several(logits[:, part], label, count) for part, count, label in parts], dim=1)
    labelled = (labels >= 0).to(logits.dtype)
    return ((losses * labelled).mean(0) * weights).sum()


def _binary(logits: Tensor, labels: Tensor) -> Tensor:
    # Written with exp and log1p: unlike those of torch's softplus and sigmoid, their results do not depend on where
    # in a vector an element lies, so that a network's arithmetic is the same in every stack.
    return logits.clamp_min(0) - logits * labels.to(logits.dtype) + torch.log1p(torch.exp(-logits.abs()))


def _several(logits: Tensor, label: Tensor, count: int) -> Tensor:
    if count == 2:
        return _binary(logits[:, 0], label)
    chosen = (label.unsqueeze(1) == torch.arange(count, device=label.device)).to(logits.dtype)
    return -(torch.log_softmax(logits, dim=1) * chosen).sum(1)
