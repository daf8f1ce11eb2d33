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
    return reproduced(x, (x * folded(x, fold_of).deviations).sum(1), repeats)


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


@pytest.mark.slow
def test_the_interval_of_a_share_of_the_ceiling_covers_95_percent():
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
        found = contributions(x, held_out_predictions(x, values, fold_of), folded(x, fold_of).deviations)
        feature = PermutedFeature("side", values, side[None], side[None], 60)
        rows = ceiling_rows(x, {"side": found}, (feature,), repeats, Resamples(stimulus, 400, seed=seed))
        (_, _, _, low, high, _) = next(row for row in rows if row[1] == "r2_of_ceiling")
        hits += low <= 0.5 <= high
    assert 0.92 <= hits / 500 <= 0.975
