"""What an RDM must say of responses whose distances are known."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from repbias.measures.similarity.crossnobis import mahalanobis_rdm
from repbias.measures.similarity.rdm import DISTANCES, rdm

SCIPY = {"correlation": "correlation", "cosine": "cosine", "euclidean": "euclidean", "squared_euclidean": "sqeuclidean"}
PER_UNIT = {"euclidean": 0.5, "squared_euclidean": 1}


def responses(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 30) if kind == "few stimuli" else (40, 9)) + rng.normal(size=30 if "few" in kind else 9)
    if kind == "constant units":
        x[:, [2, 5]] = 0.1, 1e4
    if kind == "repeated stimuli":
        x[20:] = x[:20]
    return x


KINDS = ["random", "few stimuli", "constant units", "repeated stimuli"]


def random_covariance(n: int, seed: int = 0) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(n, 3 * n))
    return root @ root.T / n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_agrees_with_scipy(kind, distance):
    x = responses(kind)
    expected = cdist(x, x, SCIPY[distance]) / x.shape[1] ** PER_UNIT.get(distance, 0)
    np.testing.assert_allclose(rdm(x, distance), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("distance", "method"), [("correlation", "correlation"), ("squared_euclidean", "euclidean")])
def test_agrees_with_rsatoolbox(kind, distance, method):
    x = responses(kind)
    expected = calc_rdm(Dataset(x), method=method).get_matrices()[0]
    np.testing.assert_allclose(rdm(x, distance), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_mahalanobis_agrees_with_rsatoolbox(kind):
    x = responses(kind)
    covariance = random_covariance(x.shape[1])
    expected = calc_rdm(Dataset(x), method="mahalanobis", noise=np.linalg.inv(covariance)).get_matrices()[0]
    np.testing.assert_allclose(mahalanobis_rdm(x, covariance), expected, rtol=1e-6, atol=1e-6)


def test_known_distances():
    x = np.array([[1.0, 0, 0, 0], [0, 2, 0, 0], [3, 0, 0, 0], [-1, 0, 0, 0]])
    assert rdm(x, "cosine")[0] == pytest.approx([0, 1, 0, 2])
    assert rdm(x, "squared_euclidean")[0] == pytest.approx([0, 5 / 4, 1, 1])
    assert rdm(x, "euclidean")[0] == pytest.approx([0, np.sqrt(5) / 2, 1, 1])
    assert rdm(x, "correlation")[0] == pytest.approx([0, 4 / 3, 0, 2])
    assert mahalanobis_rdm(x, np.diag([4.0, 1, 1, 1]))[0] == pytest.approx([0, (1 / 4 + 4) / 4, 1 / 4, 1 / 4])


@pytest.mark.parametrize("distance", DISTANCES)
def test_an_rdm_is_symmetric_with_a_zero_diagonal_and_repeats_are_at_zero(distance):
    x = np.random.default_rng(1).normal(size=(40, 300))
    x[20:] = x[:20]
    d = rdm(x.astype(np.float32), distance)
    assert d.dtype == np.float64
    assert d.shape == (40, 40)
    assert (d == d.T).all()
    assert (d >= 0).all()
    assert (d.diagonal() == 0).all()
    assert (d[np.arange(20), np.arange(20, 40)] == 0).all()
    assert (d[:20, :20] + np.eye(20) > 0).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_differences_below_the_rounding_error_are_zero_not_negative(distance):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 300))
    x[20:] = x[:20] + 1e-9 * rng.normal(size=(20, 300))
    d = rdm(x, distance)
    assert (d >= 0).all()
    assert (d[np.arange(20), np.arange(20, 40)] == 0).all()
    apart = rdm(np.concatenate([x[:20], x[:20] + 1e-5 * rng.normal(size=(20, 300))]), distance)
    assert (apart + np.eye(40) > 0).all()


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_mean_costs_no_euclidean_precision(offset):
    x = np.random.default_rng(0).normal(size=(20, 10))
    moved = x + offset
    expected = cdist(moved, moved, "sqeuclidean") / 10
    np.testing.assert_allclose(rdm(moved, "squared_euclidean"), expected, rtol=1e-12)


def test_input_kinds_agree_and_are_left_alone():
    x = responses("random").astype(np.float32)
    before = x.copy()
    expected = rdm(x.astype(np.float64))
    for same in (x, torch.from_numpy(x), torch.from_numpy(x).requires_grad_(), np.asfortranarray(x)):
        for distance in DISTANCES:
            assert rdm(same, distance) == pytest.approx(rdm(x.astype(np.float64), distance))
        assert rdm(same) == pytest.approx(expected)
    assert (x == before).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_euclidean_and_cosine_do_not_change_under_rotation_but_correlation_does(seed):
    x = np.random.default_rng(seed).normal(size=(8, 6))
    turned = x @ ortho_group.rvs(6, random_state=seed)
    for distance in ("euclidean", "squared_euclidean", "cosine"):
        assert rdm(turned, distance) == pytest.approx(rdm(x, distance), abs=1e-9)
    assert np.abs(rdm(turned) - rdm(x)).max() > 0.01


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_scaling_and_moving_do(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8, 6))
    scale, number, shift = rng.uniform(0.1, 10, (8, 1)), rng.normal(size=(8, 1)), rng.normal(size=6)
    assert rdm(scale * x + number) == pytest.approx(rdm(x), abs=1e-9)
    assert rdm(scale * x, "cosine") == pytest.approx(rdm(x, "cosine"), abs=1e-9)
    assert rdm(x + shift, "euclidean") == pytest.approx(rdm(x, "euclidean"), abs=1e-9)
    assert rdm(3 * x, "euclidean") == pytest.approx(3 * rdm(x, "euclidean"))
    assert rdm(x, "euclidean") ** 2 == pytest.approx(rdm(x, "squared_euclidean"))
    for distance in ("correlation", "cosine"):
        assert np.abs(rdm(x + shift, distance) - rdm(x, distance)).max() > 1e-3


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_mahalanobis_does_not_change_when_units_and_noise_are_mixed_alike(seed):
    rng = np.random.default_rng(seed)
    x, s = rng.normal(size=(8, 5)), random_covariance(5, seed)
    mix = ortho_group.rvs(5, random_state=seed) * rng.uniform(0.5, 2, 5)
    assert mahalanobis_rdm(x @ mix, mix.T @ s @ mix) == pytest.approx(mahalanobis_rdm(x, s), rel=1e-6)
    assert np.abs(mahalanobis_rdm(x @ mix, s) - mahalanobis_rdm(x, s)).max() > 1e-3
    assert mahalanobis_rdm(x, np.eye(5)) == pytest.approx(rdm(x, "squared_euclidean"))


X, SAME, ZERO = (responses("random") for _ in range(3))
SAME[7], SAME[9] = 0.1, 3.0
ZERO[7] = 0
REFUSED = {
    "constant stimulus": (lambda: rdm(SAME), r"vary over units.* at stimulus 7 \(2 of 40 .*euclidean"),
    "zero stimulus": (lambda: rdm(ZERO, "cosine"), r"not be zero.* at stimulus 7 \(1 of 40"),
    "one unit": (lambda: rdm(X[:, :1]), "vary over units"),
    "one stimulus": (lambda: rdm(X[:1]), "two stimuli or more"),
    "one stimulus, mahalanobis": (lambda: mahalanobis_rdm(X[:1], np.eye(9)), "two stimuli or more"),
    "unknown": (lambda: rdm(X, "corelation"), "did you mean 'correlation'"),
    "nan": (lambda: rdm(np.where(ZERO == 0, np.nan, ZERO)), "must be finite"),
    "text": (lambda: rdm(np.array([["a", "b"]])), "array of numbers"),
    "units": (
        lambda: mahalanobis_rdm(X, np.eye(8)),
        r"noise_covariance must be \[unit, unit\], \(9, 9\).*got shape \(8, 8\)",
    ),
    "not symmetric": (lambda: mahalanobis_rdm(X, np.eye(9) + np.triu(np.ones((9, 9)), 1)), "must be symmetric"),
    **{
        f"singular, {name}": (partial(mahalanobis_rdm, X, singular), r"positive definite.*shrink it")
        for name, singular in {
            "ones": np.ones((9, 9)),
            "negative": np.diag([-1.0] + [1.0] * 8),
            "few stimuli": np.cov(X[:5].T),
        }.items()
    },
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_stimulus_of_zeros_has_distances_that_need_no_angle():
    assert np.isfinite(rdm(ZERO, "euclidean")).all()
