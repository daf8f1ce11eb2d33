"""An audit of arrays whose truth is known reports that truth, in numbers and in words."""

import numpy as np
import pandas as pd
import pytest
import torch

from repbias.audit.arrays import audit_arrays
from repbias.audit.measures import READOUT, SCORES, VARIANCE, all_measures
from repbias.audit.report import RESULT_COLUMNS, AuditReport
from repbias.audit.status import percent
from repbias.measures import variance_explained

MEASURES = {measure.name for measure in all_measures((VARIANCE, READOUT, SCORES))} - {"noise_ceiling", "r2_of_ceiling"}


def recordings(n=800, n_units=30, seed=0):
    """Return two layers and five features: loud in all units, quiet along the quietest axis, absent, and a loud one's
    echo, which has its label in nine stimuli of ten."""
    rng = np.random.default_rng(seed)
    labels = {name: rng.integers(0, c, n) for name, c in (("loud", 2), ("quiet", 3), ("absent", 2), ("gone", 2))}
    labels["echo"] = np.where(rng.random(n) < 0.9, labels["loud"], 1 - labels["loud"])
    x = rng.normal(size=(n, n_units))
    x[:, :2] *= 0.1
    x += labels["loud"][:, None] * rng.normal(size=n_units) * 1.5
    x[:, :2] += 0.3 * np.eye(3, 2)[labels["quiet"]]
    return {"full": x, "noise": rng.normal(size=(n, n_units))}, labels


@pytest.fixture(scope="module")
def report():
    return audit_arrays(*recordings())


def values(report, measure, layer="full", column="value"):
    table = report.table()
    rows = table[(table["measure"] == measure) & (table["layer"] == layer)]
    return dict(zip(rows["feature"], rows[column], strict=True))


def test_the_report_has_every_measure_of_every_feature_and_layer(report):
    table = report.table()
    assert tuple(table.columns) == RESULT_COLUMNS
    assert report.layers == ("full", "noise")
    assert report.features == ("loud", "quiet", "absent", "gone", "echo")
    assert report.classes["quiet"] == ("0", "1", "2")
    assert (report.n_stimuli, report.n_units) == (800, {"full": 30, "noise": 30})
    for layer in report.layers:
        for feature in report.features:
            here = table[(table["layer"] == layer) & (table["feature"] == feature)]
            assert set(here["measure"]) == MEASURES
            assert len(here) == len(MEASURES)
        everything = table[(table["layer"] == layer) & (table["feature"] == "(all)")]
        assert list(everything["measure"]) == ["r2", "r2_unbiased"]
    assert np.isfinite(table["value"]).all()
    assert (table["n"] == 800).all()
    bounded = table[table["measure"] != "chance"]
    assert (bounded["ci_low"] <= bounded["value"]).all()
    assert (bounded["value"] <= bounded["ci_high"]).all()


def test_both_kinds_of_r2_are_those_of_variance_explained_with_other_folds(report):
    (layers, labels) = recordings()
    theirs = variance_explained(layers["full"], np.column_stack(list(labels.values())), joint=True)
    for kind in ("r2", "r2_unbiased"):
        ours = np.array(list(values(report, kind).values())[1:])
        assert ours == pytest.approx(getattr(theirs, kind), abs=2e-3)
    assert values(report, "r2")["(all)"] == pytest.approx(theirs.joint_r2, abs=5e-3)
    unique = np.array(list(values(report, "r2_unique").values()))
    assert unique == pytest.approx(theirs.unique, abs=4e-3)


def test_unique_and_common_add_up_and_an_echo_has_nothing_of_its_own(report):
    r2, unique, common = (values(report, measure) for measure in ("r2_unbiased", "r2_unique", "r2_common"))
    for feature in report.features:
        assert unique[feature] + common[feature] == pytest.approx(r2[feature], abs=1e-12)
    assert abs(unique["echo"]) < 0.002
    assert common["echo"] > 0.1
    assert unique["loud"] > 0.1


def texts(report, layer):
    return [sentence.text for sentence in report.sentences if sentence.layer == layer]


def test_weak_and_absent_features_are_distinguished(report):
    r2, accuracy, chance = (values(report, measure) for measure in ("r2", "decodability", "chance"))
    low = values(report, "decodability", column="ci_low")
    assert r2["quiet"] < 0.02
    assert low["quiet"] > chance["quiet"] + 0.3
    assert low["absent"] < chance["absent"]
    assert values(report, "decodability", column="p_holm")["quiet"] < 0.01
    assert accuracy["loud"] > 0.95
    status = report.statuses().query("layer == 'full'").set_index("feature")["status"]
    assert status[["loud", "quiet", "absent"]].tolist() == ["dominant", "weak but decodable", "not detected"]


def test_sentences_state_each_status_and_what_cannot_be_distinguished(report):
    found = texts(report, "full")
    for start in ("loud is dominant.", "quiet is weak but decodable.", "absent was not detected."):
        assert sum(text.startswith(start) for text in found) == 1
    assert any(text.startswith("some features cannot be distinguished from loud") and "echo" in text for text in found)
    assert (
        sum(text.startswith("each analysis follows") and "regression (R2) follows loud" in text for text in found) == 1
    )


def test_a_sentence_is_printed_with_the_name_of_its_layer(report):
    assert {sentence.layer for sentence in report.sentences} == {"full", "noise", None}
    assert all(str(one) == (f"{one.layer}: {one.text}" if one.layer else one.text) for one in report.sentences)


def test_nothing_is_detected_in_noise_and_the_bound_is_stated(report):
    of_noise = texts(report, "noise")
    assert of_noise[0] == "no feature was detected after correction for the number of tests."
    assert not any("weak" in text.split(".")[0] or "dominant" in text for text in of_noise)
    assert any("would have been detected with 80 % power" in text for text in of_noise)
    assert all(0 < r2 < 0.02 for r2 in values(report, "detectable_r2", "noise").values())
    rates = list(values(report, "false_positives", "noise").values())
    assert 0 < np.mean(rates) < 0.1


def test_p_values_are_corrected_over_features_and_layers(report):
    table = report.table()
    for measure in ("r2", "r2_unbiased", "decodability"):
        tests = table[table["measure"] == measure].dropna(subset="p")
        assert len(tests) == 10
        assert tests["p_holm"].min() == pytest.approx(10 * tests["p"].min())
        assert (tests["p_holm"] >= tests["p"]).all()
    assert table.loc[~table["measure"].isin(["r2", "r2_unbiased", "decodability"]), "p"].isna().all()


def test_units_and_components_add_up_to_the_layer(report):
    (layers, _) = recordings()
    units = report.units[report.units["layer"] == "full"].pivot(index="unit", columns="feature", values="r2_unbiased")
    assert units.shape == (30, 5)
    weights = layers["full"].var(0) / layers["full"].var(0).sum()
    assert weights @ units["loud"] == pytest.approx(values(report, "r2_unbiased")["loud"], abs=1e-3)
    density = values(report, "density_0.1")["loud"]
    assert density == pytest.approx((units["loud"] > 0.1).mean())
    leading = report.components[(report.components["layer"] == "full") & (report.components["component"] == 0)]
    assert leading.set_index("feature").loc["loud", "r2"] > 0.9
    assert values(report, "rdm_share")["loud"] > values(report, "r2")["loud"]


def test_the_kernel_share_is_that_of_the_kernel():
    layers, labels = recordings(n=2000)
    report = audit_arrays({"full": layers["full"]}, {"loud": labels["loud"]}, permutations=50, resamples=100)
    x = layers["full"] - layers["full"].mean(0)
    means = np.stack([x[labels["loud"] == label].mean(0) for label in (0, 1)])[labels["loud"]]
    kernel = x @ x.T
    share = ((means @ x.T) * kernel).sum() / (kernel**2).sum()
    assert values(report, "rdm_share")["loud"] == pytest.approx(share, abs=0.005)


def test_it_does_not_depend_on_scale_offset_or_kind_of_number():
    layers, labels = recordings(n=100, n_units=5)
    settings = {"permutations": 50, "resamples": 100}
    table = audit_arrays(layers, labels, **settings).table()
    moved = {name: torch.from_numpy(1e-6 * x + 3e-3) for name, x in layers.items()}
    again = audit_arrays(moved, pd.DataFrame(labels), **settings).table()
    same = table["measure"].isin(["r2", "r2_unique", "rdm_share", "density_0.1", "detectable_r2"])
    assert again.loc[same, "value"].to_numpy() == pytest.approx(table.loc[same, "value"].to_numpy(), abs=1e-6)


def test_a_seed_gives_the_same_report_and_another_seed_another():
    layers, labels = recordings(n=100, n_units=5)
    first, again, other = (
        audit_arrays(layers, labels, seed=seed, permutations=50, resamples=100).table() for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_more_units_than_stimuli_and_units_that_never_change():
    rng = np.random.default_rng(0)
    side = np.arange(40) % 2
    x = rng.normal(size=(40, 90)) + side[:, None]
    x[:, 50:] = 7
    report = audit_arrays({"wide": x, "constant": np.zeros((40, 3))}, {"side": side}, permutations=60, resamples=100)
    assert values(report, "decodability", "wide")["side"] > 0.9
    assert report.units.query("layer == 'wide' and unit >= 50")["r2"].eq(0).all()
    assert values(report, "r2", "constant") == {"(all)": 0, "side": 0}
    assert values(report, "decodability", "constant", "p")["side"] == 1
    assert texts(report, "constant")[0] == "no feature was detected after correction for the number of tests."
    assert any("nothing can be concluded" in str(sentence) for sentence in report.sentences)
    assert any("40 of 90 units of 'wide' never change" in note for note in report.notes)


def test_sessions_are_kept_together_and_noted():
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(24), 10)
    site, tone = session % 2, np.arange(240) % 2
    x = rng.normal(size=(240, 12)) + 2 * rng.normal(size=(24, 12))[session] + 0.5 * tone[:, None]
    settings = {"permutations": 100, "resamples": 200}
    report = audit_arrays({"x": x}, {"site": site, "tone": tone}, groups=session, **settings)
    naive = audit_arrays({"x": x}, {"site": site, "tone": tone}, **settings)
    assert report.settings["grouped"]
    assert values(report, "r2", "x", "p")["tone"] < 0.01
    assert values(naive, "r2", "x", "p")["site"] < 0.01  # a site that has no effect, "found" as sessions differ
    assert values(report, "r2", "x", "p")["site"] > 0.05
    assert any("keep 24 groups whole" in note for note in report.notes)
    assert "Permuted between groups, as each group has one label: site." in report.notes
    assert "Permuted within groups: tone." in report.notes


def test_a_weak_feature_that_a_stronger_one_predicts_is_reported_with_a_warning():
    rng = np.random.default_rng(0)
    loud, tone = rng.integers(0, 2, (2, 600))
    hint = np.where(rng.random(600) < 0.65, loud, 1 - loud)
    x = rng.normal(size=(600, 20)) + 2 * loud[:, None] + 0.4 * tone[:, None] * (np.arange(20) == 0)
    report = audit_arrays({"x": x}, {"loud": loud, "hint": hint, "tone": tone}, resamples=100)
    weak = {text.split()[0]: text for text in texts(report, "x") if "is weak but decodable" in text}
    assert set(weak) == {"hint", "tone"}
    assert weak["hint"].endswith("its labels are associated with those of loud, from which it may be decoded.")
    assert "associated" not in weak["tone"]


def test_the_feature_with_the_largest_r2_is_not_dominant_if_it_explains_next_to_nothing():
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 600)
    x = rng.normal(size=(600, 40))
    x[:, 0] = 0.1 * x[:, 0] + side
    report = audit_arrays({"x": x}, {"side": side}, resamples=100)
    assert report.statuses()["status"].tolist() == ["weak but decodable"]
    assert texts(report, "x")[0].startswith("side is weak but decodable. It explains only")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        ((0.5, 0.45, 0.55), "50 % [45, 55]"),
        ((0.05, 0.045, 0.0551), "5.0 % [4.5, 5.5]"),
        ((-0.00001, -0.004, 0.003), "0.00 % [-0.40, 0.30]"),
    ],
)
def test_shares_are_written_with_suitable_decimals(share, text):
    assert percent(*share) == text


def test_names_with_markup_and_braces_stay_as_they_are():
    x = np.random.default_rng(0).normal(size=(40, 3))
    report = audit_arrays({"<i>L</i>": x}, {"{a}<b>": np.arange(40) % 2}, permutations=50, resamples=100)
    assert any(str(sentence).startswith("<i>L</i>: {a}<b> ") for sentence in report.sentences)


def test_a_table_is_a_copy(report):
    assert isinstance(report, AuditReport)
    table = report.table()
    table["value"] = 0
    assert report.table()["value"].abs().sum() > 0


def test_a_report_shows_the_status_and_r2_of_each_feature(report):
    shown = repr(report)
    assert len(shown.splitlines()) == 2 + len(report.features)
    assert all(name in shown for name in (*report.layers, *report.features, "dominant"))
