"""The rows of everything measured together are what `variance_explained` finds in the network's own responses."""

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from repbias import variance_explained
from repbias.models import MLP
from repbias.tasks import BooleanTask, Probe
from repbias.training import train

MODEL = MLP(widths=(8, 6))
LAYERS = ("hidden.0", "hidden.1", "readout")


@pytest.fixture(scope="module")
def probed() -> BooleanTask:
    return BooleanTask(
        features={"easy": "copy", "hard": "parity3"},
        bits=12,
        train=512,
        validation=128,
        test=128,
        probes={"first bit": Probe(function="copy", positions=(1,)), "noise": Probe(function="copy", positions=(11,))},
    )


@pytest.fixture(scope="module")
def training(fixed):
    return fixed({"kind": "adam", "lr": 0.01})


@pytest.fixture(scope="module")
def networks(probed, training):
    return train(probed, MODEL, seeds=[0, 3], training=training)


def responses(network, layer, split):
    return network.split(split).inputs.astype("float32") if layer == "input" else network.read(layer, split)


@pytest.mark.parametrize("layer", ["input", *LAYERS])
def test_they_are_those_of_the_networks_own_responses(networks, probed, layer):
    for network in networks:
        result = variance_explained(
            responses(network, layer, "validation"),
            probed.measured_labels(network.split("validation")),
            test_representation=responses(network, layer, "test"),
            test_labels=probed.measured_labels(network.split("test")),
            names=("easy", "hard", "first bit", "noise"),
            joint=True,
        )
        rows = networks.table().query(f"seed == {network.seed} and step == 20 and layer == {layer!r}")
        found = rows.set_index(["measure", "feature"])["value"]
        assert found["joint_r2", "(all)"] == pytest.approx(result.joint_r2, abs=1e-6)
        assert list(found["unique"].index) == ["easy", "hard", "first bit", "noise"]
        assert_allclose(found["unique"], result.unique, atol=1e-6)
        assert_allclose(found["r2"], result.r2, atol=1e-6)


def test_they_are_given_for_the_first_and_last_step_of_every_layer(networks):
    table = networks.table()
    for measure, features in (("joint_r2", {"(all)"}), ("unique", {"easy", "hard", "first bit", "noise"})):
        rows = table[table["measure"] == measure]
        wanted = {(m, s, la, f) for m in (0, 3) for s in (0, 20) for la in ("input", *LAYERS) for f in features}
        assert set(zip(rows["seed"], rows["step"], rows["layer"], rows["feature"], strict=True)) == wanted
        assert len(rows) == len(wanted)
    assert table.loc[table["measure"] == "r2", "step"].nunique() > 2


def test_probes_are_measured_and_neither_reported_nor_mastered(networks):
    table = networks.table()
    features = {measure: set(rows["feature"]) for measure, rows in table.groupby("measure")}
    assert features["accuracy"] == {"easy", "hard"}
    assert features.get("mastery_step", set()) <= {"easy", "hard"}
    assert features["r2"] == features["density_0.1"] == {"easy", "hard", "first bit", "noise"}


def test_probes_change_nothing_of_the_training_or_of_the_features(networks, probed, training):
    plain = probed.model_copy(update={"probes": None})
    alone = train(plain, MODEL, seeds=[3], training=training)
    keys = ["step", "layer", "feature", "measure", "value"]
    shared = networks.table().query("seed == 3 and feature in ['easy', 'hard'] and measure != 'unique'")
    bare = alone.table().query("feature in ['easy', 'hard'] and measure != 'unique'")
    pd.testing.assert_frame_equal(
        shared[keys].reset_index(drop=True), bare[keys].reset_index(drop=True), rtol=1e-9, atol=1e-12
    )
