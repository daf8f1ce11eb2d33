"""Comparing representational dissimilarity matrices: do two representations put the same stimuli far apart?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import kendalltau, rankdata

from repbias.core.arrays import ArrayLike, FloatArray, as_float64, as_representation
from repbias.core.specs import did_you_mean

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
    by : one of the names above. Kendall's take n log n over the n pairs of stimuli, the others n (Spearman sorts once).

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
    first (`np.round(rdm, 10)`), so that ranks see the ties. A p value from the n (n - 1) / 2 pairs as if they were
    independent is wrong.

    Source: Kriegeskorte, Mur & Bandettini (2008); Nili et al. (2014), PLoS Comput Biol 10(4) on ties and tau-a.
    """
    _refuse_unknown(by)
    return float(_compared(_distances([a, b], ("a", "b")), by, ("a", "b"))[0, 1])


def compare_many(rdms: Sequence[ArrayLike], by: str = "pearson") -> FloatArray:
    """Return the similarity of each pair of RDMs, e.g. of many networks or layers: `compare_rdms` of all, at once.

    All but Kendall's taus are one matrix product; a tau is computed for one pair of RDMs after another, which for
    80 RDMs of 1,000 stimuli is slow (minutes and more).

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

    When not to use it: as for `compare_rdms`. Its rows are not independent of one another: a statistic over pairs of
    networks needs the network as its replicate.

    Source: Mehrer et al. (2020), Nature Communications 11, 5725, compare networks of different seeds so.
    """
    _refuse_unknown(by)
    if len(rdms) < 2:
        raise ValueError(f"rdms must hold two or more RDMs to compare, got {len(rdms)}")
    names = tuple(f"rdms[{i}]" for i in range(len(rdms)))
    return _compared(_distances(rdms, names), by, names)


def _refuse_unknown(by: str) -> None:
    if by not in COMPARISONS:
        raise ValueError(f"no comparison is called {by!r}; {did_you_mean(by, COMPARISONS)}")


def _distances(rdms: Sequence[ArrayLike], names: Sequence[str]) -> FloatArray:
    """Return the distances of each RDM `[rdm, pair of stimuli]`, in a new array."""
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
