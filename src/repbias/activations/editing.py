"""Capture and edit what the layers of a model return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor, nn

from repbias.activations.batches import Batch
from repbias.activations.layers import hooked, refuse_unknown_layer, split_call
from repbias.activations.layout import Change
from repbias.activations.outputs import Part, find_part
from repbias.activations.reading import refuse_other_stimuli
from repbias.activations.survey import Call

Edit: TypeAlias = Callable[[Tensor], Tensor]


@contextmanager
def capture(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside the block, each forward pass of `model` stores what the named layers return in the dictionary.

    Tensors are copies, with all their axes, that carry gradients. Of a layer called several times in a forward pass,
    the keys are `name#0`, `name#1`, ...; see `find_part` for layers that return no plain tensor.

    Raises
    ------
    ValueError : at the end of the block, a named layer was never called.
    TypeError : a layer returns no tensor.
    """
    seen: dict[str, Tensor] = {}
    called: set[str] = set()

    def keep(name: str, output: object, number: int) -> None:
        called.add(name)
        tensor = find_part(output, f"layer {name!r}").tensor.clone()  # a later module may change it in place
        if number == 1:
            seen[f"{name}#0"] = seen.pop(name)
        seen[f"{name}#{number}" if number else name] = tensor

    with hooked(model, {name: partial(keep, name) for name in names}, on_start=seen.clear):
        yield seen
        _refuse_silent(names, called, "read")


@contextmanager
def editing(model: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Inside the block, what each named layer returns is replaced by a function of it.

    What follows the layer gets the edited output, and so does a `capture` that begins inside the block. The edit gets a
    copy, and its result is copied too, so modules that work in place change no tensor of the user. Gradients flow
    through the edit.

    Parameters
    ----------
    model : any `nn.Module`.
    edits : from a layer's name (not a pattern) to a function of its output with all axes, which returns a tensor of the
        same shape, dtype and device. The function is called at every call of the layer, or, for a name such as `act#1`,
        only at that call in each forward pass of `model`. Of a layer that returns a tuple, the first tensor is edited;
        see `read_layers`. Packed and nested sequences are edited in their padded form `[stimulus, token, unit]`.

    Raises
    ------
    ValueError : no layer of that name; an edit that changes the shape; at the end of the block, a layer that was never
        called.
    TypeError : a layer returns no tensor, or an edit returns no tensor, or one of another dtype or device.

    When not to use it: to measure what an edit changes; `steer`, `ablate` and `patch` do that.

    Examples
    --------
    >>> import torch, repbias
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> with repbias.editing(model, {"1": torch.zeros_like}), torch.no_grad():
    ...     output = model(inputs)
    >>> bool((output == model[2].bias).all())
    True
    """
    called: set[str] = set()

    def edited(name: str, edit: Edit, part: Part) -> Tensor:
        called.add(name)
        return _checked(name, edit(part.tensor.clone()), part.tensor).clone()

    changes = {name: partial(edited, name, edit) for name, edit in edits.items()}
    with _changing(model, changes):
        yield
        _refuse_silent(list(edits), called, "edit")


def run_edited(model: nn.Module, batch: Batch, call: Call, change: Change | None) -> Any:
    """Return what the model returns while what is read of one call of a layer is changed.

    None changes nothing, but the layer still has a hook: without one, some modules take a faster path, with other
    rounding errors.
    """

    def changed(part: Part) -> Tensor | None:
        refuse_other_stimuli(call, part.tensor, len(batch))
        mask = batch.mask if part.mask is None else part.mask
        return None if change is None else call.layout.edit(part.tensor, mask, change)

    with _changing(model, {call.edited: changed}):
        return batch.run(model)


@contextmanager
def _changing(model: nn.Module, changes: Mapping[str, Callable[[Part], Tensor | None]]) -> Iterator[None]:
    """Inside the block, what layers or single calls return is replaced by a function of it, unless that is None."""
    by_layer: dict[str, dict[int | None, Callable[[Part], Tensor | None]]] = {}
    for name, change in changes.items():
        layer, number = split_call(name)
        refuse_unknown_layer(model, layer)
        by_layer.setdefault(layer, {})[number] = change

    def replace(layer: str, output: object, number: int) -> object:
        for change in (by_layer[layer].get(None), by_layer[layer].get(number)):
            if change is not None:
                part = find_part(output, f"layer {layer!r}")
                tensor = change(part)
                output = output if tensor is None else part.put(tensor)
        return output

    with hooked(model, {layer: partial(replace, layer) for layer in by_layer}):
        yield


def _checked(name: str, edited: object, output: Tensor) -> Tensor:
    """Return what an edit returned, or raise where it cannot replace the output."""
    if not isinstance(edited, Tensor):
        raise TypeError(f"the edit of layer {name!r} must return a tensor, got {type(edited).__name__}")
    if edited.shape != output.shape:
        raise ValueError(
            f"the edit of layer {name!r} must keep the shape {tuple(output.shape)}, got {tuple(edited.shape)}"
        )
    if (edited.dtype, edited.device) != (output.dtype, output.device):
        raise TypeError(
            f"the edit of layer {name!r} must return {output.dtype} on {output.device}, got {edited.dtype} on "
            f"{edited.device}: return edited.to(output)"
        )
    return edited


def _refuse_silent(names: Sequence[str], called: set[str], what: str) -> None:
    if silent := [name for name in names if name not in called]:
        raise ValueError(f"layers {silent} were never called in the forward pass; {what} layers that are used")
