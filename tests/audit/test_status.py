"""A status is given only where the numbers show it, and what an analysis follows is said from its own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.followed import followed
from repbias.audit.report import RESULT_COLUMNS
from repbias.audit.status import Facts, facts_of, statuses

FEW = {"permutations": 50, "resamples": 200, "classifier": "nearest_mean", "progress": False}


def equal(seed, n_features=2, n=80, n_units=20):
    """Return activity and features that explain the same share of the variance each."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_features, n_units))
    directions *= 0.6 * np.sqrt(n_units) / np.linalg.norm(directions, axis=1, keepdims=True)
    labels = rng.integers(0, 2, (n, n_features))
    x = (2 * labels - 1) @ directions + rng.normal(size=(n, n_units))
    return {"x": x}, {f"f{place}": one for place, one in enumerate(labels.T)}


def shares_of_statuses(n_data_sets, n_features):
    found = [audit_arrays(*equal(seed, n_features), **FEW).statuses()["status"].tolist() for seed in range(n_data_sets)]
    return np.mean(["dominant" in one for one in found]), np.mean(["tied" in one for one in found])


def test_of_equal_features_none_is_dominant():
    dominant, tied = shares_of_statuses(20, 2)
    assert dominant <= 0.15
    assert tied >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [2, 3])
def test_of_equal_features_one_is_dominant_in_one_data_set_of_twenty_at_most(n_features):
    dominant, tied = shares_of_statuses(200, n_features)
    assert dominant <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert tied >= 0.9


def test_the_lead_is_the_difference_from_the_strongest_other_feature():
    report = audit_arrays(*equal(0, 3), **FEW)
    table = report.table().set_index(["measure", "feature"])
    r2 = table.loc["r2_unbiased", "value"].drop("(all)")
    for feature, lead in table.loc["r2_lead", "value"].items():
        assert lead == pytest.approx(r2[feature] - r2.drop(feature).max())
    first, second = r2.sort_values(ascending=False).index[:2]
    low, high = table.loc[("r2_lead", first), ["ci_low", "ci_high"]]
    assert table.loc[("r2_lead", second), ["ci_low", "ci_high"]].tolist() == pytest.approx([-high, -low])
    alone = audit_arrays(*equal(0, 1), **FEW)
    assert "r2_lead" not in set(alone.table()["measure"])
    assert alone.statuses()["status"].tolist() == ["dominant"]


def table_of(features):
    """Return results of one layer from (value, low, high, p) by feature and measure; p after correction is p."""
    rows = [
        ("x", feature, measure, value, low, high, 100, p, p)
        for feature, measures in features.items()
        for measure, (value, low, high, p) in measures.items()
    ]
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def feature(r2, decoded=(0.9, 0.8, 0.95, 0.001), lead=(0.2, 0.1, 0.3), of_ceiling=None, **more):
    rows = {"r2_unbiased": r2, "decodability": decoded, "chance": (0.5, *[np.nan] * 3), "r2_lead": (*lead, np.nan)}
    ceiling = {} if of_ceiling is None else {"r2_of_ceiling": (*of_ceiling, np.nan)}
    return rows | ceiling | {name: (*three, np.nan) for name, three in more.items()}


AT_CHANCE = (0.5, 0.4, 0.6, 0.7)
BEHIND = (-0.3, -0.4, -0.2)
LOUD = feature((0.4, 0.35, 0.45, 0.001))
STATUSES = {
    "most of a low ceiling": (feature((0.02, 0.01, 0.03, 0.001), of_ceiling=(0.82, 0.7, 0.95)), {}, "dominant"),
    "little without a ceiling": (feature((0.02, 0.01, 0.03, 0.001)), {}, "weak but decodable"),
    "an uncertain ceiling": (feature((0.02, 0.01, 0.03, 0.001), of_ceiling=(np.nan,) * 3), {}, "detected"),
    "little of the ceiling": (
        feature((0.01, 0.005, 0.02, 0.001), lead=BEHIND, of_ceiling=(0.02, 0.01, 0.03)), {"loud": LOUD},
        "weak but decodable",
    ),
    "not shown to be less": (feature((0.3, 0.2, 0.4, 0.001), lead=(-0.1, -0.21, 0.01)), {"loud": LOUD}, "tied"),
    "shown to be less": (feature((0.2, 0.15, 0.25, 0.001), lead=(-0.2, -0.3, -0.1)), {"loud": LOUD}, "detected"),
    "a small p whose interval includes 0": (feature((0.1, -0.01, 0.2, 0.001), AT_CHANCE), {}, "inconclusive"),
    "a small p whose interval includes chance": (
        feature((0.0, -0.1, 0.1, 0.6), (0.6, 0.49, 0.7, 0.001)), {}, "inconclusive",
    ),
    "an interval above 0 with a large p": (feature((0.1, 0.01, 0.2, 0.2), AT_CHANCE), {}, "not detected"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATUSES)
def test_a_status_follows_its_definition(case):
    own, others, expected = STATUSES[case]
    found = statuses(table_of({"own": own, **others})).set_index("feature")["status"]
    assert found["own"] == expected


def test_a_feature_with_a_rival_is_not_dominant_whichever_is_next():
    own = feature((0.4, 0.3, 0.5, 0.001), lead=(0.1, 0.05, 0.15))
    following = feature((0.3, 0.25, 0.35, 0.001), lead=(-0.1, -0.15, -0.05))
    noisy = feature((0.2, 0.05, 0.5, 0.001), lead=(-0.2, -0.5, 0.1))
    found = statuses(table_of({"own": own, "following": following, "noisy": noisy}))
    assert found["status"].tolist() == ["tied", "detected", "tied"]


def components_of(**r2):
    return pd.DataFrame(
        [("x", name, 0, 0.4, value, value) for name, value in r2.items()],
        columns=["layer", "feature", "component", "share", "r2", "r2_unbiased"],
    )


def said(components, **features):
    return list(followed(facts_of(table_of(features)), components))


def test_each_analysis_names_the_feature_with_its_own_largest_number():
    of_16 = feature((0.5, 0.45, 0.55, 0.001), rsa=(0.22, 0.18, 0.26), cka=(0.3, 0.2, 0.4))
    of_2 = feature((0.3, 0.25, 0.35, 0.001), rsa=(0.62, 0.55, 0.7), cka=(0.35, 0.25, 0.45))
    all_of_it, *apart = said(components_of(of_16=0.1, of_2=0.9), of_16=of_16, of_2=of_2)
    assert "regression (R2) follows of_16, 50 % [45, 55]" in all_of_it
    assert "the first principal component (40 % of the variance) follows of_2, R2 90 %" in all_of_it
    assert "RSA follows of_2, 0.62 [0.55, 0.70]" in all_of_it
    assert len(apart) == 3
    assert "RSA follows of_2 (0.62 [0.55, 0.70]) more than of_16 (0.22 [0.18, 0.26])" in apart[1]
    assert "overlapping" not in apart[1]
    assert "overlapping" in apart[2]


def test_analyses_that_agree_need_one_sentence_and_a_component_of_no_feature_is_not_named():
    loud = feature((0.5, 0.45, 0.55, 0.001), rsa=(0.6, 0.5, 0.7), cka=(0.6, 0.5, 0.7))
    quiet = feature((0.1, 0.05, 0.15, 0.001), rsa=(0.1, 0.0, 0.2), cka=(0.1, 0.0, 0.2))
    (sentence,) = said(components_of(loud=0.02, quiet=0.01), loud=loud, quiet=quiet)
    assert "component" not in sentence
    assert not said(components_of(loud=0.9), loud=loud)


def test_without_scores_the_kernel_stands_for_them():
    loud, quiet = (feature((r2, r2 / 2, 2 * r2, 0.001), rdm_share=(r2, r2 / 2, 2 * r2)) for r2 in (0.4, 0.1))
    (sentence,) = said(components_of(loud=0.9, quiet=0.1), loud=loud, quiet=quiet)
    assert "the linear kernel (RDM share) follows loud, 40 % [20, 80]" in sentence


def test_a_held_out_r2_is_not_called_an_accuracy():
    rows = feature((0.4, 0.35, 0.45, 0.001))
    by_class = Facts(table_of({"own": rows}), "own").read_out
    by_number = Facts(table_of({"own": rows | {"chance": (0.0, *[np.nan] * 3)}}), "own").read_out
    assert "balanced accuracy of 90 % [80, 95] (chance 50 %)" in by_class
    assert "held-out R2 of 90 % [80, 95]" in by_number


def test_a_category_of_noisy_trials_that_explains_most_of_what_repeats_reproduce_is_not_weak():
    """Category is 82 % of what differs between stimuli, and about 3 % of the variance of single trials."""
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(60), 20)
    category, x = np.arange(60) % 2, rng.normal(size=(1200, 30))
    own = np.sqrt(0.18) * rng.normal(size=(60, 30))
    x += np.sqrt(0.035) * (np.sqrt(0.82) * np.outer(2 * category - 1, rng.choice([-1, 1], 30)) + own)[stimulus]
    features = {"category": category[stimulus], "chosen": rng.integers(0, 2, 1200)}
    report = audit_arrays({"x": x}, features, repeats=stimulus, **FEW)
    table = report.table().set_index(["measure", "feature"])["value"]
    assert table["r2_unbiased", "category"] < 0.05
    assert table["r2_of_ceiling", "category"] == pytest.approx(0.82, abs=0.1)
    assert report.statuses().set_index("feature")["status"].to_dict() == {
        "category": "dominant", "chosen": "not detected"
    }  # fmt: skip
