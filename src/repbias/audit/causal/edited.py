"""A model run with one call of one of its layers changed in what is read of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from repbias.activations.batches import Batch
from repbias.activations.layers import hooked
from repbias.activations.outputs import find_tensor, put_tensor
from repbias.activations.reading import Call
from repbias.audit.causal.outcomes import Outcome
from repbias.core.randomness import torch_rng

Change: TypeAlias = Callable[[Tensor], Tensor]
"""From values `[stimulus, position, unit]` of a batch to others of the same shape."""

PUSH = 10.0
"""Standard deviations of the random push that shows whether the output depends on a layer."""


def run_edited(model: nn.Module, batch: Batch, call: Call, change: Change) -> Any:
    """Return what the model returns while one call of a layer is changed in what is read of it."""
    calls = 0

    def edit(output: object) -> object:
        nonlocal calls
        calls += 1
        if calls != call.number + 1:
            return None
        what = f"layer {call.layer!r}"
        tensor, _ = find_tensor(output, what)
        return put_tensor(output, call.layout.edit(tensor, batch.mask, change), what)

    with hooked(model, {call.layer: edit}):
        return batch.run(model)


def acts(model: nn.Module, batch: Batch, call: Call, outcome: Outcome, seed: int) -> bool:
    """Return whether a large random push of what is read of a layer changes anything that the outcome may hang on."""
    generator = torch_rng(seed, "audit", "push")

    def push(values: Tensor) -> Tensor:
        size = PUSH * (float(values.double().std(correction=0)) or 1.0)
        return values + size * torch.randn(values.shape, generator=generator).to(values)

    before, after = (
        list(outcome.hangs_on(run_edited(model, batch, call, change), batch)) for change in (lambda same: same, push)
    )
    return not before or not all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
