"""Read and edit any `nn.Module`'s layers by name: the one place with hooks.

A layer is the output of a submodule, named by its dotted path and chosen by glob patterns (`hidden.*`). Hooks are
always removed, and the module's training flags are put back.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from repbias.core.specs import did_you_mean

Edit: TypeAlias = Callable[[Tensor], Tensor]
Hook: TypeAlias = Callable[[object], object]


def layer_names(module: nn.Module) -> tuple[str, ...]:
    """Return the dotted names of all submodules, in the order they were declared."""
    return tuple(name for name, _ in module.named_modules() if name)


def match_layers(module: nn.Module, patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that match the glob patterns, pattern by pattern, each once.

    `*` does not cross a dot: `hidden.*` means the layers of `hidden` and not what is inside them.

    Raises
    ------
    ValueError : a pattern matches nothing; the nearest names are offered.
    """
    return match_names(layer_names(module), patterns, "layer")


def match_names(names: Sequence[str], patterns: str | Sequence[str], what: str) -> tuple[str, ...]:
    """Return those of some names that match, as `match_layers` does; `what` the error calls them."""
    found: dict[str, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        depth = pattern.count(".")
        matched = [n for n in names if n.count(".") == depth and fnmatch.fnmatchcase(n, pattern)]
        if not matched:
            raise ValueError(f"no {what} is called {pattern!r}; {_meant(pattern, names)}")
        found.update(dict.fromkeys(matched))
    return tuple(found)


def _meant(pattern: str, names: Sequence[str]) -> str:
    """Offer the pattern with what stands before it in the names whose ends match, or else the nearest names."""
    parts = pattern.count(".") + 1
    split = [name.split(".") for name in names]
    ends = [(".".join(name[:-parts]), ".".join(name[-parts:])) for name in split if len(name) > parts]
    longer = dict.fromkeys(f"{before}.{pattern}" for before, end in ends if fnmatch.fnmatchcase(end, pattern))
    return f"did you mean {' or '.join(map(repr, list(longer)[:3]))}?" if longer else did_you_mean(pattern, names)


@contextmanager
def hooked(module: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Inside the block, each named layer's output is given to a function at each call of the layer, just as it is.

    What the function returns takes the output's place, unless it is None. A later module may change in place what the
    function was given: it must copy what it keeps.

    Parameters
    ----------
    hooks : from a layer's name (not a pattern) to a function of its output, which need not be a tensor.
    """
    handles = [
        module.get_submodule(name).register_forward_hook(lambda _m, _i, out, hook=hook: hook(out))
        for name, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def capture(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside the block, each forward pass of `module` leaves the outputs of the named layers in the dictionary.

    Raises
    ------
    ValueError : at the end of the block, a named layer was never called.
    TypeError : a layer's output is not a tensor.
    """
    seen: dict[str, Tensor] = {}

    def keep(name: str, output: object) -> None:
        seen[name] = _as_output(name, output).clone()  # a later module may change it in place

    with hooked(module, {name: partial(keep, name) for name in names}):
        yield seen
        if silent := [name for name in names if name not in seen]:
            raise ValueError(f"layers {silent} were never called in the forward pass; read layers that are used")


@contextmanager
def editing(module: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Inside the block, the output of each named layer is replaced by a function of it, at each call of the layer.

    What follows the layer sees the edited output, and so does a `capture` that begins inside the block. The edit is
    given a copy, and what it returns is copied, so neither the network nor a later module in place can change a tensor
    that is not its own. Gradients flow through the edit.

    Parameters
    ----------
    edits : from a layer's name (not a pattern) to a function of its output `[stimulus, ..., unit]`, which returns a
        tensor of the same shape, dtype and device.

    Raises
    ------
    ValueError : no layer of that name; an edit that changes the shape; at the end of the block, a layer that was never
        called.
    TypeError : a layer's output is not a tensor, or an edit returns no tensor, or one of another dtype or device.
    """
    names = layer_names(module)
    for name in edits:
        if name not in names:
            raise ValueError(f"no layer is called {name!r}; {did_you_mean(name, names)}")
    called: set[str] = set()

    def replace(name: str, edit: Edit, output: object) -> Tensor:
        called.add(name)
        return _edited(name, edit, _as_output(name, output))

    with hooked(module, {name: partial(replace, name, edit) for name, edit in edits.items()}):
        yield
        if silent := [name for name in edits if name not in called]:
            raise ValueError(f"layers {silent} were never called in the forward pass; edit layers that are used")


def _as_output(name: str, output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise TypeError(f"layer {name!r} returns {type(output).__name__}, not a tensor; name a layer inside it")
    return output


def _edited(name: str, edit: Edit, output: Tensor) -> Tensor:
    """Return the edit of a layer's output, as a tensor of its own."""
    edited = edit(output.clone())
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
    return edited.clone()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put every submodule in eval mode, and each back in its own mode afterwards."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for submodule, training in modes:
            submodule.training = training


def read_layers(
    module: nn.Module, inputs: Tensor, layers: str | Sequence[str], *, axes: str = "flatten", batch: int = 4096
) -> dict[str, Tensor]:
    """Return the representation of each named layer, `[stimulus, unit]`, in eval mode and without gradients.

    Parameters
    ----------
    inputs : `[stimulus, ...]`, passed to the module as it is.
    layers : glob patterns of layer names, see `match_layers`.
    axes : what is done with axes beyond (stimulus, unit), which lie between the two: "flatten" makes every position
        a unit of its own, "mean" averages over positions, "token:0" takes one position of the second axis.
    batch : stimuli in one forward pass.

    Raises
    ------
    ValueError : no layer of that name, a layer that is never called, an unknown `axes`, a layer without a unit axis,
        no stimuli.
    TypeError : a layer's output is not a tensor.
    """
    if not re.fullmatch(r"flatten|mean|token:-?\d+", axes):
        raise ValueError(f"axes is 'flatten', 'mean' or 'token:N', got {axes!r}")
    if len(inputs) == 0:
        raise ValueError("there are no stimuli to read: inputs has length 0")
    names = match_layers(module, layers)
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    with torch.no_grad(), evaluating(module):
        for chunk in inputs.split(batch):
            with capture(module, names) as seen:
                module(chunk)
            for name in names:
                parts[name].append(_as_stimulus_by_unit(name, seen[name], axes))
    return {name: torch.cat(chunks) if len(chunks) > 1 else chunks[0] for name, chunks in parts.items()}


def _as_stimulus_by_unit(name: str, response: Tensor, axes: str) -> Tensor:
    if response.ndim < 2:
        raise ValueError(f"layer {name!r} returns shape {tuple(response.shape)}; a layer is [stimulus, ..., unit]")
    if response.ndim == 2:
        return response
    if axes == "flatten":
        return response.flatten(1)
    if axes == "mean":
        return response.flatten(1, -2).mean(1)
    token, count = int(axes.removeprefix("token:")), response.shape[1]
    if not -count <= token < count:
        raise ValueError(f"axes={axes!r}, but layer {name!r} has {count} positions: shape {tuple(response.shape)}")
    return response[:, token].flatten(1)
