"""How a model's reports or outputs change when a feature is erased from a layer, or steered in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from repbias.activations.batches import Batches
from repbias.activations.editing import run_edited
from repbias.activations.layers import evaluating
from repbias.activations.reading import Activity, Float32Array
from repbias.activations.survey import Call
from repbias.audit.causal.edits import (
    KINDS,
    STIMULI_A_UNIT,
    Edit,
    Encoding,
    EraserFitter,
    Erasure,
    Kind,
    Steering,
    Target,
)
from repbias.audit.causal.outcomes import Outcome
from repbias.audit.inputs import Stimuli
from repbias.core.arrays import BoolArray, FloatArray, IntArray
from repbias.core.randomness import rng, torch_rng
from repbias.features.values import Values
from repbias.measures.interventions.site import acts

DRAWS = 10
"""Shuffles of the labels for each half of the stimuli, of which the control is made."""


@dataclass(frozen=True, eq=False)
class CausalEffects:
    """What each edit changes, stimulus by stimulus."""

    before: FloatArray
    """The outcome with nothing edited, `[stimulus, value]`."""

    changes: dict[Target, FloatArray]
    """How far the outcome changed, `[stimulus, change]`."""

    draw: IntArray
    """Which of the control's shuffles each stimulus got, from 0 to 2 `DRAWS` - 1, `[stimulus]`."""

    notes: tuple[str, ...]
    """What was done, and what was left out."""


def causal_effects(
    model: nn.Module,
    batches: Batches,
    activity: Activity,
    stimuli: Stimuli,
    outcome: Outcome,
    *,
    seed: int,
    kinds: Sequence[Kind] = KINDS,
    on_pass: Callable[[float], None] | None = None,
) -> CausalEffects:
    """Erase each feature from each layer, steer along it, and measure how far the outcome changes.

    Stimuli are halved at random, clusters whole, and those of each half are edited by what was fitted on the activity
    of the other:

        ablation   LEACE, or a projection where stimuli are few, see `EraserFitter`
        steering   a stimulus of class c is moved by the mean of class c + 1 less that of class c, the last class
                   towards the first; other kinds are moved as a regression on the feature predicts of a step: of one
                   standard deviation of a number (of several columns, along their first principal component), or of a
                   quarter of the period of an angle

    Where activity is a mean over positions, every position is edited, and otherwise the one that was read. The control
    does the same with shuffled labels, ten shuffles for each half, each used for some of the stimuli: a single random
    direction of a few may be one that matters. Its pushes are made as long as the feature's. Layers on which the output
    does not depend are left out. The output must be a function of the inputs; see `compare_passes`.

    Parameters
    ----------
    stimuli : the audited stimuli, with their features.
    kinds : what is done, one or both.
    on_pass : called after each edited batch with the share of all that are done.

    Notes
    -----
    For each layer, feature and kind one forward pass of all stimuli, two with its control; and one with nothing edited.

    Source: LEACE is Belrose et al.'s (2023), arXiv 2306.03819; steering by class means Turner et al.'s (2023), arXiv
    2308.10248; the control follows Hewitt & Liang (2019), arXiv 1909.03368.
    """
    half, kept = halves(stimuli.cluster, seed), stimuli.kept
    draw = half + 2 * rng(seed, "audit", "ablation draws").integers(DRAWS, size=len(half))
    varying = {layer: values[kept] for layer, values in activity.arrays.items() if np.ptp(values[kept], 0).any()}
    with torch.no_grad(), evaluating(model):
        first = next(iter(batches))
        acting = [
            layer
            for layer in varying
            if acts(
                model,
                first,
                activity.calls[layer],
                lambda output: outcome.depends_on(output, first),
                torch_rng(seed, "audit", "push"),
            )
        ]
        split = _Split(half, draw, kept, stimuli.n_given, seed)
        edits = [edit for layer in acting for edit in _edits(layer, varying[layer], stimuli.features, split, kinds)]
        before, changes = _run(model, batches, activity.calls, edits, split.among(half) >= 0, outcome, on_pass)
    return CausalEffects(before, changes, draw, _notes(activity, varying, acting, len(kept), kinds))


def halves(cluster: IntArray, seed: int) -> IntArray:
    """Return 0 or 1 for each stimulus: a random half of the clusters."""
    n = int(cluster.max()) + 1
    return np.asarray(rng(seed, "audit", "halves").permutation(n) % 2)[cluster]


@dataclass(frozen=True, eq=False)
class _Split:
    """Which fit each audited stimulus is edited by, and where it is among all `n`."""

    half: IntArray
    draw: IntArray
    kept: IntArray
    n: int
    seed: int

    def among(self, values: IntArray) -> IntArray:
        """Return the values of the audited stimuli among all, -1 for the others."""
        among = np.full(self.n, -1)
        among[self.kept] = values
        return among

    def fits(self) -> tuple[IntArray, IntArray]:
        """Return the stimuli that the edits of either half are fitted on."""
        return np.flatnonzero(self.half == 1), np.flatnonzero(self.half == 0)


def _edits(
    layer: str, activity: Float32Array, features: Mapping[str, Values], split: _Split, kinds: Sequence[Kind]
) -> Iterator[Edit]:
    """Return the edits of one layer: of each feature and kind the true one and its control."""
    fitted = [activity[fit].astype(np.float64) for fit in split.fits()]
    if "ablation" in kinds:
        fitters = [EraserFitter(values) for values in fitted]
        for feature, values in features.items():
            yield from _erasures(layer, feature, fitters, values, split)
    if "steering" in kinds:
        for feature, values in features.items():
            yield from _steerings(layer, feature, fitted, values, split)


def _erasures(
    layer: str, feature: str, fitters: Sequence[EraserFitter], values: Values, split: _Split
) -> Iterator[Erasure]:
    shuffle = rng(split.seed, "audit", "ablation", layer, feature)
    fits = list(zip(fitters, (values.code[fit] for fit in split.fits()), strict=True))
    true = tuple(fitter.fit(code) for fitter, code in fits)
    yield Erasure(Target(layer, feature, "ablation", False), true, split.among(split.half))
    shuffled = tuple(fitter.fit(code[shuffle.permutation(len(code))]) for _ in range(DRAWS) for fitter, code in fits)
    yield Erasure(Target(layer, feature, "ablation", True), shuffled, split.among(split.draw))


def _steerings(
    layer: str, feature: str, activity: Sequence[FloatArray], values: Values, split: _Split
) -> Iterator[Steering]:
    shuffle = rng(split.seed, "audit", "steering", layer, feature)
    fits = list(zip(activity, (values.take(fit) for fit in split.fits()), strict=True))
    shuffled = [
        Encoding.of(fitted, given.take(shuffle.permutation(given.n))) for _ in range(DRAWS) for fitted, given in fits
    ]
    steps = np.zeros((split.n, values.n_columns))
    steps[split.kept] = values.steps
    towards = split.among(next_class(values) if values.categorical else np.full(values.n, -1))
    true = Steering(
        Target(layer, feature, "steering", False),
        steps,
        tuple(Encoding.of(fitted, given) for fitted, given in fits),
        split.among(split.half),
        towards,
    )
    yield true
    yield Steering(
        Target(layer, feature, "steering", True),
        steps,
        tuple(shuffled),
        split.among(split.draw),
        towards,
        lengths=np.linalg.norm(true.pushes(slice(None)), axis=1),
    )


def next_class(values: Values) -> IntArray:
    """Return the class that each stimulus is steered towards: the next class, or the first after the last."""
    return (values.numbers + 1) % len(values.classes)


def _run(
    model: nn.Module,
    batches: Batches,
    calls: Mapping[str, Call],
    edits: Sequence[Edit],
    audited: BoolArray,
    outcome: Outcome,
    on_pass: Callable[[float], None] | None,
) -> tuple[FloatArray, dict[Target, FloatArray]]:
    """Return the outcome of the audited stimuli with nothing edited, and its changes by each edit."""
    before: list[FloatArray] = []
    changes: dict[Target, list[FloatArray]] = {edit.target: [] for edit in edits}
    intact_call = next((calls[edit.target.layer] for edit in edits), None)
    for batch in batches:
        rows = audited[batch.rows]
        intact = outcome.read(
            batch.run(model) if intact_call is None else run_edited(model, batch, intact_call, None), batch
        )
        before.append(intact[rows])
        for place, edit in enumerate(edits, start=1):
            edited = outcome.read(run_edited(model, batch, calls[edit.target.layer], edit.on(batch.rows)), batch)
            changes[edit.target].append(edit.effect(outcome, intact, edited, batch.rows)[rows])
            if on_pass is not None:
                done = batch.rows.start + place / len(edits) * (batch.rows.stop - batch.rows.start)
                on_pass(done / len(audited))
    return np.concatenate(before), {target: np.concatenate(parts) for target, parts in changes.items()}


METHODS = {
    "ablation": (
        "Ablation: each feature is erased from a layer by a map fitted on the other half of the stimuli; the control "
        "erases its shuffled labels. Where a mean over positions is read, information in their arrangement stays."
    ),
    "steering": (
        "Steering: each stimulus is moved from its class's mean to that of the next class, the last to the first, both "
        "means of the other half of the stimuli; the control moves it as far, by the means of shuffled labels."
    ),
}


def _neither(kinds: Sequence[Kind]) -> str:
    return f"No {' or '.join(kind for kind in KINDS if kind in kinds)}"


def _notes(
    activity: Activity, varying: Mapping[str, Any], acting: list[str], n_stimuli: int, kinds: Sequence[Kind]
) -> tuple[str, ...]:
    notes = [METHODS[kind] for kind in KINDS if kind in kinds]
    wide = [layer for layer in acting if n_stimuli // 2 < STIMULI_A_UNIT * varying[layer].shape[1]]
    if wide and "ablation" in kinds:
        notes.append(
            f"Fewer than {STIMULI_A_UNIT} stimuli per unit to fit LEACE on; what the class means span is projected out "
            f"instead: {', '.join(wide)}."
        )
    neither = _neither(kinds)
    if constant := [layer for layer in activity.arrays if layer not in varying]:
        notes.append(f"{neither}, as nothing varies: {', '.join(constant)}.")
    if idle := [layer for layer in varying if layer not in acting]:
        notes.append(f"{neither}, as the output does not depend on what is read: {', '.join(idle)}.")
    return tuple(notes)
