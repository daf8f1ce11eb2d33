"""Cramer's V is corrected for its bias, and its test holds its level with many classes and few stimuli."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats.contingency import association, crosstab

from repbias.core.association import association_bound, association_p, cramers_v


def test_cramers_v_against_known_values():
    assert cramers_v(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])) == pytest.approx(1)
    assert cramers_v(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == pytest.approx(0)
    assert cramers_v(np.array([2, 2, 2, 2]), np.array([0, 1, 0, 1])) == 0


def test_cramers_v_is_the_corrected_form_of_scipys():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 80)
    second = np.where(rng.random(80) < 0.5, first, rng.integers(0, 4, 80))
    table = crosstab(first, second).count
    phi_squared = association(table, method="cramer") ** 2 * 2  # V^2 = phi^2 / min(rows - 1, columns - 1)
    corrected = (phi_squared - 2 * 3 / 79) / min(2 - 2**2 / 79, 3 - 3**2 / 79)
    assert cramers_v(first, second) == pytest.approx(np.sqrt(corrected))


def test_cramers_v_squared_is_unbiased_under_independence_where_the_plain_form_is_not():
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 5, 60), rng.integers(0, 5, 60)) for _ in range(400)]
    assert np.mean([cramers_v(a, b) for a, b in pairs]) < 0.08
    plain = [association(crosstab(a, b).count, method="cramer") for a, b in pairs]
    assert np.mean(plain) > 0.2


def test_the_bound_is_exceeded_with_the_probability_given():
    rng = np.random.default_rng(1)
    for classes in ((2, 2), (3, 5)):
        pairs = [(rng.integers(0, classes[0], 400), rng.integers(0, classes[1], 400)) for _ in range(600)]
        share = np.mean([cramers_v(a, b) > association_bound(400, classes, 0.1) for a, b in pairs])
        assert 0.06 < share < 0.14


def columns(rng, n, classes, *, balanced):
    if balanced:
        return [rng.permutation(np.arange(n) % one) for one in classes]
    return [np.minimum(rng.geometric(0.3, n) - 1, one - 1) for one in classes]


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(
    ("n", "classes"), [(24, (2, 6)), (40, (2, 2)), (40, (10, 10)), (60, (20, 20)), (60, (30, 2)), (100, (4, 4))]
)
def test_independent_columns_are_found_associated_in_one_of_twenty_at_most(n, classes, balanced):
    rng = np.random.default_rng(1)
    p = np.array([association_p(*columns(rng, n, classes, balanced=balanced)) for _ in range(600)])
    for level in (0.05, 0.01):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 600)


def test_with_rare_classes_the_chi_squared_test_finds_far_more():
    rng = np.random.default_rng(1)
    pairs = [columns(rng, 60, (20, 20), balanced=False) for _ in range(300)]
    p = [stats.chi2_contingency(crosstab(*pair).count, correction=False).pvalue for pair in pairs]
    assert np.mean(np.array(p) <= 0.05) > 0.1


def test_p_is_that_of_permutations():
    rng = np.random.default_rng(0)
    first = rng.permutation(np.arange(60) % 5)
    second = np.where(rng.random(60) < 0.2, first, rng.integers(0, 5, 60))
    counted = stats.permutation_test(
        (first,),
        lambda one: stats.chi2_contingency(crosstab(one, second).count, correction=False).statistic,
        permutation_type="pairings", alternative="greater", n_resamples=2000, random_state=rng,
    )  # fmt: skip
    assert association_p(first, second) == pytest.approx(counted.pvalue, rel=0.25)
    assert 0.005 < counted.pvalue < 0.2


def test_columns_that_determine_each_other_have_a_small_p_and_constant_ones_have_1():
    side = np.arange(40) % 2
    assert association_p(side, 1 - side) < 1e-6
    assert association_p(side, np.zeros(40, int)) == 1
    assert association_p(side[:0], side[:0]) == 1
    assert association_p(np.arange(40), side) == 1  # each stimulus has a class of its own, so permutations are alike
