"""Read the activity of a model's layers, batch by batch, and keep only the chosen layers."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batch, Batches
from repbias.activations.layers import evaluating, hooked, match_layers
from repbias.activations.layout import Pool
from repbias.activations.outputs import find_part
from repbias.activations.survey import Call, Run, survey
from repbias.core.arrays import ArrayLike

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Activity:
    """The activity of a model's layers."""

    arrays: dict[str, Float32Array]
    """Activity by layer, float32 `[stimulus, unit]`; a layer called several times is `name#0`, `name#1`, ..."""

    calls: dict[str, Call]
    """The call of a layer that each array comes from."""

    notes: tuple[str, ...]
    """How axes, tokens and padding were treated, in words."""


def read_layers(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    pool: Pool = "flatten",
    axes: Axes | None = None,
    batch_size: int = 4096,
    device: str | torch.device | None = None,
    attention_mask: ArrayLike | None = None,
) -> dict[str, Tensor]:
    """Return the activity of each layer as a tensor `[stimulus, unit]`, in eval mode and without gradients.

    Parameters
    ----------
    model : any `nn.Module`, which is left as it was.
    inputs : a tensor or array `[stimulus, ...]`; a mapping of arguments by name; or a list or loader of batches.
    layers : glob patterns of layer names; `*` does not cross a dot, and `act#1` is the second call of `act`.
    pool : "flatten" makes every value of a stimulus a unit; "mean", "first" and "last" leave the axis of units, and
        read the mean over tokens, the first or the last of them; a number is that token. Maps of images and of
        one-dimensional convolutions are averaged over space.
    axes : names of all axes, such as "stimulus channel time", where the modules do not show which holds the units.
    batch_size : stimuli in one forward pass.
    device : where batches are run; by default where the model's parameters are.
    attention_mask : `[stimulus, token]`, 0 at padding; by default the inputs' argument of that name.

    Returns
    -------
    Tensors by layer, on the device and in the type of the layer (float32 of half precision that is averaged); of a
    layer called several times in a forward pass by `name#0`, `name#1`, ...

    Raises
    ------
    ValueError : no layer of that name, a layer that is never called, an unknown `pool`, an axis of stimuli or units
        that is not clear, no stimuli. TypeError : a layer's output holds no tensor of activity.

    When not to use it: where the activity of all stimuli does not fit in memory; see `stream_activity`.

    Examples
    --------
    >>> import torch, repbias
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> activity = repbias.read_layers(model, inputs, ["0", "1"])
    >>> {name: tuple(values.shape) for name, values in activity.items()}
    {'0': (200, 16), '1': (200, 16)}
    """
    if isinstance(axes, str) and (former := re.fullmatch(r"flatten|mean|token:(-?\d+)", axes)):
        new: Pool = int(former[1]) if former[1] else "mean" if axes == "mean" else "flatten"
        warnings.warn(f"axes={axes!r} is now pool={new!r}; axes names the axes", FutureWarning, stacklevel=2)
        pool, axes = new, None
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    rows, _ = _read(model, batches, names, pool, axes, as_float32=False)
    return {label: of_layer.tensor() for label, of_layer in rows.items()}


def read_batches(
    model: nn.Module, batches: Batches, names: Sequence[str], pool: Pool = "mean", axes: Axes | None = None
) -> Activity:
    """Return the activity of a model's layers, float32 on the CPU.

    The model, which may be under `torch.autocast`, is run in eval mode without gradients, the mode of every submodule
    is restored, and no hook remains. Of each batch only the pooled activity is kept.

    Parameters
    ----------
    batches : the inputs.
    names : of layers, see `match_layers`. A layer that returns a tuple stands for its first tensor; one that returns a
        mapping or a dataclass, for `last_hidden_state` or the only tensor in it; packed and nested sequences are
        padded and masked.
    pool : "mean", "first" or "last" over tokens, the number of a token, or "flatten"; see `Layout` for all the shapes.
    axes : names of all axes, such as "stimulus channel time", where the modules do not show which axis holds the
        units; by layer where they differ, {"blocks.0": "stimulus head token unit"}. See `survey`.

    Returns
    -------
    The `Activity`. A layer that is called several times in a forward pass, in a loop for example, is read at each call
    as `name#0`, `name#1`, ...

    Raises
    ------
    ValueError : a layer that is never called, or not equally often in every batch; an unknown `pool`; outputs in which
        the axis of stimuli or of units is not clear, or that differ in units between batches; and as `Batches`.
    TypeError : a layer without a tensor in its output, or of whole numbers; and as `Batches`.

    When not to use it: where the activity of all stimuli does not fit in memory; see `stream_activity`.
    """
    rows, calls = _read(model, batches, names, pool, axes, as_float32=True)
    arrays = {label: of_layer.tensor().numpy() for label, of_layer in rows.items()}
    return Activity(arrays, calls, (*batches.notes, *_notes(calls, batches)))


def iterate_batches(
    model: nn.Module, batches: Batches, names: Sequence[str], pool: Pool, axes: Axes | None = None
) -> Iterator[dict[str, Float32Array]]:
    """Yield the activity of the named layers, float32 `[stimulus in batch, unit]`, batch by batch."""
    calls: dict[str, Call] | None = None
    for batch in batches:
        parts: dict[str, Float32Array] = {}

        def keep(label: str, activity: Tensor, parts: dict[str, Float32Array] = parts) -> None:
            parts[label] = activity.float().cpu().numpy().copy()

        calls = calls or _surveyed(model, batches, batch, names, pool, axes)
        with torch.no_grad(), evaluating(model):
            run_and_read(model, batch, calls, keep)
        yield {label: parts[label] for label in calls}


def run_and_read(
    model: nn.Module,
    batch: Batch,
    calls: Mapping[str, Call],
    keep: Callable[[str, Tensor], None],
    run: Run | None = None,
) -> Any:
    """Run one batch, pass the activity `[stimulus, unit]` of each call to `keep` by label, and return the output.

    `keep` must copy what it keeps, because a later module may change it in place.
    """
    by_layer: dict[str, dict[int, Call]] = {}
    for call in calls.values():
        by_layer.setdefault(call.layer, {})[call.number] = call
    heard: Counter[str] = Counter()

    def hear(layer: str, output: object, number: int) -> None:
        heard[layer] += 1
        if (call := by_layer[layer].get(number)) is not None:
            part = find_part(output, f"layer {layer!r}")
            refuse_other_stimuli(call, part.tensor, len(batch))
            keep(call.label, call.layout.read(part.tensor, batch.mask if part.mask is None else part.mask))

    with hooked(model, {layer: partial(hear, layer) for layer in by_layer}):
        output = batch.run(model) if run is None else run(batch)
    for call in calls.values():
        if heard[call.layer] != call.times:
            raise ValueError(
                f"layer {call.layer!r} is called {call.times} times in one forward pass and {heard[call.layer]} times "
                "in another: leave it out"
            )
    return output


def refuse_other_stimuli(call: Call, output: Tensor, n_stimuli: int) -> None:
    """Raise where the stimulus axis of an output does not hold the stimuli of the batch."""
    if output.ndim > call.layout.stimulus and output.shape[call.layout.stimulus] != n_stimuli:
        raise ValueError(
            f"layer {call.label!r} returns shape {tuple(output.shape)} for {n_stimuli} stimuli, which are not on axis "
            f"{call.layout.stimulus}: leave it out"
        )


class _Rows:
    """The activity of the batches so far, in memory that is allocated once if the number of stimuli is known."""

    def __init__(self, layer: str, n: int | None, first: Tensor, as_float32: bool) -> None:
        self._layer, self._filled = layer, 0
        like = torch.empty(0) if as_float32 else first
        self._rows = like.new_empty(n or 0, first.shape[1])

    def add(self, activity: Tensor) -> None:
        """Copy the activity of the next batch, `[stimulus, unit]`."""
        n_units, end = self._rows.shape[1], self._filled + len(activity)
        if activity.shape[1] != n_units:
            raise ValueError(
                f"layer {self._layer!r} has {n_units} units in one batch and {activity.shape[1]} in another: pool over "
                'positions, e.g. pool="mean", or pad all batches alike'
            )
        if end > len(self._rows):
            longer = self._rows.new_empty(max(end, 2 * self._filled), n_units)
            longer[: self._filled] = self._rows[: self._filled]
            self._rows = longer
        self._rows[self._filled : end].copy_(activity)
        self._filled = end

    def tensor(self) -> Tensor:
        """Return all rows so far."""
        return self._rows[: self._filled]


def _read(
    model: nn.Module, batches: Batches, names: Sequence[str], pool: Pool, axes: Axes | None, *, as_float32: bool
) -> tuple[dict[str, _Rows], dict[str, Call]]:
    """Return the activity of all batches, and the calls of layers that it comes from, by label."""
    rows: dict[str, _Rows] = {}
    calls: dict[str, Call] | None = None

    def keep(label: str, activity: Tensor) -> None:
        if label not in rows:
            rows[label] = _Rows(label, batches.n_stimuli, activity, as_float32)
        rows[label].add(activity)

    with torch.no_grad(), evaluating(model):
        for batch in batches:
            calls = calls or _surveyed(model, batches, batch, names, pool, axes)
            run_and_read(model, batch, calls, keep)
    calls = calls or {}
    return {label: rows[label] for label in calls}, calls


def _surveyed(
    model: nn.Module, batches: Batches, batch: Batch, names: Sequence[str], pool: Pool, axes: Axes | None
) -> dict[str, Call]:
    """Return the calls of the layers; refuse a mask that was given for them and fits none."""
    calls = survey(model, batch, names, pool=pool, axes=axes)
    layouts = [call.layout for call in calls.values() if call.layout.tokens and pool != "flatten"]
    if batches.mask_given and layouts and not any(layout.masked for layout in layouts):
        raise ValueError(
            f"attention_mask has {batch.mask_width} tokens, and layer {layouts[0].layer!r} returns "
            f"{layouts[0].n_tokens}: it must be [stimulus, token] with the tokens of the layer"
        )
    return calls


def _notes(calls: Mapping[str, Call], batches: Batches) -> tuple[str, ...]:
    """Return notes on how layers were read, each with the layers that it is about."""
    which = {call.layer: call.which for call in calls.values() if call.which}
    several = {
        call.label: "a layer called several times, read at each call" for call in calls.values() if call.times > 1
    }
    policies = {label: call.layout.policy() for label, call in calls.items()}
    unmasked = {
        label: "the mask of padding is of another number of tokens and does not apply"
        for label, call in calls.items()
        if call.layout.tokens and not call.layout.masked and batches.has_mask
    }
    return (
        *_by_policy(which, "Of what these layers return, {} is read"),
        *(note for policy in (several, policies, unmasked) for note in _by_policy(policy, "{}")),
    )


def _by_policy(policies: Mapping[str, str], form: str) -> tuple[str, ...]:
    """Return a note for each text, with the layers that have it."""
    grouped: dict[str, list[str]] = {}
    for layer, policy in policies.items():
        if policy:
            grouped.setdefault(form.format(policy), []).append(layer)
    return tuple(f"{text[0].upper()}{text[1:]}: {', '.join(of)}." for text, of in grouped.items())
