"""Linear CKA of representations that come in batches: exactly what `cka` gives for all stimuli together."""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import ArrayLike, FloatArray, about_mean
from repbias.measures.similarity.alignment import as_float64_pair
from repbias.measures.similarity.cka import LEAST, HSICTerms, cka_ratio

PAIRS = ((0, 1), (0, 0), (1, 1))


class CKAFitter:
    """Linear CKA, biased and debiased, in one pass over batches of any size.

    The result *equals* that of `cka` on all stimuli at once, up to the rounding error of float64. (Nguyen, Raghu &
    Kornblith's minibatch CKA is another estimator: it averages the unbiased HSIC within each batch, so pairs of stimuli
    from different batches never meet, and it changes with the batch size and with the order of stimuli.)

    Memory does not grow with the stimuli: three float64 matrices `[unit, unit]`. With x_i and y_i the responses to
    stimulus i, a_i = ||x_i||^2 and b_i = ||y_i||^2, what is summed over stimuli is

        x_i y_i',  x_i,  y_i         for the centred cross-covariance
        a_i b_i,  a_i y_i,  b_i x_i  for sum ||x_i - mean||^2 ||y_i - mean||^2, which the debiased form subtracts

    and the same for each representation with itself; all about the mean of the first batch, so that little is lost
    where means are large. Sorted batches do no harm; a first batch that differs greatly from the rest costs some
    precision.

    When not to use it: where all responses fit in memory and stimuli are fewer than units (`cka` is faster then).

    Source: Song et al. (2012), JMLR 13, for the estimator; the sums are an expansion of it.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> b, fitter = a @ rng.normal(size=(3, 5)), repbias.CKAFitter()
    >>> for rows in (slice(0, 60), slice(60, 100)):
    ...     fitter.update(a[rows], b[rows])
    >>> bool(np.isclose(fitter.result(), repbias.cka(a, b)))
    True
    """

    def __init__(self) -> None:
        self._sums: _Sums | None = None

    @property
    def n_stimuli(self) -> int:
        """How many stimuli have been seen."""
        return 0 if self._sums is None else self._sums.n

    def update(self, a: ArrayLike, b: ArrayLike) -> None:
        """Add a batch.

        Parameters
        ----------
        a, b : `[stimulus, unit]`, responses to the same stimuli; units as in the batches before.

        Raises
        ------
        ValueError : different numbers of stimuli, other numbers of units than before, values that are not finite. The
            fitter is then as it was before the batch.
        TypeError : arrays that do not hold numbers.
        """
        x, y = as_float64_pair(a, b, n_units=(None, None) if self._sums is None else self._sums.n_units)
        if self._sums is None:
            self._sums = _Sums(about_mean(x)[1], about_mean(y)[1])
        self._sums.add(x, y)

    def result(self, debiased: bool = False) -> float:
        """Return the CKA of all stimuli so far; see `cka`.

        Raises
        ------
        ValueError : too few stimuli, or a representation that does not vary, as in `cka`.
        """
        if self._sums is None or self.n_stimuli < LEAST[debiased]:
            raise ValueError(
                f"a and b must hold {LEAST[debiased]} stimuli or more, got {self.n_stimuli}: update with more batches"
            )
        ab, aa, bb = (self._sums.terms(*pair) for pair in PAIRS)
        return cka_ratio(ab, aa, bb, debiased)


class _Sums:
    """Sums over stimuli of what HSIC needs of two representations, each about a point of its own."""

    def __init__(self, *points: FloatArray) -> None:
        self.points, self.n = points, 0
        self.n_units = len(points[0]), len(points[1])
        self.totals = [np.zeros(units) for units in self.n_units]
        self.norms, self.overlaps = np.zeros(2), np.zeros((2, 2))
        self.weighted = [np.zeros((2, units)) for units in self.n_units]  # by the norms of both representations
        self.products = {(i, j): np.zeros((self.n_units[i], self.n_units[j])) for i, j in PAIRS}

    def add(self, *responses: FloatArray) -> None:
        rows = [values - point for values, point in zip(responses, self.points, strict=True)]
        norms = np.stack([np.einsum("su,su->s", values, values) for values in rows])
        self.n += len(rows[0])
        self.norms += norms.sum(1)
        self.overlaps += norms @ norms.T
        for i, values in enumerate(rows):
            self.totals[i] += values.sum(0)
            self.weighted[i] += norms @ values
        for i, j in PAIRS:
            self.products[i, j] += rows[i].T @ rows[j]

    def terms(self, i: int, j: int) -> HSICTerms:
        """Return the terms of a pair of representations, about their means.

        With x and y the two, of means mx and my and squared norms a and b, the overlap is the expansion of
        sum (a - 2 mx.x + mx.mx)(b - 2 my.y + my.my).
        """
        n, mx, my = self.n, self.totals[i] / self.n, self.totals[j] / self.n
        square_x, square_y = float(mx @ mx), float(my @ my)
        overlap = (
            self.overlaps[i, j]
            - 2 * (my @ self.weighted[j][i] + mx @ self.weighted[i][j])
            + 4 * (mx @ self.products[i, j] @ my)
            + square_y * self.norms[i]
            + square_x * self.norms[j]
            - 3 * n * square_x * square_y
        )
        covariance = self.products[i, j] - n * np.outer(mx, my)
        squares = float(np.vdot(covariance, covariance))
        traces = float(self.norms[i] - n * square_x), float(self.norms[j] - n * square_y)
        return HSICTerms(squares, float(overlap), *traces, n)
