"""A user's measure is taken of every layer at the first and the last step."""

import numpy as np
import pytest
import torch

from repbias.models import MLP
from repbias.training import train

MODEL = MLP(widths=(8, 6))


def mean_response(fitted, fitted_labels, scored, scored_labels):
    return [float(scored[scored_labels[:, i] == 1].mean()) for i in range(scored_labels.shape[1])]


def test_it_appears_for_every_layer_at_the_first_and_last_step(task, fixed):
    networks = train(task, MODEL, seeds=2, training=fixed(), measures={"mean_response": mean_response})
    rows = networks.table().query("measure == 'mean_response'")
    layers = ("input", "hidden.0", "hidden.1", "readout")
    expected = {(m, s, la, f) for m in (0, 1) for s in (0, 20) for la in layers for f in ("easy", "hard")}
    assert set(zip(rows["seed"], rows["step"], rows["layer"], rows["feature"], strict=True)) == expected
    assert len(rows) == len(expected)
    network = networks[1]
    responses = network.read("hidden.1")[torch.from_numpy(network.labels()[:, 1] == 1)]
    last = rows.query("seed == 1 and step == 20 and layer == 'hidden.1' and feature == 'hard'")["value"].item()
    assert last == pytest.approx(float(responses.mean()), rel=1e-5)


def test_it_sees_each_layer_with_its_labels(task, fixed):
    seen = []

    def note(fitted, fitted_labels, scored, scored_labels):
        seen.append((fitted.shape[1], len(fitted), len(scored)))
        np.testing.assert_array_equal(fitted_labels, task.stimuli(4).validation.labels)
        np.testing.assert_array_equal(scored_labels, task.stimuli(4).test.labels)
        return np.zeros(2)

    train(task, MODEL, seeds=[4], training=fixed(), measures={"note": note})
    assert seen == 2 * [(12, 128, 128), (8, 128, 128), (6, 128, 128), (2, 128, 128)]


def test_a_wrong_number_of_values_is_explained(task, fixed):
    with pytest.raises(ValueError, match=r"measure 'one' returned 1 values for the 2 features \('easy', 'hard'\)"):
        train(task, MODEL, seeds=1, training=fixed(), measures={"one": lambda *_: [0.0]})
