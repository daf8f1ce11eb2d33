"""A stream's folds, samples, tests, power, readout and intervals are what they say."""

import numpy as np
import pytest

from repbias.audit.decoding import balanced_accuracy, fold_maps
from repbias.audit.estimates import coordinates
from repbias.audit.inputs import check_stimuli
from repbias.audit.intervals import Resamples
from repbias.audit.nulls import planted_power, reordered
from repbias.audit.stream.layer import UnitVariance
from repbias.audit.stream.nulls import detectable_r2, false_positives, null_of_classes
from repbias.audit.stream.plan import stream_plan
from repbias.audit.stream.readout import readouts
from repbias.audit.stream.sums import read_sums
from repbias.audit.stream.variance import regressions, stream_encodings, variation
from repbias.features.folds import assign_folds
from repbias.features.permutations import exchange
from repbias.features.values import of_labels
from repbias.measures.variance.predictions import folded


def planned(labels, *, sampled=10_000, seed=0):
    """Return the plan of features given as columns of numbers."""
    return stream_plan(check_stimuli({str(at): y for at, y in enumerate(labels)}), sampled, seed)


def read(x, plan):
    """Return the sums, regressions and variation of one layer."""
    sums = read_sums([x], plan)["activity"]
    return sums, regressions(sums, plan), variation(sums, plan, 1)


def planted(seed, *, n=400, n_units=20, r2=0.2, n_classes=2):
    """Return activity and labels; the feature has a share `r2` of the population's variance, the same in each unit."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    means = np.random.default_rng(99).normal(size=(n_classes, n_units))
    means -= means.mean(0)
    means *= np.sqrt(r2 / (1 - r2) / (means**2).mean(0))
    return rng.normal(size=(n, n_units)) + means[labels], labels


def test_a_sample_is_of_all_stimuli_and_has_each_class():
    rng = np.random.default_rng(0)
    rare = np.r_[np.ones(8, int), np.full(50, 2), np.zeros(9942, int)]
    side = rng.integers(0, 2, 10_000)
    sample = planned([rare, side], sampled=1000).sample
    representative = sample.rows[sample.representative]
    assert len(np.unique(representative)) == 1000
    assert np.corrcoef(np.sort(representative), np.arange(1000))[0, 1] > 0.99  # from all over the stream
    of_rare, of_side = (np.bincount(y[sample.rows[sample.scored[name]]]) for name, y in (("0", rare), ("1", side)))
    assert of_rare[1:].tolist() == [8, 20]
    assert of_side.sum() == 1000  # not those that were added for the other feature
    assert set(sample.representative) <= set(sample.scored["0"])


@pytest.mark.parametrize(
    ("n_units", "n_classes", "heavy"), [(20, 2, False), (1, 2, False), (5, 4, False), (20, 3, True)]
)
def test_the_null_distribution_and_the_power_are_those_of_permutations(n_units, n_classes, heavy):
    rng = np.random.default_rng(n_units)
    n = 800
    labels = np.minimum(rng.integers(0, 2 * n_classes, n), n_classes - 1)
    x = rng.standard_t(5, size=(n, n_units)) if heavy else rng.normal(size=(n, n_units)) * np.linspace(1, 3, n_units)
    values = of_labels(labels[:, None], [n_classes])[0]
    fold_of = assign_folds(labels, seed=0)
    of_layer = coordinates(x)
    activity = folded(of_layer.scores, fold_of)
    counts = np.stack([values.code[fold_of == fold].sum(0) for fold in range(5)])
    null = null_of_classes(counts, of_layer.shares)
    orders = exchange(labels, np.arange(n), fold_of).orders(1500, rng)
    permutations = reordered(activity, values, orders).explained / activity.total
    assert null.deviation == pytest.approx(permutations.std(), rel=0.08)
    drawn = null.draw(20_000, rng)
    for share in (0.75, 0.9, 0.95):
        error = 5 * np.sqrt(share * (1 - share) / 1500)  # of the quantile, in shares
        low, high = np.quantile(drawn, [max(share - error, 0.001), min(share + error, 0.999)])
        assert low <= np.quantile(permutations, share) <= high
    assert np.mean([null.p_value(one) <= 0.05 for one in permutations]) <= 0.05 + 2 * np.sqrt(0.05 / 1500)
    assert 0.02 <= (permutations > null.critical_value()).mean() <= 0.065  # outliers make it too careful
    expected = planted_power(activity, values, orders[:800], null.critical_value(), rng)[0][0]
    found, (low, high) = detectable_r2(null, n_classes - 1, n, of_layer.shares, 800, rng)
    assert low <= found <= high
    assert found == pytest.approx(expected, rel=0.12)


def test_a_layer_without_variance_has_no_null_and_no_power():
    null = null_of_classes(np.full((5, 2), 10.0), np.zeros(1))
    assert null.p_value(0.0) == 1
    assert null.critical_value() == np.inf
    assert np.isnan(detectable_r2(null, 1, 100, np.zeros(1), 50, np.random.default_rng(0))[0])


def test_a_p_value_is_no_less_than_a_millionth_and_grows_less_with_the_score():
    null = null_of_classes(np.full((5, 2), 100.0), np.full(10, 0.1))
    p = [null.p_value(r2) for r2 in (-0.001, 0.0, 0.001, 0.002, 0.5)]
    assert p == sorted(p, reverse=True)
    assert p[-1] == 1e-6


@pytest.mark.parametrize("n_units", [1, 30, 150])
def test_the_discriminant_is_that_of_the_audit_of_arrays(n_units):
    x, labels = planted(0, n=120, n_units=n_units, r2=0.1, n_classes=3)
    x = x + 5 * np.random.default_rng(1).normal(size=(120, 1))  # so that there is something to whiten
    plan = planned([labels])
    draws = Resamples(np.arange(len(plan.representative)), 1, seed=0)
    found = dict(readouts(*read(x, plan), plan, draws))["0"]
    activity = folded(x - x.mean(0), plan.fold_of)
    as_given = np.arange(120, dtype=np.int32)[None]
    fitted = reordered(activity, of_labels(labels[:, None], [3])[0], as_given).weights
    maps = fold_maps(x, plan.fold_of)
    expected = balanced_accuracy(activity.deviations, plan.fold_of, maps, fitted, labels[None])[0]
    assert found.score == pytest.approx(expected, abs=0.006)  # one stimulus on the border, at most
    assert found.interval[0] < found.score < found.interval[1]


def rates(repeats, n_classes, n_units, n, sampled):
    """Return how often the readout of a feature of zero strength has a p of 5 % or less, and how often its interval
    covers chance."""
    small, covered = 0, 0
    for seed in range(repeats):
        x, labels = planted(seed, n=n, n_units=n_units, r2=0.0, n_classes=n_classes)
        plan = planned([labels], sampled=sampled, seed=seed)
        draws = Resamples(np.arange(len(plan.representative)), 1, seed=0)
        found = dict(readouts(*read(x, plan), plan, draws))["0"]
        small += found.p <= 0.05
        covered += found.interval[0] <= 1 / n_classes <= found.interval[1]
    return small / repeats, covered / repeats


def test_readout_that_is_not_there_is_rarely_found():
    small, covered = rates(100, 2, 10, 200, 200)
    assert small <= 0.1
    assert covered >= 0.88


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_classes", "n_units", "n", "sampled"),
    [(2, 1, 400, 400), (2, 5, 400, 400), (2, 50, 400, 400), (4, 50, 400, 400), (3, 20, 1000, 200), (2, 300, 200, 200)],
)
def test_readout_that_is_not_there_is_found_in_5_percent_or_less(n_classes, n_units, n, sampled):
    small, covered = rates(400, n_classes, n_units, n, sampled)
    assert small <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
    assert covered >= 0.92


def coverage(repeats, r2, n_classes=2, n_units=20, n=400, sampled=100):
    hits = 0
    for seed in range(repeats):
        x, labels = planted(seed, n=n, n_units=n_units, r2=r2, n_classes=n_classes)
        plan = planned([labels], sampled=sampled, seed=seed)
        found = stream_encodings(*read(x, plan), plan).explained(["0"])
        low, high = found.interval(Resamples(np.arange(sampled), 400, seed=seed))
        hits += low <= r2 <= high
    return hits / repeats


def test_the_interval_covers_though_few_stimuli_are_kept():
    assert 0.88 <= coverage(100, 0.2) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"r2": 0.2},
        {"r2": 0.05},
        {"r2": 0.6},
        {"r2": 0.2, "n_units": 100},
        {"r2": 0.2, "n_classes": 4},
        {"r2": 0.2, "n": 2000, "sampled": 200},
        {"r2": 0.2, "n": 100},
    ],
)
def test_the_interval_of_a_planted_r2_covers_95_percent(case):
    assert 0.92 <= coverage(500, **case) <= 0.975


def test_intervals_narrow_with_all_stimuli_and_not_with_those_that_are_kept():
    x, labels = planted(0, n=4000)
    widths = {}
    for sampled in (500, 4000):
        plan = planned([labels], sampled=sampled)
        low, high = (
            stream_encodings(*read(x, plan), plan).explained(["0"]).interval(Resamples(np.arange(sampled), 500, seed=0))
        )
        widths[sampled] = high - low
    assert widths[500] == pytest.approx(widths[4000], rel=0.2)


def test_density_and_participation_are_of_all_stimuli():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 6000)
    x = rng.normal(size=(6000, 20))
    x[:, :5] += 2 * labels[:, None]
    plan = planned([labels], sampled=1000)
    units = UnitVariance(*read(x, plan), plan)
    density, (low, high) = units.density("0")
    assert (density, low, high) == (0.25, 0.25, 0.25)
    assert units.r2("0")[0][:5] == pytest.approx(np.full(5, 0.5), abs=0.03)
    value, (low, high) = units.participation("0", 0.0)
    assert value == pytest.approx(5, abs=0.05)
    assert low <= 5 <= high < 5.2
    border = rng.normal(size=(6000, 20)) + 2 / 3 * labels[:, None]  # an R2 of 0.1 in each
    density, (low, high) = UnitVariance(*read(border, plan), plan).density("0")
    assert low <= density <= high
    assert (low, high) == (0, 1)


def test_features_of_zero_strength_are_tried_on_the_streams_own_stimuli():
    x, labels = planted(0, n=3000, r2=0.3)
    plan = planned([labels, np.roll(labels, 7)])
    sums = read_sums([x], plan)["activity"]
    for rate, (low, high) in false_positives(sums, plan, 400).values():
        assert low <= rate <= high
        assert 0.02 <= rate <= 0.08
