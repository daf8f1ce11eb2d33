"""A layer of a trained network as the analyses read it, and the tables that they return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.activations.editing import editing
from repbias.models import Model
from repbias.models.model import predictions
from repbias.training import Network
from repbias.training.batches import Chunks, chunk_size
from repbias.training.network import build_network

PENULTIMATE = "penultimate"
UNTRAINED = "untrained"  # the kind of networks that are read before training


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
            raise ValueError(
                "a user-defined module has no layer that is known to be the penultimate one; give the layer's name"
            )
        return cls(network, network.model.layer_names[-1])

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that the network reports."""
        return self.network.task.feature_names

    def tables(self) -> Tables:
        """Return empty tables for the results of this layer."""
        return Tables(self.features, self.name)

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
        """Return the class of each feature according to the logits, `[stimulus, feature]`."""
        return predictions(logits, self.network.task.n_classes)

    def read_out(self, representation: Tensor) -> Tensor:
        """Return what the network reports of the test stimuli if its layer's responses are `representation`."""
        task, inputs = self.network.task, self.network.split("test").inputs
        parts = zip(Chunks(task, inputs), representation.split(chunk_size(task, inputs)), strict=True)
        return torch.cat([self._predict_edited(chunk, part) for chunk, part in parts])

    def _predict_edited(self, inputs: Tensor, representation: Tensor) -> Tensor:
        with torch.no_grad(), editing(self.network.module, {self.name: lambda _: representation}):
            return self.predict(self.network.module(inputs))


class Tables:
    """The tables `measures` and `curves` that an analysis returns, filled row by row.

    Parameters
    ----------
    features : the features that values belong to by default. layer : the layer that they belong to by default.
    """

    def __init__(self, features: Sequence[str], layer: str) -> None:
        self._features, self._layer = features, layer
        self._measures: list[tuple[str, str, str, float]] = []
        self._curves: list[pd.DataFrame] = []

    def measure(
        self, name: str, values: Iterable[float], features: Sequence[str] | None = None, layer: str | None = None
    ) -> None:
        """Add a measure: one value for each feature."""
        named = zip(self._features if features is None else features, values, strict=True)
        self._measures += [(layer or self._layer, feature, name, value) for feature, value in named]

    def line(
        self, curve: str, feature: str, x: Iterable[float], values: Iterable[float], layer: str | None = None
    ) -> None:
        """Add one line of a figure: `values` over `x` in the panel `curve`."""
        points = {"x": np.asarray(list(x), float), "value": np.asarray(list(values), float)}
        named = {"layer": layer or self._layer, "feature": feature, "curve": curve}
        self._curves.append(pd.DataFrame({**named, **points}))

    def curves(
        self, curve: str, x: Iterable[float], values: Iterable[Iterable[float]], layer: str | None = None
    ) -> None:
        """Add a line for each feature; `values` are `[feature, x]`."""
        places = list(x)
        for feature, line in zip(self._features, values, strict=True):
            self.line(curve, feature, places, line, layer)

    def made(self) -> dict[str, pd.DataFrame]:
        """Return the tables."""
        measures = pd.DataFrame(self._measures, columns=["layer", "feature", "measure", "value"])
        tables = {"measures": measures.astype({"value": "float64"})}
        return tables | ({"curves": pd.concat(self._curves, ignore_index=True)} if self._curves else {})


def untrained_module(network: Network) -> nn.Module:
    """Return the network with its initial weights, in eval mode."""
    return build_network(network.model, network.task, network.seed).eval()
