"""What a model that holds one feature alone would score, before and after shares are made equal."""

import re

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.scores import MOST_STIMULI, Distances, sampled, score_interval
from repbias.measures.similarity.cka import cka
from repbias.measures.similarity.rdm import compare_rdms, rdm

FEW = {"permutations": 50, "resamples": 100, "classifier": "nearest_mean"}


def label_rdm(labels):
    return (labels[:, None] != labels).astype(float)


def one_hot(labels):
    return np.eye(labels.max() + 1)[labels]


def simulated(n=600, seed=0, strengths=(2.0, 0.5), n_units=40):
    """Return activity and labels of two features of these strengths, and of one that is not there."""
    rng = np.random.default_rng(seed)
    labels = {name: rng.integers(0, classes, n) for name, classes in (("loud", 2), ("quiet", 2), ("absent", 3))}
    x, fixed = 0.4 * rng.normal(size=(n, n_units)), np.random.default_rng(99)
    for name, strength in zip(("loud", "quiet"), strengths, strict=True):
        direction = fixed.normal(size=n_units)
        x += strength / np.linalg.norm(direction) * np.sqrt(n_units) * labels[name][:, None] * direction
    return x, labels


def cells(report):
    return report.table().set_index(["layer", "measure", "feature"]).sort_index()


@pytest.fixture(scope="module")
def report():
    x, labels = simulated()
    return audit_arrays({"V4": x, "noise": np.random.default_rng(9).normal(size=(600, 10))}, labels, **FEW)


def test_scores_are_those_of_rsa_and_cka_with_a_model_of_one_feature(report):
    x, labels = simulated()
    table = cells(report)
    for name, values in labels.items():
        rsa = compare_rdms(rdm(x, "squared_euclidean"), label_rdm(values))
        assert table.loc[("V4", "rsa", name), "value"] == pytest.approx(rsa, abs=1e-9)
        by_cka = cka(x, one_hot(values), debiased=True)
        assert table.loc[("V4", "cka", name), "value"] == pytest.approx(by_cka, abs=1e-9)


def test_sums_under_weights_are_those_of_stimuli_that_are_there_so_many_times():
    x, labels = simulated(n=40, n_units=5)
    weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=3)
    found = Distances.of(x, np.vstack([np.ones(40), weights])).scores(one_hot(labels["absent"]))
    for drawn, rsa, by_cka in zip(weights, found["rsa"][1:], found["cka"][1:], strict=True):
        which = np.repeat(np.arange(40), drawn)
        different = which[:, None] != which  # RSA leaves out a stimulus beside itself
        theirs = np.corrcoef(
            rdm(x[which], "squared_euclidean")[different], label_rdm(labels["absent"][which])[different]
        )
        assert rsa == pytest.approx(theirs[0, 1], abs=1e-9)
        assert by_cka == pytest.approx(cka(x[which], one_hot(labels["absent"][which]), debiased=True), abs=1e-9)


def test_equal_shares_make_the_scores_of_found_features_alike_and_leave_what_is_absent(report):
    table = cells(report)["value"]
    assert table["V4", "rsa", "loud"] > 0.8
    assert table["V4", "rsa", "quiet"] < 0.1
    for measure in ("rsa", "cka", "r2"):
        loud, quiet, absent = (table["V4", f"{measure}_equalised", name] for name in ("loud", "quiet", "absent"))
        assert loud == pytest.approx(quiet, rel=0.15)
        assert loud < table["V4", measure, "loud"]
        assert quiet > 3 * table["V4", measure, "quiet"]
        assert abs(absent) < 0.02
    assert "In V4, shares are made equal of loud, quiet, but not of absent" in "\n".join(report.notes)


def test_a_layer_without_two_features_keeps_its_scores_and_that_is_noted(report):
    table = cells(report)
    for name in report.features:
        for measure in ("rsa", "cka", "r2"):
            recorded = "r2_unbiased" if measure == "r2" else measure
            before, after = (table.loc[("noise", one, name)] for one in (recorded, f"{measure}_equalised"))
            assert before[["value", "ci_low", "ci_high"]].equals(after[["value", "ci_low", "ci_high"]])
    assert "Scores are not equalised in noise: fewer than two features" in "\n".join(report.notes)
    assert not any(str(line).startswith("noise: a model that represents one feature") for line in report.sentences)


def test_the_sentences_say_what_a_score_shows(report):
    said = "\n".join(map(str, report.sentences))
    assert "V4: a model that represents one feature alone would score, in RSA and in CKA with this layer: loud" in said
    assert re.search(r"layer: loud 0\.[89]\d, 0\.9\d; quiet 0\.0\d, 0\.0\d\. After", said)
    assert "a high RSA score shows that a model represents loud, and almost nothing about quiet" in said
    assert "With equal shares the scores are similar: each feature counts about equally" in said


def test_the_map_is_fitted_on_other_stimuli_than_it_is_scored_on():
    """With 400 units and 160 stimuli, directions that are fitted would make any features look equal and large."""
    x, labels = simulated(n=200, strengths=(0.3, 0.12), n_units=400)
    rng = np.random.default_rng(0)
    table = cells(audit_arrays({"x": x}, labels, **FEW))["value"]
    assert table["x", "r2_equalised", "quiet"] < 0.2
    shuffled = {name: rng.permutation(values) for name, values in labels.items()}
    nothing = cells(audit_arrays({"x": x}, shuffled, **FEW))["value"]
    for measure in ("rsa", "cka", "r2"):
        assert nothing["x", f"{measure}_equalised"].abs().max() < 0.05


def test_a_feature_that_goes_along_with_another_is_not_stretched():
    x, labels = simulated()
    rng = np.random.default_rng(0)
    labels["echo"] = np.where(rng.random(600) < 0.9, labels["loud"], 1 - labels["loud"])
    report = audit_arrays({"V4": x}, labels, **FEW)
    assert "of loud, quiet, but not of absent, echo" in "\n".join(report.notes)


def test_intervals_are_as_wide_as_scores_vary_over_samples():
    drawn = [simulated(n=150, seed=seed, strengths=(0.8, 0.5)) for seed in range(80)]
    values = {
        "rsa": [compare_rdms(rdm(x, "squared_euclidean"), label_rdm(labels["loud"])) for x, labels in drawn],
        "cka": [cka(x, one_hot(labels["loud"]), debiased=True) for x, labels in drawn],
    }
    tables = [cells(audit_arrays({"x": x}, {"loud": labels["loud"]}, **FEW)) for x, labels in drawn[:8]]
    for measure, over_samples in values.items():
        rows = [table.loc[("x", measure, "loud")] for table in tables]
        errors = [(row["ci_high"] - row["ci_low"]) / 3.92 for row in rows]
        assert np.mean(errors) == pytest.approx(np.std(over_samples), rel=0.25)


@pytest.mark.slow
def test_intervals_of_scores_cover_and_are_wide_where_there_is_nothing():
    """A feature of no effect has a score whose spread vanishes faster than the bootstrap's: its interval is wider."""
    strengths, resample = (0.8, 0.5), np.full(150, 1 / 150)
    x, labels = simulated(n=5000, seed=12345, strengths=strengths)
    population = Distances.of(x, np.ones((1, 5000)))
    truth = {name: population.scores(one_hot(labels[name])) for name in labels}
    hits = {(name, measure): 0 for name in labels for measure in ("rsa", "cka")}
    for seed in range(300):
        x, labels = simulated(n=150, seed=seed, strengths=strengths)
        weights = np.random.default_rng(seed).multinomial(150, resample, size=200)
        distances = Distances.of(x, np.vstack([np.ones(150), weights]))
        for name in labels:
            for measure, values in distances.scores(one_hot(labels[name])).items():
                low, high = score_interval(values, 150)
                hits[name, measure] += low <= truth[name][measure][0] <= high
    for (name, _), n in hits.items():
        assert n / 300 >= 0.92
        assert name == "absent" or n / 300 <= 0.985


def test_more_stimuli_than_a_distance_matrix_should_hold_are_sampled():
    rows = sampled(3000, seed=0)
    assert len(np.unique(rows)) == MOST_STIMULI
    assert (np.diff(rows) > 0).all()
    assert sampled(50, seed=0).tolist() == list(range(50))
    x, labels = simulated(n=1200, n_units=5)
    report = audit_arrays({"x": x}, labels, **FEW)
    assert any("use 1000 of 1200 stimuli" in note for note in report.notes)
    some = sampled(1200, seed=0)
    expected = compare_rdms(rdm(x[some], "squared_euclidean"), label_rdm(labels["loud"][some]))
    assert cells(report).loc[("x", "rsa", "loud"), "value"] == pytest.approx(expected)


def test_a_layer_without_variance_has_no_score():
    report = audit_arrays({"x": np.ones((40, 3))}, {"side": np.arange(40) % 2, "tone": np.arange(40) // 20}, **FEW)
    assert cells(report).loc[("x", "rsa"), "value"].isna().all()
