"""Decodability: the accuracy of a linear classifier on every layer, before and after training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from repbias.analyses.reading import Tables, untrained_module
from repbias.measures.decoding.probes import probe
from repbias.models import Model
from repbias.training import Network
from repbias.training.batches import responses


def analyse(network: Network, *, classifier: str = "logistic", scaling: str = "none") -> dict[str, pd.DataFrame]:
    """Return how well a classifier on each hidden layer decodes every feature, reported or only measured.

    It is trained on validation stimuli and scored on test stimuli. The untrained network has the same initial weights.
    Measures: `decodable` and `decodable_untrained` (balanced accuracy), `decodable_gain` (the first minus the second)
    and `decodable_loss` (the reverse). Curves: `decodable` and `decodable_untrained`, over the layers from input to
    output.

    Parameters
    ----------
    classifier, scaling : see `repbias.measures.decoding.probes.probe`.

    Source: Hermann & Lampinen (2020), arXiv 2006.12433, who decode Trifeature's factors before and after training.
    """
    if not isinstance(network.model, Model):
        raise ValueError("the hidden layers of a user-defined module are not known; decodability needs a repbias model")
    layers, names = network.model.layer_names, network.task.measured_names
    before = _accuracies(network, untrained_module(network), layers, classifier, scaling)
    after = _accuracies(network, network.module, layers, classifier, scaling)
    measured = {
        "decodable": after,
        "decodable_untrained": before,
        "decodable_gain": after - before,
        "decodable_loss": before - after,
    }
    tables = Tables(names, layers[-1])
    for measure, values in measured.items():
        for layer, row in zip(layers, values, strict=True):
            tables.measure(measure, row, layer=layer)
    for curve in ("decodable", "decodable_untrained"):
        tables.curves(curve, range(1, len(layers) + 1), measured[curve].T)
    return tables.made()


def _accuracies(
    network: Network, module: nn.Module, layers: Sequence[str], classifier: str, scaling: str
) -> NDArray[np.float64]:
    """Return balanced accuracies, `[layer, feature]`."""
    task, stimuli = network.task, network.stimuli
    found = [
        probe(
            responses(module, task, layer, stimuli.validation.inputs),
            task.measured_labels(stimuli.validation),
            test_representation=responses(module, task, layer, stimuli.test.inputs),
            test_labels=task.measured_labels(stimuli.test),
            names=task.measured_names,
            classifier=classifier,
            scaling=scaling,
        ).balanced_accuracy
        for layer in layers
    ]
    return np.stack(found)
