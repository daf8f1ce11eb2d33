"""Distances that take the noise into account: Mahalanobis, and crossnobis, which noise does not inflate."""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    IntArray,
    about_mean,
    as_float64,
    as_labels,
    as_representation,
    class_numbers,
)
from repbias.core.frames import shared_index
from repbias.measures.similarity.rdm import squared_distances, two_or_more


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
        `noise_covariance`. (rsatoolbox expects its inverse.)

    Returns
    -------
    Squared distances `[stimulus, stimulus]`, as in `rdm`.

    Raises
    ------
    ValueError : fewer than two stimuli; a covariance of another shape, asymmetric, or not positive definite.
    TypeError : arrays that do not hold numbers.

    When not to use it: with the covariance over stimuli in place of that of the noise, which whitens the signal away;
    for noisy responses, whose noise adds about 2 to every distance (`crossnobis_rdm` does not have this bias).

    Source: Walther et al. (2016), NeuroImage 137, 188-200.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> responses = np.array([[0.0, 0.0], [2.0, 0.0]])
    >>> repbias.mahalanobis_rdm(responses, np.diag([4.0, 1.0])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    x = two_or_more(representation)
    return squared_distances(whitened(about_mean(x)[0], noise_covariance)) / x.shape[1]


def crossnobis_rdm(
    representation: ArrayLike, conditions: ArrayLike, folds: ArrayLike, *, noise_covariance: ArrayLike | None = None
) -> FloatArray:
    """Return the cross-validated squared Mahalanobis distance between each pair of conditions, per unit.

    With m_i(f) the mean response to condition i in fold f, m_i(-f) that in all other folds, S the noise covariance and
    n the number of units,

        d_ij = mean over f of  (m_i(f) - m_j(f))' S^-1 (m_i(-f) - m_j(-f)) / n

    Noise is independent between folds and its products average to zero. So the estimate is unbiased: its mean is 0
    where two conditions do not differ, and single values may be negative. Zero is meaningful, and so are ratios.

    Invariances: translation, and rotations of the units together with the noise covariance (without one: rotations).
    Scaling the responses scales the distances; with the covariance of the scaled responses, it does not.

    Parameters
    ----------
    representation : `[presentation, unit]`, NumPy or torch, any precision.
    conditions : which condition (stimulus) was presented, 0, 1, 2, ..., `[presentation]`.
    folds : the repeat, run or session, 0, 1, 2, ..., `[presentation]`: noise must be independent between folds. Each
        condition must be in each fold; it may be there more than once, and each presentation counts the same.
    noise_covariance : `[unit, unit]`; None for the identity, which makes it the cross-validated Euclidean distance.
        `noise_covariance` estimates it.

    Returns
    -------
    Squared distances `[condition, condition]`, symmetric, with a diagonal of 0. Equal to rsatoolbox's "crossnobis".

    Raises
    ------
    ValueError : fewer than two conditions or folds; a condition that is missing from a fold; labels that are negative,
        not whole or not one per presentation; a covariance that does not fit or is not positive definite.
    TypeError : arrays that do not hold numbers.

    When not to use it: for noiseless responses, e.g. of a network in eval mode, where repeats are copies and `rdm` is
    the same; with folds that share noise (overlapping trials), which brings the bias back.

    Source: Walther et al. (2016), NeuroImage 137, 188-200; Diedrichsen & Kriegeskorte (2017), PLoS Comput Biol 13(4).

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> conditions, folds = np.tile([0, 1, 2], 20), np.repeat(np.arange(20), 3)
    >>> means = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])  # conditions 0 and 2 have the same mean
    >>> responses = means[conditions] + rng.normal(size=(60, 2))
    >>> (repbias.crossnobis_rdm(responses, conditions, folds).round(1)[0] + 0).tolist()
    [0.0, 2.6, 0.0]
    """
    shared_index({"representation": representation, "conditions": conditions, "folds": folds})
    responses = as_representation(representation, "representation")
    condition, n_conditions = _numbers(conditions, responses, "conditions", "condition")
    fold, n_folds = _numbers(folds, responses, "folds", "fold")
    counts = np.zeros((n_folds, n_conditions))
    np.add.at(counts, (fold, condition), 1)
    _refuse_missing(counts)
    x = about_mean(as_float64(responses))[0]
    if noise_covariance is not None:
        x = whitened(x, noise_covariance)
    sums = np.zeros((n_folds, n_conditions, x.shape[1]))
    np.add.at(sums, (fold, condition), x)
    products = _held_out_products(sums, counts[:, :, None]) / x.shape[1]
    products += products.T.copy()
    own = products.diagonal() / 2
    return np.asarray(own[:, None] + own - products)


def noise_covariance(representation: ArrayLike, conditions: ArrayLike) -> FloatArray:
    """Return the covariance of the noise about each condition's mean, shrunk until it can be inverted.

    With R the responses less the mean of their condition, N presentations of C conditions, and LW the estimate of
    Ledoit and Wolf, which shrinks the sample covariance toward a multiple of the identity,

        S = N / (N - C) LW(R)

    Parameters
    ----------
    representation : `[presentation, unit]`.
    conditions : which condition was presented, 0, 1, 2, ..., `[presentation]`; number condition and fold together
        where the mean response drifts from fold to fold.

    Returns
    -------
    The covariance `[unit, unit]`, for `crossnobis_rdm` and `mahalanobis_rdm`.

    Raises
    ------
    ValueError : no condition has more than one presentation; a unit without noise; labels as in `crossnobis_rdm`.
    TypeError : arrays that do not hold numbers.

    When not to use it: for responses without noise, which have no noise covariance.

    Source: Ledoit & Wolf (2004), Journal of Multivariate Analysis 88, 365-411; Walther et al. (2016).

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> conditions, folds = np.tile([0, 1, 2], 20), np.repeat(np.arange(20), 3)
    >>> means = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])  # conditions 0 and 2 have the same mean
    >>> responses = means[conditions] + rng.normal(size=(60, 2))
    >>> repbias.noise_covariance(responses, conditions).shape
    (2, 2)
    """
    shared_index({"representation": representation, "conditions": conditions})
    responses = as_representation(representation, "representation")
    condition, n_conditions = _numbers(conditions, responses, "conditions", "condition")
    counts = np.bincount(condition, minlength=n_conditions)
    n, n_present = len(responses), int((counts > 0).sum())
    if n == n_present:
        raise ValueError(f"noise is seen in repeats only: got {n} presentations of {n_present} conditions, one of each")
    x = about_mean(as_float64(responses))[0]
    means = np.zeros((n_conditions, x.shape[1]))
    np.add.at(means, condition, x)
    residuals = x - (means / np.maximum(counts, 1)[:, None])[condition]
    quiet = np.flatnonzero(np.abs(residuals).max(0) <= 1e-12 * np.abs(x).max(0))
    if len(quiet):
        raise ValueError(
            f"every unit must vary between repeats of a condition, got {len(quiet)} that do not, the first unit "
            f"{quiet[0]}: leave silent units out"
        )
    return np.asarray(n / (n - n_present) * ledoit_wolf(residuals, assume_centered=True)[0])


def _numbers(values: ArrayLike, representation: Tensor, what: str, name: str) -> tuple[IntArray, int]:
    """Return labels `[presentation]` and how many kinds there are."""
    labels = as_labels(values, representation, what)
    if labels.shape[1] != 1:
        raise ValueError(f"{what} must be [presentation], one {name} for each, got shape {tuple(labels.shape)}")
    (n,) = class_numbers(labels, (name,), what)
    return np.asarray(labels[:, 0].cpu().numpy()), n


def _refuse_missing(counts: FloatArray) -> None:
    for n, what in zip(counts.shape, ("folds", "conditions"), strict=True):
        if n < 2:
            raise ValueError(f"{what} must number two or more, 0, 1, ..., got {n}: distances are cross-validated")
    if not counts.all():
        fold, condition = np.argwhere(counts == 0)[0]
        raise ValueError(
            f"each condition must be presented in each fold, got none of condition {condition} in fold {fold} "
            f"({int((counts == 0).sum())} such pairs): merge folds, leave conditions out, or number both without gaps"
        )


def _held_out_products(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the products of the condition means in a fold and in the others, averaged over folds."""
    others, n_others = sums.sum(0) - sums, counts.sum(0) - counts
    in_fold, elsewhere = sums / counts, others / n_others
    return np.asarray(np.einsum("fcu,fdu->cd", in_fold, elsewhere, optimize=True) / len(sums))


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
