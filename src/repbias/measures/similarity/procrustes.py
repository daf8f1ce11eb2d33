"""Procrustes distance: how far two representations stay apart after the best rotation."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr, svdvals

from repbias.core.arrays import ArrayLike, FloatArray
from repbias.measures.similarity.paired import normalised_pair


def procrustes(a: ArrayLike, b: ArrayLike) -> float:
    """Return the orthogonal Procrustes distance between two representations of the same stimuli, squared.

    With A and B the representations less their mean over stimuli, each divided by its Frobenius norm,

        d = min over rotations Q of  || A - B Q ||_F^2  =  2 - 2 || A'B ||_*            0 to 2

    where || . ||_* is the sum of singular values; with different numbers of units, the smaller representation has zero
    units added. 0 means equal up to the invariances, 2 that no direction of one is correlated with any of the other.
    sqrt(d) is a metric: it obeys the triangle inequality.

    Invariances: rotations and reflections of units, isotropic scaling, translation, zero units added, and the order of
    stimuli (the same in both). Not invertible linear maps.

    Parameters
    ----------
    a, b : `[stimulus, unit]`, NumPy or torch, any precision (computed in float64 on the CPU); the same stimuli in the
        same order; the numbers of units may differ.

    Returns
    -------
    The squared distance.

    Raises
    ------
    ValueError : different numbers of stimuli, or one; a representation that does not vary over stimuli; values that are
        not finite.
    TypeError : arrays that do not hold numbers.

    When not to use it: with fewer stimuli than units, where some rotation always brings independent representations
    near; compare with the distance of shuffled stimuli then. Like CKA it weighs directions by their variance.

    Source: Schoenemann (1966), Psychometrika 31; Ding, Denain & Steinhardt (2021), NeurIPS, whose distance this is; for
    the metric, Williams et al. (2021), NeurIPS.
    """
    x, y = (_compressed(z) for z in normalised_pair(a, b))
    return float(np.clip(2 - 2 * svdvals(x.T @ y).sum(), 0, 2))


def _compressed(x: FloatArray) -> FloatArray:
    """Return `x` rotated so that it needs no more units than there are stimuli."""
    if x.shape[1] <= len(x):
        return x
    (r,) = qr(x.T, mode="r", check_finite=False)
    return np.asarray(r[: len(x)].T)
