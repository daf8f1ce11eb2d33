"""Channels of feature maps: over how many of them a feature is spread before pooling, and how strongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.activations.batches import Batches
from repbias.activations.reading import Float32Array, iterate_batches
from repbias.analyses.reading import Tables
from repbias.measures.variance.density import Density
from repbias.measures.variance.fitter import VarianceExplained, VarianceFitter
from repbias.models.image_model import StagedModel
from repbias.tasks import ImageTask
from repbias.training import Network
from repbias.training.batches import Chunks

MAP, MEAN = "channels of the map", "channels of the mean over space"  # its curves


def analyse(network: Network, *, factors: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """Return how much of each channel of every stage's feature map each feature explains, fitted at every place.

    A channel's R2 is what a feature explains of it over what there is, each summed over all places of the map: a
    feature explains little where the same class shows at another place in each image. The regression is fitted on
    validation and scored on test stimuli. Measures of a stage stand under the layer that reads its mean over space:
    `map_r2` (R2 of the whole map), `map_density_0.05`, `map_density_0.1`, `map_density_0.25` (the share of channels
    with an R2 above that), `map_participation` (the participation ratio over channels, see `density`).
    Curves: the channels' R2 by rank, on the map and on its mean over space.

    Memory does not grow with the stimuli: maps are read a few images at a time.

    Parameters
    ----------
    factors : further factors of the images that are measured, reported or not; see `ImageTask`'s `measured`.

    Raises
    ------
    ValueError : the network has no stages of channels, its stimuli are no images, or a factor cannot be measured.
    """
    if not isinstance(network.model, StagedModel) or not isinstance(network.task, ImageTask):
        raise ValueError(
            f"channels are those of a ConvNet or a ResNet on an ImageTask, got {type(network.model).__name__} on "
            f"{type(network.task).__name__}"
        )
    task = ImageTask.model_validate({**network.task.model_dump(), "measured": (*network.task.measured, *factors)})
    means = network.model.layer_names
    maps = [f"stage.{i}.map" for i in range(network.model.stages)]
    found = _explained(network, task, (*maps, *means))
    tables = Tables(task.measured_names, means[-1])
    for of_map, mean in zip(maps, means, strict=True):
        channels = _by_channel(found[of_map], len(found[mean].unit_total))
        density = Density.from_variance(channels)
        tables.measure("map_r2", channels.r2, layer=mean)
        tables.measure("map_participation", density.participation, layer=mean)
        for limit, shares in zip(density.thresholds, density.fraction_above.T, strict=True):
            tables.measure(f"map_density_{limit:g}", shares, layer=mean)
        ranks = range(1, channels.unit_r2.shape[1] + 1)
        tables.curves(MAP, ranks, density.curve, layer=mean)
        tables.curves(MEAN, ranks, Density.from_variance(found[mean]).curve, layer=mean)
    return tables.made()


def _explained(network: Network, task: ImageTask, layers: Sequence[str]) -> dict[str, VarianceExplained]:
    """Return what every feature explains of each layer, every channel at every place being a unit."""
    classes = (*task.n_classes, *(len(task.levels(factor)) for factor in task.measured))
    fitters = {layer: VarianceFitter(classes, names=task.measured_names, folds=None) for layer in layers}
    for layer, responses, labels in _batches(network, task, "validation", layers):
        fitters[layer].update(responses, labels)
    for layer, responses, labels in _batches(network, task, "test", layers):
        fitters[layer].update_test(responses, labels)
    return {layer: fitter.result() for layer, fitter in fitters.items()}


def _batches(
    network: Network, task: ImageTask, name: str, layers: Sequence[str]
) -> Iterator[tuple[str, Float32Array, NDArray[np.int64]]]:
    """Yield every layer's responses `[stimulus, unit]` to a few images of a split at a time, with their labels."""
    split = network.split(name)
    labels = iter(task.measured_labels(split))
    batches = Batches(Chunks(task, split.inputs), network.module)
    for found in iterate_batches(network.module, batches, layers, "flatten"):
        here = np.stack(list(islice(labels, len(found[layers[0]]))))
        for layer, responses in found.items():
            yield layer, responses, here


def _by_channel(places: VarianceExplained, channels: int) -> VarianceExplained:
    """Return the same with channels for units; a flattened map has all places of a channel together."""
    groups = np.repeat(np.arange(channels), len(places.unit_total) // channels)
    totals = np.bincount(groups, places.unit_total).astype(np.float64)
    return replace(places, unit_r2=places.grouped_r2(groups), unit_total=totals)
