"""The design matrices of all features of a stream, side by side: classes as numbers, other kinds as columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from repbias.audit.intervals import group_sums
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.values import Values
from repbias.measures.variance.sums import OneHotCode, SideBySide

Float32Array = npt.NDArray[np.float32]


class Codes(SideBySide):
    """The design matrices of many stimuli, without the one-hot codes of classes in memory."""

    def __init__(self, features: Mapping[str, Values]) -> None:
        super().__init__(tuple(values.n_columns for values in features.values()))
        self.values = tuple(features.values())
        self.columns_of = dict(zip(features, self.features, strict=True))
        """The columns of each feature."""
        places = np.arange(self.n_columns)
        classes = [(of, one) for of, one in zip(self.features, self.values, strict=True) if one.categorical]
        others = [(of, one) for of, one in zip(self.features, self.values, strict=True) if not one.categorical]
        self._one_hot = OneHotCode(tuple(one.n_columns for _, one in classes))
        self._class_places = np.concatenate([np.empty(0, np.int64), *(places[of] for of, _ in classes)])
        self._places = np.concatenate([np.empty(0, np.int64), *(places[of] for of, _ in others)])
        n = self.values[0].n
        numbers = np.stack([one.numbers for _, one in classes], axis=1) if classes else np.empty((n, 0), np.int64)
        self._numbers = numbers + self._one_hot.starts.astype(np.int64)
        dense = [one.code.astype(np.float32) for _, one in others]
        self._dense: Float32Array = np.hstack(dense) if dense else np.empty((n, 0), np.float32)

    def sums(self, rows: Float32Array, stimuli: IntArray) -> FloatArray:
        """Return the sums of products of the codes of some stimuli with `rows` `[stimulus, unit]`, `[column, unit]`."""
        found = np.empty((self.n_columns, rows.shape[1]))
        if len(self._class_places):
            numbers = torch.from_numpy(self._numbers[stimuli])
            found[self._class_places] = self._one_hot.class_sums(torch.from_numpy(rows), numbers).numpy()
        if len(self._places):
            found[self._places] = self._dense[stimuli].T @ rows
        return found

    def matrix(self, stimuli: IntArray) -> FloatArray:
        """Return the design matrix of some stimuli, `[stimulus, column]`."""
        found = np.zeros((len(stimuli), self.n_columns))
        for numbers in self._numbers[stimuli].T:
            found[np.arange(len(stimuli)), self._class_places[numbers]] = 1.0
        found[:, self._places] = self._dense[stimuli]
        return found

    def dense_part(self, values: FloatArray) -> FloatArray:
        """Return values by column, `[column]`, with 0 for those of classes."""
        found = np.zeros_like(values)
        found[self._places] = values[self._places]
        return found

    def counts(self, stimuli: IntArray) -> FloatArray:
        """Return the sums of the codes of some stimuli, `[column]`: for classes, how many there are of each."""
        found = np.zeros(self.n_columns)
        found[self._class_places] = np.bincount(self._numbers[stimuli].ravel(), minlength=self._one_hot.n_columns)
        found[self._places] = self._dense[stimuli].sum(0, dtype=float)
        return found

    def gram(self, stimuli: IntArray) -> FloatArray:
        """Return the sums of products of the codes of some stimuli, `[column, column]`."""
        found = np.zeros((self.n_columns, self.n_columns))
        dense = self._dense[stimuli].astype(float)
        found[np.ix_(self._places, self._places)] = dense.T @ dense
        if len(self._class_places):
            classes = group_sums(self._numbers[stimuli].T, self._one_hot.n_columns)
            found[np.ix_(self._class_places, self._class_places)] = (classes @ classes.T).toarray()
            crossed = classes @ dense
            found[np.ix_(self._class_places, self._places)] = crossed
            found[np.ix_(self._places, self._class_places)] = crossed.T
        return found
