"""Linear CKA of representations that come in batches: exactly what `cka` gives for all stimuli together."""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import ArrayLike, FloatArray, about_mean
from repbias.measures.similarity.alignment import as_float64_pair
from repbias.measures.similarity.cka import LEAST, HSICTerms, cka_ratio


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
        self._shifts: tuple[FloatArray, FloatArray] | None = None
        self._pairs: tuple[_PairSums, _PairSums, _PairSums] | None = None

    @property
    def n_stimuli(self) -> int:
        """How many stimuli have been seen."""
        return 0 if self._pairs is None else self._pairs[0].n

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
        before = (None, None) if self._shifts is None else (len(self._shifts[0]), len(self._shifts[1]))
        x, y = as_float64_pair(a, b, n_units=before)
        if self._shifts is None or self._pairs is None:
            p, q = x.shape[1], y.shape[1]
            self._shifts = about_mean(x)[1], about_mean(y)[1]
            self._pairs = _PairSums(p, q), _PairSums(p, p), _PairSums(q, q)
        x, y = x - self._shifts[0], y - self._shifts[1]
        for sums, (u, v) in zip(self._pairs, ((x, y), (x, x), (y, y)), strict=True):
            sums.update(u, v)

    def result(self, debiased: bool = False) -> float:
        """Return the CKA of all stimuli so far; see `cka`.

        Raises
        ------
        ValueError : too few stimuli, or a representation that does not vary, as in `cka`.
        """
        if self._pairs is None or self.n_stimuli < LEAST[debiased]:
            raise ValueError(
                f"a and b must hold {LEAST[debiased]} stimuli or more, got {self.n_stimuli}: update with more batches"
            )
        ab, aa, bb = (sums.terms() for sums in self._pairs)
        return cka_ratio(ab, aa, bb, debiased)


class _PairSums:
    """Sums over stimuli of what HSIC needs of two representations, x and y, about any origin."""

    def __init__(self, n_x: int, n_y: int) -> None:
        self.n = 0
        self.x, self.bx = np.zeros(n_x), np.zeros(n_x)
        self.y, self.ay = np.zeros(n_y), np.zeros(n_y)
        self.xy = np.zeros((n_x, n_y))
        self.a = self.b = self.ab = 0.0

    def update(self, x: FloatArray, y: FloatArray) -> None:
        a, b = np.einsum("su,su->s", x, x), np.einsum("su,su->s", y, y)
        self.n += len(x)
        self.x += x.sum(0)
        self.y += y.sum(0)
        self.xy += x.T @ y
        self.a += float(a.sum())
        self.b += float(b.sum())
        self.ab += float(a @ b)
        self.ay += a @ y
        self.bx += b @ x

    def terms(self) -> HSICTerms:
        """Return the terms about the mean.

        The overlap is the expansion of sum (a - 2 mx.x + mx.mx)(b - 2 my.y + my.my).
        """
        n, mx, my = self.n, self.x / self.n, self.y / self.n
        square_x, square_y = float(mx @ mx), float(my @ my)
        overlap = (
            self.ab
            - 2 * (my @ self.ay + mx @ self.bx)
            + 4 * (mx @ self.xy @ my)
            + square_y * self.a
            + square_x * self.b
            - 3 * n * square_x * square_y
        )
        covariance = self.xy - n * np.outer(mx, my)
        squares = float(np.vdot(covariance, covariance))
        return HSICTerms(squares, float(overlap), self.a - n * square_x, self.b - n * square_y, n)
