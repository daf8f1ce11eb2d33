"""Labels that come in runs, in activity whose neighbours are alike: noted, permuted as they should be, or refused."""

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.features.permutations import Exchange, Shifts

FEW = {"permutations": 100, "resamples": 100, "classifier": "nearest_mean", "progress": False}
N = 200


def drifting(rng, n=N, n_units=10, rho=0.5):
    """Return activity in which each unit is an AR(1) process of variance 1."""
    x = rng.normal(size=(n, n_units))
    for row in range(1, n):
        x[row] = rho * x[row - 1] + np.sqrt(1 - rho**2) * x[row]
    return x


def in_runs(rng, length, n=N):
    """Return labels in runs and the number of the run, both `[stimulus]`; half of the runs have each label."""
    block = np.arange(n) // length
    return rng.permutation(np.arange(n // length) % 2)[block], block


def audited(x, labels, **design):
    return audit_arrays({"x": x}, labels if isinstance(labels, dict) else {"f": labels}, **FEW, **design)


def false_positives(repeats, length, **design):
    """Return the rates of p <= .05 for R2 and decoding, what pages report, and the share of audits with a note."""
    found = []
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        x, (labels, block) = drifting(rng), in_runs(rng, length)
        given = {name: block if value == "block" else value for name, value in design.items()}
        report = audited(x, labels, seed=seed, **given)
        table = of(report)
        p = [table.loc[measure, "p"] <= 0.05 for measure in ("r2", "decodability")]
        found.append([*p, table.loc["false_positives", "value"], noted(report)])
    return np.mean(found, axis=0)


def of(report, feature="f"):
    table = report.table()
    return table[table["feature"] == feature].set_index("measure")


def noted(report):
    return any("Labels come in runs" in note for note in report.notes)


def test_runs_in_activity_whose_neighbours_are_alike_are_noted_and_planted_features_have_them():
    for length in (10, 100):
        r2, _, reported, notes = false_positives(10, length)
        assert notes == 1
        assert r2 > 0.3
        assert reported > 0.3


def test_nothing_is_noted_where_one_of_the_two_is_missing():
    rng = np.random.default_rng(0)
    labels, _ = in_runs(rng, 10)
    assert not noted(audited(rng.normal(size=(N, 10)), labels))
    assert not noted(audited(drifting(rng), rng.permutation(labels)))
    assert not noted(audited(rng.normal(size=(N, 10)) + 5 * labels[:, None], labels))
    smooth = np.convolve(rng.normal(size=N + 20), np.ones(21), "valid")
    assert noted(audited(drifting(rng), {"speed": smooth}))


def test_blocks_without_groups_are_groups():
    rng = np.random.default_rng(1)
    x, (labels, block) = drifting(rng), in_runs(rng, 10)
    tables = [audited(x, labels, **{name: block}).table() for name in ("groups", "blocks")]
    assert tables[0].equals(tables[1])


@pytest.mark.slow
@pytest.mark.parametrize("length", [10, 100])
def test_the_page_reports_the_rate_of_false_positives_that_runs_cause(length):
    r2, _, reported, _ = false_positives(200, length)
    assert r2 > 0.5
    assert reported == pytest.approx(r2, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("design", [{"blocks": "block"}, {"order": True}])
def test_blocks_and_shifts_find_what_is_not_there_in_one_of_twenty(design):
    *rates, reported, notes = false_positives(300, 5, **design)
    assert (np.array(rates) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)).all()
    assert rates[0] > 0.02
    assert reported == pytest.approx(0.05, abs=0.02)
    assert notes == 0


@pytest.mark.slow
@pytest.mark.parametrize(("length", "design"), [(20, "blocks"), (10, "order")])
def test_designs_within_groups_find_what_is_not_there_in_one_of_twenty(length, design):
    """Half-sessions are exchanged within sessions, and runs are shifted within them."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        session = np.repeat(np.arange(10), 40)
        x = np.concatenate([drifting(rng, 40, rho=0.9) + 2 * rng.normal(size=10) for _ in range(10)])
        labels = np.concatenate([np.repeat(rng.permutation(np.arange(40 // length) % 2), length) for _ in range(10)])
        if design == "order":  # runs begin anywhere: shifts are wrong for runs that begin where sessions do
            labels = np.concatenate([(np.arange(40) + rng.integers(20)) // length % 2 for _ in range(10)])
        given = {"order": True} if design == "order" else {"blocks": np.arange(400) % 40 // length}
        table = of(audited(x, labels, groups=session, seed=seed, **given))
        found.append([table.loc[measure, "p"] <= 0.05 for measure in ("r2", "decodability")])
    assert (np.mean(found, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)).all()


HALF = np.arange(N) // 100
QUARTER = np.arange(N) // 50
TRIAL = np.arange(N)
REFUSED = {
    "halves as blocks": (HALF, {"blocks": HALF}, "each class in two blocks or more"),
    "quarters as blocks": (QUARTER % 2, {"blocks": QUARTER}, "3 different labellings"),
    "halves in order": (HALF, {"order": True}, "runs of each of its classes"),
    "a trend in order": (TRIAL / 7, {"order": True}, "runs of each of its classes"),
    "a periodic feature": (TRIAL // 5 % 2, {"order": True}, "5 different labellings"),
    "a class in one part": (TRIAL // 5 % 2 + 2 * (TRIAL < 20), {"order": True}, "two fifths of the sequence or more"),
    "halves of groups in order": (TRIAL // 10 % 2, {"order": True, "groups": TRIAL // 20}, "got 1.0: give blocks="),
    "halves of few groups": (TRIAL // 25 % 2, {"blocks": TRIAL // 25, "groups": QUARTER}, "8 different labellings"),
    "blocks and order": (TRIAL % 2, {"blocks": HALF, "order": True}, "give one of them"),
    "order and repeats": (TRIAL % 2, {"repeats": TRIAL % 50, "order": True}, "order cannot be given with repeats"),
    "all three": (TRIAL % 2, {"repeats": TRIAL % 50, "groups": HALF, "blocks": QUARTER}, "got both"),
    "an order with ties": (TRIAL % 2, {"order": HALF}, "a different number for each stimulus"),
    "an order of text": (TRIAL % 2, {"order": [f"t{one}" for one in TRIAL]}, "one number or time"),
    "one block": (TRIAL % 2, {"blocks": np.zeros(N, int)}, "without blocks, give blocks=None"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_design_that_cannot_be_tested_is_refused(case):
    labels, design, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        audited(np.random.default_rng(0).normal(size=(N, 4)), labels, **design)


def test_the_order_of_the_rows_does_not_matter_where_the_order_is_given():
    rng = np.random.default_rng(3)
    x, (labels, _) = drifting(rng), in_runs(rng, 5)
    mixed = rng.permutation(N)
    sorted_, shuffled = (
        of(audited(x[rows], labels[rows], order=order))["value"] for rows, order in ((TRIAL, True), (mixed, mixed / 10))
    )
    for measure in ("r2", "r2_unbiased", "detectable_r2"):
        assert shuffled[measure] == pytest.approx(sorted_[measure], rel=1e-6)


def test_shifts_keep_runs_and_stay_within_sequences():
    sequence = np.repeat([0, 1], [30, 20])
    place = np.r_[np.arange(30)[::-1], np.arange(20)]
    labels = np.r_[np.arange(30)[::-1] // 5 % 2, np.arange(20) // 10]
    orders = Shifts(sequence, place).orders(50, np.random.default_rng(0))
    for found in labels[orders]:
        first, second = found[:30][::-1], found[30:]
        assert sorted(found[:30]) == sorted(labels[:30])
        assert (first != np.roll(first, 1)).sum() == 6
        assert (second != np.roll(second, 1)).sum() == 2
    one = Shifts(np.zeros(30, int), np.arange(30)).orders(100, np.random.default_rng(0))
    assert len(one) == len(np.unique(one, axis=0)) == 29
    assert not (one == np.arange(30)).all(1).any()


def test_labellings_are_counted():
    ones = np.zeros(6, int)
    assert Exchange(np.arange(6), ones).labellings(np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(10)  # 20 / 2
    assert Exchange(np.arange(6), ones).labellings(np.array([0, 0, 1, 1, 1, 1])) == pytest.approx(15)
    assert Exchange(np.arange(6), np.arange(6) // 2).labellings(np.array([0, 1] * 3)) == pytest.approx(4)  # 8 / 2
    assert Shifts(ones, np.arange(6)).labellings(np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(3)
    assert Shifts(ones, np.arange(6)).labellings(np.array([0, 1] * 3)) == pytest.approx(1)


def test_p_of_a_single_sequence_is_bounded_by_its_shifts():
    rng = np.random.default_rng(0)
    labels, _ = in_runs(rng, 5)
    report = audited(rng.normal(size=(N, 10)) + 3 * labels[:, None], labels, order=True)
    assert of(report).loc["r2", "p"] == pytest.approx(1 / 101)


def test_too_few_labellings_of_groups_are_noted():
    rng = np.random.default_rng(0)
    report = audited(rng.normal(size=(N, 4)), QUARTER % 2, groups=QUARTER)
    assert any("give 3 different labellings, so that p cannot be below 0.33" in note for note in report.notes)
