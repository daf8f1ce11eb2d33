"""Designs at the edge of what an audit takes: few groups, few repeats, constants, and what is dropped."""

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.intervals import Contributions, Resamples, normal_interval, ratio_interval
from repbias.audit.spread import participation_interval
from repbias.audit.stream.audit import audit_stream
from repbias.features.values import of_labels
from repbias.measures.variance.sums import Sums

FEW = {"resamples": 200, "permutations": 50}


def drawn(n=120, n_units=6, seed=0):
    """Return activity that a loud feature moves, and its labels with those of one that does nothing."""
    rng = np.random.default_rng(seed)
    labels = {"loud": rng.permutation(np.arange(n) % 2), "absent": rng.permutation(np.arange(n) % 3)}
    return rng.normal(size=(n, n_units)) + labels["loud"][:, None], labels


def contained(report):
    rows = report.results.dropna(subset=["value", "ci_low"])
    return (rows["ci_low"] <= rows["value"] + 1e-12).all() and (rows["value"] <= rows["ci_high"] + 1e-12).all()


@pytest.mark.parametrize("n_groups", [2, 3])
def test_intervals_of_very_few_groups_cover_and_have_an_end(n_groups):
    """A ratio of sums over groups, each of mean 0.3 and standard deviation 0.1."""
    rng, hits, widths = np.random.default_rng(0), 0, []
    for seed in range(300):
        gain = 0.3 + 0.1 * rng.normal(size=n_groups)
        draws = Resamples(np.arange(n_groups), 100, seed=seed)
        low, high = ratio_interval(float(gain.mean()), gain, np.ones(n_groups), draws)
        hits += low <= 0.3 <= high
        widths.append(high - low)
    assert 0.92 <= hits / 300 <= 0.98
    assert max(widths) < 10


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_a_few_groups_give_intervals_within_bounds(n_groups):
    x, labels = drawn()
    report = audit_arrays({"x": x}, labels, groups=np.arange(120) % n_groups, **FEW)
    assert contained(report)
    shares = report.results[report.results["measure"].str.startswith(("r2", "rdm_share"))]
    assert (shares["ci_high"] <= 1).all()
    assert (shares["ci_low"] > -5).all()


def test_two_blocks_have_a_participation_between_one_unit_and_all():
    sums = np.array([[[1.0, 0.5, 0.5], [-1.0, -0.5, -0.5]], [[1.0, -0.5, -0.4], [-1.0, 0.5, 0.4]]])
    blocks = Sums(np.full(2, 10.0), np.full((2, 2), 5.0), sums, sums.sum(1))
    value, interval = participation_interval(blocks, of_labels(np.zeros((1, 1), int), [2])[0])
    assert value == 1
    assert interval == (1, 3)


def test_what_few_stimuli_repeat_has_a_ceiling_without_a_warning():
    x, labels = drawn(n=100)
    stimulus = np.r_[np.arange(100), 0, 1, 2]
    again = np.random.default_rng(1).normal(size=(103, 6))
    report = audit_arrays({"x": x[stimulus] + again}, {"loud": labels["loud"][stimulus]}, repeats=stimulus, **FEW)
    assert contained(report)


def test_clusters_that_add_nothing_do_not_count_towards_an_interval():
    gain, total = np.array([0.2, 0.4]), np.ones(2)
    many, two = Resamples(np.arange(42), 100, seed=0), Resamples(np.arange(2), 100, seed=0)
    with_others = ratio_interval(0.3, *(np.r_[values, np.zeros(40)] for values in (gain, total)), many)
    assert with_others == pytest.approx(ratio_interval(0.3, gain, total, two))


def test_a_share_of_variance_has_no_interval_above_one():
    rng = np.random.default_rng(0)
    gain = 0.95 + 0.3 * rng.normal(size=30)
    found = Contributions.of(gain, gain, np.ones(30), np.ones(30))
    draws = Resamples(np.arange(30), 300, seed=0)
    low, high = ratio_interval(found.r2_unbiased, gain, np.ones(30), draws)
    assert high > 1
    assert found.interval(draws) == (low, max(1, found.r2_unbiased))


def test_a_feature_that_is_all_there_is_explains_no_more_than_all():
    _, labels = drawn()
    x = labels["loud"][:, None] * np.ones(4)
    for report in (audit_arrays({"x": x}, labels, **FEW), audit_stream([x], labels, **FEW)):
        rows = report.results[report.results["measure"].str.startswith("r2")]
        assert (rows["ci_high"] <= np.maximum(1, rows["value"])).all()
        assert contained(report)


def test_scores_of_few_groups_have_students_intervals():
    resampled = np.array([0.19, 0.21, 0.2, 0.2])
    for n_groups, half in ((2, 12.706 * np.sqrt(2)), (10_000, 1.96)):
        low, high = normal_interval(0.2, resampled, n_groups, -1, 1)
        assert high - 0.2 == pytest.approx(half * resampled.std(), rel=1e-3)
        assert 0.2 - low == pytest.approx(high - 0.2)


def test_a_refusal_says_what_was_dropped_before_and_counts_as_the_caller_does():
    x, labels = drawn()
    rare, gaps = np.zeros(120), labels["loud"].astype(float)
    rare[:6], gaps[:5] = 1, np.nan
    speed = labels["absent"].astype(float)
    speed[50] = np.inf
    for feature, message in ((rare, "5 of 120 stimuli were dropped.*got one of '1'"), (speed, "at stimulus 50")):
        with pytest.raises(ValueError, match=message):
            audit_arrays({"x": x}, {"feature": feature, "gaps": gaps}, missing="drop", **FEW)
