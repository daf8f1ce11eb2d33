"""The survey of layers before they are read: how often each is called, and what the axes of its output are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import torch
from torch import nn

from repbias.activations.axes import Axes, UnitAxes, named_axes
from repbias.activations.batches import Batch
from repbias.activations.layers import evaluating, hooked, layer_names, other_names, split_call
from repbias.activations.layout import Layout, Pool, refuse_unknown_pool
from repbias.activations.outputs import Part, find_part
from repbias.core.specs import did_you_mean

FEW = 3
"""The number of stimuli in the forward passes of the survey."""

NAMED_IN_ERRORS = 10
OUTPUT = ""
"""The name of the model's own output among the names of layers."""
WHOLE = "(output)"
"""The name of the model's own output in errors and in `axes`."""

LAST_CALL = "read_at_last_call"
"""Modules with a true attribute of this name are read at their last call, as in decoders that repeat all positions."""

Run: TypeAlias = Callable[[Batch], Any]


@dataclass(frozen=True)
class Call:
    """A call of a layer in a forward pass; most layers are called once."""

    layer: str
    """The layer's dotted name."""

    number: int
    """The number of the call, from 0."""

    label: str
    """Its name in results: the layer's name, or `name#0`, `name#1`, ... if the layer is called several times."""

    layout: Layout
    """The axes of the output, and what is read of them."""

    times: int
    """How often the layer is called in a forward pass."""

    which: str
    """The part of the output that is read, in words; "" if the output is a tensor."""

    @property
    def edited(self) -> str:
        """The name by which it is edited: the layer's name where this is its label, else the name of the call."""
        return self.layer if self.label == self.layer else f"{self.layer}#{self.number}"


def survey(
    model: nn.Module,
    batch: Batch,
    names: Sequence[str],
    *,
    pool: Pool = "mean",
    axes: Axes | None = None,
    run: Run | None = None,
) -> dict[str, Call]:
    """Find the calls of layers in forward passes of at most three stimuli of a batch, and return them by label.

    The stimulus axis is the first, unless another axis has the same length; then it is the axis whose length changes
    with the number of stimuli. The unit axis is determined only for outputs with three or more axes; see `UnitAxes`.

    Parameters
    ----------
    names : layers, or single calls such as `act#1`; "" is the output of the model.
    axes : the names of all axes. A string applies to every layer with this number of axes and must agree with what the
        modules show; names given by layer take precedence over what the modules show.
    run : runs a batch; by default, the model's forward pass.

    Raises
    ------
    ValueError : a layer is not called, or not as often as a name says; an output has no clear stimulus axis, or no
        other axis; the names of the axes contradict what the modules show.
    TypeError : an output does not hold floating-point numbers.
    """
    refuse_unknown_pool(pool)
    for label, given in axes.items() if isinstance(axes, Mapping) else [(", ".join(names), axes)]:
        if given is not None:
            named_axes(given, label)  # wrong names are refused before anything runs
    found = _Survey(model, batch, tuple(dict.fromkeys(split_call(name)[0] for name in names)), axes, run)
    calls: dict[str, Call] = {}
    for name in names:
        layer, number = split_call(name)
        parts = found.parts[layer]
        if number is not None and number >= len(parts):
            raise ValueError(f"layer {layer!r} is called {len(parts)} times in a forward pass: there is no {name!r}")
        last_only = number is None and getattr(model.get_submodule(layer), LAST_CALL, False)
        numbers = (number,) if number is not None else range(len(parts))[-1:] if last_only else range(len(parts))
        for k in numbers:
            label = layer if number is None and len(numbers) == 1 else f"{layer}#{k}"
            calls[label] = Call(layer, k, label, found.layout(layer, k, label, pool), len(parts), parts[k].which)
    found.refuse_unused_axes()
    return calls


class _Survey:
    """The outputs of the layers for a few stimuli."""

    def __init__(
        self, model: nn.Module, batch: Batch, layers: tuple[str, ...], axes: Axes | None, run: Run | None
    ) -> None:
        self._model, self._layers, self._axes = model, layers, axes
        self._run: Run = run or (lambda few: few.run(model))
        self._used: set[str] = set()
        self._few = batch.take(torch.arange(min(FEW, len(batch))))
        try:
            self.parts = self._outputs(self._few)
        except Exception:
            if len(batch) <= FEW:
                raise
            self._few = batch  # the model may require a fixed batch size
            self.parts = self._outputs(batch)
        if silent := [name for name in layers if not self.parts[name]]:
            shared = [
                f"{name!r} is the same module as {', '.join(n)}; " for name in silent if (n := other_names(model, name))
            ]
            raise ValueError(
                f"layers {silent} were never called in the forward pass; {''.join(shared)}{self._called_instead()}"
            )

    def _outputs(self, batch: Batch, tracer: UnitAxes | None = None) -> dict[str, list[Part]]:
        """Return the outputs of each layer, call by call."""
        parts: dict[str, list[Part]] = {name: [] for name in self._layers}

        def keep(name: str, output: object, _number: int) -> None:
            parts[name].append(find_part(output, f"layer {name!r}" if name else "the model"))

        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(evaluating(self._model))
            stack.enter_context(hooked(self._model, {name: partial(keep, name) for name in self._layers}))
            if tracer is not None:
                stack.enter_context(tracer)
            self._run(batch)
        return parts

    def _called_instead(self) -> str:
        """Return which layers are called, in the words of an error."""
        called: dict[str, None] = {}

        def hear(name: str, _output: object, _number: int) -> None:
            called[name] = None

        names = layer_names(self._model)
        with torch.no_grad(), evaluating(self._model), hooked(self._model, {n: partial(hear, n) for n in names}):
            self._run(self._few)
        more = f" and {len(called) - NAMED_IN_ERRORS} more" if len(called) > NAMED_IN_ERRORS else ""
        return f"called were {', '.join(list(called)[:NAMED_IN_ERRORS])}{more}" if called else "none was"

    def layout(self, layer: str, number: int, label: str, pool: Pool) -> Layout:
        """Return the layout of a call of a layer."""
        part, n = self.parts[layer][number], len(self._few)
        shape, what = tuple(part.tensor.shape), f"layer {label!r}" if layer else "the model"
        if not part.tensor.is_floating_point():
            raise TypeError(f"{what} returns {part.tensor.dtype}, not activity in floating point: leave it out")
        if len(shape) == 1 and not layer:
            shape = (*shape, 1)
        if len(shape) < 2:
            raise ValueError(f"{what} returns shape {shape}; a layer is [stimulus, ..., unit]: leave it out")
        named = self._named(layer, label, len(shape))
        stimulus = named[0] if named else self._stimulus_axis(layer, number, shape)
        if stimulus is None or shape[stimulus] != n:
            raise ValueError(
                f"{what} returns shape {shape} for {n} stimuli, in which no axis is clearly the stimulus: leave it "
                "out, or name its axes, such as axes='stimulus time unit'"
            )
        unit = 1 - stimulus if len(shape) == 2 else named[1] if named else None
        if len(shape) > 2 and pool != "flatten" and not (named and isinstance(self._axes, Mapping)):
            unit = self._checked_unit(layer, number, stimulus, unit)
        layout = Layout(label or WHOLE, pool, shape, stimulus, unit)
        layout.refuse_unclear()
        width = self._few.mask_width if part.mask is None else part.mask.shape[1]
        n_tokens = layout.n_tokens if layout.tokens else shape[1] if len(shape) == 3 and pool == "flatten" else None
        return replace(layout, masked=width is not None and n_tokens == width)

    def _checked_unit(self, layer: str, number: int, stimulus: int, named: int | None) -> int | None:
        """Return the unit axis that the user names or the modules show; raise if they contradict each other."""
        part = self.parts[layer][number]
        seen = part.tensor.ndim - 1 if part.mask is not None else self._unit_axes[layer][number]
        if seen == stimulus:
            seen = None
        if named is not None and seen not in (None, named):
            raise ValueError(
                f"axes={self._axes!r} contradicts the modules of layer {layer!r}, which have units on axis {seen} of "
                f"{list(part.tensor.shape)}: to overrule them, name axes by layer, axes={{{layer!r}: {self._axes!r}}}"
            )
        return seen if named is None else named

    def _named(self, layer: str, label: str, n_axes: int) -> tuple[int, int] | None:
        """Return the stimulus axis and the unit axis, if the user names the axes of this layer."""
        names = self._axes
        if isinstance(names, Mapping):
            key = label if label in names else layer or WHOLE
            names = names.get(key)
            if names is not None and len(names.split()) != n_axes:
                raise ValueError(
                    f"axes names {len(names.split())} axes of layer {key!r}, which has {n_axes}: {names!r}"
                )
        else:
            key = str(names)
        if names is None or len(names.split()) != n_axes:
            return None
        self._used.add(key)
        return named_axes(names, label)

    def refuse_unused_axes(self) -> None:
        """Raise if the user names axes that fit none of the layers that are read."""
        given = [] if self._axes is None else [self._axes] if isinstance(self._axes, str) else list(self._axes)
        if unused := [one for one in given if one not in (*self._used, WHOLE)]:
            known = [name for name in layer_names(self._model) if split_call(name)[0] in self._layers]
            hint = did_you_mean(unused[0], known) if isinstance(self._axes, Mapping) else "no layer has as many axes"
            raise ValueError(f"axes={unused[0]!r} fits none of the layers that are read; {hint}")

    def _stimulus_axis(self, layer: str, number: int, shape: tuple[int, ...]) -> int | None:
        """Return the stimulus axis; None if it is ambiguous."""
        candidates = [axis for axis, length in enumerate(shape) if length == len(self._few)]
        if self.parts[layer][number].mask is not None or candidates == [0]:
            return 0
        if len(shape) == 2:
            return 0 if 0 in candidates else None
        others = self._others[layer] if self._others is not None else []
        if number < len(others) and others[number].tensor.ndim == len(shape):
            other = others[number].tensor.shape
            candidates = [axis for axis in candidates if other[axis] == self._n_others]
        return candidates[0] if len(candidates) == 1 else None

    @property
    def _n_others(self) -> int:
        """A number of stimuli that differs from that of the first pass."""
        return len(self._few) - 1 if len(self._few) > 1 else 2

    @cached_property
    def _others(self) -> dict[str, list[Part]] | None:
        """The outputs for this other number of stimuli; None if the model cannot be run on it."""
        try:
            return self._outputs(self._few.take(torch.arange(self._n_others) % len(self._few)))
        except Exception:
            return None

    @cached_property
    def _unit_axes(self) -> dict[str, list[int | None]]:
        """The unit axis of each call of each layer; None where the functions of a forward pass do not show it."""
        tracer = UnitAxes()
        try:
            parts = self._outputs(self._few, tracer)
        except Exception:  # a function that cannot be followed
            return {name: [None] * len(of_layer) for name, of_layer in self.parts.items()}
        return {name: [tracer.of(part.tensor) for part in of_layer] for name, of_layer in parts.items()}
