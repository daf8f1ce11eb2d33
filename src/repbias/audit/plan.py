"""What all layers of an audit share: features with the labellings of their tests, folds and resamples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from repbias.audit.inputs import Settings, Stimuli
from repbias.audit.intervals import Interval, Resamples
from repbias.audit.nulls import between_clusters, permuted
from repbias.audit.repeats import Repeats, design_note, exchange_notes
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.folds import assign_folds, one_hot
from repbias.features.labels import IntArray, Labellings, Labels

Row = tuple[str, str, float, float, float, float]  # feature, measure, value, ci_low, ci_high, p
Shared = list[tuple[str, str, float, float, float]]  # two features, the R2 that both explain, and its interval


@dataclass(frozen=True, eq=False)
class Feature:
    """A feature and the labellings that its tests use, the same in every layer."""

    name: str
    labels: Labels
    code: FloatArray
    """One-hot code, `[stimulus, class]`."""

    permuted: Labellings
    """Labellings of the permutation test, `[permutation, stimulus]`."""

    planted: Labellings
    """Labels of the planted features, `[planted, stimulus]`."""

    n_exchanged: int
    """Number of stimuli, or of groups, whose labels a permutation exchanges."""

    @property
    def n_classes(self) -> int:
        return len(self.labels.classes)


@dataclass(frozen=True, eq=False)
class Plan:
    """What all layers share."""

    features: tuple[Feature, ...]
    cluster: IntArray
    """What is resampled and kept in one fold, `[stimulus]`."""
    fold_of: IntArray
    draws: Resamples
    classifier: str
    seed: int
    repeats: Repeats | None = None

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1


@dataclass(frozen=True, eq=False)
class LayerFindings:
    """The results of one layer; tuples in the order of the columns of an `AuditReport`, without the layer."""

    rows: list[Row]
    units: list[tuple[int, str, float]]
    components: list[tuple[str, int, float, float]]
    shared: Shared
    equalised: tuple[str, ...] = ()
    """The features whose shares were made equal for the scores."""


def row(feature: str, measure: str, value: float, interval: Interval, p: float = float("nan")) -> Row:
    """Return one row of the results of a layer."""
    return (feature, measure, value, *interval, p)


def make_plan(stimuli: Stimuli, settings: Settings) -> Plan:
    """Return the plan of an audit; all that is random in it depends on the seed and the labels alone."""
    codes = {name: one_hot(labels.numbers, len(labels.classes)) for name, labels in stimuli.labels.items()}
    fold_of = assign_folds(np.hstack(list(codes.values())), stimuli.cluster, seed=settings.seed)
    features = []
    for name, labels in stimuli.labels.items():
        exchanged, planted = (
            _permuted(stimuli, labels.numbers, fold_of, settings.permutations, rng(settings.seed, "audit", what, name))
            for what in ("permutations", "planted")
        )
        features.append(Feature(name, labels, codes[name], exchanged, planted, _n_exchanged(stimuli, labels.numbers)))
    return Plan(
        features=tuple(features),
        cluster=stimuli.cluster,
        fold_of=fold_of,
        draws=Resamples(stimuli.cluster, settings.resamples, seed=settings.seed),
        classifier=settings.classifier,
        seed=settings.seed,
        repeats=stimuli.repeats,
    )


def _permuted(
    stimuli: Stimuli, labels: IntArray, fold_of: IntArray, n: int, generator: np.random.Generator
) -> Labellings:
    if stimuli.repeats is not None:
        return stimuli.repeats.permuted(labels, fold_of, n, generator)
    return permuted(labels, stimuli.cluster, fold_of, n, generator)


def _n_exchanged(stimuli: Stimuli, labels: IntArray) -> int:
    if stimuli.repeats is not None:
        return stimuli.repeats.n_exchanged(labels)
    return int(stimuli.cluster.max()) + 1 if between_clusters(labels, stimuli.cluster) else stimuli.n_stimuli


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
        between = [name for name, numbers in labels.items() if between_clusters(numbers, stimuli.cluster)]
        if between:
            yield f"Permuted between groups, as each group has one label: {', '.join(between)}."
        if within := [name for name in labels if name not in between]:
            yield f"Permuted within groups: {', '.join(within)}."
    else:
        yield f"{plan.n_folds} cross-validation folds; stimuli are taken to be independent, as no groups were given."
