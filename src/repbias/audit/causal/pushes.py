"""What steers a stimulus from its class of a feature to another: differences of class means, and others as long."""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray


def next_class(labels: IntArray, n_classes: int) -> IntArray:
    """Return the class that each stimulus is steered towards: the next, and from the last the first."""
    return (labels + 1) % n_classes


def class_pushes(activity: FloatArray, labels: IntArray, n_classes: int) -> FloatArray:
    """Return the difference of class means from each class to the next, `[class, unit]`.

    It is 0 where either class has no stimulus.

    Parameters
    ----------
    activity : float64 `[stimulus, unit]`. labels : 0 to `n_classes` - 1, `[stimulus]`.
    """
    code = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
    counts = code.sum(0)
    means = code.T @ activity / np.maximum(counts, 1)[:, None]
    following = next_class(np.arange(n_classes), n_classes)
    both = (counts > 0) & (counts[following] > 0)
    return np.asarray(np.where(both[:, None], means[following] - means, 0))


def as_long_as(pushes: FloatArray, lengths_of: FloatArray) -> FloatArray:
    """Return pushes `[push, unit]` with the lengths of others; one of length 0 stays."""
    own, wanted = (np.linalg.norm(values, axis=1, keepdims=True) for values in (pushes, lengths_of))
    return np.asarray(pushes * np.divide(wanted, own, out=np.zeros_like(own), where=own > 0))
