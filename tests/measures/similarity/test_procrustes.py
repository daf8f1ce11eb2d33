"""Procrustes distance: known answers, SciPy's answers, invariances, and the triangle inequality."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import ortho_group

from repbias.measures.similarity.alignment import procrustes


def two(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    n, p = (9, 30) if kind == "few stimuli" else (40, 6)
    x = rng.normal(size=(n, p)) + 5
    y = 0.5 * x @ rng.normal(size=(p, p)) + rng.normal(size=(n, p))
    if kind == "constant units":
        x[:, 2], y[:, 1] = 0.1, 1e3
    if kind == "repeated stimuli":
        x[n // 2 :], y[n // 2 :] = x[: n // 2], y[: n // 2]
    return x, y


def by_rotation(x: np.ndarray, y: np.ndarray) -> float:
    """Pad with zero units, find the best rotation, and measure what is left."""
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z - z.mean(0), ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return float(np.linalg.norm(x - y @ orthogonal_procrustes(y, x)[0]) ** 2)


@pytest.mark.parametrize("kind", ["random", "few stimuli", "constant units", "repeated stimuli"])
def test_it_is_what_the_best_rotation_leaves(kind):
    x, y = two(kind)
    assert procrustes(x, y) == pytest.approx(by_rotation(x, y), abs=1e-9)
    assert procrustes(x[:, :3], y) == pytest.approx(by_rotation(x[:, :3], y), abs=1e-9)
    assert procrustes(x, y[:, :1]) == pytest.approx(by_rotation(x, y[:, :1]), abs=1e-9)


def test_agrees_with_scipy():
    """SciPy's disparity also scales one of the two: it is 1 - (1 - d / 2)^2."""
    x, y = two("random")
    assert 1 - (1 - procrustes(x, y) / 2) ** 2 == pytest.approx(scipy_procrustes(x, y)[2], abs=1e-9)


def test_equal_arrays_are_at_distance_0_and_unrelated_ones_at_2():
    x = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert procrustes(x, x) == pytest.approx(0, abs=1e-12)
    assert procrustes(x[:, :1], x[:, 1:]) == pytest.approx(2)
    assert procrustes(x, x[:, :1]) == pytest.approx(2 - np.sqrt(2))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-100, 100))
def test_the_distance_does_not_change_when_units_are_rotated_scaled_and_shifted(seed, log_scale):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(30, 6)), rng.normal(size=(30, 9))
    before = procrustes(x, y)
    same = 10**log_scale * (x @ ortho_group.rvs(6, random_state=seed) + 3)
    order = rng.permutation(30)
    assert procrustes(same, y) == pytest.approx(before, abs=1e-9)
    assert procrustes(same, x) == pytest.approx(0, abs=1e-9)
    assert procrustes(y, x) == pytest.approx(before, abs=1e-9)
    assert procrustes(np.pad(x, ((0, 0), (0, 50))), y) == pytest.approx(before, abs=1e-9)
    assert procrustes(x[order], y[order]) == pytest.approx(before, abs=1e-9)
    assert procrustes(x * np.geomspace(1, 10, 6), x) > 0.1


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 12))
def test_its_root_obeys_the_triangle_inequality(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 4)), rng.normal(size=(n, 6))
    between = x + 0.5 * y[:, :4]
    direct = np.sqrt(procrustes(x, y))
    assert direct <= np.sqrt(procrustes(x, between)) + np.sqrt(procrustes(between, y)) + 1e-9
    assert 0 <= direct <= np.sqrt(2) + 1e-12


def test_input_kinds_agree():
    x, y = (z.astype(np.float32) for z in two("random"))
    assert procrustes(torch.from_numpy(x), y) == pytest.approx(procrustes(x.astype(float), y.astype(float)), abs=1e-12)


X, Y = two("random")
REFUSED = {
    "other stimuli": (lambda: procrustes(X, Y[:-1]), "got 40 and 39"),
    "one stimulus": (lambda: procrustes(X[:1], Y[:1]), "2 stimuli or more, got 1"),
    "constant": (lambda: procrustes(np.full((40, 5), 0.1), Y), "a must vary over stimuli"),
    "infinite": (lambda: procrustes(X, np.full((40, 5), np.inf)), "b must be finite"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
