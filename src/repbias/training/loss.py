"""The loss: cross-entropy of each labelled feature, weighted by feature, summed over features, averaged over stimuli.

Every feature has its own outputs, the same form of loss and the same weight: their computational roles are matched.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from repbias.models.heads import output_slices


def feature_loss(logits: Tensor, labels: Tensor, weights: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return one member's loss.

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
        losses = torch.stack([_one(logits[:, part], label, count) for part, count, label in parts], dim=1)
    labelled = (labels >= 0).to(logits.dtype)
    return ((losses * labelled).mean(0) * weights).sum()


def _binary(logits: Tensor, labels: Tensor) -> Tensor:
    # Written with exp and log1p: unlike those of torch's softplus and sigmoid, their results do not depend on where
    # in a vector an element lies, so that a member's arithmetic is the same in every stack.
    return logits.clamp_min(0) - logits * labels.to(logits.dtype) + torch.log1p(torch.exp(-logits.abs()))


def _one(logits: Tensor, label: Tensor, count: int) -> Tensor:
    if count == 2:
        return _binary(logits[:, 0], label)
    chosen = (label.unsqueeze(1) == torch.arange(count, device=label.device)).to(logits.dtype)
    return -(torch.log_softmax(logits, dim=1) * chosen).sum(1)
