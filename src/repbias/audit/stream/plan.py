"""The plan of a stream, made from its labels before it is read: folds, codes, and the stimuli that are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repbias.audit.inputs import Stimuli
from repbias.audit.stream.codes import Codes
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import assign_folds, each_fold
from repbias.features.values import Values

LEAST_OF_CLASS = 20  # stimuli of each class that are sampled to score decodability, or all if there are fewer
PARTS = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """The stimuli whose activity is kept in memory."""

    rows: IntArray
    """Their indices among the audited stimuli, increasing, `[sampled]`."""

    representative: IntArray
    """Positions in `rows` of a simple random sample of the audited stimuli, increasing."""

    scored: dict[str, IntArray]
    """By feature, positions in `rows` of the stimuli that score its decodability: those of `representative`, and more
    stimuli of the classes that are rare in it."""


@dataclass(frozen=True, eq=False)
class StreamPlan:
    """The stimuli with their labels, their folds, and the sample."""

    stimuli: Stimuli

    code: Codes
    """The codes of all features, side by side."""

    fold_of: IntArray
    """`[stimulus]`."""

    part_of: IntArray
    """The part of its fold that each stimulus is in, for jackknives, 0 to 3 at most, `[stimulus]`."""

    sample: Sample
    seed: int

    @property
    def features(self) -> dict[str, Values]:
        return self.stimuli.features

    @property
    def n_stimuli(self) -> int:
        return self.stimuli.n_stimuli

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1

    @property
    def n_parts(self) -> int:
        return int(self.part_of.max()) + 1

    @property
    def columns_of(self) -> dict[str, slice]:
        """The columns of `code` of each feature."""
        return self.code.columns_of

    @cached_property
    def together(self) -> FloatArray:
        """Sums of products of codes, `[fold, column, column]`: of classes, how many stimuli are in both."""
        return np.stack([self.code.gram(np.flatnonzero(held)) for held in each_fold(self.fold_of)])

    @cached_property
    def counts(self) -> FloatArray:
        """Sums of codes, `[fold, column]`: of a class, how many stimuli it has."""
        return np.stack([self.code.counts(np.flatnonzero(held)) for held in each_fold(self.fold_of)])

    def stimuli_of_part(self, fold: int, part: int) -> IntArray:
        """Return the stimuli in a part of a fold."""
        return np.flatnonzero((self.fold_of == fold) & (self.part_of == part))

    @cached_property
    def sizes(self) -> IntArray:
        """Number of stimuli, `[fold]`."""
        return np.bincount(self.fold_of)

    @cached_property
    def representative(self) -> IntArray:
        """Indices of the representative sample among the audited stimuli."""
        return self.sample.rows[self.sample.representative]

    @cached_property
    def representative_by_fold(self) -> list[IntArray]:
        """For each fold, which of the representative stimuli are in it."""
        return [np.flatnonzero(held[self.representative]) for held in each_fold(self.fold_of)]


def stream_plan(stimuli: Stimuli, n_sampled: int, seed: int) -> StreamPlan:
    """Return the plan of a stream.

    Parameters
    ----------
    n_sampled : size of the representative sample.
    seed : of folds and samples.
    """
    features = stimuli.features
    strata = np.stack([values.numbers for values in features.values()], axis=1)
    fold_of = assign_folds(strata, seed=seed)
    sample = _sample(features, stimuli.n_stimuli, n_sampled, seed)
    return StreamPlan(stimuli, Codes(features), fold_of, _parts(strata, fold_of), sample, seed)


def _parts(strata: IntArray, fold_of: IntArray) -> IntArray:
    """Return the part of its fold that each stimulus is in; stimuli with the same labels are dealt in turn."""
    sizes = np.bincount(fold_of)
    order = np.lexsort([*strata.T, fold_of])
    part_of = np.empty_like(fold_of)
    part_of[order] = np.arange(len(strata)) % min(PARTS, int(sizes.min()))
    return part_of


def _sample(features: dict[str, Values], n: int, n_sampled: int, seed: int) -> Sample:
    generator = rng(seed, "audit", "stream sample")
    chosen = np.arange(n) if n <= n_sampled else np.sort(generator.choice(n, n_sampled, replace=False))
    drawn = np.zeros(n, dtype=bool)
    drawn[chosen] = True
    scored = {}
    for name, values in features.items():
        have = np.bincount(values.numbers[chosen], minlength=len(values.classes))
        more = [chosen]
        for label in np.flatnonzero(have < LEAST_OF_CLASS) if values.categorical else ():
            others = np.flatnonzero((values.numbers == label) & ~drawn)
            more.append(generator.choice(others, min(LEAST_OF_CLASS - have[label], len(others)), replace=False))
        scored[name] = np.sort(np.concatenate(more))
    rows = np.unique(np.concatenate([chosen, *scored.values()]))
    return Sample(
        rows, np.searchsorted(rows, chosen), {name: np.searchsorted(rows, these) for name, these in scored.items()}
    )
