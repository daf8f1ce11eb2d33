"""Folds keep clusters together and share out every class; permutations keep what clusters share."""

import numpy as np

from repbias.features.folds import assign_folds, one_hot
from repbias.features.permutations import exchange


def test_folds_keep_groups_and_share_out_every_class():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, 203), rng.integers(0, 3, 203)
    design = np.hstack([one_hot(first, 2), one_hot(second, 3)])
    fold_of = assign_folds(np.column_stack([first, second]), seed=0)
    in_fold = np.stack([design[fold_of == fold].sum(0) for fold in range(5)])
    assert (np.ptp(in_fold, axis=0) <= 2).all()
    group = rng.integers(0, 12, 203)
    fold_of = assign_folds(np.column_stack([first, second]), np.unique(group, return_inverse=True)[1], seed=0)
    assert len(np.unique(np.stack([fold_of, group]), axis=1).T) == 12
    assert len(np.unique(fold_of)) == 5


def test_a_class_of_two_is_never_in_one_fold():
    labels = np.r_[1, 1, np.zeros(40, int)]
    for seed in range(20):
        fold_of = assign_folds(labels, seed=seed)
        assert fold_of[0] != fold_of[1]


def test_many_stimuli_are_dealt_evenly_and_rare_classes_are_shared_out():
    rng = np.random.default_rng(0)
    n = 50_000
    rare, large = np.zeros(n, int), rng.choice(10, n, p=[0.55, *[0.05] * 9])
    rare[rng.choice(n, 2, replace=False)] = 1
    rare[rng.choice(np.flatnonzero(rare == 0), 13, replace=False)] = 2
    strata = np.stack([rare, large, (large + rng.integers(0, 2, n)) % 3], axis=1)
    columns = strata + np.array([0, 3, 13])
    fold_of = assign_folds(strata, seed=0)
    counts = np.stack([np.bincount(columns[fold_of == fold].ravel(), minlength=16) for fold in range(5)])
    assert np.ptp(np.bincount(fold_of)) <= 1
    assert sorted(counts[:, 1]) == [0, 0, 0, 1, 1]
    assert set(counts[:, 2]) <= {2, 3}
    assert np.ptp(counts[:, 3:], axis=0).max() < 40  # of 500 and more; at random it would be about 100
    assert (fold_of == assign_folds(strata, seed=0)).all()
    assert not (fold_of == assign_folds(strata, seed=1)).all()


def test_permutations_keep_what_groups_share():
    cluster = np.repeat(np.arange(30), 4)
    of_group, fold_of = np.arange(30) % 3, np.repeat(np.arange(30) % 5, 4)
    labels = of_group[cluster]
    between = labels[exchange(labels, cluster, fold_of).orders(20, np.random.default_rng(0))]
    assert (between.reshape(20, 30, 4) == between.reshape(20, 30, 4)[:, :, :1]).all()
    for fold in range(5):
        assert (np.sort(between[:, fold_of == fold]) == np.sort(of_group[cluster][fold_of == fold])).all()
    assert len(np.unique(between, axis=0)) > 15
    labels = np.random.default_rng(1).integers(0, 2, 120)
    within = labels[exchange(labels, cluster, fold_of).orders(20, np.random.default_rng(0))].reshape(20, 30, 4)
    assert (within.sum(2) == labels.reshape(30, 4).sum(1)).all()
    assert len(np.unique(within, axis=0)) == 20
