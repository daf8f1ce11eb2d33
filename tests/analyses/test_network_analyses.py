"""Analyses of one network: their numbers are those of the measure, on validation stimuli to fit and test to score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repbias.analyses.methods import reliance, steering
from repbias.analyses.unsupervised import autoencoders, clusters, pca
from repbias.measures.decoding import clustering as measures
from repbias.measures.decoding.dictionary import feature_in_latents
from repbias.measures.decoding.reliance import reliance as sides_with
from repbias.measures.decoding.sparse_autoencoder import train_autoencoder
from repbias.measures.interventions.ablation import ablate
from repbias.measures.interventions.erasure import leace
from repbias.measures.interventions.steering import steer
from repbias.measures.interventions.steering_directions import difference_vector, probe_direction
from repbias.measures.interventions.truncation import truncated
from repbias.measures.variance.components import components

FEATURES = ("easy", "hard")


@pytest.fixture(scope="module")
def network(trained):
    return trained["both"][1]


@pytest.fixture(scope="module")
def given(network):
    """Responses and labels of validation stimuli, and of test stimuli."""
    return tuple(
        part for split in ("validation", "test") for part in (network.read("hidden.1", split), network.labels(split))
    )


def by_feature(table, measure):
    return table.set_index(["measure", "feature"])["value"].loc[measure].loc[list(FEATURES)].to_numpy()


def curve(found, name, feature):
    table = found["curves"]
    line = table[(table["curve"] == name) & (table["feature"] == feature)]
    return line["x"].to_numpy(), line["value"].to_numpy()


def reported(network, representation):
    """What the read-out's weights say of the last hidden layer, `[stimulus, feature]`."""
    read_out = network.module.readout
    return ((representation @ read_out.weight.T + read_out.bias) > 0).long().detach().numpy()


def predict(logits):
    return (logits > 0).long()


def test_pca_scores_components_fitted_on_validation_stimuli(network, given):
    found = pca(network, shown=5)
    fit, fit_labels, test, test_labels = given
    expected = components(fit, fit_labels, test_representation=test, test_labels=test_labels, names=FEATURES)
    np.testing.assert_allclose(by_feature(found["measures"], "r2_component_1"), expected.r2[:, 0])
    for i, name in enumerate(FEATURES):
        x, r2 = curve(found, "r2", name)
        assert x.tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(r2, expected.r2[i, :5])
    np.testing.assert_allclose(curve(found, "r2", "share of variance")[1], expected.share[:5])


def test_pca_reads_truncated_layers_by_the_network_s_own_weights(network, given):
    found = pca(network)
    fit, fit_labels, test, test_labels = given
    result = components(fit, fit_labels, test_representation=test, test_labels=test_labels)
    accuracy = np.array(
        [(reported(network, truncated(test, result, k)) == test_labels).mean(0) for k in range(len(result.axes) + 1)]
    ).T
    for k in (1, 2, 3):
        np.testing.assert_allclose(by_feature(found["measures"], f"top_{k}_accuracy"), accuracy[:, k])
    for i, name in enumerate(FEATURES):
        np.testing.assert_allclose(curve(found, "accuracy", name)[1], accuracy[i, :13])
    chance = np.array([max(share, 1 - share) for share in test_labels.mean(0)])
    enough = (accuracy - chance[:, None]) >= 0.95 * (accuracy[:, -1] - chance)[:, None]
    needed = [next(k for k in range(enough.shape[1]) if row[k:].all()) for row in enough]
    np.testing.assert_array_equal(by_feature(found["measures"], "components_needed"), needed)


def test_the_read_out_of_the_layer_as_it_is_is_the_network_s_report(network, given):
    with torch.no_grad():
        report = network.module(torch.from_numpy(network.split("test").inputs).float())
    np.testing.assert_array_equal(reported(network, given[2]), predict(report).numpy())


def test_steering_pushes_test_stimuli_along_vectors_of_validation_stimuli(network, given):
    found = steering(network)
    fit, fit_labels, _, test_labels = given
    inputs, grid = torch.from_numpy(network.split("test").inputs).float(), np.linspace(0, 2, 41)
    for i, name in enumerate(FEATURES):

        def pushed(vector, i=i, name=name):
            return steer(network.module, inputs, "hidden.1", vector, grid, unit="difference", feature=name,
                         labels=test_labels[:, i], predict=predict, names=FEATURES)  # fmt: skip

        along, probed = (pushed(find(fit, fit_labels[:, i])) for find in (difference_vector, probe_direction))
        at_one, erased = along.flips[20], leace(fit, fit_labels[:, i])
        after = ablate(network.module, inputs, "hidden.1", erased, test_labels, predict=predict, names=FEATURES).after
        expected = {
            "flip_length": along.length_at(0.5)[i],
            "flip_length_sd": along.length_at(0.5)[i] / along.representation_sd,
            "flip_length_difference": along.length_at(0.5)[i] / along.class_distance,
            "flip_length_probe": probed.length_at(0.5)[i],
            "own_flips": at_one[i],
            "other_flips": at_one[1 - i],
            "erased_own": after[i],
            "erased_others": after[1 - i],
        }
        rows = found["measures"].set_index(["feature", "measure"])["value"].loc[name]
        assert rows.to_dict() == pytest.approx(expected)


def test_a_push_of_one_difference_vector_flips_its_own_feature(network):
    found = steering(network)["measures"]
    assert (by_feature(found, "own_flips") > 0.8).all()
    assert (by_feature(found, "other_flips") < 0.2).all()
    assert (by_feature(found, "erased_own") < 0.7).all()
    assert (by_feature(found, "erased_others") > 0.9).all()


def test_steering_curves_are_unknown_beyond_the_longest_push(network):
    shown = {"absolute": 1000.0, "sd": 100.0, "difference": 2.0}
    longest = steering(network, longest=1.0, lengths=21, shown=shown)
    whole = steering(network, longest=2.0, lengths=41, shown=shown)
    for feature in FEATURES:
        for name in ("difference", "others"):
            x, value = curve(longest, name, feature)
            np.testing.assert_array_equal(np.isnan(value), x > 1)
            np.testing.assert_allclose(value[x <= 1], curve(whole, name, feature)[1][x <= 1])
            assert np.isfinite(curve(whole, name, feature)[1]).all()
        for name in ("absolute", "sd"):
            x, value = curve(longest, name, feature)
            assert np.isnan(value).tolist() == [False] + [True] * 24


def test_without_a_length_to_show_steering_curves_end_at_the_longest_push(network):
    found = steering(network, longest=1.5)
    for name in ("difference", "others"):
        x, value = curve(found, name, "easy")
        assert x[-1] == pytest.approx(1.5)
        assert np.isfinite(value).all()


def test_a_push_that_was_never_made_flips_an_unknown_share(network):
    found = steering(network, longest=0.9)["measures"]
    assert np.isnan(by_feature(found, "own_flips")).all()
    assert np.isnan(by_feature(found, "other_flips")).all()
    short = steering(network, longest=0.01)["measures"]
    assert np.isnan(by_feature(short, "flip_length")).all()


@pytest.mark.parametrize("classifier", ["logistic", "ridge", "svm", "nearest_mean"])
def test_reliance_trains_on_validation_stimuli_and_counts_conflicts_among_test_stimuli(network, given, classifier):
    found = reliance(network, classifiers=(classifier,), training_sizes=(16, 32), regularizations=(0.01, 1.0))
    fit, fit_labels, test, test_labels = given

    def directly(**settings):
        return sides_with(fit, fit_labels, test_representation=test, test_labels=test_labels, names=FEATURES,
                          features=FEATURES, seed=network.seed, **settings).reliance  # fmt: skip

    shares = by_feature(found["measures"], f"sides_with_{classifier}")
    np.testing.assert_allclose(shares, directly(classifier=classifier))
    assert shares.sum() == pytest.approx(1)
    assert set(found["measures"]["measure"]) == {f"sides_with_{classifier}"}
    sweeps = {
        "n_train": [directly(n_train=n) for n in (16, 32)],
        "regularization": [directly(regularization=value) for value in (0.01, 1.0)],
        "strength": [directly(strength=(value, 1.0)) for value in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)],
    }
    for name, expected in sweeps.items():
        for i, feature in enumerate(FEATURES):
            np.testing.assert_allclose(curve(found, name, feature)[1], [pair[i] for pair in expected])


def test_a_classifier_sides_with_the_feature_that_alone_predicts_its_label(network):
    found = reliance(network, classifiers=("logistic",), training_sizes=(16,))
    x, share = curve(found, "strength", "hard")
    assert share[x == 0.5] > 0.95
    assert share[x == 0.5] > share[x == 1.0]


def test_clustering_is_of_test_stimuli_with_the_network_s_seed(network, given):
    found = clusters(network, numbers=(2, 5), neighbours=7, stimuli=200)
    test, labels = given[2][:200], given[3][:200]
    for k in (2, 5):
        expected = measures.clustering(test, labels, k=k, seed=network.seed)
        np.testing.assert_allclose(by_feature(found["measures"], f"ari_{k}"), expected.ari)
        x, together = curve(found, "ari", "both features together")
        assert together[x == k].item() == pytest.approx(expected.combined_ari)
        for i, name in enumerate(FEATURES):
            x, value = curve(found, "ari", name)
            assert value[x == k].item() == pytest.approx(expected.ari[i])
    purity = measures.neighbour_purity(test, labels, neighbours=7)
    np.testing.assert_allclose(by_feature(found["measures"], "neighbour_purity"), purity.corrected)


def test_only_the_first_seeds_are_pictured(network, given):
    assert "points" not in clusters(network, numbers=(2,), pictured=1)
    points = clusters(network, numbers=(2,), pictured=2, points=40)["points"]
    assert points["stimulus"].tolist() == list(range(40))
    np.testing.assert_array_equal(points[list(FEATURES)], given[3][:40])
    np.testing.assert_allclose(points[["x", "y"]], measures.tsne(given[2][:40]))


def test_autoencoders_learn_from_validation_stimuli_and_are_scored_on_test_stimuli(network, given):
    found = autoencoders(network, sizes=(2, 8), active=3, steps=40)
    fit, fit_labels, test, test_labels = given
    _, reconstructed = curve(found, "auroc", "R2 of the reconstruction")
    for place, size in enumerate((2, 8)):
        one = train_autoencoder(fit, n_latents=size, k=min(3, size), steps=40, seed=network.seed)
        expected = feature_in_latents(one.encode(fit), fit_labels, test_latents=one.encode(test),
                                      test_labels=test_labels, threshold=0.9)  # fmt: skip
        np.testing.assert_allclose(by_feature(found["measures"], f"auroc_{size}"), expected.auroc)
        assert reconstructed[place] == pytest.approx(one.r2(test))
        for i, name in enumerate(FEATURES):
            assert curve(found, "auroc", name)[1][place] == pytest.approx(expected.auroc[i])
            assert curve(found, "latents", name)[1][place] == expected.n_above[i]
    units = feature_in_latents(fit, fit_labels, test_latents=test, test_labels=test_labels)
    np.testing.assert_allclose(by_feature(found["measures"], "auroc_units"), units.auroc)


@pytest.mark.parametrize("analyse", [pca, clusters, steering])
def test_another_layer_gives_other_numbers_under_its_name(network, analyse):
    first, last = (analyse(network, layer=layer)["measures"] for layer in ("hidden.0", "penultimate"))
    assert set(first["layer"]) == {"hidden.0"}
    assert set(last["layer"]) == {"hidden.1"}
    assert not np.array_equal(first["value"], last["value"], equal_nan=True)
