"""The permutation null is calibrated, and what correlated features share is told from what each adds."""

import numpy as np
import pytest
from scipy.stats import kstest

from repbias.measures import variance_explained


def test_p_values_are_uniform_on_null_data():
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, labels = rng.normal(size=(80, 3)), rng.integers(0, 2, (80, 3))
        p.extend(variance_explained(x, labels, permutations=49, seed=seed).p_value)
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.1) < 0.17


def test_p_values_are_uniform_on_null_data_with_test_arrays():
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, labels = rng.normal(size=(2, 60, 3)), rng.integers(0, 3, (2, 60, 3))
        held_out = {"test_representation": x[1], "test_labels": labels[1]}
        p.extend(variance_explained(x[0], labels[0], **held_out, permutations=49, seed=seed).p_value)
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_value_is_the_smallest_possible_for_a_planted_feature_only():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (400, 2))
    x = rng.normal(size=(400, 5)) + labels[:, :1]
    found = variance_explained(x, labels, permutations=600, seed=3)  # more than one pass over the stimuli
    assert found.p_value[0] == pytest.approx(1 / 601)
    assert found.p_value[1] > 0.05
    again = variance_explained(x, labels, permutations=600, seed=3)
    assert again.p_value.tolist() == found.p_value.tolist()
    assert variance_explained(x, labels, permutations=600, seed=4).p_value[1] != found.p_value[1]


def test_unique_and_common_of_correlated_features_have_their_closed_form():
    """Two fair bits with correlation rho, written on one unit with weights a, b, and noise of variance s.

    With g = 2f - 1: total = a^2 + b^2 + 2ab rho + s; r2_a = (a + b rho)^2 / total; unique_a = a^2 (1 - rho^2) / total.
    """
    rng = np.random.default_rng(0)
    n, rho, a, b, s = 200_000, 0.6, 1.0, 0.5, 1.0
    f = rng.integers(0, 2, n)
    g = np.where(rng.random(n) < (1 + rho) / 2, f, 1 - f)
    x = (a * (2 * f - 1) + b * (2 * g - 1) + rng.normal(size=n) * s**0.5)[:, None]
    found = variance_explained(x, np.stack([f, g], 1), joint=True)
    total = a**2 + b**2 + 2 * a * b * rho + s
    assert found.r2 == pytest.approx([(a + b * rho) ** 2 / total, (b + a * rho) ** 2 / total], abs=0.01)
    assert found.joint_r2 == pytest.approx((total - s) / total, abs=0.01)
    assert found.unique == pytest.approx([a**2 * (1 - rho**2) / total, b**2 * (1 - rho**2) / total], abs=0.01)
    assert found.common == pytest.approx(found.r2 - found.unique)


def test_independent_features_share_nothing(plant):
    x, labels, truth = plant()
    found = variance_explained(x, labels, joint=True)
    assert found.unique == pytest.approx(truth, abs=0.01)
    assert found.common == pytest.approx([0, 0], abs=0.005)
