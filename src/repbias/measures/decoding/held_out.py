"""What a classifier is fitted on and what it is scored on: two sets of stimuli, checked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    IntArray,
    as_float64,
    as_labels,
    as_names,
    as_representation,
    class_numbers,
    refuse_wrong_classes,
)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Fit stimuli and test stimuli of the same layer and the same features, as NumPy arrays.

    x, test_x: representations, float64 `[stimulus, unit]`.
    y, test_y: class labels, `[stimulus, feature]`.
    names: the features' names, `[feature]`.
    n_classes: classes of each feature, `[feature]`.
    """

    x: FloatArray
    y: IntArray
    test_x: FloatArray
    test_y: IntArray
    names: tuple[str, ...]
    n_classes: tuple[int, ...]


def held_out(
    representation: ArrayLike,
    labels: ArrayLike,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    names: Sequence[str] | None,
    *,
    what: str = "representation",
) -> HeldOut:
    """Return the four arrays, checked; `what` is what errors call the representation."""
    x = as_representation(representation, what)
    y = as_labels(labels, x, "labels")
    names = as_names(names, y.shape[1])
    n_classes = class_numbers(y, names, "labels")
    test_x = as_representation(test_representation, f"test_{what}", n_units=x.shape[1])
    test_y = as_labels(test_labels, test_x, "test_labels")
    refuse_wrong_classes(test_y, n_classes, names, "test_labels")
    found = HeldOut(as_float64(x), y.cpu().numpy(), as_float64(test_x), test_y.cpu().numpy(), names, n_classes)
    for feature, name in enumerate(names):
        _refuse_unfitted(np.unique(found.y[:, feature]), np.unique(found.test_y[:, feature]), name)
    return found


def refuse_more_than_two_classes(data: HeldOut, what: str) -> None:
    """Raise where a feature has more than two classes; `what` is what is for features of two classes only."""
    for name, n in zip(data.names, data.n_classes, strict=True):
        if n > 2:
            raise ValueError(
                f"{what} is for features of two classes, 0 and 1, got {n} classes for feature {name!r}: "
                "give one 0/1 column for each class instead"
            )


def _refuse_unfitted(fitted: IntArray, scored: IntArray, name: str) -> None:
    if len(fitted) < 2:
        raise ValueError(
            f"labels must hold two classes or more of every feature, got only class {fitted[0]} for feature {name!r}: "
            "there is nothing to tell apart, drop the feature or add stimuli"
        )
    missing = np.setdiff1d(scored, fitted)
    if len(missing):
        raise ValueError(
            f"test_labels must hold only classes that are among the fit labels, got class {missing[0]} of feature "
            f"{name!r}, which is not: split the stimuli so that every class is in both sets"
        )
