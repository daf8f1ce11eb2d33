"""Channels before pooling: what a feature explains of each, against regressions on whole feature maps."""

from __future__ import annotations

import numpy as np
import pytest

import repbias
from repbias.analyses import channels
from repbias.analyses.channels import MAP, MEAN
from repbias.experiments.analysis import check_findings
from repbias.measures import variance_explained
from repbias.models import MLP, ConvNet
from repbias.studies import find_study
from repbias.tasks import ImageTask
from repbias.training import Adam, Phase, Training

STUDY = find_study("vision_layers")
CHANNELS = {"stage.0.mean": 8, "pool": 12}  # of maps of 16 x 16 and of 8 x 8 places
FEATURES = ("colour", "shape", "position")
TASK = ImageTask(
    features={"colour": {"factor": "colour", "classes": 3}, "shape": {"factor": "shape", "classes": 2}},
    fixed={"texture": "solid"},
    size=16,
    train=256,
    validation=150,  # no multiple of the images that are read at once
    test=200,
)


def trained(model):
    training = Training(optimizer=Adam(lr=0.01), batch=64, phases=(Phase(until="steps", steps=60),))
    return repbias.train(TASK, model, seeds=[3], training=training)[0]


@pytest.fixture(scope="module")
def network():
    return trained(ConvNet(channels=tuple(CHANNELS.values())))


@pytest.fixture(scope="module")
def found(network):
    return check_findings(STUDY.analysis, channels.analyse(network, factors=("position",)))


@pytest.fixture(scope="module")
def by_hand(network):
    """R2 of every channel, `[feature, channel]`, and of the whole map, `[feature]`, of each stage."""
    named = TASK.model_copy(update={"measured": ("position",)})
    labels = {name: named.measured_labels(network.split(name)) for name in ("validation", "test")}
    maps = {}
    for i, (layer, count) in enumerate(CHANNELS.items()):
        fit, test = (
            network.read(f"stage.{i}.map", name).double().numpy().reshape(len(labels[name]), count, -1)
            for name in ("validation", "test")
        )
        total = ((test - fit.mean(0)) ** 2).sum((0, 2))
        left = np.stack([((test - predicted) ** 2).sum((0, 2)) for predicted in _class_means(fit, labels)])
        maps[layer] = 1 - left / total, 1 - left.sum(1) / total.sum()
    return maps


def _class_means(fit, labels):
    """Yield what a regression on each feature's classes predicts of the test stimuli: the mean of the class."""
    for known, asked in zip(labels["validation"].T, labels["test"].T, strict=True):
        means = np.stack([fit[known == label].mean(0) for label in range(known.max() + 1)])
        yield means[asked]


@pytest.mark.parametrize("layer", CHANNELS)
def test_a_channel_is_explained_at_every_place_of_its_map(found, by_hand, layer):
    curves = found["curves"].query("curve == @MAP and layer == @layer")
    values = curves.pivot(index="feature", columns="x", values="value").loc[list(FEATURES)]
    assert values.columns.tolist() == list(range(1, CHANNELS[layer] + 1))
    np.testing.assert_allclose(values, -np.sort(-by_hand[layer][0]), atol=1e-5)


@pytest.mark.parametrize("layer", CHANNELS)
def test_measures_count_channels_and_tell_the_whole_map(found, by_hand, layer):
    of_channels, of_map = by_hand[layer]
    values = found["measures"].query("layer == @layer").pivot(index="feature", columns="measure", values="value")
    values = values.loc[list(FEATURES)]
    np.testing.assert_allclose(values["map_r2"], of_map, atol=1e-5)
    for limit in ("0.05", "0.1", "0.25"):
        np.testing.assert_array_equal(values[f"map_density_{limit}"], (of_channels > float(limit)).mean(1))
    assert values["map_participation"].between(0, CHANNELS[layer]).all()


@pytest.mark.parametrize("layer", CHANNELS)
def test_the_mean_over_space_stands_beside_the_map_as_the_study_measured_it(network, found, layer):
    beside = found["curves"].query("curve == @MEAN and layer == @layer")
    measured = variance_explained(
        network.read(layer, "validation"), network.labels("validation"),
        test_representation=network.read(layer, "test"), test_labels=network.labels("test"),
    )  # fmt: skip
    values = beside.pivot(index="feature", columns="x", values="value").loc[["colour", "shape"]]
    np.testing.assert_allclose(values, -np.sort(-measured.unit_r2), atol=1e-6)


def test_nothing_is_measured_beside_the_features_that_was_not_asked_for(network, found):
    assert set(found["measures"]["feature"]) == set(FEATURES)
    assert set(channels.analyse(network)["measures"]["feature"]) == {"colour", "shape"}


def test_the_study_declares_what_it_gets_and_its_effects_read_it(found):
    assert set(found["measures"]["measure"]) == set(STUDY.analysis.measures)
    assert {MAP, MEAN} == set(STUDY.analysis.curves)
    table = found["measures"].assign(seed=0, step=60)
    (effects,) = STUDY.effects
    values = effects.contrast.compute(table, tuple(CHANNELS))
    by = found["measures"].query("layer == 'pool' and measure == 'map_r2'").set_index("feature")["value"]
    assert values.item() == pytest.approx(by["colour"] - by["shape"])


def test_networks_without_channels_and_factors_that_do_not_vary_are_refused(network):
    for refused, factors, message in [
        (trained(MLP(widths=(8,))), (), "got MLP on ImageTask"),
        (network, ("texture",), "texture is the same"),
    ]:
        with pytest.raises(ValueError, match=message):
            channels.analyse(refused, factors=factors)
