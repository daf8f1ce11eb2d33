"""The plan of a stream, made from its labels before it is read: folds, codes, and which stimuli are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.features.folds import assign_folds
from repbias.features.labels import Labels
from repbias.measures.variance.sums import OneHotCode

LEAST_OF_CLASS = 20  # stimuli of each class kept to score its readout, or all where there are fewer
PARTS = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """The stimuli whose activity is kept, a few of all."""

    rows: IntArray
    """Their running numbers among the stimuli that are audited, increasing, `[kept]`."""

    representative: IntArray
    """Positions in `rows` of a simple random sample of all stimuli, increasing."""

    scored: dict[str, IntArray]
    """By feature, positions in `rows` of a random sample of each of its classes: those of the representative sample,
    and more of the classes that have few in it."""


@dataclass(frozen=True, eq=False)
class StreamPlan:
    """The labels of all stimuli, how they are dealt to folds, and which are kept."""

    labels: dict[str, Labels]
    """By feature, of the stimuli that are audited."""

    kept: IntArray
    """Running numbers, in the stream, of the stimuli that are audited, increasing."""

    n_stream: int
    """Number of stimuli in the stream."""

    columns: IntArray
    """The column of each stimulus's class in the codes of all features side by side, `[stimulus, feature]`."""

    fold_of: IntArray
    """`[stimulus]`."""

    part_of: IntArray
    """Each fold is in up to four parts, for jackknives, 0, 1, ..., `[stimulus]`."""

    sample: Sample
    seed: int

    @property
    def n_stimuli(self) -> int:
        return len(self.kept)

    @property
    def n_folds(self) -> int:
        return int(self.fold_of.max()) + 1

    @property
    def n_parts(self) -> int:
        return int(self.part_of.max()) + 1

    @cached_property
    def code(self) -> OneHotCode:
        return OneHotCode(tuple(len(labels.classes) for labels in self.labels.values()))

    @cached_property
    def columns_of(self) -> dict[str, slice]:
        """The columns of each feature."""
        return dict(zip(self.labels, self.code.features, strict=True))

    @cached_property
    def together(self) -> FloatArray:
        """Number of stimuli that are in both of two classes, `[fold, column, column]`; of one class on the diagonal."""
        return np.stack([self._together(self.columns[self.fold_of == fold]) for fold in range(self.n_folds)])

    def _together(self, columns: IntArray) -> FloatArray:
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        code = csr_array((np.ones(columns.size), columns.ravel(), starts), shape=(len(columns), self.code.n_columns))
        return np.asarray((code.T @ code).toarray())

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
        """The running numbers, among the stimuli that are audited, of the representative sample."""
        return self.sample.rows[self.sample.representative]

    @cached_property
    def representative_by_fold(self) -> list[IntArray]:
        """Which of the representative stimuli are in each fold."""
        fold_of = self.fold_of[self.representative]
        return [np.flatnonzero(fold_of == fold) for fold in range(self.n_folds)]


def stream_plan(labels: dict[str, Labels], kept: IntArray, n_stream: int, n_sampled: int, seed: int) -> StreamPlan:
    """Return the plan of a stream.

    Parameters
    ----------
    labels : by feature, of the stimuli that are audited.
    kept, n_stream : as in `StreamPlan`.
    n_sampled : size of the representative sample.
    seed : of folds and samples.
    """
    numbers = np.stack([of_feature.numbers for of_feature in labels.values()], axis=1)
    starts = np.cumsum([0, *(len(of_feature.classes) for of_feature in labels.values())])
    columns = numbers + starts[:-1]
    fold_of = assign_folds(numbers, seed=seed)
    sample = _sample(labels, len(kept), n_sampled, seed)
    return StreamPlan(labels, kept, n_stream, columns, fold_of, _parts(columns, fold_of), sample, seed)


def _parts(columns: IntArray, fold_of: IntArray) -> IntArray:
    """Return which part of its fold each stimulus is in: those with the same labels are dealt to the parts in turn."""
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
