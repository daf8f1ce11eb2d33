"""CKA against the explicit HSIC of Gram matrices, its invariances and null values; batches against the whole."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from repbias.measures.similarity.cka import cka, kernel_cka
from repbias.measures.similarity.cka_fitter import CKAFitter


def explicit_hsic(k: np.ndarray, l: np.ndarray, debiased: bool) -> float:  # noqa: E741
    """HSIC as it is written in the papers."""
    n = len(k)
    if not debiased:
        h = np.eye(n) - 1 / n
        return np.trace(k @ h @ l @ h) / (n - 1) ** 2
    k, l, one = k - np.diag(k.diagonal()), l - np.diag(l.diagonal()), np.ones(n)  # noqa: E741
    terms = np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ l @ one
    return terms / (n * (n - 3))


def explicit_cka(k: np.ndarray, l: np.ndarray, debiased: bool) -> float:  # noqa: E741
    own = explicit_hsic(k, k, debiased) * explicit_hsic(l, l, debiased)
    return explicit_hsic(k, l, debiased) / np.sqrt(own)


def two(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, p, q = (10, 40, 25) if kind == "few stimuli" else (60, 8, 12)
    x = rng.normal(size=(n, p)) + rng.normal(size=p)
    y = 0.3 * x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))
    if kind == "constant units":
        x[:, [1, 4]], y[:, 3] = (0.1, 3.0), -7.7
    if kind == "repeated stimuli":
        x[n // 2 :], y[n // 2 :] = x[: n // 2], y[: n // 2]
    if kind == "one unit":
        x, y = x[:, :1], y[:, :1]
    return x, y


KINDS = ["random", "few stimuli", "constant units", "repeated stimuli", "one unit"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("debiased", [False, True])
def test_linear_cka_is_the_explicit_hsic_of_gram_matrices(kind, debiased):
    x, y = two(kind)
    assert cka(x, y, debiased) == pytest.approx(explicit_cka(x @ x.T, y @ y.T, debiased), abs=1e-9)


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("n", [19, 20, 21])
def test_both_sides_agree_where_one_takes_over_from_the_other(n, debiased):
    x, y = two("random")
    x, y = x[:n], y[:n]  # 20 units in all
    assert cka(x, y, debiased) == pytest.approx(explicit_cka(x @ x.T, y @ y.T, debiased), abs=1e-9)


@pytest.mark.parametrize("kind", ["random", "few stimuli", "constant units", "one unit"])
@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("bandwidth", [0.4, 1.0])
@pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
def test_kernel_cka_is_the_explicit_hsic_of_gram_matrices(kind, debiased, bandwidth, kernel):
    grams = []
    for z in two(kind):
        d = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
        width = bandwidth * np.median(d[np.triu_indices(len(d), 1)])
        grams.append(np.exp(-((d / width) ** 2) / 2) if kernel == "rbf" else np.exp(-d / width))
    found = kernel_cka(*two(kind), kernel=kernel, bandwidth=bandwidth, debiased=debiased)
    assert found == pytest.approx(explicit_cka(*grams, debiased), abs=1e-6)


def test_a_wide_rbf_is_linear():
    x, y = two("random")
    assert kernel_cka(x, y, bandwidth=300) == pytest.approx(cka(x, y), abs=1e-4)
    assert kernel_cka(x, y, bandwidth=0.5) != pytest.approx(cka(x, y), abs=0.01)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), debiased=st.booleans(), log_scale=st.floats(-6, 6))
def test_cka_does_not_change_when_units_are_rotated_scaled_and_shifted(seed, debiased, log_scale):
    x, y = two("random", seed)
    turn, order = ortho_group.rvs(8, random_state=seed), np.random.default_rng(seed).permutation(60)
    same = 10**log_scale * (x @ turn + 3)
    stretched = x * np.geomspace(1, 100, 8)
    for measure in (cka, kernel_cka):
        before = measure(x, y, debiased=debiased)
        assert measure(same, y, debiased=debiased) == pytest.approx(before, abs=1e-7)
        assert measure(x, same, debiased=debiased) == pytest.approx(1, abs=1e-7)
        assert measure(y, x, debiased=debiased) == pytest.approx(before, abs=1e-9)
        assert measure(x[order], y[order], debiased=debiased) == pytest.approx(before, abs=1e-9)
        assert measure(stretched, x, debiased=debiased) < 0.9
        assert measure(x[order], y, debiased=debiased) != pytest.approx(before, abs=1e-4)


def test_independent_representations_are_near_zero_only_when_debiased():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(30, 200)), rng.normal(size=(30, 200))) for _ in range(60)]
    for measure in (cka, kernel_cka):
        unbiased = [measure(x, y, debiased=True) for x, y in pairs]
        assert abs(np.mean(unbiased)) < 4 * np.std(unbiased) / np.sqrt(60)
        assert min(unbiased) < 0
        assert np.mean([measure(x, y) for x, y in pairs]) > 0.7


def test_one_of_two_directions_of_equal_variance_gives_one_over_root_two():
    """Two uncorrelated unit-variance directions; b holds the first only: CKA = 1 / sqrt(2)."""
    x = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert cka(x, x[:, :1]) == pytest.approx(np.sqrt(0.5))
    assert cka(x[:, :1], x[:, 1:]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scales_neither_overflow_nor_vanish(scale):
    x, y = two("random")
    for measure in (cka, kernel_cka):
        assert measure(scale * x, y) == pytest.approx(measure(x, y))


def test_input_kinds_agree_and_are_left_alone():
    x, y = (z.astype(np.float32) for z in two("random"))
    before = x.copy()
    expected = cka(x.astype(np.float64), y.astype(np.float64))
    assert cka(torch.from_numpy(x), y) == pytest.approx(expected, abs=1e-12)
    assert cka(torch.from_numpy(x).bfloat16(), y) == pytest.approx(expected, abs=0.01)
    kernel_cka(x.astype(np.float64), y)
    assert (x == before).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_equal_the_whole(kind, debiased, size):
    x, y = two(kind)
    fitter = CKAFitter()
    for start in range(0, len(x), size):
        fitter.update(x[start : start + size], y[start : start + size])
    assert fitter.n_stimuli == len(x)
    assert fitter.result(debiased) == pytest.approx(cka(x, y, debiased), abs=1e-10)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), debiased=st.booleans(), log_offset=st.floats(-3, 4))
def test_sorted_batches_about_a_large_mean_equal_the_whole(seed, debiased, log_offset):
    x, y = two("random", seed)
    order = np.argsort(x[:, 0])
    x, y = x[order] + 10**log_offset, y[order] - 10**log_offset
    fitter = CKAFitter()
    for rows in np.array_split(np.arange(60), np.random.default_rng(seed).integers(1, 12)):
        fitter.update(x[rows], torch.from_numpy(y[rows]))
    assert fitter.result(debiased) == pytest.approx(cka(x, y, debiased), abs=1e-8)


def test_the_average_over_minibatches_is_another_number():
    """Biased CKA of batches, averaged, is too high; the fitter's is that of all."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 20)), rng.normal(size=(600, 20))
    fitter = CKAFitter()
    averaged = []
    for rows in np.split(np.arange(600), 20):
        fitter.update(x[rows], y[rows])
        averaged.append(cka(x[rows], y[rows]))
    assert fitter.result() == pytest.approx(cka(x, y), abs=1e-12)
    assert np.mean(averaged) > fitter.result() + 0.2


def test_the_result_may_be_asked_for_again_and_again():
    x, y = two("random")
    fitter = CKAFitter()
    fitter.update(x[:30], y[:30])
    assert fitter.result(True) == pytest.approx(cka(x[:30], y[:30], True))
    fitter.update(x[30:], y[30:])
    assert fitter.result(True) == fitter.result(True) == pytest.approx(cka(x, y, True))


def test_a_refused_batch_leaves_the_fitter_as_it_was():
    x, y = two("random")
    fitter = CKAFitter()
    fitter.update(x, y)
    before = fitter.result(True)
    for a, b, message in [
        (x, y[:, :-1], "b has 11 units, .* 12"),
        (x[:, :-1], y, "a has 7 units, .* 8"),
        (x, y[:-1], "got 60 and 59"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitter.update(a, b)
    assert fitter.result(True) == before


X, Y = two("random")
DEAD = np.full((60, 3), 0.1)
SINGLE = np.zeros((60, 3))
SINGLE[4] = 2.5


def fitted(n: int, y: np.ndarray = DEAD) -> CKAFitter:
    fitter = CKAFitter()
    fitter.update(X[:n], y[:n])
    return fitter


REFUSED = {
    **{
        f"{what}, {measure.__name__}": (partial(measure, *arguments), message)
        for measure in (cka, kernel_cka)
        for what, arguments, message in [
            ("other stimuli", (X, Y[:-1]), "got 60 and 59"),
            ("one stimulus", (X[:1], Y[:1]), "2 stimuli or more, got 1"),
            ("dead layer", (X, DEAD), r"b must vary over stimuli.*dead layer"),
        ]
    },
    "too few, cka": (lambda: cka(X[:3], Y[:3], debiased=True), "4 stimuli or more, got 3"),
    "too few, kernel_cka": (lambda: kernel_cka(X[:3], Y[:3], debiased=True), "4 stimuli or more, got 3"),
    "one stimulus varies": (lambda: cka(SINGLE, Y, debiased=True), "a must vary at more than one stimulus"),
    "kernel": (lambda: kernel_cka(X, Y, kernel="rbff"), "did you mean 'rbf'"),
    **{
        f"bandwidth {bandwidth}": (partial(kernel_cka, X, Y, bandwidth=bandwidth), "bandwidth must be above 0")
        for bandwidth in (0, -1, np.inf, np.nan)
    },
    "median distance": (lambda: kernel_cka(SINGLE, Y), "a must have a median distance above 0"),
    "fitter of nothing": (lambda: CKAFitter().result(), "2 stimuli or more, got 0: update"),
    "fitter of too few": (lambda: fitted(3).result(debiased=True), "4 stimuli or more, got 3: update"),
    "fitter of a dead layer": (lambda: fitted(3).result(), "b must vary over stimuli"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_stimulus_that_varies_suffices_where_nothing_is_debiased():
    assert 0 < cka(SINGLE, Y) < 1


def test_a_fitter_counts_its_stimuli():
    assert CKAFitter().n_stimuli == 0
    assert fitted(3).n_stimuli == 3
