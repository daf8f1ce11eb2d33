"""Debiasing: shares come out equal, changes are after less before, and what cannot be equalised is left out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from repbias.analyses import similarity
from repbias.analyses.debiased import analyse
from repbias.measures.decoding.clustering import clustering
from repbias.measures.decoding.reliance import reliance
from repbias.measures.variance.components import components
from repbias.measures.variance.equalize import equalize
from repbias.measures.variance.explained import variance_explained

FEATURES = ("easy", "hard")
SMALL = {"stimuli": 64, "resamples": 10}


@pytest.fixture(scope="module")
def found(trained):
    return analyse(trained, **SMALL)


@pytest.fixture(scope="module")
def planted(trained):
    """Of the networks that are to be equalised, seed 3 was never trained on the hard feature."""
    return {**trained, "both": [*trained["both"][:3], trained["easy"][3]]}


def directly(network, mapped):
    """What each method says of one network, by measure and feature."""
    fit, test = (mapped(network.read("hidden.1", split)) for split in ("validation", "test"))
    fit_labels, test_labels = network.labels("validation"), network.labels("test")
    scored = {"test_representation": test, "test_labels": test_labels, "names": FEATURES}
    return {
        "r2": variance_explained(fit, fit_labels, **scored).r2,
        "r2_component_1": components(fit, fit_labels, **scored).r2[:, 0],
        "ari_2": clustering(test, test_labels, k=2).ari,
        "sides_with": reliance(fit, fit_labels, features=FEATURES, classifier="nearest_mean", **scored).reliance,
    }


def test_shares_are_equal_after_and_were_not_before(found):
    measures = found["measures"].set_index(["measure", "feature", "seed"])["value"].sort_index()
    after = measures["r2_equalized"]
    before = after - measures["r2_change"]
    assert (before["easy"] - before["hard"]).min() > 0.1
    np.testing.assert_allclose(after["easy"], after["hard"], atol=0.03)
    np.testing.assert_allclose(after["easy"] + after["hard"], before["easy"] + before["hard"], atol=0.05)


def test_each_method_is_asked_before_and_after_the_map_of_the_network_s_own(trained, found):
    table = found["measures"].set_index(["seed", "measure", "feature"])["value"].sort_index()
    for network in trained["both"]:
        fitted = equalize(network.read("hidden.1", "validation"), network.labels("validation"))
        before, after = directly(network, lambda x: x), directly(network, fitted.apply)
        for name, i in itertools.product(before, range(2)):
            value = table[network.seed, f"{name}_equalized", FEATURES[i]]
            assert value == pytest.approx(after[name][i], abs=1e-6)
            change = table[network.seed, f"{name}_change", FEATURES[i]]
            assert change == pytest.approx(after[name][i] - before[name][i], abs=1e-6)


def test_before_the_map_similarities_are_those_of_the_similarity_analysis(trained, found):
    undisturbed = similarity.analyse(trained, **SMALL)
    for name, table in undisturbed.items():
        if name != "measures":
            same = found[name][~found[name]["measure"].str.endswith("_equalized")].reset_index(drop=True)
            assert same.equals(table)


@pytest.mark.parametrize("measure", ["rsa", "cka"])
def test_changes_of_similarity_average_to_the_difference_of_the_blocks(found, measure):
    blocks = found["blocks"].set_index(["measure", "condition", "other"])["value"]
    values = found["measures"].groupby(["measure", "condition", "feature"])["value"].mean()
    for other in ("both", "easy", "hard", "untrained"):
        place = ("both", other) if other == "both" else (other, "both")
        row = next(key for key in (place, place[::-1]) if (measure, *key) in blocks.index)
        change = blocks[(f"{measure}_equalized", *row)] - blocks[(measure, *row)]
        assert values[f"{measure}_change", "both", f"{other} network"] == pytest.approx(change)
        assert values[f"{measure}_equalized", "both", f"{other} network"] == pytest.approx(
            blocks[(f"{measure}_equalized", *row)]
        )


def test_networks_of_other_conditions_stay_as_they_are(found):
    pair = found["pairs"].set_index(["measure", "condition", "seed", "other", "other_seed"])["value"]
    equalized = pair["rsa_equalized"] - pair["rsa"]
    touched = np.array(["both" in (key[0], key[2]) for key in equalized.index])
    np.testing.assert_allclose(equalized[~touched], 0, atol=1e-12)
    assert (equalized[touched].abs() > 1e-6).all()


def test_a_network_in_which_a_feature_is_too_weak_is_left_out_before_and_after(planted):
    weak = planted["both"][3]
    responses = weak.read("hidden.1", "validation")
    with pytest.raises(ValueError, match="'hard'"):
        equalize(responses, weak.labels("validation"), names=FEATURES)
    found = analyse(planted, **SMALL)
    measures, pairs = found["measures"], found["pairs"]
    of_features = measures[measures["feature"].isin(FEATURES)]
    assert sorted(set(of_features["seed"])) == [0, 1, 2]
    shown = pairs[["condition", "seed", "other", "other_seed"]].drop_duplicates()
    ends = {*zip(shown["condition"], shown["seed"], strict=True)}
    ends |= {*zip(shown["other"], shown["other_seed"], strict=True)}
    assert ends == {(kind, s) for kind in planted for s in range(4)} - {("both", 3)} | {
        ("untrained", s) for s in range(3)
    }


def test_without_the_condition_to_equalise_nothing_changes(trained):
    found = analyse({"easy": trained["easy"], "hard": trained["hard"]}, **SMALL)
    measures = found["measures"]
    assert set(measures["feature"]) == {"easy network", "hard network", "own kind"}
    assert (measures[measures["measure"].str.endswith("_change")]["value"].abs() < 1e-12).all()
