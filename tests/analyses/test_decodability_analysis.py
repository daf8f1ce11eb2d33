"""Decodability: a classifier on each layer, after training and before, of reported features and of others."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

import repbias
from repbias.analyses import decodability
from repbias.experiments.analysis import Analysis, check_findings
from repbias.measures.decoding.probes import probe
from repbias.models import ConvNet
from repbias.tasks import ImageTask
from repbias.training import Adam, Phase, Training
from repbias.training.network import build_network

MEASURES = ("decodable", "decodable_untrained", "decodable_gain", "decodable_loss")


@pytest.fixture(scope="module")
def network():
    task = ImageTask(
        features={"colour": {"factor": "colour", "classes": 3}},
        fixed={"texture": "solid"},
        measured=("shape",),
        size=16,
        train=256,
        validation=256,
        test=256,
    )
    training = Training(optimizer=Adam(lr=0.01), batch=64, phases=(Phase(until="steps", steps=60),))
    (trained,) = repbias.train(task, ConvNet(channels=(8, 8)), seeds=[3], training=training)
    return trained


@pytest.fixture(scope="module")
def found(network):
    analysis = Analysis(function="repbias.analyses.decodability:analyse", measures=MEASURES)
    return check_findings(analysis, decodability.analyse(network))


@pytest.mark.parametrize("when", ["decodable", "decodable_untrained"])
def test_accuracies_are_those_of_a_probe_on_each_layer(network, found, when):
    values = found["measures"].set_index(["measure", "layer", "feature"])["value"].sort_index()
    module = network.module if when == "decodable" else build_network(network.model, network.task, 3).eval()
    validation, test = network.stimuli.validation, network.stimuli.test
    for layer in ("stage.0.mean", "pool"):
        expected = probe(
            repbias.read_layers(module, network.task.network_inputs(validation.inputs), layer)[layer],
            network.task.measured_labels(validation),
            test_representation=repbias.read_layers(module, network.task.network_inputs(test.inputs), layer)[layer],
            test_labels=network.task.measured_labels(test),
            scaling="none",
        ).balanced_accuracy
        np.testing.assert_allclose(values.loc[when, layer][["colour", "shape"]], expected, atol=0.005)


def test_gain_is_after_less_before_and_loss_its_opposite(found):
    values = found["measures"].pivot(index=["layer", "feature"], columns="measure", values="value")
    np.testing.assert_allclose(values["decodable_gain"], values["decodable"] - values["decodable_untrained"])
    np.testing.assert_allclose(values["decodable_loss"], -values["decodable_gain"])


def test_lines_run_over_the_layers_of_the_trained_and_of_the_untrained_network(found):
    curves = found["curves"].pivot(index=["curve", "x"], columns="feature", values="value")
    assert curves.index.tolist() == [(when, x) for when in ("decodable", "decodable_untrained") for x in (1, 2)]
    values = found["measures"].set_index(["measure", "layer", "feature"])["value"].sort_index()
    for when, x in curves.index:
        expected = values.loc[when, ("stage.0.mean", "pool")[int(x) - 1]]
        assert curves.loc[(when, x)].to_dict() == expected.to_dict()


def test_a_user_defined_module_is_refused(network):
    own = repbias.train(
        network.task, lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 3)), seeds=1, layers="1",
        training=Training(batch=64, phases=(Phase(until="steps", steps=1),)),
    )[0]  # fmt: skip
    with pytest.raises(ValueError, match="needs a repbias model"):
        decodability.analyse(own)
