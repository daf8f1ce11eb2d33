"""`r2` and `r2_unbiased` are the same from measures, audit and stream, and follow their formulas."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from repbias.audit.arrays import audit_arrays
from repbias.audit.stream.audit import audit_stream
from repbias.features.folds import assign_folds, running_folds
from repbias.measures import variance_explained

QUICK = {"resamples": 100, "permutations": 50}


def data(seed, n=60, n_units=5, n_classes=6, strength=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    means = strength * rng.normal(size=(n_classes, n_units))
    return rng.normal(size=(n, n_units)) + means[labels], labels


def both_by_scikit_learn(x, labels, fold_of):
    """Return the held-out and the unbiased R2 of regressions fitted by scikit-learn."""
    code = np.eye(labels.max() + 1)[labels]
    z, q = np.empty_like(x), np.empty_like(x)
    for fold in np.unique(fold_of):
        held = fold_of == fold
        z[held] = x[held] - x[~held].mean(0)
        q[held] = LinearRegression().fit(code[~held], x[~held]).predict(code[held]) - x[~held].mean(0)
    about_all = x - x.mean(0)
    return 1 - ((q - z) ** 2).sum() / (z**2).sum(), (q * z).sum() / (about_all * z).sum()


def of_audit(report):
    rows = report.results[report.results["feature"] == "f"].set_index("measure")["value"]
    return rows["r2"], rows["r2_unbiased"]


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_they_are_those_of_scikit_learn_from_measures_audit_and_stream(strength):
    x, labels = data(0, strength=strength)
    measured = variance_explained(x, labels)
    expected = both_by_scikit_learn(x, labels, running_folds(0, 60, 5))
    assert (measured.r2[0], measured.r2_unbiased[0]) == pytest.approx(expected, abs=1e-9)
    expected = both_by_scikit_learn(x, labels, assign_folds(labels, seed=0))
    assert of_audit(audit_arrays({"x": x}, {"f": labels}, **QUICK)) == pytest.approx(expected, abs=1e-9)
    assert of_audit(audit_stream([x[:7], x[7:]], {"f": labels}, **QUICK)) == pytest.approx(expected, abs=1e-5)


def test_of_test_arrays_they_are_those_of_their_formulas():
    x, labels = data(1, strength=0.5)
    found = variance_explained(x[:40], labels[:40], test_representation=x[40:], test_labels=labels[40:])
    mean, new = x[:40].mean(0), x[40:]
    q = np.stack([x[:40][labels[:40] == label].mean(0) for label in range(6)])[labels[40:]] - mean
    z = new - mean
    assert found.r2[0] == pytest.approx(1 - ((q - z) ** 2).sum() / (z**2).sum())
    assert found.r2_unbiased[0] == pytest.approx((q * z).sum() / ((new - x.mean(0)) * z).sum())


def test_of_noise_one_lies_below_0_by_the_noise_of_the_fit_and_the_other_at_0():
    found = [variance_explained(*data(seed)) for seed in range(300)]
    held_out, unbiased = (np.array([getattr(one, kind)[0] for one in found]) for kind in ("r2", "r2_unbiased"))
    assert held_out.mean() == pytest.approx(-5 / 48, abs=0.02)
    assert unbiased.mean() == pytest.approx(0, abs=3 * unbiased.std() / np.sqrt(300))


def test_intervals_of_either_hold_what_it_estimates():
    hits = np.zeros(2)
    means = np.random.default_rng(99).normal(size=(3, 20))
    means -= means.mean(0)
    means *= np.sqrt(20 / 4 / (means**2).sum(1).mean())  # a fifth of the variance
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 3, 60)
        report = audit_arrays({"x": rng.normal(size=(60, 20)) + means[labels]}, {"f": labels}, **QUICK)
        rows = report.results[report.results["feature"] == "f"].set_index("measure")
        truths = {"r2": 0.2 - 0.8 * 2 / 48, "r2_unbiased": 0.2}
        hits += [rows.loc[kind, "ci_low"] <= truth <= rows.loc[kind, "ci_high"] for kind, truth in truths.items()]
    assert (hits / 60 >= 0.86).all()
