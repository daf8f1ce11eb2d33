"""What all layers of an audit have in common: features with the labellings of their tests, folds and resamples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from repbias.audit.inputs import Settings, Stimuli
from repbias.audit.intervals import Resamples
from repbias.audit.repeats import Repeats
from repbias.core.arrays import IntArray
from repbias.features.labels import associated
from repbias.features.permutations import PermutedFeature, Rule
from repbias.features.values import Values
from repbias.measures.variance.predictions import few_columns


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


def make_plan(stimuli: Stimuli, settings: Settings, in_runs: Mapping[str, Rule]) -> Plan:
    """Return the plan of an audit; its random parts depend on nothing but the seed and the labels.

    Parameters
    ----------
    in_runs : the rule of the planted orders of features whose labels come in runs; see `repbias.audit.runs`.
    """
    strata = np.column_stack([values.numbers for values in stimuli.features.values()])
    fold_of = stimuli.design.folds(strata, settings.seed)
    features = tuple(
        PermutedFeature.with_permutations(
            name,
            values,
            stimuli.design.rule(values.identity, fold_of),
            settings.permutations,
            seed=settings.seed,
            planted=in_runs.get(name),
        )
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


def column_notes(features: Mapping[str, Values], n: int, n_folds: int) -> Iterator[str]:
    """Yield notes on features, and on all of them together, whose columns are too many for least squares."""
    if not any(values.penalised for values in features.values()):
        return
    fitted = n - -(-n // n_folds)
    wide = [(repr(name), values.n_columns) for name, values in features.items() if values.penalised]
    wide.append(("all features together", sum(values.n_columns for values in features.values())))
    for what, columns in wide:
        if not few_columns(columns, np.array([float(fitted)])):
            yield (
                f"The regressions on {what} have {columns} columns, too many for least squares on {fitted} stimuli. "
                "Ridge regressions take their place, so that r2_unbiased and the shares that rest on it are too low; "
                "the test, and the held-out R2, remain right."
            )
