"""Comparisons of RDMs: known answers, rsatoolbox's answers, invariances, and many at once."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.rdm import RDMs, compare
from scipy.stats import kendalltau, pearsonr, spearmanr

from repbias.measures.similarity.rdm import COMPARISONS, compare_many, compare_rdms, rdm

RSATOOLBOX = {
    "pearson": "corr",
    "spearman": "spearman",
    "kendall_tau_b": "tau-b",
    "kendall_tau_a": "tau-a",
    "cosine": "cosine",
}


def some_rdms(kind: str = "random") -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(15, n)) for n in (4, 30, 7)]
    if kind == "repeated stimuli":
        x = [np.concatenate([part[:8], part[:7]]) for part in x]
    found = [rdm(part, distance) for part, distance in zip(x, ("correlation", "euclidean", "cosine"), strict=True)]
    if kind == "categories":
        found[1] = (np.subtract.outer(np.arange(15) % 3, np.arange(15) % 3) != 0).astype(float)
        found[2] = np.round(found[2], 1)
    return found


@pytest.mark.parametrize("kind", ["random", "repeated stimuli", "categories"])
@pytest.mark.parametrize("by", COMPARISONS)
def test_agrees_with_rsatoolbox(kind, by):
    found = some_rdms(kind)
    toolbox = RDMs(np.stack(found))
    expected = compare(toolbox, toolbox, method=RSATOOLBOX[by])
    np.testing.assert_allclose(compare_many(found, by), expected, atol=1e-6)
    assert compare_rdms(found[0], found[1], by) == pytest.approx(expected[0, 1], abs=1e-6)


def test_agrees_with_scipy_on_the_upper_triangle():
    a, b, _ = some_rdms()
    pairs = np.triu_indices(15, 1)
    for by, scipy_says in (("pearson", pearsonr), ("spearman", spearmanr), ("kendall_tau_b", kendalltau)):
        assert compare_rdms(a, b, by) == pytest.approx(scipy_says(a[pairs], b[pairs]).statistic, abs=1e-12)


def test_three_distances_compare_as_computed_by_hand():
    def square(*three: float) -> np.ndarray:
        d = np.zeros((3, 3))
        d[np.triu_indices(3, 1)] = three
        return d + d.T

    a, b, c = square(1, 2, 3), square(3, 1, 2), square(1, 1, 2)
    assert compare_rdms(a, b) == pytest.approx(-0.5)
    assert compare_rdms(a, b, "kendall_tau_b") == pytest.approx(-1 / 3)
    assert compare_rdms(a, c, "kendall_tau_a") == pytest.approx(2 / 3)
    assert compare_rdms(a, c, "kendall_tau_b") == pytest.approx(2 / np.sqrt(6))
    assert compare_rdms(a, b, "cosine") == pytest.approx(11 / 14)
    assert compare_many([a, c], "kendall_tau_a")[1, 1] == pytest.approx(2 / 3)
    assert compare_rdms(a, square(1, 1, 1), "kendall_tau_a") == 0
    assert compare_rdms(a, square(1, 1, 1), "cosine") == pytest.approx(6 / np.sqrt(14 * 3))


@pytest.mark.parametrize("by", COMPARISONS)
def test_many_is_each_pair(by):
    found = some_rdms()
    table = compare_many(found, by)
    assert table.shape == (3, 3)
    assert table == pytest.approx(table.T, abs=0)
    assert table.diagonal() == pytest.approx(np.ones(3))
    for i in range(3):
        for j in range(3):
            assert compare_rdms(found[i], found[j], by) == pytest.approx(table[i, j], abs=1e-12)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_comparisons_do_not_change_when_rdms_are_scaled_exchanged_or_reordered(seed):
    rng = np.random.default_rng(seed)
    a, b = rdm(rng.normal(size=(9, 5))), rdm(rng.normal(size=(9, 5)), "euclidean")
    order = rng.permutation(9)
    raised = np.where(np.eye(9) == 1, 0, b + 0.7)
    for by in COMPARISONS:
        before = compare_rdms(a, b, by)
        assert compare_rdms(5 * a, 0.1 * b, by) == pytest.approx(before, abs=1e-9)
        assert compare_rdms(b, a, by) == pytest.approx(before, abs=1e-12)
        assert compare_rdms(a[order][:, order], b[order][:, order], by) == pytest.approx(before, abs=1e-9)
        moved = compare_rdms(a, raised, by)
        assert moved != pytest.approx(before, abs=1e-4) if by == "cosine" else moved == pytest.approx(before, abs=1e-9)
    for by in ("spearman", "kendall_tau_a", "kendall_tau_b"):
        assert compare_rdms(a, b**3, by) == pytest.approx(compare_rdms(a, b, by), abs=1e-9)


@pytest.mark.parametrize("by", ["pearson", "spearman", "kendall_tau_b", "kendall_tau_a"])
def test_unrelated_rdms_are_about_zero_on_average(by):
    rng = np.random.default_rng(0)
    values = [compare_rdms(rdm(rng.normal(size=(10, 20))), rdm(rng.normal(size=(10, 20))), by) for _ in range(150)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(150)
    assert np.std(values) > 0.02


def test_inputs_are_left_alone_and_of_any_kind():
    a, b, _ = some_rdms()
    copies = a.copy(), b.copy()
    expected = compare_rdms(a, b, "spearman")
    assert compare_rdms(torch.from_numpy(a), b.astype(np.float32), "spearman") == pytest.approx(expected, abs=1e-4)
    assert (a == copies[0]).all()
    assert (b == copies[1]).all()
    tiny = compare_many([1e-200 * a, 1e200 * b])
    assert tiny[0, 1] == pytest.approx(compare_rdms(a, b))


A, B, _ = some_rdms()
ALIKE = 1 - np.eye(15)
REFUSED = {
    "unknown": (lambda: compare_rdms(A, B, "kendall"), "did you mean 'kendall_tau_"),
    "unknown of many": (lambda: compare_many([A, B], "peerson"), "did you mean 'pearson'"),
    "not square": (lambda: compare_rdms(A[:, :-1], B), r"a must be square.*got shape \(15, 14\)"),
    "other stimuli": (lambda: compare_rdms(A, B[:-1, :-1]), "same stimuli as a, got 14 and 15"),
    "too few": (lambda: compare_rdms(A[:2, :2], B[:2, :2]), "three stimuli or more, got 2"),
    "similarities": (lambda: compare_rdms(A, 1 - A), "b must have a zero diagonal, got 1: give distances"),
    "not symmetric": (lambda: compare_rdms(A, np.triu(B)), "b must be symmetric"),
    **{
        f"alike, {by}": (partial(compare_many, [A, ALIKE], by), rf"rdms\[1\] must have distances that differ.*{by}")
        for by in ("pearson", "spearman", "kendall_tau_b")
    },
    "zero": (lambda: compare_rdms(A, 0 * A, "cosine"), "got 0 between all stimuli: its cosine"),
    "one": (lambda: compare_many([A]), "two or more RDMs to compare, got 1"),
    "nan": (lambda: compare_many([A, np.where(B > 0, np.nan, 0)]), r"rdms\[1\] must be finite"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
