"""Canonical correlations: planted ones, those of an eigenproblem, invariances, and what too few stimuli do."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group
from sklearn.decomposition import PCA

from repbias.measures.similarity.alignment import mean_cca, svcca


def two(n: int = 200, p: int = 5, q: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + 3
    return x, 0.5 * x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))


def explicit(x: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """The singular values of the whitened cross-covariance, with matrix roots."""
    x, y = x - x.mean(0), y - y.mean(0)
    roots = []
    for z in (x, y):
        covariance = z.T @ z
        roots.append(
            np.linalg.inv(sqrtm(covariance + ridge * np.trace(covariance) / len(covariance) * np.eye(z.shape[1])))
        )
    return np.linalg.svd(roots[0] @ x.T @ y @ roots[1], compute_uv=False)


@pytest.mark.parametrize("ridge", [0, 0.01, 1.0])
@pytest.mark.parametrize(("n", "p", "q"), [(200, 5, 8), (200, 8, 1), (30, 12, 12)])
def test_agrees_with_the_whitened_cross_covariance(n, p, q, ridge):
    x, y = two(n, p, q)
    found = mean_cca(x, y, ridge)
    assert found.correlations == pytest.approx(explicit(x, y, ridge)[: min(p, q)], abs=1e-7)
    assert found.mean == pytest.approx(found.correlations.mean())
    assert found.dimensions == (p, q)
    assert found.n_stimuli == n


@pytest.mark.parametrize("ridge", [0.01, 1.0])
@pytest.mark.parametrize("kind", ["few stimuli", "constant units", "repeated stimuli"])
def test_agrees_on_degenerate_data_with_a_ridge(kind, ridge):
    x, y = two(10, 30, 20) if kind == "few stimuli" else two(60)
    if kind == "constant units":
        x[:, 1], y[:, [0, 3]] = 0.1, 1e3
    if kind == "repeated stimuli":
        x[30:], y[30:] = x[:30], y[:30]
    found = mean_cca(x, y, ridge).correlations
    assert found == pytest.approx(explicit(x, y, ridge)[: len(found)], abs=1e-6)
    assert explicit(x, y, ridge)[len(found) :] == pytest.approx(0, abs=1e-6)


def test_constant_and_copied_units_change_nothing():
    x, y = two()
    more = np.column_stack([x, np.full(200, 0.1), x[:, 0] + x[:, 2]])
    found = mean_cca(more, y)
    assert found.dimensions == (5, 8)
    assert found.correlations == pytest.approx(mean_cca(x, y).correlations, abs=1e-7)


def test_planted_correlations_are_recovered():
    rng, planted = np.random.default_rng(0), np.array([0.9, 0.5, 0.1])
    x = rng.normal(size=(50_000, 3))
    y = planted * x + np.sqrt(1 - planted**2) * rng.normal(size=(50_000, 3))
    mixed = y @ rng.normal(size=(3, 3))
    assert mean_cca(x @ rng.normal(size=(3, 3)), mixed).correlations == pytest.approx(planted, abs=0.02)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-6, 6))
def test_correlations_do_not_change_when_units_are_rotated_scaled_and_shifted(seed, log_scale):
    rng = np.random.default_rng(seed)
    x, y = two(seed=seed)
    turn = ortho_group.rvs(5, random_state=seed)
    same = 10**log_scale * (x @ turn + 2)
    mixed = x @ (turn * np.geomspace(1, 30, 5) @ ortho_group.rvs(5, random_state=rng.integers(2**31)))
    for measure in (mean_cca, svcca, lambda a, b: mean_cca(a, b, 0.1), lambda a, b: svcca(a, b, 0.8)):
        assert measure(same, y).correlations == pytest.approx(measure(x, y).correlations, abs=1e-7)
        assert measure(y, x).mean == pytest.approx(measure(x, y).mean, abs=1e-9)
    assert mean_cca(mixed, y).correlations == pytest.approx(mean_cca(x, y).correlations, abs=1e-6)
    assert np.abs(mean_cca(mixed, y, 0.5).correlations - mean_cca(x, y, 0.5).correlations).max() > 1e-3
    assert mean_cca(np.tanh(3 * (x - x.mean(0))), x).mean < 0.999


def test_svcca_is_cca_of_the_leading_components():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 10)) * np.geomspace(10, 0.1, 10)
    y = x @ rng.normal(size=(10, 6)) + rng.normal(size=(300, 6))
    found = svcca(x, y, 0.95)
    x_scores, y_scores = (PCA(0.95, svd_solver="full").fit_transform(z) for z in (x, y))
    assert found.dimensions == (x_scores.shape[1], y_scores.shape[1])
    assert found.dimensions[0] < 10
    assert found.correlations == pytest.approx(explicit(x_scores, y_scores, 0)[: len(found.correlations)], abs=1e-9)
    assert svcca(x, y, 1.0).correlations == pytest.approx(mean_cca(x, y).correlations)
    assert svcca(x[:, :1], y, 0.1).dimensions[0] == 1


def test_svcca_misses_a_feature_of_little_variance():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2_000, 1))
    x, y = (np.column_stack([rng.normal(size=(2_000, 2)), 0.05 * shared]) for _ in range(2))
    assert mean_cca(x, y).correlations[0] == pytest.approx(1)
    assert svcca(x, y, 0.99).correlations[0] < 0.1


def test_independent_data_are_near_zero_with_many_stimuli_and_trivially_one_with_few():
    rng = np.random.default_rng(0)
    many = mean_cca(rng.normal(size=(20_000, 5)), rng.normal(size=(20_000, 5)))
    assert many.mean < 0.03
    assert many.n_trivial == 0
    few = mean_cca(rng.normal(size=(12, 8)), rng.normal(size=(12, 7)))
    assert few.n_trivial == 8 + 7 - 11
    assert few.correlations[:4] == pytest.approx(1)
    assert few.correlations[4] < 0.999
    fewer = mean_cca(rng.normal(size=(6, 8)), rng.normal(size=(6, 7)))
    assert fewer.dimensions == (5, 5)
    assert fewer.n_trivial == 5
    assert fewer.correlations == pytest.approx(np.ones(5))


def test_the_table_is_tidy():
    found = mean_cca(*two())
    table = found.table()
    assert list(table.columns) == ["dimension", "measure", "value"]
    assert table["dimension"].tolist() == [0, 1, 2, 3, 4]
    assert set(table["measure"]) == {"canonical_correlation"}
    assert table["value"].to_numpy() == pytest.approx(found.correlations)


def test_inputs_are_left_alone_and_of_any_kind():
    x, y = (z.astype(np.float32) for z in two())
    before = x.copy()
    expected = mean_cca(x.astype(float), y.astype(float)).mean
    assert mean_cca(torch.from_numpy(x), y).mean == pytest.approx(expected, abs=1e-12)
    mean_cca(x.astype(float), y)
    assert (x == before).all()


X, Y = two()
REFUSED = {
    **{
        f"{what}, {measure.__name__}": (partial(measure, *arguments), message)
        for measure in (mean_cca, svcca)
        for what, arguments, message in [
            ("other stimuli", (X, Y[:-1]), "got 200 and 199"),
            ("one stimulus", (X[:1], Y[:1]), "2 stimuli or more, got 1"),
            ("constant", (X, np.full((200, 2), 0.1)), "b must vary over stimuli"),
        ]
    },
    **{f"ridge {ridge}": (partial(mean_cca, X, Y, ridge), "ridge must be 0 or") for ridge in (-0.1, np.inf, np.nan)},
    **{f"kept {kept}": (partial(svcca, X, Y, kept), "kept_variance must be") for kept in (0, 1.01, np.nan)},
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
