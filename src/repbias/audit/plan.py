"""What all layers of an audit share: features with the labellings of their tests, folds and resamples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from repbias.audit.inputs import Settings, Stimuli
from repbias.audit.intervals import Resamples
from repbias.audit.repeats import Repeats, design_note, exchange_notes
from repbias.core.arrays import IntArray
from repbias.features.folds import assign_folds
from repbias.features.labels import associated
from repbias.features.permutations import Exchange, Feature, exchange, one_label_each


@dataclass(frozen=True, eq=False)
class Plan:
    """What all layers share."""

    features: tuple[Feature, ...]
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
    """Return the plan of an audit; all that is random in it depends on the seed and the labels alone."""
    strata = np.column_stack([labels.numbers for labels in stimuli.labels.values()])
    fold_of = assign_folds(strata, stimuli.cluster, seed=settings.seed)
    rules = {name: _exchange(stimuli, labels.numbers, fold_of) for name, labels in stimuli.labels.items()}
    features = tuple(
        Feature.with_permutations(name, labels, rules[name], settings.permutations, seed=settings.seed)
        for name, labels in stimuli.labels.items()
    )
    return Plan(
        features=features,
        cluster=stimuli.cluster,
        fold_of=fold_of,
        draws=Resamples(stimuli.cluster, settings.resamples, seed=settings.seed),
        pairs=associated(stimuli.labels),
        classifier=settings.classifier,
        seed=settings.seed,
        repeats=stimuli.repeats,
    )


def _exchange(stimuli: Stimuli, labels: IntArray, fold_of: IntArray) -> Exchange:
    if stimuli.repeats is not None:
        return stimuli.repeats.exchange(labels, fold_of)
    return exchange(labels, stimuli.cluster, fold_of)


def plan_notes(stimuli: Stimuli, plan: Plan) -> Iterator[str]:
    """Yield in words how folds, intervals and permutations treat the stimuli."""
    labels = {name: of_feature.numbers for name, of_feature in stimuli.labels.items()}
    if stimuli.repeats is not None:
        yield f"{plan.n_folds} cross-validation folds."
        yield design_note(stimuli.repeats)
        yield from exchange_notes(stimuli.repeats, labels)
    elif stimuli.grouped:
        n_groups = int(stimuli.cluster.max()) + 1
        yield f"{plan.n_folds} cross-validation folds, which keep {n_groups} groups whole; intervals are over groups."
        between = [name for name, numbers in labels.items() if one_label_each(numbers, stimuli.cluster)]
        if between:
            yield f"Permuted between groups, as each group has one label: {', '.join(between)}."
        if within := [name for name in labels if name not in between]:
            yield f"Permuted within groups: {', '.join(within)}."
    else:
        yield f"{plan.n_folds} cross-validation folds; stimuli are taken to be independent, as no groups were given."
