"""Read the activity of a model's layers, batch by batch, and keep of it only what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from repbias.activations.batches import Batch, Batches
from repbias.activations.layers import evaluating, hooked, layer_names, match_layers
from repbias.activations.outputs import find_tensor
from repbias.activations.pooling import Layout, Pool, refuse_unknown_pool
from repbias.core.arrays import ArrayLike

Float32Array = npt.NDArray[np.float32]
NAMED_IN_ERRORS = 10


@dataclass(frozen=True)
class Call:
    """One of the calls of a layer in a forward pass, of which there is mostly one."""

    layer: str
    """The layer's dotted name."""

    number: int
    """Which of its calls, from 0."""

    layout: Layout
    """How the axes of its output are understood."""


@dataclass(frozen=True, eq=False)
class Activity:
    """The activity of a model's layers."""

    arrays: dict[str, Float32Array]
    """Activity by layer, float32 `[stimulus, unit]`; of a layer called several times, by `name#0`, `name#1`, ..."""

    calls: dict[str, Call]
    """Where in the model each array is from."""

    notes: tuple[str, ...]
    """The policies that were applied."""


def read_activity(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    pool: Pool = "mean",
    attention_mask: ArrayLike | None = None,
) -> Activity:
    """Return the activity of a model's layers for given stimuli, float32 on the CPU.

    The model is run in eval mode without gradients, every submodule is put back in its own mode, and no hook stays. Of
    each batch only the pooled activity is kept.

    Parameters
    ----------
    model : any module; under `torch.autocast` too.
    inputs, batch_size, device : see `Batches`.
    layers : glob patterns of layer names, see `match_layers`. A layer that returns a tuple stands for its first tensor;
        one that returns a mapping or a dataclass, for `last_hidden_state` or the one tensor in it.
    pool : "mean", "first" or "last" over tokens, or "flatten"; see `Layout` for all the shapes.
    attention_mask : `[stimulus, token]`, 0 at padding, which is left out; by default the inputs' own of that name.

    Returns
    -------
    The `Activity`. A layer that is called several times in a forward pass, being shared or in a loop, is read at each
    call as `name#0`, `name#1`, ...

    Raises
    ------
    ValueError : no layer of that name; a layer that is never called, or not equally often in every batch; outputs whose
        first axis is not the stimulus, or that differ in units between batches; and as `Batches`.
    TypeError : a layer without a tensor in its output, or of whole numbers; and as `Batches`.

    When not to use it: where the activity of all stimuli does not fit in memory.
    """
    refuse_unknown_pool(pool)
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    return read_batches(model, batches, names, pool)


def read_batches(model: nn.Module, batches: Batches, names: Sequence[str], pool: Pool) -> Activity:
    """Return the activity of the named layers; see `read_activity`."""
    reader, masked = _Reader(model, names, pool, batches.n_stimuli), False
    with torch.no_grad(), evaluating(model):
        for batch in batches:
            masked = masked or batch.mask is not None
            with reader.reading(batch):
                batch.run(model)
    return reader.activity(masked, batches.notes)


class _Rows:
    """Activity of the batches so far, float32 on the CPU, in memory that is made once where `n` is known."""

    def __init__(self, layer: str, n: int | None, n_units: int) -> None:
        self._layer, self._filled = layer, 0
        self._rows = torch.empty(n or 0, n_units)

    def add(self, activity: Tensor) -> None:
        """Copy the activity of the next batch, `[stimulus, unit]`."""
        n_units, end = self._rows.shape[1], self._filled + len(activity)
        if activity.shape[1] != n_units:
            raise ValueError(
                f"layer {self._layer!r} has {n_units} units in one batch and {activity.shape[1]} in another: pool over "
                'positions, e.g. pool="mean", or pad all batches alike'
            )
        if end > len(self._rows):
            longer = torch.empty(max(end, 2 * self._filled), n_units)
            longer[: self._filled] = self._rows[: self._filled]
            self._rows = longer
        self._rows[self._filled : end].copy_(activity)
        self._filled = end

    def array(self) -> Float32Array:
        return self._rows[: self._filled].numpy()


class _Reader:
    """What was read so far, by layer and call."""

    def __init__(self, model: nn.Module, names: Sequence[str], pool: Pool, n: int | None) -> None:
        self._model, self._names, self._pool, self._n = model, names, pool, n
        self._rows: dict[str, list[_Rows]] = {name: [] for name in names}
        self._calls: dict[str, list[Call]] = {name: [] for name in names}
        self._which: dict[str, str] = {}
        self._n_batches = 0

    @contextmanager
    def reading(self, batch: Batch) -> Iterator[None]:
        """Inside the block, one forward pass is read."""
        heard = dict.fromkeys(self._names, 0)
        with hooked(self._model, {name: partial(self._hear, name, heard, batch) for name in self._names}):
            yield
        if silent := [name for name in self._names if not heard[name]]:
            raise ValueError(f"layers {silent} were never called in the forward pass; {self._called_instead(batch)}")
        for name, times in heard.items():
            if times != len(self._calls[name]):
                self._refuse_other_calls(name, times)
        self._n_batches += 1

    def _hear(self, name: str, heard: dict[str, int], batch: Batch, output: object) -> None:
        tensor, self._which[name] = find_tensor(output, f"layer {name!r}")
        number = heard[name]
        heard[name] += 1
        if number == len(self._calls[name]):
            if self._n_batches:
                self._refuse_other_calls(name, heard[name])
            layout = Layout.of(name, self._model.get_submodule(name), tensor, self._pool)
            self._calls[name].append(Call(name, number, layout))
        if len(tensor) != len(batch):
            raise ValueError(
                f"layer {name!r} returns shape {tuple(tensor.shape)} for {len(batch)} stimuli; the first axis of a "
                "layer is the stimulus: leave it out"
            )
        read = self._calls[name][number].layout.read(tensor, batch.mask)
        if number == len(self._rows[name]):
            self._rows[name].append(_Rows(name, self._n, read.shape[1]))
        self._rows[name][number].add(read)  # copied at once: a later module may change the output in place

    def _refuse_other_calls(self, name: str, times: int) -> None:
        raise ValueError(
            f"layer {name!r} is called {len(self._calls[name])} times in one forward pass and {times} times in "
            "another: leave it out"
        )

    def _called_instead(self, batch: Batch) -> str:
        """Return in words which layers are called, on the way to an error."""
        called: dict[str, None] = {}

        def hear(name: str, _output: object) -> None:
            called[name] = None

        with hooked(self._model, {name: partial(hear, name) for name in layer_names(self._model)}):
            batch.run(self._model)
        more = f" and {len(called) - NAMED_IN_ERRORS} more" if len(called) > NAMED_IN_ERRORS else ""
        return f"called were {', '.join(list(called)[:NAMED_IN_ERRORS])}{more}" if called else "none was"

    def activity(self, masked: bool, notes: tuple[str, ...]) -> Activity:
        """Return all that was read."""
        arrays: dict[str, Float32Array] = {}
        calls: dict[str, Call] = {}
        for name in self._names:
            for call, rows in zip(self._calls[name], self._rows[name], strict=True):
                label = f"{name}#{call.number}" if len(self._calls[name]) > 1 else name
                arrays[label], calls[label] = rows.array(), call
        which = {name: said for name, said in self._which.items() if said}
        policies = {label: call.layout.policy(masked) for label, call in calls.items()}
        shared = {
            label: "a layer called several times, read at each call" for label in calls if label not in self._names
        }
        return Activity(
            arrays,
            calls,
            notes
            + _by_policy(which, "Of what these layers return, {} is read")
            + _by_policy(shared, "{}")
            + _by_policy(policies, "{}"),
        )


def _by_policy(policies: Mapping[str, str], form: str) -> tuple[str, ...]:
    """Return a note for each policy, with the layers it was applied to."""
    grouped: dict[str, list[str]] = {}
    for layer, policy in policies.items():
        if policy:
            grouped.setdefault(policy, []).append(layer)
    said = (form.format(policy) for policy in grouped)
    return tuple(
        f"{text[0].upper()}{text[1:]}: {', '.join(of)}." for text, of in zip(said, grouped.values(), strict=True)
    )
