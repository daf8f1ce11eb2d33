"""Similarity after the best linear map between two representations: Procrustes distance and canonical correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import qr, svd, svdvals

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_representation
from repbias.core.frames import shared_index
from repbias.figures.drawings import Line
from repbias.measures.result import MeasureResult


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
    close together. Compare with the distance of shuffled stimuli then. Like CKA it weighs directions by their variance.

    Source: Schoenemann (1966), Psychometrika 31; Ding, Denain & Steinhardt (2021), NeurIPS, whose distance this is; for
    the metric, Williams et al. (2021), NeurIPS.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> round(repbias.procrustes(a, a @ rotation), 6)
    0.0
    """
    x, y = (_compressed(z) for z in normalised_pair(a, b))
    return float(np.clip(2 - 2 * svdvals(x.T @ y).sum(), 0, 2))


def _compressed(x: FloatArray) -> FloatArray:
    """Return `x` rotated so that it needs no more units than there are stimuli."""
    if x.shape[1] <= len(x):
        return x
    (r,) = qr(x.T, mode="r", check_finite=False)
    return np.asarray(r[: len(x)].T)


@dataclass(frozen=True, eq=False, repr=False)
class CanonicalCorrelations(MeasureResult):
    """The canonical correlations of two representations.

    `plot` draws the canonical correlations, from the highest to the lowest.
    """

    correlations: FloatArray
    """From high to low, between 0 and 1, `[dimension]`: as many as the smaller representation has dimensions."""

    dimensions: tuple[int, int]
    """How many dimensions of each representation, `a` and `b`, were compared."""

    n_stimuli: int
    """Number of stimuli."""

    @property
    def mean(self) -> float:
        """The mean canonical correlation, 0 to 1."""
        return float(self.correlations.mean())

    @property
    def n_trivial(self) -> int:
        """Number of correlations that equal 1 for any data, without a ridge, as there are too many dimensions."""
        return max(0, sum(self.dimensions) - (self.n_stimuli - 1))

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns dimension (0, 1, ...), measure (`canonical_correlation`) and value."""
        dimension = np.arange(len(self.correlations))
        return pd.DataFrame({"dimension": dimension, "measure": "canonical_correlation", "value": self.correlations})

    def _drawing(self) -> Line:
        dimension = np.arange(1, len(self.correlations) + 1)
        labels = "dimension", "canonical correlation"
        return Line(dimension, self.correlations, labels)

    def _title(self) -> str:
        return f"Canonical correlations of {self.n_stimuli:,} stimuli, mean {self.mean:.3f}"


def mean_cca(a: ArrayLike, b: ArrayLike, ridge: float = 0.0) -> CanonicalCorrelations:
    """Return the canonical correlations of two representations, and their mean as `.mean`.

    With X and Y the representations less their mean over stimuli, and p and q their numbers of units,

        correlations = singular values of  (X'X + k I)^-1/2  X'Y  (Y'Y + m I)^-1/2
        k = ridge * tr(X'X) / p,   m = ridge * tr(Y'Y) / q

    so that a ridge of 0.01 adds to each unit a hundredth of the mean unit's variance. Directions without variance are
    left out. The mean is over as many correlations as the smaller representation has dimensions.

    Invariances. Without a ridge: any invertible linear map of the units of either, and translation; every direction
    counts the same, regardless of its variance. With one: rotations, isotropic scaling and translation only. Nonlinear
    functions of the units change the result.

    Parameters
    ----------
    a, b : `[stimulus, unit]`, NumPy or torch, any precision (computed in float64 on the CPU); the same stimuli in the
        same order; the numbers of units may differ.
    ridge : regularisation, 0 or more; 0 for none.

    Returns
    -------
    A `CanonicalCorrelations`.

    Raises
    ------
    ValueError : different numbers of stimuli, or one; a representation that does not vary; a ridge below 0; values
        that are not finite.
    TypeError : arrays that do not hold numbers.

    When not to use it: without a ridge where there are many dimensions for the number of stimuli: `n_trivial`
    correlations are 1 for any data, and the others are too high as well (independent data of n stimuli have r^2 of the
    order of (p + q) / n). Use a ridge or `svcca`, ten times as many stimuli as units, and compare with shuffled
    stimuli.

    Source: Hotelling (1936), Biometrika 28; Vinod (1976), Journal of Econometrics 4, for the ridge.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> round(repbias.mean_cca(a, a @ rng.normal(size=(3, 3))).mean, 6)  # any invertible map
    1.0
    """
    if not 0 <= ridge < np.inf:
        raise ValueError(f"ridge must be 0 or more and finite, as a fraction of the mean unit's variance, got {ridge}")
    x, y = normalised_pair(a, b)
    (u, s), (v, t) = _principal(x), _principal(y)
    u *= s / np.sqrt(s**2 + ridge / x.shape[1])
    v *= t / np.sqrt(t**2 + ridge / y.shape[1])
    return _correlations(u, v)


def svcca(a: ArrayLike, b: ArrayLike, kept_variance: float = 0.99) -> CanonicalCorrelations:
    """Return the canonical correlations of two representations' leading principal components.

    Each representation is reduced to the fewest principal components that hold `kept_variance` of its variance; then
    canonical correlations without a ridge, and their mean as `.mean`.

    Invariances: rotations, isotropic scaling and translation. Not invertible linear maps, which change what the leading
    components are.

    Parameters
    ----------
    a, b : `[stimulus, unit]`, as in `mean_cca`.
    kept_variance : fraction of the variance to keep, above 0 and at most 1; 1 is `mean_cca` without a ridge.

    Returns
    -------
    A `CanonicalCorrelations`, whose `dimensions` are the numbers of components kept.

    Raises
    ------
    ValueError : as `mean_cca`; a kept variance that is not above 0 and at most 1.
    TypeError : arrays that do not hold numbers.

    When not to use it: to look for features of little variance, which are cut off before anything is compared; where
    many components are kept for the number of stimuli, as for `mean_cca`.

    Source: Raghu et al. (2017), NeurIPS.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> found = repbias.svcca(a * [9.0, 1.0, 0.1], a)
    >>> found.dimensions  # components kept of each
    (2, 3)
    """
    if not 0 < kept_variance <= 1:
        raise ValueError(f"kept_variance must be a fraction above 0 and at most 1, got {kept_variance}")
    x, y = normalised_pair(a, b)
    return _correlations(*(_leading(*_principal(z), kept_variance) for z in (x, y)))


def _principal(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the orthonormal scores `[stimulus, dimension]` and singular values of the dimensions with variance."""
    u, s, _ = svd(x, full_matrices=False)
    rank = int((s > max(x.shape) * np.finfo(np.float64).eps * s[0]).sum())
    return u[:, :rank], s[:rank]


def _leading(u: FloatArray, s: FloatArray, kept_variance: float) -> FloatArray:
    if kept_variance == 1:
        return u
    share = np.cumsum(s**2) / (s**2).sum()
    return u[:, : int(np.searchsorted(share, kept_variance - 1e-12)) + 1]


def _correlations(u: FloatArray, v: FloatArray) -> CanonicalCorrelations:
    return CanonicalCorrelations(np.clip(svdvals(u.T @ v), 0, 1), (u.shape[1], v.shape[1]), len(u))


def as_float64_pair(
    a: ArrayLike,
    b: ArrayLike,
    *,
    least: int = 1,
    names: tuple[str, str] = ("a", "b"),
    n_units: tuple[int | None, int | None] = (None, None),
) -> tuple[FloatArray, FloatArray]:
    """Return both representations in float64; they must be of the same stimuli, `least` of them or more.

    Errors call them by `names`; `n_units` are the numbers of units of earlier arrays, where there are any.
    """
    shared_index({names[0]: a, names[1]: b})
    x = as_float64(as_representation(a, names[0], n_units=n_units[0]))
    y = as_float64(as_representation(b, names[1], n_units=n_units[1]))
    both = " and ".join(names)
    if len(x) != len(y):
        raise ValueError(
            f"{both} must be responses to the same stimuli, got {len(x)} and {len(y)} stimuli: "
            "read both from the same stimuli, in the same order (the units may differ)"
        )
    if len(x) < least:
        raise ValueError(f"{both} must hold {least} stimuli or more, got {len(x)}: read more stimuli")
    return x, y


def normalised_pair(a: ArrayLike, b: ArrayLike, *, least: int = 2) -> tuple[FloatArray, FloatArray]:
    """Return both representations less their mean over stimuli, each scaled to a Frobenius norm of 1."""
    x, y = as_float64_pair(a, b, least=least)
    return _normalised(x, "a"), _normalised(y, "b")


def refuse_constant(varies: bool, what: str) -> None:
    """Raise where a representation does not vary at all."""
    if not varies:
        raise ValueError(
            f"{what} must vary over stimuli, got the same response to every stimulus: its similarity to anything is "
            "undefined; leave a dead layer out, or check that the stimuli differ"
        )


def _normalised(x: FloatArray, what: str) -> FloatArray:
    x, _ = about_mean(x)
    largest = max(x.max(), -x.min())
    refuse_constant(bool(largest > 0), what)
    x /= largest  # so that squares neither overflow nor vanish
    x /= np.sqrt(np.vdot(x, x))
    return x
