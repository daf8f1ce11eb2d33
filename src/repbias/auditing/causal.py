"""Causal reach: what a model's reports or outputs lose when a feature is erased from one of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from repbias.auditing.batches import Batch, Batches
from repbias.auditing.erasers import STIMULI_A_UNIT, EraserFitter
from repbias.auditing.inputs import BoolArray
from repbias.auditing.labels import IntArray, Labels
from repbias.auditing.outcomes import Outcome
from repbias.auditing.outputs import find_tensor, put_tensor
from repbias.auditing.reading import Activity, Call
from repbias.layers import evaluating, hooked
from repbias.measures._arrays import FloatArray
from repbias.measures._causal import tensors
from repbias.measures.erasure import Eraser
from repbias.randomness import rng, torch_rng

DRAWS = 10
"""Random orders of the labels, for either half, that the control erases."""

PUSH = 10.0
"""Standard deviations of the random push that shows whether the output depends on a layer."""


@dataclass(frozen=True, eq=False)
class Erasure:
    """A feature erased from one layer, on each stimulus by a map that was fitted without it."""

    layer: str
    feature: str
    shuffled: bool
    """Whether it is the control: the feature's labels in random orders."""

    erasers: tuple[Eraser, ...]
    """The maps: for the first half of the stimuli, fitted on the second, and the other way round; and again for each
    random order."""

    which: IntArray
    """The map for each of the model's stimuli, -1 for those that are not audited, `[stimulus]`."""


@dataclass(frozen=True, eq=False)
class Reach:
    """What each erasure changes, stimulus by stimulus."""

    before: FloatArray
    """The outcome with nothing erased, `[stimulus, value]`."""

    changes: dict[tuple[str, str, bool], FloatArray]
    """By layer, feature and whether it is the control: how far the outcome changed, `[stimulus, change]`."""

    draw: IntArray
    """Which eraser of the control each stimulus got, from 0 to 2 `DRAWS` - 1, `[stimulus]`."""

    notes: tuple[str, ...]
    """The policies that were applied."""


def causal_reach(
    model: nn.Module,
    batches: Batches,
    activity: Activity,
    labels: Mapping[str, Labels],
    cluster: IntArray,
    kept: IntArray,
    outcome: Outcome,
    *,
    seed: int,
) -> Reach:
    """Erase each feature from each layer, and see how far the outcome changes.

    Stimuli are halved at random, clusters whole, and those of each half are edited by an eraser that was fitted on the
    activity of the other. Where activity is a mean over positions, every position is edited, and else the one that was
    read. The control erases the same labels in random orders, ten for either half, which the stimuli share among them:
    a direction that is drawn at random from a few may well be one that matters. Layers on which the output does not
    depend are left out.

    Parameters
    ----------
    labels : the features of the audited stimuli. cluster : what is kept together, `[stimulus]`.
    kept : the running numbers of the audited stimuli among all.

    Notes
    -----
    One forward pass of all stimuli for each layer and feature, two with its control, and one with nothing erased.

    Source: LEACE is Belrose et al.'s (2023), arXiv 2306.03819; the control follows Hewitt & Liang (2019), arXiv
    1909.03368.
    """
    half = halves(cluster, seed)
    draw = half + 2 * rng(seed, "audit", "ablation draws").integers(DRAWS, size=len(half))
    varying = {layer: values[kept] for layer, values in activity.arrays.items() if np.ptp(values[kept], 0).any()}
    with torch.no_grad(), evaluating(model):
        first = next(iter(batches))
        acting = [layer for layer in varying if _acts(model, first, activity.calls[layer], seed)]
        n = len(next(iter(activity.arrays.values())))
        erasures: list[Erasure] = []
        for layer in acting:
            fitters = tuple(EraserFitter(varying[layer][half == fit].astype(np.float64)) for fit in (1, 0))
            for feature, of_feature in labels.items():
                true, shuffled = _erasers(
                    fitters, of_feature.numbers, half, rng(seed, "audit", "ablation", layer, feature)
                )
                erasures.append(Erasure(layer, feature, False, true, _among(half, kept, n)))
                erasures.append(Erasure(layer, feature, True, shuffled, _among(draw, kept, n)))
        before, changes = _run(model, batches, activity.calls, erasures, _among(half, kept, n) >= 0, outcome)
    return Reach(before, changes, draw, _notes(activity, varying, acting, len(kept)))


def halves(cluster: IntArray, seed: int) -> IntArray:
    """Return 0 or 1 for each stimulus: a random half of the clusters."""
    n = int(cluster.max()) + 1
    return np.asarray(rng(seed, "audit", "halves").permutation(n) % 2)[cluster]


def _among(values: IntArray, kept: IntArray, n: int) -> IntArray:
    """Return the values of the audited stimuli among all `n`, -1 for the others."""
    among = np.full(n, -1)
    among[kept] = values
    return among


def _erasers(
    fitters: tuple[EraserFitter, ...], labels: IntArray, half: IntArray, shuffle: np.random.Generator
) -> tuple[tuple[Eraser, ...], tuple[Eraser, ...]]:
    """Return the erasers of a feature for either half, and those of its labels in random orders."""
    fits = [(fitter, labels[half == which]) for fitter, which in zip(fitters, (1, 0), strict=True)]
    true = tuple(fitter.fit(given) for fitter, given in fits)
    shuffled = tuple(fitter.fit(shuffle.permutation(given)) for _ in range(DRAWS) for fitter, given in fits)
    return true, shuffled


def _run(
    model: nn.Module,
    batches: Batches,
    calls: Mapping[str, Call],
    erasures: list[Erasure],
    audited: BoolArray,
    outcome: Outcome,
) -> tuple[FloatArray, dict[tuple[str, str, bool], FloatArray]]:
    """Return the outcome of the audited stimuli with nothing erased, and its changes by each erasure."""
    before: list[FloatArray] = []
    changes: dict[tuple[str, str, bool], list[FloatArray]] = {(e.layer, e.feature, e.shuffled): [] for e in erasures}
    unedited = {call.layer: _unedited for call in calls.values()}
    for batch in batches:
        rows = audited[batch.rows]
        with hooked(model, unedited):  # a module may take a faster path, and round otherwise, where no hook is in place
            intact = outcome.read(batch.run(model), batch)
        before.append(intact[rows])
        for one in erasures:
            erase = _erasing(one.erasers, one.which[batch.rows])
            edited = outcome.read(_run_edited(model, batch, calls[one.layer], erase), batch)
            changes[one.layer, one.feature, one.shuffled].append(outcome.change(intact, edited)[rows])
    return np.concatenate(before), {key: np.concatenate(parts) for key, parts in changes.items()}


def _unedited(_output: object) -> None:
    return None


def _erasing(erasers: tuple[Eraser, ...], which: IntArray) -> Callable[[Tensor], Tensor]:
    """Return the change of values `[stimulus, position, unit]` by the eraser of each stimulus; -1 has none."""

    def erase(values: Tensor) -> Tensor:
        erased = values.clone()
        for used in np.unique(which[which >= 0]):
            rows = torch.from_numpy(np.flatnonzero(which == used)).to(values.device)
            flat = values[rows].flatten(0, 1)
            erased[rows] = erasers[used].apply(flat).reshape(len(rows), *values.shape[1:])
        return erased

    return erase


def _run_edited(model: nn.Module, batch: Batch, call: Call, change: Callable[[Tensor], Tensor]) -> Any:
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


def _acts(model: nn.Module, batch: Batch, call: Call, seed: int) -> bool:
    """Return whether a large random push of what is read of a layer changes any tensor of the output, if it has any."""
    generator = torch_rng(seed, "audit", "push")

    def push(values: Tensor) -> Tensor:
        size = PUSH * (float(values.double().std(correction=0)) or 1.0)
        return values + size * torch.randn(values.shape, generator=generator).to(values)

    before = list(_tensors(_run_edited(model, batch, call, lambda values: values)))
    after = list(_tensors(_run_edited(model, batch, call, push)))
    return not before or not all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def _tensors(output: Any) -> Iterator[Tensor]:
    return tensors(
        vars(output) if hasattr(output, "__dataclass_fields__") and not isinstance(output, Mapping) else output
    )


def _notes(activity: Activity, varying: Mapping[str, Any], acting: list[str], n_stimuli: int) -> tuple[str, ...]:
    notes = [
        "Ablation: each feature is erased from a layer by a map fitted on the other half of the stimuli; the control "
        "erases its labels in random orders. Where a mean over positions is read, what lies in their arrangement stays."
    ]
    wide = [layer for layer in acting if n_stimuli // 2 < STIMULI_A_UNIT * varying[layer].shape[1]]
    if wide:
        notes.append(
            f"Fewer than {STIMULI_A_UNIT} stimuli a unit to fit LEACE on; what the class means span is projected out "
            f"instead: {', '.join(wide)}."
        )
    if constant := [layer for layer in activity.arrays if layer not in varying]:
        notes.append(f"No ablation, as nothing varies: {', '.join(constant)}.")
    if idle := [layer for layer in varying if layer not in acting]:
        notes.append(f"No ablation, as the output does not depend on what is read: {', '.join(idle)}.")
    return tuple(notes)
