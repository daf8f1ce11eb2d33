"""Presentations of one stimulus are kept together, permuted together, and told what they can tell."""

import re

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.repeats import find_repeats
from repbias.features.labels import Labels

TESTS = ("r2", "decodability")
FEW = {"permutations": 50, "resamples": 100, "classifier": "nearest_mean"}


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_not_there_is_found_in_one_of_twenty_at_most_with_repeats(nested):
    """A feature of the stimulus without effect, and a choice that follows session and stimulus, 300 times."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        stimulus = np.tile(np.repeat(np.arange(30), 2), 4)
        session = np.repeat(np.arange(4), 60)
        if nested:
            stimulus = 30 * session + stimulus
        n_stimuli = stimulus.max() + 1
        own, drift = 2 * rng.normal(size=(n_stimuli, 8)), 2 * rng.normal(size=(4, 8))
        x = own[stimulus] + drift[session] + rng.normal(size=(240, 8))
        leaning = rng.normal(size=n_stimuli)[stimulus] + np.array([-1, -0.5, 0.5, 1])[session]
        labels = {
            "lucky": rng.permutation(np.arange(n_stimuli) % 2)[stimulus],
            "choice": (leaning + rng.logistic(size=240) > 0).astype(int),
        }
        table = cells(audit_arrays({"x": x}, labels, groups=session, repeats=stimulus, seed=seed, **FEW))
        found.append([table.loc[("x", measure, name), "p"] <= 0.05 for measure in TESTS for name in labels])
    assert (np.mean(found, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)).all()


def experiment(seed=0, n_stimuli=40, sessions=4, shown=3):
    """Return activity, features and design: side is the stimulus's own, choice is not, drug is the session's."""
    rng = np.random.default_rng(seed)
    stimulus = np.tile(np.repeat(np.arange(n_stimuli), shown), sessions)
    session = np.repeat(np.arange(sessions), n_stimuli * shown)
    side, choice = stimulus % 2, rng.integers(0, 2, len(stimulus))
    own = 0.7 * rng.normal(size=(n_stimuli, 20))
    own -= np.stack([own[::2].mean(0), own[1::2].mean(0)])[np.arange(n_stimuli) % 2]
    x = side[:, None] * rng.normal(size=20) + own[stimulus] + rng.normal(size=(len(stimulus), 20))
    return x, {"side": side, "choice": choice}, stimulus, session


def cells(report):
    return report.table().set_index(["layer", "measure", "feature"]).sort_index()


@pytest.fixture(scope="module")
def crossed():
    x, features, stimulus, session = experiment()
    return audit_arrays({"V4": x}, features, groups=session, repeats=stimulus, resamples=200, permutations=60)


def test_a_feature_of_the_stimulus_has_a_share_of_the_ceiling(crossed):
    table = cells(crossed)
    whole, share = table.loc[("V4", "noise_ceiling", "(all)")], table.loc[("V4", "r2_of_ceiling", "side")]
    r2 = table.loc[("V4", "r2_unbiased", "side")]
    assert 0.2 < r2["value"] / whole["value"] < 0.9
    assert share["value"] == pytest.approx(r2["value"] / whole["value"], rel=1e-6)
    assert share["ci_low"] < share["value"] < share["ci_high"] < 1.05
    assert ("V4", "r2_of_ceiling", "choice") not in table.index
    said = "\n".join(map(str, crossed.sentences))
    assert re.search(r"V4: repeats reproduce \d+ % \[\d+, \d+\] of the variance; no feature", said)
    assert re.search(r"V4: side is dominant. It explains [^(]* \(\d+ % \[\d+, \d+\] of what repeats reproduce\)", said)


def test_the_design_is_noted(crossed):
    notes = "\n".join(crossed.notes)
    assert "480 presentations of 40 stimuli" in notes
    assert "hold for new stimuli in these groups, not for new groups" in notes
    assert "Permuted between stimuli, as each has one label in all presentations: side." in notes
    assert "Permuted between the presentations of a stimulus in a group: choice." in notes


def test_a_feature_that_only_tells_stimuli_apart_is_read_where_repeats_are_not_kept_together():
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(24), 10)
    lucky = rng.permutation(np.arange(24) % 2)[stimulus]  # nothing that the activity depends on
    x = {"IT": 2 * rng.normal(size=(24, 30))[stimulus] + rng.normal(size=(240, 30))}
    naive, kept = (cells(audit_arrays(x, {"lucky": lucky}, repeats=ids, **FEW)) for ids in (None, stimulus))
    assert naive.loc[("IT", "decodability", "lucky"), "value"] > 0.75
    assert naive.loc[("IT", "r2", "lucky"), "p"] < 0.01
    assert kept.loc[("IT", "decodability", "lucky"), "value"] < 0.7
    assert kept.loc[("IT", "r2", "lucky"), "p"] > 0.05


def test_no_share_is_given_of_a_ceiling_that_may_be_nothing():
    rng = np.random.default_rng(1)
    stimulus = np.repeat(np.arange(40), 3)
    report = audit_arrays({"x": rng.normal(size=(120, 8))}, {"side": stimulus % 2}, repeats=stimulus, **FEW)
    table = cells(report)
    assert table.loc[("x", "noise_ceiling", "(all)"), "ci_low"] <= 0
    assert np.isnan(table.loc[("x", "r2_of_ceiling", "side"), "value"])
    assert any("repeats do not reliably reproduce any variance" in str(line) for line in report.sentences)


def test_permutations_keep_repeats_together_and_stay_within_groups_that_hold_them():
    stimulus = np.repeat(np.arange(30), 4)
    session = stimulus // 6
    fold_of = session
    repeats = find_repeats(*(Labels(one, tuple(map(str, np.unique(one)))) for one in (stimulus, session)))
    own = (np.arange(30) % 2)[stimulus]
    found = own[repeats.exchange(own, fold_of).orders(30, np.random.default_rng(0))].reshape(30, 30, 4)
    assert (found == found[:, :, :1]).all()
    assert (found[:, :, 0].reshape(30, 5, 6).sum(2) == 3).all()
    assert len(np.unique(found, axis=0)) == 30
    choice = np.random.default_rng(1).integers(0, 2, 120)
    found = choice[repeats.exchange(choice, fold_of).orders(30, np.random.default_rng(0))].reshape(30, 30, 4)
    assert (found.sum(2) == choice.reshape(30, 4).sum(1)).all()
    of_session = (np.arange(5) % 2)[session]
    found = of_session[repeats.exchange(of_session, fold_of).orders(30, np.random.default_rng(0))]
    assert (found.reshape(30, 5, 24) == found.reshape(30, 5, 24)[:, :, :1]).all()
    assert [repeats.exchange(one, fold_of).n for one in (of_session, own, choice)] == [5, 30, 120]


STIMULUS = np.tile(np.arange(12), 4)
SESSION = np.repeat(np.arange(4), 12)
REFUSED = {
    "too few": ({"repeats": STIMULUS[1:]}, "repeats must have one label for each of the 48 stimuli"),
    "missing": ({"repeats": np.where(STIMULUS == 3, np.nan, STIMULUS)}, "4 of repeats missing"),
    "fractions": ({"repeats": STIMULUS + 0.5}, "repeats must hold whole numbers"),
    "one stimulus": ({"repeats": np.zeros(48, int)}, "repeats must name two stimuli or more, got only '0'"),
    "no repeats": ({"repeats": np.arange(48)}, "without repeats, give repeats=None"),
    "repeats of one": ({"repeats": np.r_[0, 0:47]}, "repeats must be found in two stimuli or more"),
    "repeats in one group": (
        {"repeats": np.r_[0, 0:47], "groups": SESSION},
        "repeats must be found in two groups or more",
    ),
    "a class in one stimulus": (
        {"features": {"side": np.where(STIMULUS == 0, 2, STIMULUS % 2)}},
        "each class in two stimuli or more",
    ),
    "a feature of the session": (
        {"features": {"drug": SESSION % 2}, "groups": SESSION},
        "the feature 'drug' has one label in each group, and stimuli are shown in several groups",
    ),
    "a feature that differs between sessions alone": (
        {"features": {"choice": (STIMULUS + SESSION) % 2}, "groups": SESSION},
        "differs between presentations of a stimulus, but never within a group",
    ),
    "a group of one stimulus": (
        {"groups": np.where(np.arange(48) == 47, 9, SESSION)},
        "each group must hold two stimuli or more",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_designs_without_an_answer_are_refused(case):
    changed, message = REFUSED[case]
    given = {"features": {"side": STIMULUS % 2}, "groups": None, "repeats": STIMULUS} | changed
    x = np.random.default_rng(0).normal(size=(48, 5))
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        audit_arrays({"V4": x}, given.pop("features"), **given)


def test_repeats_named_by_text_are_dropped_where_missing():
    names = np.array([f"image {one}" for one in STIMULUS], dtype=object)
    names[5] = None
    x = np.random.default_rng(0).normal(size=(48, 5))
    report = audit_arrays({"V4": x}, {"side": STIMULUS % 2}, repeats=names, missing="drop", **FEW)
    assert report.n_stimuli == 47
    assert any("47 presentations of 12 stimuli" in note for note in report.notes)
