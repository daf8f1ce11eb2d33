"""The plan of a stream, made from its labels before it is read: folds, codes, and the stimuli that are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repbias.audit.inputs import Stimuli
from repbias.audit.intervals import group_sums
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import assign_folds, each_fold
from repbias.features.labels import Labels
from repbias.measures.variance.sums import OneHotCode

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

    code: OneHotCode
    """The codes of all features, side by side."""

    columns: IntArray
    """The columns of `code` that stand for the classes of each stimulus, `[stimulus, feature]`."""

    fold_of: IntArray
    """`[stimulus]`."""

    part_of: IntArray
    """The part of its fold that each stimulus is in, for jackknives, 0 to 3 at most, `[stimulus]`."""

    sample: Sample
    seed: int

    @property
    def labels(self) -> dict[str, Labels]:
        return self.stimuli.labels

    @property
    def n_stimuli(self) -> int:
        return self.stimuli.n_stimuli

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1

    @property
    def n_parts(self) -> int:
        return int(self.part_of.max()) + 1

    @cached_property
    def columns_of(self) -> dict[str, slice]:
        """The columns of `code` of each feature."""
        return dict(zip(self.labels, self.code.features, strict=True))

    @cached_property
    def together(self) -> FloatArray:
        """Number of stimuli in both of two classes, `[fold, column, column]`; on the diagonal, in one class."""
        codes = [group_sums(self.columns[held].T, self.code.n_columns) for held in each_fold(self.fold_of)]
        return np.stack([(code @ code.T).toarray() for code in codes])

    @cached_property
    def counts(self) -> FloatArray:
        """Number of stimuli of each class, `[fold, column]`."""
        return np.einsum("fcc->fc", self.together).copy()

    @cached_property
    def part_counts(self) -> FloatArray:
        """Number of stimuli of each class, `[fold, part, column]`."""
        part, shape = self.fold_of * self.n_parts + self.part_of, (self.n_folds, self.n_parts, self.code.n_columns)
        found = [np.bincount(column + part * shape[2], minlength=int(np.prod(shape))) for column in self.columns.T]
        return np.sum(found, axis=0).reshape(shape).astype(float)

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
    labels = stimuli.labels
    numbers = np.stack([of_feature.numbers for of_feature in labels.values()], axis=1)
    code = OneHotCode(tuple(len(of_feature.classes) for of_feature in labels.values()))
    columns, fold_of = numbers + code.starts, assign_folds(numbers, seed=seed)
    sample = _sample(labels, stimuli.n_stimuli, n_sampled, seed)
    return StreamPlan(stimuli, code, columns, fold_of, _parts(columns, fold_of), sample, seed)


def _parts(columns: IntArray, fold_of: IntArray) -> IntArray:
    """Return the part of its fold that each stimulus is in; stimuli with the same labels are dealt in turn."""
    sizes = np.bincount(fold_of)
    order = np.lexsort([*columns.T, fold_of])
    part_of = np.empty_like(fold_of)
    part_of[order] = np.arange(len(columns)) % min(PARTS, int(sizes.min()))
    return part_of


def _sample(labels: dict[str, Labels], n: int, n_sampled: int, seed: int) -> Sample:
    generator = rng(seed, "audit", "stream sample")
    chosen = np.arange(n) if n <= n_sampled else np.sort(generator.choice(n, n_sampled, replace=False))
    drawn = np.zeros(n, dtype=bool)
    drawn[chosen] = True
    scored = {}
    for name, of_feature in labels.items():
        have = np.bincount(of_feature.numbers[chosen], minlength=len(of_feature.classes))
        more = [chosen]
        for label in np.flatnonzero(have < LEAST_OF_CLASS):
            others = np.flatnonzero((of_feature.numbers == label) & ~drawn)
            more.append(generator.choice(others, min(LEAST_OF_CLASS - have[label], len(others)), replace=False))
        scored[name] = np.sort(np.concatenate(more))
    rows = np.unique(np.concatenate([chosen, *scored.values()]))
    return Sample(
        rows, np.searchsorted(rows, chosen), {name: np.searchsorted(rows, these) for name, these in scored.items()}
    )
