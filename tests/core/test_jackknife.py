"""Jackknife pseudo-values: the values themselves for a mean, and honest intervals for a mean over pairs of seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repbias.core.statistics import jackknife, mean_interval


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=12))
def test_of_a_mean_the_pseudo_values_are_the_values(values):
    pseudo = jackknife(range(len(values)), lambda kept: float(np.mean([values[seed] for seed in kept])))
    np.testing.assert_allclose(pseudo, values, atol=1e-9)


def test_order_follows_the_seeds_given():
    pseudo = jackknife([7, 2, 5], lambda kept: float(np.mean([10 * seed for seed in kept])))
    np.testing.assert_allclose(pseudo, [70, 20, 50])


def pair_mean(matrix: np.ndarray, kept: list[int]) -> float:
    return float(np.mean([matrix[s, t] for s, t in itertools.combinations(kept, 2)]))


@given(st.integers(3, 8), st.integers(0, 2**32 - 1))
def test_of_a_mean_over_pairs_the_pseudo_values_have_the_same_mean(n, seed):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    pseudo = jackknife(range(n), lambda kept: pair_mean(matrix, list(kept)))
    assert pseudo.mean() == pytest.approx(pair_mean(matrix, list(range(n))))


def test_over_pairs_of_seeds_it_covers_where_averages_of_each_seed_do_not():
    random, n, repeats = np.random.default_rng(0), 10, 400
    covered = {"jackknife": 0, "averages": 0}
    for _ in range(repeats):
        seeds = random.normal(size=n)
        matrix = seeds[:, None] + seeds + 0.3 * random.normal(size=(n, n))  # true mean 0
        matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
        pseudo = jackknife(range(n), lambda kept, m=matrix: m[np.ix_(kept, kept)].sum() / len(kept) / (len(kept) - 1))
        for name, values in (("jackknife", pseudo), ("averages", matrix.sum(1) / (n - 1))):
            estimate = mean_interval(values)
            covered[name] += estimate.ci_low <= 0 <= estimate.ci_high
    assert abs(covered["jackknife"] / repeats - 0.95) < 4 * np.sqrt(0.95 * 0.05 / repeats)
    assert covered["averages"] / repeats < 0.8


def test_nan_is_where_the_statistic_is():
    pseudo = jackknife([0, 1, 2], lambda kept: float("nan") if 1 not in kept else 1.0)
    np.testing.assert_array_equal(pseudo, [1.0, np.nan, 1.0])


def test_one_seed_is_refused():
    with pytest.raises(ValueError, match="got 1"):
        jackknife([3], lambda kept: 0.0)
