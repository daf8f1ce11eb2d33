"""Centred kernel alignment (CKA): how similar two representations are, up to a rotation and a scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import ArrayLike, FloatArray, about_mean
from repbias.core.specs import refuse_unknown
from repbias.measures.similarity.alignment import as_float64_pair, normalised_pair, refuse_constant
from repbias.measures.similarity.rdm import squared_distances

KERNELS = ("rbf", "laplacian")
LEAST = {False: 2, True: 4}  # stimuli, by `debiased`


@dataclass(frozen=True)
class HSICTerms:
    """What the Hilbert-Schmidt independence criterion needs of two double-centred Gram matrices K and L."""

    squares: float
    """Sum of K_ij L_ij; for linear kernels, the sum of squares of the cross-covariances X'Y."""

    overlap: float
    """Sum of K_ii L_ii."""

    trace_a: float
    """Sum of K_ii."""

    trace_b: float
    """Sum of L_ii."""

    n_stimuli: int

    @classmethod
    def of(cls, squares: float, a: FloatArray, b: FloatArray) -> HSICTerms:
        """Return the terms from the sum of K_ij L_ij and the diagonals of K and L, `[stimulus]`."""
        return cls(squares, float(a @ b), float(a.sum()), float(b.sum()), len(a))

    def hsic(self, debiased: bool) -> float:
        """Return HSIC, biased or unbiased, but for a factor that depends on the number of stimuli alone.

        The rows of K and L add up to 0, so without their diagonals, as the unbiased estimator wants them, row i of K
        adds up to -K_ii. Song's three terms, tr(KL) + sum(K) sum(L) / (n - 1)(n - 2) - 2 sum(KL) / (n - 2), follow.
        """
        if not debiased:
            return self.squares
        n = self.n_stimuli
        return self.squares - self.overlap * n / (n - 2) + self.trace_a * self.trace_b / ((n - 1) * (n - 2))


def cka(a: ArrayLike, b: ArrayLike, debiased: bool = False) -> float:
    """Return the linear CKA of two representations of the same stimuli.

    With X and Y the representations less their mean over stimuli, K = XX' and L = YY',

        CKA = HSIC(K, L) / sqrt( HSIC(K, K) HSIC(L, L) )

        biased      HSIC = || X'Y ||_F^2 / (n - 1)^2                                              0 to 1
        debiased    HSIC = [ tr(K~L~) + 1'K~1 1'L~1 / (n-1)(n-2) - 2 1'K~L~1 / (n-2) ] / n(n-3)   at most 1

    with K~ and L~ the Gram matrices with zeros on their diagonals. The biased form is near 1 whenever there are fewer
    stimuli than units, even for unrelated representations. The debiased form has a mean near 0 for independent
    representations, and may be negative. Computed from the unit-by-unit or the stimulus-by-stimulus matrices, whichever
    is smaller.

    Invariances: rotations and reflections of units, isotropic scaling, translation, and the order of stimuli (the same
    in both). Not invertible linear maps: units of large variance count for more, and so do features of large variance.

    Parameters
    ----------
    a, b : `[stimulus, unit]`, NumPy or torch, any precision (computed in float64 on the CPU); the same stimuli in the
        same order; the numbers of units may differ.
    debiased : whether to use the unbiased estimator of HSIC, which needs four stimuli or more.

    Returns
    -------
    The similarity; 1 for representations that are equal up to the invariances.

    Raises
    ------
    ValueError : different numbers of stimuli or too few; a representation that does not vary over stimuli, or, for the
        debiased form, only at a single stimulus; values that are not finite.
    TypeError : arrays that do not hold numbers.

    When not to use it: as a measure of whether two networks compute the same. CKA is dominated by the directions of
    most variance, so two networks that share a simple feature appear similar regardless of what else they compute, and
    a single outlying stimulus can determine the value. For data in batches there is `CKAFitter`.

    Source: Kornblith et al. (2019), ICML (biased); Song et al. (2012), JMLR 13, and Nguyen, Raghu & Kornblith (2021),
    ICLR (debiased).

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 20, 200))  # independent, with few stimuli
    >>> round(repbias.cka(a, 2 * a), 6)
    1.0
    >>> round(repbias.cka(a, b), 1), abs(repbias.cka(a, b, debiased=True)) < 0.2
    (0.9, True)
    """
    x, y = normalised_pair(a, b, least=LEAST[debiased])
    if len(x) < x.shape[1] + y.shape[1]:
        return _gram_cka(x @ x.T, y @ y.T, debiased)
    a_norms, b_norms = np.einsum("su,su->s", x, x), np.einsum("su,su->s", y, y)
    return cka_ratio(
        HSICTerms.of(_square(x.T @ y), a_norms, b_norms),
        HSICTerms.of(_square(x.T @ x), a_norms, a_norms),
        HSICTerms.of(_square(y.T @ y), b_norms, b_norms),
        debiased,
    )


def kernel_cka(
    a: ArrayLike, b: ArrayLike, kernel: str = "rbf", bandwidth: float = 1.0, debiased: bool = False
) -> float:
    """Return the CKA of two representations under a kernel of the distance between stimuli.

    With d the Euclidean distance between the responses to two stimuli, and the width s = `bandwidth` times the median
    of d over all pairs of different stimuli, separately for each representation,

        rbf          exp( -d^2 / 2 s^2 )
        laplacian    exp( -d / s )

    and CKA of the Gram matrices as in `cka`. A narrow kernel looks at near neighbours; a wide rbf tends to linear CKA.

    Invariances: those of `cka`, isotropic scaling owing to the median. Not invertible linear maps.

    Parameters
    ----------
    a, b : `[stimulus, unit]`, as in `cka`.
    kernel : "rbf" or "laplacian".
    bandwidth : the kernel's width in median distances, above 0; Kornblith et al. try 0.2, 0.4 and 0.8.
    debiased : as in `cka`.

    Returns
    -------
    The similarity; 0 to 1, or, debiased, at most 1.

    Raises
    ------
    ValueError : as `cka`; an unknown kernel; a bandwidth that is not above 0; a median distance of 0, where most
        stimuli are repeated.
    TypeError : arrays that do not hold numbers.

    When not to use it: with very many stimuli (memory grows with their square: 20,000 take 10 GB); with so narrow a
    kernel that no stimulus has a neighbour: any two representations are then alike (biased) or the estimate is noise.

    Source: Kornblith et al. (2019), ICML.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(100, 3))
    >>> round(repbias.kernel_cka(a, 2 * a + 1), 6)
    1.0
    """
    refuse_unknown(kernel, KERNELS, "kernel")
    if not 0 < bandwidth < np.inf:
        raise ValueError(f"bandwidth must be above 0 and finite, in median distances, got {bandwidth}")
    x, y = as_float64_pair(a, b, least=LEAST[debiased])
    return _gram_cka(_gram(x, "a", kernel, bandwidth), _gram(y, "b", kernel, bandwidth), debiased)


def cka_ratio(ab: HSICTerms, aa: HSICTerms, bb: HSICTerms, debiased: bool) -> float:
    """Return CKA from the terms of each pair, refusing a representation without variance to compare."""
    for own, what in ((aa, "a"), (bb, "b")):
        refuse_constant(own.squares > 0, what)
        if own.hsic(debiased) <= 1e-12 * own.squares:
            raise ValueError(
                f"{what} must vary at more than one stimulus for debiased CKA, got one stimulus apart from others that "
                "are all alike: use more stimuli, or debiased=False"
            )
    value = ab.hsic(debiased) / np.sqrt(aa.hsic(debiased)) / np.sqrt(bb.hsic(debiased))
    return float(np.clip(value, -1, 1))


def _gram_cka(gram_a: FloatArray, gram_b: FloatArray, debiased: bool) -> float:
    """Return CKA from both double-centred Gram matrices."""
    pairs = (gram_a, gram_b), (gram_a, gram_a), (gram_b, gram_b)
    ab, aa, bb = (HSICTerms.of(float(np.vdot(k, m)), k.diagonal(), m.diagonal()) for k, m in pairs)
    return cka_ratio(ab, aa, bb, debiased)


def _square(product: FloatArray) -> float:
    return float(np.vdot(product, product))


def _gram(x: FloatArray, what: str, kernel: str, bandwidth: float) -> FloatArray:
    """Return the Gram matrix, double-centred."""
    x = about_mean(x)[0]
    refuse_constant(bool(x.any()), what)
    d = squared_distances(x / np.abs(x).max())
    median = np.median(d[np.triu_indices(len(d), 1)])
    if median == 0:
        raise ValueError(
            f"{what} must have a median distance above 0 to set the kernel's width, got 0: more than half of the pairs "
            "of stimuli are repeats; give each stimulus once"
        )
    d /= bandwidth**2 * median
    gram = np.exp(-d / 2) if kernel == "rbf" else np.exp(-np.sqrt(d))
    gram -= gram.mean(0)
    gram -= gram.mean(1, keepdims=True)
    return gram
