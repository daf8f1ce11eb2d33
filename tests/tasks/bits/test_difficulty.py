"""Degree, sensitivity and spectrum against values worked out by hand, and against counting flips one by one."""

from __future__ import annotations

from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

from repbias.tasks.bits.functions import patterns, truth_table, truth_table_complexity

CATALOGUE = [
    ("copy", 1), ("and", 2), ("and", 3), ("or", 2), ("xor", 2), ("parity", 3), ("parity", 4), ("threshold", 3),
    ("threshold", 5), ("xor_of_ands", 4), ("xor_of_ands", 6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "inputs", "degree", "sensitivity", "weights"),
    [
        ("copy", 1, 1, 1.0, (0, 1)),
        ("and", 2, 2, 1.0, (0.25, 0.5, 0.25)),
        ("or", 2, 2, 1.0, (0.25, 0.5, 0.25)),
        ("xor", 2, 2, 2.0, (0, 0, 1)),
        ("threshold", 3, 3, 1.5, (0, 0.75, 0, 0.25)),
        ("xor_of_ands", 4, 4, 2.0, (0.0625, 0.25, 0.375, 0.25, 0.0625)),
    ],
)
def test_small_functions_have_the_complexity_computed_by_hand(
    function: str, inputs: int, degree: int, sensitivity: float, weights: tuple[float, ...]
) -> None:
    found = truth_table_complexity(function, inputs)
    assert (found.degree, found.average_sensitivity) == (degree, sensitivity)
    assert found.spectral_weights == weights


@pytest.mark.parametrize("k", [2, 3, 4, 8])
def test_parity_is_its_one_coefficient(k: int) -> None:
    found = truth_table_complexity("parity", k)
    assert (found.degree, found.average_sensitivity) == (k, k)
    assert found.spectral_weights == (*[0.0] * k, 1.0)


@pytest.mark.parametrize("k", [3, 5, 7])
def test_majority_is_sensitive_where_the_vote_is_close(k: int) -> None:
    """Each bit decides where the others are tied: C(k - 1, (k - 1) / 2) of their 2**(k - 1) patterns."""
    found = truth_table_complexity("threshold", k)
    assert found.average_sensitivity == pytest.approx(k * comb(k - 1, (k - 1) // 2) / 2 ** (k - 1))
    assert found.degree == k
    assert not any(found.spectral_weights[::2])


@pytest.mark.parametrize(("function", "inputs"), CATALOGUE)
def test_it_agrees_with_flipping_every_bit_of_every_pattern(by_hand: Any, function: str, inputs: int) -> None:
    value, flips = by_hand[function], 0
    for bits in product((0, 1), repeat=inputs):
        for i in range(inputs):
            flipped = [*bits[:i], 1 - bits[i], *bits[i + 1 :]]
            flips += value(list(bits)) != value(flipped)
    assert truth_table_complexity(function, inputs).average_sensitivity == pytest.approx(flips / 2**inputs)


@pytest.mark.parametrize(("function", "inputs"), CATALOGUE)
def test_it_agrees_with_the_coefficients_one_by_one(function: str, inputs: int) -> None:
    signs = 1.0 - 2.0 * patterns(inputs)
    values = 1.0 - 2.0 * truth_table(function, inputs)
    weights = np.zeros(inputs + 1)
    for chosen in product((0, 1), repeat=inputs):
        parity = signs[:, np.flatnonzero(chosen)].prod(axis=1)
        weights[sum(chosen)] += np.mean(values * parity) ** 2
    found = truth_table_complexity(function, inputs)
    np.testing.assert_allclose(found.spectral_weights, weights, atol=1e-12)
    assert sum(found.spectral_weights) == pytest.approx(1)
    assert found.degree == np.flatnonzero(weights > 1e-9).max()


def test_unknown_kinds_and_wrong_numbers_of_inputs_are_refused() -> None:
    for function, inputs, message in [("parrity", 3, "did you mean 'parity'"), ("threshold", 4, "odd number")]:
        with pytest.raises(ValueError, match=message):
            truth_table_complexity(function, inputs)
