"""Representational dissimilarity matrices (RDMs): how far apart stimuli are, and how alike two RDMs are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import kendalltau, rankdata

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_representation
from repbias.core.frames import shared_index
from repbias.core.specs import refuse_unknown

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

    Examples
    --------
    >>> import repbias
    >>> repbias.rdm([[0.0, 0.0], [3.0, 4.0]], "squared_euclidean").tolist()
    [[0.0, 12.5], [12.5, 0.0]]
    """
    refuse_unknown(distance, DISTANCES, "distance")
    x = two_or_more(representation)
    if distance == "correlation":
        found = squared_distances(_unit_rows(x - x.mean(1, keepdims=True), x, _NO_CORRELATION))
    elif distance == "cosine":
        found = squared_distances(_unit_rows(x, x, _NO_COSINE))
    else:
        found = squared_distances(about_mean(x)[0])
    found /= 2 if distance in ("correlation", "cosine") else x.shape[1]  # ||x - y||^2 = 2 - 2 x.y at length 1
    return np.sqrt(found) if distance == "euclidean" else found


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


def two_or_more(representation: ArrayLike) -> FloatArray:
    """Return a representation of two stimuli or more, in float64."""
    x = as_float64(as_representation(representation, "representation"))
    if len(x) < 2:
        raise ValueError("representation must hold two stimuli or more to have distances between them, got 1")
    return x


COMPARISONS = ("pearson", "spearman", "kendall_tau_b", "kendall_tau_a", "cosine")


def compare_rdms(a: ArrayLike, b: ArrayLike, by: str = "pearson") -> float:
    """Return the similarity of two RDMs, over the distances between different stimuli (the upper triangle).

        pearson          correlation of the distances
        spearman         Pearson's correlation of their ranks, ties at their mean rank
        kendall_tau_b    (concordant - discordant) / sqrt((pairs - ties in a) (pairs - ties in b))
        kendall_tau_a    (concordant - discordant) / pairs, so ties count against
        cosine           a.b / (||a|| ||b||), for distances with a meaningful zero (crossnobis)

    All lie between -1 and 1. Invariances. Pearson: positive scaling of either RDM, adding a number to its distances.
    Spearman and Kendall: any increasing function of the distances. Cosine: positive scaling; not adding a number.
    All: the order of stimuli, the same in both.

    Parameters
    ----------
    a, b : distances `[stimulus, stimulus]`, symmetric with a zero diagonal, as `rdm` returns; the same three or more
        stimuli, in the same order.
    by : one of the names above. With n pairs of stimuli, the time grows as n log n for Kendall's taus and Spearman, and
        as n for the others.

    Returns
    -------
    The similarity.

    Raises
    ------
    ValueError : not an RDM; RDMs of different or of fewer than three stimuli; an RDM whose distances are all equal
        (all zero for cosine; tau-a is 0 there); an unknown name.
    TypeError : arrays that do not hold numbers.

    When not to use it: Spearman and tau-b where a model RDM has many ties (they favour models that tie; tau-a does
    not). Distances that are equal in exact arithmetic may differ by a rounding error: round RDMs of discrete stimuli
    first (`np.round(rdm, 10)`), so that the ranks count them as ties. The n (n - 1) / 2 distances are not independent,
    so a p value that treats them as independent is wrong.

    Source: Kriegeskorte, Mur & Bandettini (2008); Nili et al. (2014), PLoS Comput Biol 10(4) on ties and tau-a.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> distances = repbias.rdm(a, "euclidean")
    >>> round(repbias.compare_rdms(distances, 2 * distances), 6)
    1.0
    """
    refuse_unknown(by, COMPARISONS, "comparison")
    return float(_compared(_distances([a, b], ("a", "b")), by, ("a", "b"))[0, 1])


def compare_many(rdms: Sequence[ArrayLike], by: str = "pearson") -> FloatArray:
    """Return the similarity of each pair of RDMs, e.g. of many networks or layers: `compare_rdms` of all, at once.

    All but Kendall's taus are one matrix product; a tau is computed for each pair of RDMs in turn, which takes minutes
    or more for 80 RDMs of 1,000 stimuli.

    Parameters
    ----------
    rdms : two or more RDMs `[stimulus, stimulus]`, of the same stimuli in the same order.
    by : as in `compare_rdms`.

    Returns
    -------
    Similarities `[rdm, rdm]`, symmetric. The diagonal is 1; for tau-a, less where an RDM has ties.

    Raises
    ------
    ValueError, TypeError : as `compare_rdms`, naming the RDM by its index.

    When not to use it: as for `compare_rdms`. Its rows are not independent of one another: statistics over pairs of
    networks must count networks, not pairs, as the independent observations.

    Source: Mehrer et al. (2020), Nature Communications 11, 5725, compare networks of different seeds in this way.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> layers = [repbias.rdm(a), repbias.rdm(a[:, :2]), repbias.rdm(a)]
    >>> repbias.compare_many(layers).shape
    (3, 3)
    """
    refuse_unknown(by, COMPARISONS, "comparison")
    if len(rdms) < 2:
        raise ValueError(f"rdms must hold two or more RDMs to compare, got {len(rdms)}")
    names = tuple(f"rdms[{i}]" for i in range(len(rdms)))
    return _compared(_distances(rdms, names), by, names)


def _distances(rdms: Sequence[ArrayLike], names: Sequence[str]) -> FloatArray:
    """Return the distances of each RDM `[rdm, pair of stimuli]`, in a new array."""
    shared_index(dict(zip(names, rdms, strict=True)))
    first = _checked(rdms[0], names[0])
    distances = np.empty((len(rdms), len(first) * (len(first) - 1) // 2))
    for row, rdm, name in zip(distances, rdms, names, strict=True):
        square = _checked(rdm, name)
        if len(square) != len(first):
            raise ValueError(
                f"{name} must be of the same stimuli as {names[0]}, got {len(square)} and {len(first)} stimuli: "
                "compute both from the same stimuli, in the same order"
            )
        row[:] = squareform(square, checks=False)
    return distances


def _checked(rdm: ArrayLike, what: str) -> FloatArray:
    square = as_float64(as_representation(rdm, what))
    n, columns = square.shape
    if n != columns:
        raise ValueError(f"{what} must be square, [stimulus, stimulus], got shape {(n, columns)}: see repbias's rdm")
    if n < 3:
        raise ValueError(f"{what} must hold three stimuli or more, got {n}: one distance cannot be correlated")
    tolerance = 1e-5 * np.abs(square).max()
    if np.abs(square.diagonal()).max() > tolerance:
        raise ValueError(
            f"{what} must have a zero diagonal, got {np.abs(square.diagonal()).max():.3g}: give distances, not "
            "similarities (1 - similarity may be one)"
        )
    if np.abs(square - square.T).max() > tolerance:
        raise ValueError(f"{what} must be symmetric, got a matrix that is not: average it with its transpose")
    return square


def _compared(distances: FloatArray, by: str, names: Sequence[str]) -> FloatArray:
    """Return the similarities `[rdm, rdm]`; `distances` is written over."""
    least, most = distances.min(1), distances.max(1)
    constant = least == most
    undefined = {"cosine": constant & (most == 0), "kendall_tau_a": np.zeros_like(constant)}.get(by, constant)
    if undefined.any():
        i = int(undefined.argmax())
        raise ValueError(
            f"{names[i]} must have distances that differ, got {most[i]:.3g} between all stimuli: its {by} similarity "
            "to any RDM is undefined; leave it out"
        )
    if by.startswith("kendall"):
        return _kendall(distances, by)
    if by == "spearman":
        for row in distances:
            row[:] = rankdata(row)
    if by != "cosine":
        distances -= distances.mean(1, keepdims=True)
    distances /= np.abs(distances).max(1, keepdims=True)
    distances /= np.sqrt(np.einsum("rp,rp->r", distances, distances))[:, None]
    return np.clip(distances @ distances.T, -1, 1)


def _kendall(distances: FloatArray, by: str) -> FloatArray:
    n_rdms, n_pairs = distances.shape
    untied = np.array([1 - _tied_fraction(row, n_pairs) for row in distances])
    taus = np.zeros((n_rdms, n_rdms))
    for i, j in zip(*np.triu_indices(n_rdms), strict=True):
        if untied[i] > 0 and untied[j] > 0:
            tau_b = kendalltau(distances[i], distances[j], method="asymptotic").statistic
            scale = np.sqrt(untied[i] * untied[j]) if by == "kendall_tau_a" else 1
            taus[i, j] = taus[j, i] = tau_b * scale
    return taus


def _tied_fraction(values: FloatArray, n: int) -> float:
    """Return which fraction of all pairs of values is tied."""
    times = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((times * (times - 1)).sum() / (n * (n - 1)))
