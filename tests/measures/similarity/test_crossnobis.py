"""Crossnobis must be unbiased: 0 on average where conditions do not differ, the true distance where they do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.stats import ortho_group
from sklearn.covariance import ledoit_wolf

from repbias.measures.similarity.crossnobis import crossnobis_rdm, mahalanobis_rdm, noise_covariance
from repbias.measures.similarity.rdm import rdm


def design(n_conditions: int, n_folds: int, each: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return conditions and folds `[presentation]`, in an order that is not sorted."""
    condition, fold = np.divmod(np.arange(n_conditions * n_folds * each), n_folds * each)
    order = np.random.default_rng(0).permutation(len(condition))
    return condition[order], (fold // each)[order]


def toolbox_data(x: np.ndarray, condition: np.ndarray, fold: np.ndarray) -> Dataset:
    """Return rsatoolbox's data set; its descriptors must be able to hold a NaN."""
    return Dataset(x, obs_descriptors={"condition": condition.astype(float), "fold": fold.astype(float)})


def covariance(n: int) -> np.ndarray:
    root = np.random.default_rng(5).normal(size=(n, 3 * n))
    return root @ root.T / (3 * n)


@pytest.mark.parametrize(("n_folds", "each"), [(2, 1), (4, 1), (3, 2)])
@pytest.mark.parametrize("n_units", [4, 40])
@pytest.mark.parametrize("kind", ["random", "constant unit", "repeated stimuli"])
def test_agrees_with_rsatoolbox(n_folds, each, n_units, kind):
    condition, fold = design(6, n_folds, each)
    x = np.random.default_rng(1).normal(size=(len(condition), n_units)) + condition[:, None]
    if kind == "constant unit":
        x[:, 1] = 0.1
    if kind == "repeated stimuli":
        x = np.random.default_rng(1).normal(size=(6, n_units))[condition]
    s = covariance(n_units)
    data = toolbox_data(x, condition, fold)
    for given_noise, precision in ((None, None), (s, np.linalg.inv(s))):
        expected = calc_rdm(data, "crossnobis", descriptor="condition", cv_descriptor="fold", noise=precision)
        found = crossnobis_rdm(x, condition, fold, noise_covariance=given_noise)
        np.testing.assert_allclose(found, expected.get_matrices()[0], rtol=1e-6, atol=1e-6)


def test_unequal_numbers_of_presentations_agree_with_rsatoolbox():
    condition, fold = design(5, 3, 3)
    kept = np.ones(len(condition), bool)
    kept[[np.flatnonzero((condition == 2) & (fold == 1))[0], np.flatnonzero((condition == 4) & (fold == 0))[0]]] = False
    condition, fold = condition[kept], fold[kept]
    x = np.random.default_rng(1).normal(size=(len(condition), 7))
    data = toolbox_data(x, condition, fold)
    expected = calc_rdm(data, "crossnobis", descriptor="condition", cv_descriptor="fold").get_matrices()[0]
    np.testing.assert_allclose(crossnobis_rdm(x, condition, fold), expected, atol=1e-9)


def test_it_is_unbiased_where_the_naive_distance_is_not():
    condition, fold = design(3, 4)
    root = np.linalg.cholesky(covariance(10))
    means = np.zeros((3, 10))
    means[2, 0] = 3  # conditions 0 and 1 do not differ
    truth = mahalanobis_rdm(means, covariance(10))
    rng = np.random.default_rng(0)
    found, naive = [], []
    for _ in range(2_000):
        x = means[condition] + rng.normal(size=(len(condition), 10)) @ root.T
        found.append(crossnobis_rdm(x, condition, fold, noise_covariance=covariance(10)))
        averages = np.stack([x[condition == c].mean(0) for c in range(3)])
        naive.append(mahalanobis_rdm(averages, covariance(10)))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) <= 4 * error).all()
    assert np.min(found) < 0
    assert np.mean(naive, axis=0)[0, 1] == pytest.approx(2 / 4, rel=0.1)  # 2 over the number of folds


def test_without_noise_it_is_the_squared_distance():
    condition, fold = design(5, 3)
    means = np.random.default_rng(0).normal(size=(5, 6))
    found = crossnobis_rdm(means[condition], condition, fold)
    assert found == pytest.approx(rdm(means, "squared_euclidean"))
    assert (found == found.T).all()
    assert (found.diagonal() == 0).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_distances_do_not_change_when_units_are_rotated_and_shifted(seed):
    rng = np.random.default_rng(seed)
    condition, fold = design(4, 3)
    x, turn, s = rng.normal(size=(12, 5)), ortho_group.rvs(5, random_state=seed), covariance(5)
    plain, white = crossnobis_rdm(x, condition, fold), crossnobis_rdm(x, condition, fold, noise_covariance=s)
    assert crossnobis_rdm(x @ turn + 7, condition, fold) == pytest.approx(plain, abs=1e-9)
    both = crossnobis_rdm(3 * x @ turn, condition, fold, noise_covariance=9 * turn.T @ s @ turn)
    assert both == pytest.approx(white, abs=1e-9)
    assert crossnobis_rdm(3 * x, condition, fold) == pytest.approx(9 * plain)
    assert np.abs(crossnobis_rdm(x @ turn, condition, fold, noise_covariance=s) - white).max() > 1e-4


def test_the_noise_covariance_is_recovered_and_agrees_with_sklearn():
    rng, truth = np.random.default_rng(0), covariance(6)
    condition = np.repeat(np.arange(1_000), 3)
    x = 5 * rng.normal(size=(1_000, 6))[condition] + rng.normal(size=(3_000, 6)) @ np.linalg.cholesky(truth).T
    found = noise_covariance(x, condition)
    assert found == pytest.approx(truth, abs=0.08)
    residuals = x - np.stack([x[condition == c].mean(0) for c in range(1_000)])[condition]
    assert found == pytest.approx(1.5 * ledoit_wolf(residuals, assume_centered=True)[0])


def test_the_noise_covariance_of_few_presentations_can_be_inverted():
    x = np.random.default_rng(0).normal(size=(8, 30))
    found = noise_covariance(x, np.arange(8) // 2)
    assert np.linalg.eigvalsh(found)[0] > 0
    assert np.isfinite(crossnobis_rdm(x, np.arange(8) // 2, np.arange(8) % 2, noise_covariance=found)).all()


CONDITION, FOLD = design(4, 3)
X = np.random.default_rng(0).normal(size=(12, 5))
KEPT = (CONDITION != 2) | (FOLD != 1)
CONSTANT = X.copy()
CONSTANT[:, 3] = CONDITION
REFUSED = {
    "missing": (
        lambda: crossnobis_rdm(X[KEPT], CONDITION[KEPT], FOLD[KEPT]),
        r"none of condition 2 in fold 1 \(1 such pairs\).*merge folds",
    ),
    "one fold": (lambda: crossnobis_rdm(X, CONDITION, np.zeros(12, int)), "folds must number two"),
    "one condition": (lambda: crossnobis_rdm(X, np.zeros(12, int), FOLD), "conditions must number two"),
    "shape": (lambda: crossnobis_rdm(X, np.stack([CONDITION] * 2, 1), FOLD), r"conditions must .*got shape \(12, 2\)"),
    "length": (lambda: crossnobis_rdm(X, CONDITION, FOLD[:-1]), "folds must have one row for each of the 12"),
    "negative": (lambda: crossnobis_rdm(X, CONDITION, FOLD - 1), "folds must be 0 or more"),
    "singular": (lambda: crossnobis_rdm(X, CONDITION, FOLD, noise_covariance=np.ones((5, 5))), "positive definite"),
    "no repeats": (lambda: noise_covariance(X, np.arange(12)), "12 presentations of 12 conditions"),
    "constant": (lambda: noise_covariance(CONSTANT, CONDITION), "vary between repeats.*got 1 .*the first unit 3"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
