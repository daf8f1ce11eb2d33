"""The audit's estimates, intervals, tests and power are what they say."""

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.decoding import held_out_right
from repbias.audit.estimates import contributions, coordinates
from repbias.audit.intervals import Resamples
from repbias.audit.nulls import critical_value, p_value, planted_power, reordered
from repbias.features.folds import assign_folds, one_hot
from repbias.features.permutations import exchange
from repbias.features.values import Values, of_labels
from repbias.measures.variance.predictions import folded, held_out_predictions, unit_r2


def planted(seed, *, n=100, n_units=20, r2=0.2, n_classes=2, n_groups=0):
    """Return activity, labels and clusters; the feature has a share `r2` of the population's variance."""
    rng = np.random.default_rng(seed)
    labels, cluster = rng.integers(0, n_classes, n), np.arange(n)
    noise, variance = rng.normal(size=(n, n_units)), float(n_units)
    if n_groups:
        cluster = np.repeat(np.arange(n_groups), n // n_groups)
        noise += rng.normal(size=(n_groups, n_units))[cluster]
        variance *= 2
    means = np.random.default_rng(99).normal(size=(n_classes, n_units))
    means -= means.mean(0)
    means *= np.sqrt(variance * r2 / (1 - r2) / (means**2).sum(1).mean())
    x = noise + means[labels]
    return x - x.mean(0), labels, cluster


def classes(labels, n_classes):
    return of_labels(labels[:, None], [n_classes])[0]


def scored(x, labels, cluster, n_classes=2):
    fold_of = assign_folds(labels, cluster, seed=0)
    return contributions(x, held_out_predictions(x, classes(labels, n_classes), fold_of), folded(x, fold_of).deviations)


def coverage(repeats, r2, n_classes=2, **kwargs):
    hits = 0
    for seed in range(repeats):
        x, labels, cluster = planted(seed, r2=r2, n_classes=n_classes, **kwargs)
        low, high = scored(x, labels, cluster, n_classes).interval(Resamples(cluster, 400, seed=seed))
        hits += low <= r2 <= high
    return hits / repeats


def test_predictions_are_those_of_least_squares_on_the_other_folds():
    rng = np.random.default_rng(1)
    x, design = rng.normal(size=(60, 7)), np.hstack([one_hot(rng.integers(0, c, 60), c) for c in (2, 3)])
    fold_of = rng.integers(0, 4, 60)
    found = held_out_predictions(x, Values("continuous", fold_of, columns=design), fold_of)
    for fold in range(4):
        held = fold_of == fold
        y, z = design[~held], x[~held]
        weights = np.linalg.lstsq(y - y.mean(0), z - z.mean(0), rcond=1e-10)[0]
        assert found[held] == pytest.approx((design[held] - y.mean(0)) @ weights, abs=1e-10)


def test_sums_of_products_give_the_r2_of_the_regression():
    x, labels, cluster = planted(3, n_classes=3)
    values = classes(labels, 3)
    fold_of = assign_folds(labels, cluster, seed=0)
    activity = folded(x, fold_of)
    by_sums = reordered(activity, values, np.stack([np.arange(len(x)), np.arange(len(x))[::-1]])).explained
    by_regression = contributions(x, held_out_predictions(x, values, fold_of), activity.deviations).sums[0]
    assert by_sums[0] == pytest.approx(by_regression)
    assert by_sums[1] != pytest.approx(by_regression)


@pytest.mark.parametrize(("n", "n_classes", "r2"), [(40, 2, 0.0), (40, 4, 0.0), (60, 2, 0.3), (60, 4, 0.1)])
def test_the_estimate_has_no_bias_where_many_units_would_show_one(n, n_classes, r2):
    repeats = [scored(*planted(seed, n=n, n_units=200, n_classes=n_classes, r2=r2), n_classes) for seed in range(100)]
    found = [one.r2_unbiased for one in repeats]
    assert np.mean(found) == pytest.approx(r2, abs=3 * np.std(found) / 10 + 0.005)
    bias = (1 - r2) * (n_classes - 1) / (0.8 * n)  # of the held-out form, by the noise of the fit
    assert np.mean([one.r2 for one in repeats]) == pytest.approx(r2 - bias, abs=0.5 * bias + 0.005)


def test_the_interval_covers():
    assert 0.88 <= coverage(100, 0.2) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"r2": 0.2},
        {"r2": 0.2, "n_units": 100},
        {"r2": 0.05},
        {"r2": 0.2, "n_classes": 4},
        {"r2": 0.6},
        {"r2": 0.2, "n": 60, "n_units": 8},
        {"r2": 0.2, "n_groups": 10},
        {"r2": 0.2, "n": 200, "n_groups": 5},
    ],
)
def test_the_interval_of_a_planted_r2_covers_95_percent(case):
    assert 0.92 <= coverage(500, **case) <= 0.97


def test_stimuli_that_repeat_need_groups_that_say_so():
    x, labels, _ = planted(0, n=100)
    repeated = np.repeat(x, 4, axis=0), np.repeat(labels, 4)
    widths = {}
    for name, data, cluster in (
        ("once", (x, labels), np.arange(100)),
        ("repeats in groups", repeated, np.repeat(np.arange(100), 4)),
        ("repeats as if new", repeated, np.arange(400)),
    ):
        low, high = scored(*data, cluster).interval(Resamples(cluster, 1000, seed=0))
        widths[name] = high - low
    assert widths["repeats in groups"] == pytest.approx(widths["once"], rel=0.15)
    assert widths["repeats as if new"] == pytest.approx(widths["once"] / 2, rel=0.15)


def test_p_values_are_counted_where_they_can_be_and_extrapolated_where_not():
    null = np.random.default_rng(0).chisquare(8, 400)
    assert p_value(float(np.median(null)) - 1e-9, null, 100) == pytest.approx(201 / 401)
    far = 30.0  # of a chi-square distribution with 8 degrees of freedom, 2e-4 lie beyond
    assert 2e-5 < p_value(far, null, 100) < 1e-3
    assert p_value(far, null, 10) == 1 / 401  # ten groups have too few permutations for a tail
    assert p_value(1e6, null, 100) == 1e-6
    assert p_value(0.0, np.zeros(100), 100) == 1


def test_the_critical_value_is_where_p_reaches_the_level():
    null = np.random.default_rng(0).normal(size=199)
    limit = critical_value(null, 0.05)
    assert (1 + (null >= limit + 1e-6).sum()) / 200 <= 0.05 < (1 + (null >= limit - 1e-6).sum()) / 200
    assert critical_value(null[:10], 0.05) == np.inf


def test_power_is_that_of_features_that_are_really_planted():
    x, labels, cluster = planted(5, n=80, n_units=10, r2=0.0)
    fold_of = assign_folds(labels, cluster, seed=0)
    activity = folded(x, fold_of)
    rng = np.random.default_rng(0)
    values, rule = classes(labels, 2), exchange(labels, cluster, fold_of)
    null = reordered(activity, values, rule.orders(400, rng)).explained / activity.total
    critical = critical_value(null, 0.05)
    (detectable, (low, high)), (false_positives, (least, most)) = planted_power(
        activity, values, rule.orders(400, rng), critical, rng
    )
    assert low <= detectable <= high
    found = {}
    for r2 in (0.0, detectable):
        hits = [_found_when_planted(activity, labels, r2, critical, np.random.default_rng(seed)) for seed in range(300)]
        found[r2] = np.mean(hits)
    assert found[detectable] == pytest.approx(0.8, abs=0.08)
    assert found[0.0] == pytest.approx(false_positives, abs=0.04)
    assert least <= 0.05 <= most


def _found_when_planted(activity, labels, r2, critical, rng):
    order = exchange(labels, np.arange(len(labels)), activity.fold_of).orders(1, rng)
    y = labels[order[0]]
    means = rng.normal(size=(2, activity.x.shape[1]))
    means -= np.bincount(y) @ means / len(y)
    strength = np.sqrt(activity.total / len(y) * r2 / (1 - r2) / ((means[y] ** 2).sum() / len(y)))
    x = activity.x + strength * means[y]
    there = folded(x, activity.fold_of)
    return reordered(there, classes(labels, 2), order).explained[0] / there.total > critical


def test_a_class_that_no_fold_can_learn_is_never_named():
    x, labels, fold_of = np.eye(12), np.r_[1, 1, 1, np.zeros(9, int)], np.repeat([0, 1, 2, 3], 3)
    right = held_out_right(x, labels, fold_of, "logistic")
    assert right[:3].tolist() == [0, 0, 0]
    assert right[3:].all()


def test_unit_r2():
    x, labels, cluster = planted(0, n=4000, n_units=5, r2=0.0)
    x[:, 0] += 2 * labels
    x[:, 4] = 0
    x -= x.mean(0)
    fold_of = assign_folds(labels, cluster, seed=0)
    activity = folded(x, fold_of)
    predictions = held_out_predictions(x, classes(labels, 2), fold_of)
    for found in unit_r2(activity, predictions, predictions):
        assert found == pytest.approx([0.5, 0, 0, 0, 0], abs=0.03)
        assert found[4] == 0


def test_coordinates_keep_all_distances_whatever_the_shape_and_scale():
    rng = np.random.default_rng(0)
    for shape in ((30, 8), (8, 30)):
        x = rng.normal(size=shape) + 5
        found = coordinates(x)
        assert found.scores @ found.scores.T == pytest.approx(found.centred @ found.centred.T, abs=1e-9)
        assert (found.centred**2).mean() == pytest.approx(1)
        assert found.shares.sum() == pytest.approx(1)
        tiny = coordinates(x * 1e-180)
        assert np.abs(tiny.scores) == pytest.approx(np.abs(found.scores), abs=1e-6)
        kernel = found.centred @ found.centred.T
        norms = (found.kernel_scores**2).sum() * found.shares[0] / found.shares.sum()
        assert norms * shape[0] * shape[1] == pytest.approx((kernel**2).sum())
    constant = coordinates(np.full((12, 3), 0.1))
    assert not constant.scores.any()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_groups", "between"), [(60, 0, False), (60, 12, False), (120, 24, True)])
def test_what_is_not_there_is_found_in_one_of_twenty_at_most(n, n_groups, between):
    """Three features of no effect, 300 times; three standard errors above 5 % are allowed for the 900 tests."""
    single, family = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, groups = rng.normal(size=(n, 15)) * np.geomspace(3, 0.3, 15), None
        features = {str(c): rng.permutation(np.arange(n) % c) for c in (2, 3, 4)}
        if n_groups:
            groups = np.repeat(np.arange(n_groups), n // n_groups)
            x += 2 * rng.normal(size=(n_groups, 15))[groups]
        if between:
            features = {str(c): rng.permutation(np.arange(n_groups) % c)[groups] for c in (2, 3, 4)}
        report = audit_arrays(
            {"x": x}, features, groups=groups, seed=seed, resamples=100, permutations=100, classifier="nearest_mean"
        )
        tests = report.table().dropna(subset="p").set_index("measure")
        single.append([(tests.loc[measure, "p"] <= 0.05).mean() for measure in ("r2", "decodability")])
        family.append([(tests.loc[measure, "p_holm"] <= 0.05).any() for measure in ("r2", "decodability")])
    assert (np.mean(single, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 900)).all()
    assert (np.mean(family, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)).all()
