"""The noise ceiling is the share of variance that repeats reproduce."""

import numpy as np
import pytest

from repbias.audit.estimates import contributions
from repbias.audit.intervals import Resamples
from repbias.audit.repeats import ceiling_rows, find_repeats, reproduced
from repbias.features.folds import assign_folds
from repbias.features.labels import Labels
from repbias.features.permutations import PermutedFeature
from repbias.features.values import of_labels
from repbias.measures.variance.predictions import folded, held_out_predictions


def as_labels(numbers):
    return Labels(np.asarray(numbers), tuple(str(one) for one in range(max(numbers) + 1)))


def design(stimulus, group=None):
    return find_repeats(as_labels(stimulus), None if group is None else as_labels(group))


def ceiling(x, stimulus, group=None):
    x = x - x.mean(0)
    repeats = design(stimulus, group)
    fold_of = repeats.cluster % 5
    activity = folded(x, fold_of)
    return reproduced(activity, (x * activity.deviations).sum(1), repeats)


def counts_of(n_stimuli, kind):
    """Presentations of each stimulus: three each, or from one to six."""
    return np.full(n_stimuli, 3) if kind == "balanced" else 1 + np.arange(n_stimuli) % 6


def gaussian(seed, n_stimuli=60, kind="balanced", share=0.3, n_units=10):
    """Return activity whose stimuli have a share of the population's variance, and the stimulus of each row."""
    rng = np.random.default_rng(seed)
    stimulus = np.repeat(np.arange(n_stimuli), counts_of(n_stimuli, kind))
    signal = np.sqrt(share) * rng.normal(size=(n_stimuli, n_units))
    return signal[stimulus] + np.sqrt(1 - share) * rng.normal(size=(len(stimulus), n_units)), stimulus


def gamma_poisson(seed, n_stimuli=60, kind="unequal", shape=2.0, n_units=10):
    """Return spike counts: rates of stimuli are gamma, mean 4 and variance 16 / shape, counts Poisson about them."""
    rng = np.random.default_rng(seed)
    stimulus = np.repeat(np.arange(n_stimuli), counts_of(n_stimuli, kind))
    rates = rng.gamma(shape, 4 / shape, size=(n_stimuli, n_units))
    return rng.poisson(rates[stimulus]).astype(float), stimulus


GAMMA_POISSON_SHARE = (16 / 2) / (16 / 2 + 4)


@pytest.mark.parametrize("kind", ["balanced", "unequal"])
@pytest.mark.parametrize(
    ("simulate", "truth"),
    [(gaussian, 0.3), (lambda *a, **k: gaussian(*a, share=0.0, **k), 0.0), (gamma_poisson, GAMMA_POISSON_SHARE)],
)
def test_the_ceiling_has_no_bias_with_few_stimuli(simulate, truth, kind):
    found = [ceiling(*simulate(seed, n_stimuli=24, kind=kind)).r2_unbiased for seed in range(150)]
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / np.sqrt(150) + 0.006)


def test_a_balanced_design_gives_the_variance_components_of_the_analysis_of_variance():
    x, stimulus = gaussian(0, n_stimuli=200, n_units=3)
    cells = x.reshape(200, 3, 3)
    between = 3 * cells.mean(1).var(0, ddof=1)
    within = cells.var(1, ddof=1).mean(0)
    signal = (between - within) / 3
    assert ceiling(x, stimulus).r2_unbiased == pytest.approx(signal.sum() / (signal + within).sum(), abs=2e-3)


def test_sessions_that_cross_stimuli_give_the_components_of_two_way_analysis_of_variance():
    rng = np.random.default_rng(0)
    n, sessions = 150, 4
    signal, drift = rng.normal(size=(n, 1, 1)), 3 * rng.normal(size=(1, sessions, 1))
    cells = signal + drift + rng.normal(size=(n, sessions, 1))
    rows, columns = cells.mean(1, keepdims=True), cells.mean(0, keepdims=True)
    residual = cells - rows - columns + cells.mean()
    noise = (residual**2).sum() / ((n - 1) * (sessions - 1))
    component = (sessions * ((rows - cells.mean()) ** 2).sum() / (n - 1) - noise) / sessions
    stimulus, session = np.divmod(np.arange(n * sessions), sessions)
    found = ceiling(cells.reshape(-1, 1), stimulus, session)
    assert found.sums[0] / found.n == pytest.approx(component, rel=0.01)
    assert found.r2_unbiased == pytest.approx(component / cells.var(), rel=0.02)
    ignored = ceiling(cells.reshape(-1, 1), stimulus)  # one is told that drift is noise, as it differs in repeats
    assert ignored.r2_unbiased < found.r2_unbiased


def test_drift_of_a_session_is_reproduced_where_each_stimulus_is_in_one_session():
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(1200), 2)
    session = stimulus // 20
    x = 2 * rng.normal(size=(60, 5))[session] + rng.normal(size=(1200, 5))[stimulus] + rng.normal(size=(2400, 5))
    assert design(stimulus, session).keeps_groups
    assert ceiling(x, stimulus, session).r2_unbiased == pytest.approx(5 / 6, abs=0.04)


def test_stimuli_seen_once_add_nothing():
    x, stimulus = gaussian(0, kind="unequal")
    found = ceiling(x, stimulus)
    once = np.bincount(stimulus)[stimulus] == 1
    assert once.sum() == 10
    cross, _, total, _ = found.parts
    assert not cross[once].any()
    assert not total[once].any()
    assert total[~once].all()


def coverage(simulate, truth, repeats, **kwargs):
    hits = 0
    for seed in range(repeats):
        x, stimulus = simulate(seed, **kwargs)
        low, high = ceiling(x, stimulus).interval(Resamples(stimulus, 400, seed=seed))
        hits += low <= truth <= high
    return hits / repeats


@pytest.mark.slow
@pytest.mark.parametrize(
    ("simulate", "truth", "case"),
    [
        (gaussian, 0.3, {}),
        (gaussian, 0.3, {"kind": "unequal"}),
        (gaussian, 0.05, {"share": 0.05, "kind": "unequal"}),
        (gaussian, 0.8, {"share": 0.8}),
        (gaussian, 0.3, {"n_stimuli": 30, "n_units": 50}),
        (gamma_poisson, GAMMA_POISSON_SHARE, {"n_units": 40}),
    ],
)
def test_the_interval_of_the_ceiling_covers_95_percent(simulate, truth, case):
    assert 0.92 <= coverage(simulate, truth, 500, **case) <= 0.975


def of_category(seed, ceiling, of=0.8, n_stimuli=40, n_classes=2, shown=4, n_units=20):
    """Return the rows of the ceiling where four fifths of it are due to categories whose means are fixed."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(n_classes, n_units))
    means -= means.mean(0)
    means *= np.sqrt(n_classes * n_units / (means**2).sum())
    stimulus = np.repeat(np.arange(n_stimuli), shown)
    category = rng.permutation(np.arange(n_stimuli) % n_classes)
    signal = np.sqrt(of) * means[category] + np.sqrt(1 - of) * rng.normal(size=(n_stimuli, n_units))
    x = np.sqrt(ceiling) * signal[stimulus] + np.sqrt(1 - ceiling) * rng.normal(size=(len(stimulus), n_units))
    labels, x = category[stimulus], x - x.mean(0)
    values = of_labels(labels[:, None], [n_classes])[0]
    activity = folded(x, assign_folds(labels, stimulus, seed=0))
    found = contributions(x, held_out_predictions(x, values, activity.fold_of), activity.deviations)
    feature = PermutedFeature("category", values, labels[None], labels[None], n_stimuli)
    draws = Resamples(stimulus, 300, seed=seed)
    return [row[2:5] for row in ceiling_rows(activity, {"category": found}, (feature,), design(stimulus), draws)]


def covers(rows, truth):
    return [low <= truth <= high for _, low, high in rows]


def test_the_ceiling_has_no_bias_where_stimuli_have_categories_of_fixed_means():
    """About the mean of all other stimuli, the ceiling would be .1418, and 16 % of the intervals would lie above."""
    found = [of_category(seed, 0.1383, of=1.0, shown=10, n_units=100)[0] for seed in range(100)]
    assert np.mean([value for value, *_ in found]) == pytest.approx(0.1383, abs=0.0012)
    assert np.mean(covers(found, 0.1383)) >= 0.89


@pytest.mark.slow
@pytest.mark.parametrize("ceiling", [0.02, 0.05, 0.1, 0.2, 0.4, 0.6])
@pytest.mark.parametrize("n_stimuli", [60, 24])
def test_intervals_of_the_ceiling_and_of_a_share_of_it_cover_95_percent(ceiling, n_stimuli):
    """Where the ceiling cannot be distinguished from 0, no share is given."""
    found = np.array([of_category(seed, ceiling, n_stimuli=n_stimuli, n_classes=4) for seed in range(300)])
    assert 0.91 <= np.mean(covers(found[:, 0], ceiling)) <= 0.985
    shares = found[~np.isnan(found[:, 1, 0]), 1]
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(shares)) <= np.mean(covers(shares, 0.8)) <= 0.995
    if ceiling >= 0.2:  # below, intervals are cut at 1
        assert len(shares) > 290
        right = 2 * 1.96 * shares[:, 0].std()
        assert 0.8 * right <= np.median(shares[:, 2] - shares[:, 1]) <= 1.5 * right


@pytest.mark.slow
def test_the_interval_of_a_share_of_the_ceiling_covers_95_percent_with_unequal_repeats():
    hits = 0
    means = np.random.default_rng(99).normal(size=10)
    for seed in range(500):
        x, stimulus = gaussian(seed, kind="unequal", share=0.2)
        side = np.random.default_rng(1000 + seed).permutation(np.arange(60) % 2)[stimulus]
        x += (side - 0.5)[:, None] * means * 2 * np.sqrt(0.2 / (means**2).mean())  # as much as the rest of the signal
        x -= x.mean(0)
        repeats = design(stimulus)
        values = of_labels(side[:, None], [2])[0]
        fold_of = assign_folds(side, stimulus, seed=0)
        activity = folded(x, fold_of)
        found = contributions(x, held_out_predictions(x, values, fold_of), activity.deviations)
        feature = PermutedFeature("side", values, side[None], side[None], 60)
        rows = ceiling_rows(activity, {"side": found}, (feature,), repeats, Resamples(stimulus, 400, seed=seed))
        (_, _, _, low, high, _) = next(row for row in rows if row[1] == "r2_of_ceiling")
        hits += low <= 0.5 <= high
    assert 0.92 <= hits / 500 <= 0.975
