"""The regression of a representation on all features' one-hot codes together, cut into one part for each feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from repbias.core.arrays import FloatArray, as_float64
from repbias.measures.variance.sums import OneHotCode

RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class JointEncoding:
    """A fit: what feature f contributes to a stimulus is its centred code times its rows of `weights`."""

    code: OneHotCode

    frequency: FloatArray
    """Share of the stimuli of the fit in each class, `[column]`; the classes of all features are side by side."""

    weights: FloatArray
    """`[column, unit]`; the shortest least-squares solution, about each feature's mean over the stimuli of the fit."""

    def centred_code(self, labels: Tensor) -> FloatArray:
        """Return the one-hot code less its mean over the stimuli of the fit, `[stimulus, column]`."""
        return as_float64(self.code.one_hot(self.code.columns(labels), torch.float64)) - self.frequency

    def columns_of_features(self) -> Iterator[slice]:
        """Iterate over the columns of each feature."""
        for start, n in zip(self.code.starts, self.code.n_classes, strict=True):
            yield slice(int(start), int(start) + n)

    def directions(self) -> list[FloatArray]:
        """Return each feature's class means in the root of their frequency, `[class, unit]`: the sum of their squares
        is the variance of the feature's part over the stimuli of the fit."""
        roots = np.sqrt(self.frequency)[:, None]
        return [roots[columns] * self.weights[columns] for columns in self.columns_of_features()]


def fit_joint_encoding(centred: FloatArray, labels: Tensor, n_classes: tuple[int, ...]) -> JointEncoding:
    """Return the regression of `centred` `[stimulus, unit]`, whose mean is 0, on all features.

    Where codes are linearly dependent (a feature that follows from others), the shortest solution splits what they
    share.
    """
    code = OneHotCode(n_classes)
    one_hot = as_float64(code.one_hot(code.columns(labels), torch.float64))
    frequency = one_hot.mean(0)
    weights = np.linalg.lstsq(one_hot - frequency, centred, rcond=RANK_TOLERANCE)[0]
    columns = np.repeat(np.arange(len(n_classes)), n_classes)
    weights -= code.by_feature(frequency[:, None] * weights)[columns]
    return JointEncoding(code, frequency, weights)
