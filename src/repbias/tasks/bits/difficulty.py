"""The complexity of a boolean function, measured from its truth table.

Written with values -1 and +1, a function of k bits is a sum of parities of its bits, each with a Fourier coefficient
(O'Donnell 2014, *Analysis of Boolean Functions*, ch. 1-2). The coefficients that are not zero show how many bits must
be combined; the sensitivity is how often flipping a bit flips the function. Using either as a measure of difficulty for
a network is our choice; the paper speaks of complexity and, as far as we know, gives no measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.bits.functions import patterns, truth_table


@dataclass(frozen=True)
class TruthTableComplexity:
    """Measures of a boolean function over all patterns of its bits, all equally likely.

    Attributes
    ----------
    degree : the largest number of bits in a parity with a coefficient that is not zero; 1 to k.
    average_sensitivity : the number of bits whose flip changes the value, on average over patterns; 0 to k.
    spectral_weights : `[degree]` from 0 to k, the share of the function (-1 / +1) in parities of that many bits; they
        sum to 1.
    """

    degree: int
    average_sensitivity: float
    spectral_weights: tuple[float, ...]


def truth_table_complexity(function: str, inputs: int) -> TruthTableComplexity:
    """Measure a registered kind of boolean function of `inputs` bits.

    With f the function in -1 / +1 and chi_S the parity of the bits in S, the coefficients are c_S = E[f chi_S] over
    all patterns, the weight of degree d is the sum of c_S**2 over sets of d bits, the degree is the largest d whose
    weight is not 0, and the average sensitivity is the sum of d times the weight of d.

    It does not describe the stimuli of a task, where features are exactly balanced, so that the patterns of an AND are
    not equally likely.

    Raises
    ------
    ValueError : the kind is unknown, or does not accept this many inputs.
    """
    values = 1 - 2 * truth_table(function, inputs).astype(np.int64)
    sums = _walsh_hadamard(values)
    size = len(values)
    degrees = patterns(inputs).sum(axis=1)
    # Sums of +-1 are whole numbers, so that no coefficient differs from zero by rounding.
    squares = np.bincount(degrees, weights=sums**2, minlength=inputs + 1)
    weights = squares / size**2
    return TruthTableComplexity(
        degree=int(np.flatnonzero(squares).max()),
        average_sensitivity=float(np.arange(inputs + 1) @ weights),
        spectral_weights=tuple(float(weight) for weight in weights),
    )


def _walsh_hadamard(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of `values` times each parity, `[set of bits]`, sets coded as patterns are."""
    sums = values.copy()
    half = 1
    while half < len(sums):
        pairs = sums.reshape(-1, 2, half)
        sums = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        half *= 2
    return sums
