"""One layer of a trained network, as the analyses read it: responses, labels, and the network's own read-out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.activations.layers import editing
from repbias.models import Model
from repbias.models.heads import predictions
from repbias.training import Network
from repbias.training.feed import chunk_size, chunks
from repbias.training.train import build_network

PENULTIMATE = "penultimate"
UNTRAINED = "untrained"  # the kind of networks that are read as they were before training
Row = tuple[str, str, float]


@dataclass(frozen=True)
class Layer:
    """A layer of a trained network, read on its validation stimuli (to fit on) and its test stimuli (to score on)."""

    network: Network
    name: str

    @classmethod
    def of(cls, network: Network, layer: str = PENULTIMATE) -> Layer:
        """Return a layer by its name, or the network's last hidden one."""
        if layer != PENULTIMATE:
            return cls(network, layer)
        if not isinstance(network.model, Model):
            raise ValueError("a module of your own has no penultimate layer by name; name the layer")
        return cls(network, network.model.layer_names[-1])

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that the network reports."""
        return self.network.task.feature_names

    @cached_property
    def fit(self) -> Tensor:
        """Responses to the validation stimuli, `[stimulus, unit]`."""
        return self.network.read(self.name, "validation")

    @cached_property
    def test(self) -> Tensor:
        """Responses to the test stimuli, `[stimulus, unit]`."""
        return self.network.read(self.name, "test")

    @property
    def fit_labels(self) -> NDArray[np.int64]:
        """Labels of the validation stimuli, `[stimulus, feature]`."""
        return self.network.labels("validation")

    @property
    def test_labels(self) -> NDArray[np.int64]:
        """Labels of the test stimuli, `[stimulus, feature]`."""
        return self.network.labels("test")

    @cached_property
    def test_inputs(self) -> Tensor:
        """The test stimuli as networks read them, float32 `[stimulus, ...]`."""
        return self.network.task.network_inputs(self.network.split("test").inputs)

    def predict(self, logits: Tensor) -> Tensor:
        """Return the class of each feature that logits report, `[stimulus, feature]`."""
        return predictions(logits, self.network.task.n_classes)

    def read_out(self, representation: Tensor) -> Tensor:
        """Return what the network reports of the test stimuli where its layer responds with `representation`."""
        task, inputs = self.network.task, self.network.split("test").inputs
        parts = zip(chunks(task, inputs), representation.split(chunk_size(task, inputs)), strict=True)
        return torch.cat([self._predict_edited(chunk, part) for chunk, part in parts])

    def _predict_edited(self, inputs: Tensor, representation: Tensor) -> Tensor:
        with torch.no_grad(), editing(self.network.module, {self.name: lambda _: representation}):
            return self.predict(self.network.module(inputs))

    def measures(self, rows: Iterable[Row]) -> pd.DataFrame:
        """Return rows (feature, measure, value) as the table `measures` of an analysis."""
        table = pd.DataFrame(list(rows), columns=["feature", "measure", "value"])
        return table.assign(layer=self.name).astype({"value": "float64"})

    def curve(self, name: str, feature: str, x: Iterable[float], values: Iterable[float]) -> pd.DataFrame:
        """Return one line of a figure as rows of the table `curves` of an analysis."""
        line = pd.DataFrame({"x": np.asarray(list(x), float), "value": np.asarray(list(values), float)})
        return line.assign(layer=self.name, feature=feature, curve=name)


def untrained_module(network: Network) -> nn.Module:
    """Return the network as it was before training, in eval mode."""
    return build_network(network.model, network.task, network.seed).eval()
