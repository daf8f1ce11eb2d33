"""What all layers of an audit have in common: features with the labellings of their tests, folds and resamples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from repbias.audit.inputs import Settings, Stimuli
from repbias.audit.intervals import Resamples
from repbias.audit.repeats import Repeats, design_note
from repbias.core.arrays import IntArray
from repbias.features.folds import assign_folds
from repbias.features.labels import associated
from repbias.features.permutations import Exchange, PermutedFeature, exchange, one_value_each


@dataclass(frozen=True, eq=False)
class Plan:
    """What all layers of an audit have in common."""

    features: tuple[PermutedFeature, ...]
    cluster: IntArray
    """What is resampled and kept in one fold, `[stimulus]`."""
    fold_of: IntArray
    draws: Resamples
    pairs: tuple[tuple[str, str], ...]
    """Pairs of features whose labels are associated."""
    classifier: str
    seed: int
    repeats: Repeats | None = None

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1


def make_plan(stimuli: Stimuli, settings: Settings) -> Plan:
    """Return the plan of an audit; its random parts depend on nothing but the seed and the labels."""
    strata = np.column_stack([values.numbers for values in stimuli.features.values()])
    fold_of = assign_folds(strata, stimuli.cluster, seed=settings.seed)
    rules = {name: _exchange(stimuli, values.identity, fold_of) for name, values in stimuli.features.items()}
    features = tuple(
        PermutedFeature.with_permutations(name, values, rules[name], settings.permutations, seed=settings.seed)
        for name, values in stimuli.features.items()
    )
    return Plan(
        features=features,
        cluster=stimuli.cluster,
        fold_of=fold_of,
        draws=Resamples(stimuli.cluster, settings.resamples, seed=settings.seed),
        pairs=associated(stimuli.features, stimuli.cluster if stimuli.repeats is None else stimuli.repeats.stimulus),
        classifier=settings.classifier,
        seed=settings.seed,
        repeats=stimuli.repeats,
    )


def _exchange(stimuli: Stimuli, identity: IntArray, fold_of: IntArray) -> Exchange:
    if stimuli.repeats is not None:
        return stimuli.repeats.exchange(identity, fold_of)
    return exchange(identity, stimuli.cluster, fold_of)


def plan_notes(stimuli: Stimuli, plan: Plan) -> Iterator[str]:
    """Yield in words how folds, intervals and permutations treat the stimuli."""
    if stimuli.repeats is None and not stimuli.grouped:
        yield f"{plan.n_folds} cross-validation folds; stimuli are taken to be independent, as no groups were given."
        return
    if stimuli.repeats is None:
        n_groups = int(stimuli.cluster.max()) + 1
        yield f"{plan.n_folds} cross-validation folds, which keep {n_groups} groups whole; intervals are over groups."
    else:
        yield f"{plan.n_folds} cross-validation folds."
        yield design_note(stimuli.repeats)
    permuted: dict[str, list[str]] = {}
    for name, values in stimuli.features.items():
        permuted.setdefault(_how_permuted(stimuli, values.identity), []).append(name)
    for how, names in permuted.items():
        yield f"Permuted {how}: {', '.join(names)}."


def _how_permuted(stimuli: Stimuli, identity: IntArray) -> str:
    repeats = stimuli.repeats
    if (repeats is None or repeats.keeps_groups) and one_value_each(identity, stimuli.cluster):
        return "between groups, as each group has one label"
    if repeats is None:
        return "within groups"
    if repeats.bound(identity):
        return f"between stimuli{' of a group' * repeats.keeps_groups}, as each has one label in all presentations"
    return f"between the presentations of a stimulus{' in a group' * repeats.crossed}"
