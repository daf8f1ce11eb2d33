"""Streamed = whole, whatever the batches."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repbias.features.folds import running_folds
from repbias.measures import VarianceFitter, variance_explained

CUTS = st.lists(st.integers(0, 403), max_size=12).map(lambda cuts: sorted({0, 403, *cuts}))


def batches(cuts):
    return [slice(start, stop) for start, stop in pairwise(cuts)]


def assert_same(streamed, whole):
    for name in ("r2", "r2_per_stimulus", "unit_r2", "explained", "total", "unit_total", "joint_r2", "unique"):
        assert getattr(streamed, name) == pytest.approx(getattr(whole, name), abs=1e-6), name
    assert streamed.n_stimuli == whole.n_stimuli


@settings(max_examples=25, deadline=None)
@given(cuts=CUTS, dtype=st.sampled_from([np.float32, np.float64]))
def test_cross_validated_streamed_is_whole(plant, cuts, dtype):
    x, labels, _ = plant(n=403, n_units=7, offset=100)
    x = x.astype(dtype)
    fitter = VarianceFitter([2, 3], joint=True)
    for rows in batches(cuts):
        fitter.update(x[rows], labels[rows])
    for rows in batches(cuts):
        fitter.second_pass(x[rows], labels[rows])
    assert_same(fitter.result(), variance_explained(x, labels, joint=True))


@settings(max_examples=25, deadline=None)
@given(cuts=CUTS, test_cuts=CUTS, folds=st.sampled_from([None, 5]))
def test_held_out_streamed_is_whole(plant, cuts, test_cuts, folds):
    x, labels, _ = plant(n=403, n_units=7, offset=100)
    test_x, test_labels, _ = plant(n=403, n_units=7, offset=100, seed=1)
    fitter = VarianceFitter([2, 3], joint=True, folds=folds)
    for rows in batches(cuts):
        fitter.update(x[rows], labels[rows])
    for rows in batches(test_cuts):
        fitter.update_test(test_x[rows], test_labels[rows])
    whole = variance_explained(x, labels, test_representation=test_x, test_labels=test_labels, joint=True)
    assert_same(fitter.result(), whole)


def test_per_stimulus_is_none_without_the_second_pass(plant):
    x, labels, _ = plant(n=100)
    fitter = VarianceFitter([2, 3])
    fitter.update(x, labels)
    assert fitter.result().r2_per_stimulus is None
    assert "r2_per_stimulus" not in set(fitter.result().table()["measure"])


def test_a_refused_batch_leaves_the_fitter_as_it_was(plant):
    x, labels, _ = plant(n=200)
    fitter = VarianceFitter([2, 3])
    fitter.update(x[:100], labels[:100])
    broken = x[100:].copy()
    broken[70, 2] = np.nan
    with pytest.raises(ValueError, match="first at stimulus 170, unit 2"):
        fitter.update(broken, labels[100:])
    fitter.update(x[100:], labels[100:])
    assert fitter.result().r2 == pytest.approx(variance_explained(x, labels).r2)


def test_its_memory_does_not_grow(plant):
    x, labels, _ = plant(n=100)
    fitter = VarianceFitter([2, 3])

    def size():
        return sum(array.nbytes for array in vars(fitter._fit).values() if isinstance(array, np.ndarray))

    fitter.update(x, labels)
    before = size()
    for _ in range(5):
        fitter.update(x, labels)
    assert size() == before > 0


@given(start=st.integers(0, 10**12), n=st.integers(1, 60), folds=st.integers(2, 12))
def test_folds_depend_on_the_index_alone_and_are_balanced(start, n, folds):
    whole = running_folds(start, start + n, folds)
    assert whole.tolist() == [int(running_folds(i, i + 1, folds)[0]) for i in range(start, start + n)]
    block = running_folds(start // folds * folds, start // folds * folds + folds, folds)
    assert sorted(block) == list(range(folds))


def test_periodic_data_are_spread_over_folds():
    """Every fifth stimulus of a class: folds that went round in step would hold one class each."""
    fold = running_folds(0, 50_000, 5)
    counts = np.histogram2d(np.arange(50_000) % 5, fold, bins=(5, 5))[0]
    assert np.abs(counts / 2_000 - 1).max() < 0.1
