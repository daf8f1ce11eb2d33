"""Intervals cover as often as their docstring says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from repbias.core.statistics import contrast_interval, holm, mean_interval

DRAWS = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "beta(2, 8)": (lambda rng, n: rng.beta(2, 8, n), 0.2),
    "beta(.5, 4.5)": (lambda rng, n: rng.beta(0.5, 4.5, n), 0.1),
    "clusters": (lambda rng, n: np.where(rng.random(n) < 0.3, 0.1, 0.5) + 0.05 * rng.normal(size=n), 0.38),
}
MEASURED = {
    "normal": (0.951, 0.950, 0.952),
    "beta(2, 8)": (0.931, 0.933, 0.943),
    "beta(.5, 4.5)": (0.850, 0.887, 0.913),
    "clusters": (0.782, 0.936, 0.941),
}


@pytest.mark.parametrize("distribution", DRAWS)
def test_coverage_is_what_the_docstring_says(distribution):
    draw, truth = DRAWS[distribution]
    rng = np.random.default_rng(7)
    for n, expected in zip((4, 10, 20), MEASURED[distribution], strict=True):
        assert f"{expected:.3f}".lstrip("0") in mean_interval.__doc__
        estimates = [mean_interval(draw(rng, n)) for _ in range(1000)]
        covered = np.mean([e.ci_low <= truth <= e.ci_high for e in estimates])
        assert abs(covered - expected) < 4 * math.sqrt(expected * (1 - expected) / 1000)


def test_the_interval_of_three_seeds_is_that_of_a_printed_table():
    estimate = mean_interval([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)  # t(2) at .975 from a printed table; the standard deviation is 1
    assert (estimate.mean, estimate.n, estimate.confidence) == (2.0, 3, 0.95)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((2 - half, 2 + half), rel=1e-6)


def test_one_seed_claims_nothing():
    estimate = mean_interval([0.7])
    assert (estimate.mean, estimate.ci_low, estimate.ci_high, estimate.n) == (0.7, -math.inf, math.inf, 1)


def test_more_confidence_is_a_wider_interval():
    wide, narrow = (mean_interval([1.0, 2.0, 4.0], confidence) for confidence in (0.99, 0.8))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "got none"),
        ([0.1, math.nan, 0.2, math.inf], r"got nan at seed index 1 \(2 of 4 in all\)"),
        ([[0.1, 0.2]], r"\[seed\], got shape \(1, 2\); average within each seed"),
    ],
)
def test_what_is_not_one_finite_number_a_seed_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(values)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_lies_between_0_and_1(confidence):
    with pytest.raises(ValueError, match=f"confidence .*got {confidence}"):
        mean_interval([1.0, 2.0], confidence)


def test_holm_gives_the_values_computed_by_hand():
    """Five tests: .05, .08, .09, then 2 x .04 and 1 x .05, which may not fall below .09; and four, not in order."""
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.04, 0.05]), [0.05, 0.08, 0.09, 0.09, 0.09])
    np.testing.assert_allclose(holm([0.03, 0.005, 0.04, 0.01]), [0.06, 0.02, 0.06, 0.03])


def test_holm_at_its_edges():
    assert holm([]).shape == (0,)
    np.testing.assert_array_equal(holm([0.3]), [0.3])
    np.testing.assert_array_equal(holm([0.6, 0.7]), [1, 1])
    np.testing.assert_array_equal(holm([0.0, 1.0]), [0, 1])


def test_holm_does_not_count_what_was_not_tested():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.01, np.nan]), [0.02, np.nan, 0.02, np.nan])
    assert np.isnan(holm([np.nan, np.nan])).all()


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(P_VALUES)
def test_holm_keeps_the_order_and_makes_nothing_smaller(values):
    p, corrected = np.array(values), holm(values)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(len(p) * p, 1)).all()  # never above Bonferroni
    assert corrected.min() == min(len(p) * p.min(), 1)
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


@given(P_VALUES, st.randoms())
def test_holm_does_not_care_in_which_order_tests_stand(values, random):
    order = random.sample(range(len(values)), len(values))
    np.testing.assert_array_equal(holm(values)[order], holm([values[i] for i in order]))


@given(P_VALUES, st.sampled_from([0.01, 0.025, 0.05, 0.5]))
def test_holm_rejects_what_its_definition_rejects(values, level):
    """Step down: while the k-th smallest of m is under level / (m - k + 1), it is rejected."""
    rejected = 0
    for k, p in enumerate(sorted(values)):
        if p * (len(values) - k) >= level:
            break
        rejected += 1
    assert (holm(values) < level).sum() == rejected


def test_holm_errs_in_no_more_families_than_the_level():
    rng = np.random.default_rng(11)
    wrong = np.mean([(holm(rng.random(8)) < 0.05).any() for _ in range(4000)])
    assert wrong == pytest.approx(1 - (1 - 0.05 / 8) ** 8, abs=4 * math.sqrt(0.05 * 0.95 / 4000))


CELLS = st.integers(2, 6).flatmap(
    lambda cells: st.lists(st.lists(st.floats(-10, 10), min_size=cells, max_size=cells), min_size=2, max_size=6).map(
        np.array
    )
)


@given(CELLS, st.data())
def test_a_contrast_of_seeds_that_have_all_cells_is_the_mean_of_their_own_sums(values, data):
    weights = np.array(data.draw(st.lists(st.floats(0.1, 2), min_size=len(values[0]), max_size=len(values[0]))))
    found, expected = contrast_interval(values, weights), mean_interval(values @ weights)
    assert [found.mean, found.ci_low, found.ci_high] == pytest.approx(
        [expected.mean, expected.ci_low, expected.ci_high], abs=1e-6
    )
    assert found.n == expected.n


def test_a_contrast_of_two_cells_without_a_seed_in_common_is_that_of_two_samples():
    """With equal sizes the variance is Welch's, and the degrees of freedom those of a t test with equal variances."""
    a, b = np.random.default_rng(0).normal(size=(2, 5)) * [[1], [3]]
    values = np.full((10, 2), np.nan)
    values[:5, 0], values[5:, 1] = a, b
    found = contrast_interval(values, [1, -1])
    half = stats.t.ppf(0.975, 8) * math.sqrt(a.var(ddof=1) / 5 + b.var(ddof=1) / 5)
    assert found.mean == pytest.approx(a.mean() - b.mean())
    assert found.ci_high - found.mean == pytest.approx(half)
    assert found.n == 10


@pytest.mark.parametrize("common", [0.0, 1.0], ids=["independent", "a seed's cells alike"])
def test_a_contrast_covers_the_truth_with_values_lost(common):
    rng = np.random.default_rng(1)
    weights, hits, repeats = np.array([1, 1, -1, -1]) / 2, 0, 1_500
    for _ in range(repeats):
        values = rng.normal(size=(8, 4)) + common * np.repeat(rng.normal(size=(8, 2)), 2, axis=1)
        lost = rng.random((8, 4)) < 0.4
        lost[:2] = False
        values[lost] = np.nan
        estimate = contrast_interval(values, weights)
        hits += estimate.ci_low <= 0 <= estimate.ci_high
    assert hits / repeats == pytest.approx(0.95, abs=0.02)


def test_a_contrast_with_one_seed_in_a_cell_claims_nothing():
    estimate = contrast_interval(np.array([[1.0, 2.0], [2.0, np.nan]]), [1, -1])
    assert (estimate.mean, estimate.ci_low, estimate.ci_high) == (-0.5, -math.inf, math.inf)
    # a cell of no weight has no part in it
    assert math.isfinite(contrast_interval(np.array([[1.0, 2.0], [2.0, np.nan]]), [1, 0]).ci_low)


@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        ([[np.nan, 1.0]], [1, 1], "a seed with a value in each"),
        ([[1.0, 1.0]], [0, 0], "cells with a weight"),
        ([[1.0, 1.0]], [1], "one weight per cell"),
        ([1.0, 1.0], [1, 1], r"expected \[seed, cell\]"),
    ],
)
def test_a_contrast_of_nothing_is_refused(values, weights, message):
    with pytest.raises(ValueError, match=message):
        contrast_interval(np.array(values), weights)
