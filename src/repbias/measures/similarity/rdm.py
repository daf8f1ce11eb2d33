"""Representational dissimilarity matrices: how far apart a representation puts each pair of stimuli."""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_representation
from repbias.core.specs import did_you_mean

DISTANCES = ("correlation", "cosine", "euclidean", "squared_euclidean")
ROUNDING = 16 * np.finfo(np.float64).eps


def rdm(representation: ArrayLike, distance: str = "correlation") -> FloatArray:
    """Return the distance between the responses to each pair of stimuli.

    With x and y the responses of all units to two stimuli, and n the number of units,

        correlation          1 - r, Pearson's r between x and y over units             0 to 2
        cosine               1 - x.y / (||x|| ||y||)                                   0 to 2
        euclidean            sqrt( ||x - y||^2 / n )                                   0 or more
        squared_euclidean    ||x - y||^2 / n, which rsatoolbox calls "euclidean"       0 or more

    Euclidean distances are *per unit*, so that layers of different width compare; multiply by sqrt(n) or n for sums.

    Invariances. Correlation: adding a number to all units of a stimulus, or scaling a stimulus by a positive one; not
    rotations, as they change the mean over units. Cosine: rotations of units and positive scaling of a stimulus; not
    translation. Euclidean: rotations and translation; scaling all responses scales the distances. All: order of units.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision; computed in float64 on the CPU.
    distance : one of the names above.

    Returns
    -------
    Distances `[stimulus, stimulus]`, symmetric, with a diagonal of exactly 0. Responses that differ by less than about
    1e-7 of their own size (for Euclidean distances, about the mean stimulus) count as equal, which is what the rounding
    error of float64 allows; so repeated stimuli have a distance of 0.

    Raises
    ------
    ValueError : fewer than two stimuli; a stimulus whose response does not vary over units (correlation) or is zero
        (cosine); an unknown distance; values that are not finite.
    TypeError : an array that does not hold numbers.

    When not to use it: with noisy responses, whose noise inflates all of these distances; where stimuli are repeated,
    `crossnobis_rdm` has no such bias. A large distance need not mean that the network uses the difference.

    Source: Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2:4; the normalisation is that of
    Nili et al. (2014) and rsatoolbox.
    """
    if distance not in DISTANCES:
        raise ValueError(f"no distance is called {distance!r}; {did_you_mean(distance, DISTANCES)}")
    x = _two_or_more(as_float64(as_representation(representation, "representation")))
    if distance == "correlation":
        found = squared_distances(_unit_rows(x - x.mean(1, keepdims=True), x, _NO_CORRELATION))
    elif distance == "cosine":
        found = squared_distances(_unit_rows(x, x, _NO_COSINE))
    else:
        found = squared_distances(about_mean(x)[0])
    found /= 2 if distance in ("correlation", "cosine") else x.shape[1]  # ||x - y||^2 = 2 - 2 x.y at length 1
    return np.sqrt(found) if distance == "euclidean" else found


def mahalanobis_rdm(representation: ArrayLike, noise_covariance: ArrayLike) -> FloatArray:
    """Return the squared Mahalanobis distance between the responses to each pair of stimuli, per unit.

        d(x, y) = (x - y)' S^-1 (x - y) / n        S the noise covariance, n the number of units

    The Euclidean distance after whitening the noise: units that are noisy, or share their noise, count for less.
    With S the identity it is the "squared_euclidean" of `rdm`.

    Invariances: translation, and any invertible linear map of the units that is applied to the noise covariance too.
    Not rotations of the representation alone.

    Parameters
    ----------
    representation : `[stimulus, unit]`, as in `rdm`.
    noise_covariance : `[unit, unit]`, symmetric and positive definite, from responses to repeated presentations; see
        `noise_covariance` in the same package. (rsatoolbox asks for its inverse.)

    Returns
    -------
    Squared distances `[stimulus, stimulus]`, as in `rdm`.

    Raises
    ------
    ValueError : fewer than two stimuli; a covariance of another shape, asymmetric, or not positive definite.
    TypeError : arrays that do not hold numbers.

    When not to use it: with a covariance over stimuli in the noise's place, which whitens the signal away; for noisy
    responses, whose noise adds about 2 to every distance (`crossnobis_rdm` does not have this bias).

    Source: Walther et al. (2016), NeuroImage 137, 188-200.
    """
    x = _two_or_more(as_float64(as_representation(representation, "representation")))
    return squared_distances(whitened(about_mean(x)[0], noise_covariance)) / x.shape[1]


def whitened(x: FloatArray, noise_covariance: ArrayLike) -> FloatArray:
    """Return `x` `[row, unit]` in coordinates in which noise of that covariance is white."""
    s = as_float64(as_representation(noise_covariance, "noise_covariance"))
    n = x.shape[1]
    if s.shape != (n, n):
        raise ValueError(f"noise_covariance must be [unit, unit], ({n}, {n}) for the {n} units, got shape {s.shape}")
    if not np.allclose(s, s.T, rtol=1e-6, atol=1e-9 * np.abs(s).max()):
        raise ValueError("noise_covariance must be symmetric, got a matrix that is not: check that it is a covariance")
    try:
        factor = cholesky(s, lower=True)
        singular = bool((factor.diagonal() ** 2 <= 1e-12 * s.diagonal()).any())
    except LinAlgError:
        singular = True
    if singular:
        smallest = np.linalg.eigvalsh(s)[0]
        raise ValueError(
            f"noise_covariance must be positive definite, got one with an eigenvalue of {smallest:.2g}: "
            "shrink it (sklearn.covariance.ledoit_wolf), or leave out units that are constant or copies"
        )
    return np.ascontiguousarray(solve_triangular(factor, x.T, lower=True).T)


def squared_distances(x: FloatArray) -> FloatArray:
    """Return the squared Euclidean distance between all rows; below the rounding error it is 0."""
    d = x @ x.T
    squares = d.diagonal().copy()
    d *= -2
    for row, square in zip(d, squares, strict=True):  # row by row: no second matrix of this size
        both = squares + square
        row += both
        row[row < ROUNDING * both] = 0
    np.fill_diagonal(d, 0)
    return d


_NO_CORRELATION = "vary over units for its correlation with others to exist, got the same value in all units"
_NO_COSINE = "not be zero for its angle to others to exist, got zeros in all units"


def _unit_rows(rows: FloatArray, raw: FloatArray, requirement: str) -> FloatArray:
    """Return `rows` scaled to length 1, having refused those that are nothing but the rounding error of `raw`."""
    largest = np.abs(rows).max(1, keepdims=True)
    flat = np.flatnonzero(largest[:, 0] <= ROUNDING * np.abs(raw).max(1))
    if len(flat):
        raise ValueError(
            f"the response to a stimulus must {requirement} at stimulus {flat[0]} ({len(flat)} of {len(rows)} stimuli "
            'are alike): leave those stimuli out, or use distance="euclidean"'
        )
    rows = rows / largest
    rows /= np.sqrt(np.einsum("su,su->s", rows, rows))[:, None]
    return rows


def _two_or_more(x: FloatArray) -> FloatArray:
    if len(x) < 2:
        raise ValueError("representation must hold two stimuli or more to have distances between them, got 1")
    return x
