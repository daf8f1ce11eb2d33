"""Association of two columns of class labels: a bias-corrected Cramer's V, and its test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def cramers_v(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Return Cramer's V of two columns of class labels 0, 1, ..., corrected for its bias; 0 where either is constant.

    With phi2 = chi2 / n of the r x c table of the classes that occur,

        phi2'  = max(0, phi2 - (r - 1)(c - 1) / (n - 1)),    r' = r - (r - 1)^2 / (n - 1),  c' likewise
        V      = sqrt( phi2' / min(r' - 1, c' - 1) )

    The plain V lies well above 0 on average even for independent columns; phi2 - (r - 1)(c - 1) / (n - 1) is then 0 on
    average. V is 1 where each column determines the other.

    Parameters
    ----------
    first, second : `[stimulus]`.

    Source: Bergsma (2013), Journal of the Korean Statistical Society 42, 323-328.
    """
    if not len(first):
        return 0.0
    table = _contingency(first, second)
    return float(v_from_phi(_chi_squared(table) / len(first), len(first), (table.shape[0], table.shape[1])))


def association_p(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Return the p value of the test that two columns of class labels are independent; 1 where either is constant.

    Over permutations of one column, chi2 has a known mean and variance, whatever the expected counts; p is the tail of
    the gamma distribution with these, or that of the chi2 distribution if this is larger. In simulations with 12 to
    1,000 stimuli and 2 to 40 classes, balanced or not, 1 to 8 % of independent columns have p of at most .05, where the
    chi2 distribution alone gives up to 16 %.

    Parameters
    ----------
    first, second : `[stimulus]`; stimuli are independent.

    Source: Haldane (1940), Biometrika 31, 346-355; the form is Dawson's (1954), Biometrika 41, 169-180.
    """
    n = len(first)
    table = _contingency(first, second) if n else np.empty((0, 0))
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if n < 4 or freedom == 0:
        return 1.0
    (v_rows, w_rows), (v_columns, w_columns) = (_dawson(table.sum(axis), n) for axis in (1, 0))
    mean = n / (n - 1) * freedom
    variance = 2 * n / (n - 3) * (v_rows - w_rows) * (v_columns - w_columns) + n**2 / (n - 1) * w_rows * w_columns
    if variance <= 1e-9 * mean:  # all permutations have the same table
        return 1.0
    found = _chi_squared(table) * (1 - 1e-12)
    return float(max(stats.gamma.sf(found, mean**2 / variance, scale=variance / mean), stats.chi2.sf(found, freedom)))


def determines(first: NDArray[np.integer], second: NDArray[np.integer]) -> bool:
    """Return whether all stimuli of a class of the first column are of one class of the second."""
    if not len(first):
        return True
    pairs = first.astype(np.int64) * (int(second.max()) + 1) + second
    return len(np.unique(pairs)) == len(np.unique(first))


def _contingency(first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return how many stimuli have each pair of the classes that occur, `[class of first, class of second]`."""
    n_second = int(second.max()) + 1
    table = np.bincount(first * n_second + second, minlength=(int(first.max()) + 1) * n_second)
    found: NDArray[np.float64] = table.reshape(-1, n_second).astype(float)
    return found[found.any(1)][:, found.any(0)]


def _chi_squared(table: NDArray[np.float64]) -> float:
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def _dawson(counts: NDArray[np.float64], n: int) -> tuple[float, float]:
    """Return what the sizes of the classes of one column add to the variance of chi2 over permutations."""
    classes = len(counts)
    return (classes - 1) * (n - classes) / (n - 1), (float((n / counts).sum()) - classes**2) / (n - 2)


def v_from_phi(phi_squared: float | NDArray[np.float64], n: int, classes: tuple[int, int]) -> NDArray[np.float64]:
    """Return the bias-corrected V of `cramers_v` from chi2 / n of `n` stimuli; 0 where either has one class."""
    rows, columns = classes
    least = min(one - 1 - (one - 1) ** 2 / max(n - 1, 1) for one in classes)
    if least <= 0:
        return np.zeros_like(phi_squared, dtype=float)
    corrected = np.asarray(phi_squared) - (rows - 1) * (columns - 1) / (n - 1)
    return np.sqrt(np.maximum(corrected, 0) / least)


def association_bound(n: int, classes: tuple[int, int], level: float) -> float:
    """Return the V of `cramers_v` that two independent columns of `n` stimuli exceed with probability `level`.

    V grows with chi2, so the bound is the V of the quantile of the chi2 distribution of independent columns; 1 where
    stimuli are too few for a V above 0.
    """
    quantile = stats.chi2.isf(level, (classes[0] - 1) * (classes[1] - 1))
    return float(v_from_phi(quantile / max(n, 1), n, classes)) or 1.0
