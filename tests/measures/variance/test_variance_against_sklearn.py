"""scikit-learn's LinearRegression, in float64, is the second opinion."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from repbias.features.folds import running_folds
from repbias.measures import variance_explained


def one_hot(labels, n_classes):
    return np.concatenate([np.eye(c)[labels[:, i]] for i, c in enumerate(n_classes)], axis=1)


def residuals(x, code, splits):
    """Return the residuals and the centred representations of every held-out stimulus, in float64."""
    x = x.astype(np.float64)
    off, phi = [], []
    for fit, test in splits:
        off.append(LinearRegression().fit(code[fit], x[fit]).predict(code[test]) - x[test])
        phi.append(x[test] - x[fit].mean(0))
    return np.concatenate(off) ** 2, np.concatenate(phi) ** 2


def halves(n):
    return [(np.arange(n // 2), np.arange(n // 2, n))]


def same_folds(n, folds=5):
    fold = running_folds(0, n, folds)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1_000])
@pytest.mark.parametrize("n_classes", [(2, 3), (2, 40)])
@pytest.mark.parametrize("cross_validated", [True, False])
def test_same_numbers(plant, dtype, offset, n_classes, cross_validated):
    n = 6_001
    x, labels, _ = plant(n=n, n_units=30, n_classes=n_classes, offset=offset)
    x = x.astype(dtype)
    splits = same_folds(n) if cross_validated else halves(n)
    if cross_validated:
        found = variance_explained(x, labels, joint=True)
    else:
        (fit, test) = splits[0]
        found = variance_explained(
            x[fit], labels[fit], test_representation=x[test], test_labels=labels[test], joint=True
        )
    for feature, classes in enumerate(n_classes):
        off, phi = residuals(x, one_hot(labels[:, [feature]], (classes,)), splits)
        assert found.r2[feature] == pytest.approx(1 - off.sum() / phi.sum(), abs=1e-6)
        assert found.unit_r2[feature] == pytest.approx(1 - off.sum(0) / phi.sum(0), abs=1e-6)
        assert found.r2_per_stimulus[feature] == pytest.approx((1 - off.sum(1) / phi.sum(1)).mean(), abs=1e-6)
        assert found.total == pytest.approx(phi.sum(1).mean(), rel=1e-6)
        other = 1 - feature
        off, _ = residuals(x, one_hot(labels[:, [other]], (n_classes[other],)), splits)
        without = 1 - off.sum() / phi.sum()
        off, _ = residuals(x, one_hot(labels, n_classes), splits)
        assert found.joint_r2 == pytest.approx(1 - off.sum() / phi.sum(), abs=1e-6)
        assert found.unique[feature] == pytest.approx(found.joint_r2 - without, abs=1e-6)


def test_a_design_that_lacks_rank_is_solved(plant):
    """A feature that is a function of another adds nothing, and the joint fit stays that of scikit-learn."""
    n = 2_000
    x, labels, _ = plant(n=n, n_classes=(4, 2))
    labels[:, 1] = labels[:, 0] // 2
    found = variance_explained(x, labels, joint=True)
    off, phi = residuals(x, one_hot(labels, (4, 2)), same_folds(n))
    assert found.joint_r2 == pytest.approx(1 - off.sum() / phi.sum(), abs=1e-9)
    assert found.joint_r2 == pytest.approx(found.r2[0], abs=1e-9)
    assert found.unique[1] == pytest.approx(0, abs=1e-9)
    assert found.common[1] == pytest.approx(found.r2[1], abs=1e-9)
    assert found.unique[0] == pytest.approx(found.r2[0] - found.r2[1], abs=1e-9)


def test_float32_keeps_its_accuracy_where_the_first_stimuli_are_outliers(plant):
    x, labels, _ = plant(n=4_000, n_units=8)
    x[:3] += 1e4
    x = x.astype(np.float32)
    off, phi = residuals(x, one_hot(labels[:, :1], (2,)), same_folds(4_000))
    assert variance_explained(x, labels).unit_r2[0] == pytest.approx(1 - off.sum(0) / phi.sum(0), abs=1e-6)
