"""The values of one feature of any kind, as the numbers that measures work with.

Measures and audits ask a feature for its design matrix, for the strata that its folds balance, and for what identifies
equal values; nothing else depends on the kind of a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import one_hot
from repbias.features.labels import Labels

Kind = Literal["categorical", "continuous", "circular", "columns"]
KINDS: tuple[Kind, ...] = ("categorical", "continuous", "circular", "columns")


@dataclass(frozen=True, eq=False)
class Values:
    """The values of one feature, checked, none of them missing."""

    kind: Kind

    numbers: IntArray
    """The class of each stimulus, 0, 1, ..., `[stimulus]`. Of other kinds, a stratum of similar values."""

    classes: tuple[str, ...] = ()
    """What the classes are called, `[class]`; none for other kinds."""

    columns: FloatArray | None = None
    """The design matrix of other kinds, of mean 0, `[stimulus, column]`; None for classes, whose code is one-hot."""

    value: FloatArray | None = None
    """What a decoder predicts and what similarities are computed from, `[stimulus, dimension]`, where that differs from
    the design matrix, as with a spline."""

    step: FloatArray | None = None
    """By how much steering changes the design matrix, `[stimulus, column]`; None for classes, which change to the
    next."""

    penalised: bool = False
    """Whether regressions on the feature need a ridge penalty, because its columns are many."""

    @classmethod
    def of(cls, labels: Labels) -> Values:
        """Return the values of a categorical feature."""
        return cls("categorical", labels.numbers, labels.classes)

    @property
    def categorical(self) -> bool:
        return self.columns is None

    @property
    def n(self) -> int:
        """Number of stimuli."""
        return len(self.numbers)

    @property
    def n_columns(self) -> int:
        """Number of columns of the design matrix."""
        return len(self.classes) if self.columns is None else self.columns.shape[1]

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a regression on the feature, beside the intercept."""
        return self.n_columns - self.categorical

    @cached_property
    def code(self) -> FloatArray:
        """The design matrix, `[stimulus, column]`: one-hot codes of classes."""
        return one_hot(self.numbers, len(self.classes)) if self.columns is None else self.columns

    @property
    def targets(self) -> FloatArray:
        """What a decoder predicts, and what the similarity of stimuli is computed from, `[stimulus, dimension]`."""
        return self.code if self.value is None else self.value

    @property
    def steps(self) -> FloatArray:
        """By how much steering changes the design matrix, `[stimulus, column]`."""
        if self.step is not None:
            return self.step
        return one_hot((self.numbers + 1) % len(self.classes), len(self.classes)) - self.code

    @cached_property
    def identity(self) -> IntArray:
        """Which stimuli have the same value: 0, 1, ..., `[stimulus]`."""
        if self.categorical:
            return self.numbers
        return np.unique(self.targets, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def joined(self, other: Values) -> Values:
        """Return the values of these stimuli and of others after them, coded in the same way."""

        def both(one: FloatArray | None, two: FloatArray | None) -> FloatArray | None:
            return None if one is None or two is None else np.concatenate([one, two])

        return replace(
            self,
            numbers=np.concatenate([self.numbers, other.numbers]),
            columns=both(self.columns, other.columns),
            value=both(self.value, other.value),
            step=both(self.step, other.step),
        )

    def take(self, rows: IntArray | slice) -> Values:
        """Return the values of some stimuli; classes keep their numbers."""
        columns, value, step = (None if one is None else one[rows] for one in (self.columns, self.value, self.step))
        return replace(self, numbers=self.numbers[rows], columns=columns, value=value, step=step)


def of_labels(labels: npt.NDArray[np.integer[Any]], n_classes: Sequence[int]) -> list[Values]:
    """Return the values of features that are given as classes 0, 1, ..., `[stimulus, feature]`."""
    return [
        Values("categorical", np.asarray(numbers, dtype=np.int64), tuple(str(label) for label in range(n)))
        for numbers, n in zip(labels.T, n_classes, strict=True)
    ]
