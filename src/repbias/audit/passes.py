"""Two forward passes of the same stimuli, compared before an audit: what is random in eval mode, or keeps a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from repbias.activations.batches import Batch, Batches
from repbias.activations.layers import evaluating, hooked, split_call
from repbias.activations.outputs import find_part
from repbias.audit.causal.outcomes import Outcome

FEW = 8
"""Stimuli of the two passes."""

SAME = 1e-3
"""Difference between two passes, as a share of the largest value, that counts as rounding."""

CAUSES = (
    "random (functional dropout that is always on, sampling) or depends on earlier passes (a counter, a running mean, "
    "a hidden state that is carried on)"
)


@dataclass(frozen=True, eq=False)
class Passes:
    """What differs between two passes of the same stimuli in eval mode."""

    layers: tuple[str, ...]
    """Names of the layers whose activity differs."""

    output: bool
    """Whether what effects are measured on differs."""

    buffers: Mapping[str, Tensor]
    """The buffers that the passes changed, as they were before."""

    def notes(self) -> Iterator[str]:
        """Yield in words which layers and buffers are concerned."""
        if self.layers:
            yield (
                f"In eval mode the activity of these layers differs between two passes of the same stimuli: it is "
                f"{CAUSES}. Their numbers hold for the one pass that was read: {', '.join(self.layers)}."
            )
        if self.buffers:
            yield (
                "The model keeps a state: forward passes change these buffers in eval mode, and so the activity may "
                f"depend on the order of the batches. They were set back after the audit: {', '.join(self.buffers)}."
            )


def compare_passes(model: nn.Module, batches: Batches, names: Sequence[str], outcome: Outcome | None = None) -> Passes:
    """Run the first stimuli twice, and return what differs.

    Parameters
    ----------
    names : of the layers that are read.
    outcome : what effects are measured on; None where no effect is measured.
    """
    before = buffers_of(model)
    with torch.no_grad(), evaluating(model):
        batch = next(iter(batches))
        few = batch.take(torch.arange(min(FEW, len(batch))))
        try:
            one, other = (_tensors(model, few, names, outcome) for _ in range(2))
        except Exception:  # a model that needs batches of one size
            one, other = (_tensors(model, batch, names, outcome) for _ in range(2))
    differ = {name for name, tensors in one.items() if _differ(tensors, other[name])}
    changed = {
        name: before[name]
        for name, buffer in model.named_buffers()
        if name in before and _changed(before[name], buffer)
    }
    _set_back(model, changed)
    return Passes(tuple(name for name in one if name in differ and name), "" in differ, changed)


def buffers_of(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the buffers of a model by name."""
    return {name: buffer.detach().clone() for name, buffer in model.named_buffers() if not buffer.is_meta}


@contextmanager
def set_back(model: nn.Module, buffers: Mapping[str, Tensor]) -> Iterator[None]:
    """Give buffers these values when the block is left."""
    try:
        yield
    finally:
        _set_back(model, buffers)


def _set_back(model: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name in buffers and buffer.shape == buffers[name].shape:
                buffer.copy_(buffers[name])


def _tensors(model: nn.Module, batch: Batch, names: Sequence[str], outcome: Outcome | None) -> dict[str, list[Tensor]]:
    """Return what each layer returns at each call, and under "" what the outcome depends on."""
    layers = dict.fromkeys(split_call(name)[0] for name in names)
    found: dict[str, list[Tensor]] = {"": [], **{layer: [] for layer in layers}}

    def keep(layer: str, output: object, _number: int) -> None:
        found[layer].append(find_part(output, f"layer {layer!r}").tensor.detach().clone())

    with hooked(model, {layer: partial(keep, layer) for layer in layers}):
        output = batch.run(model)
    if outcome is not None:
        found[""] = [tensor.detach().clone() for tensor in outcome.depends_on(output, batch)]
    return found


def _differ(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Return whether tensors differ by more than rounding."""
    return len(one) != len(other) or any(_changed(a, b, SAME) for a, b in zip(one, other, strict=True))


def _changed(one: Tensor, other: Tensor, tolerance: float = 0.0) -> bool:
    if one.shape != other.shape:
        return True
    if not one.is_floating_point() or not one.numel() or not tolerance:
        return not torch.equal(one.nan_to_num(), other.nan_to_num())
    size = float(one.abs().nan_to_num(0, 0, 0).max())
    return not torch.allclose(one, other, rtol=0, atol=tolerance * size, equal_nan=True)
