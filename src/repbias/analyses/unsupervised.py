"""Unsupervised methods on a layer, and the features that they show: PCA, clustering, and sparse autoencoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from repbias.analyses.reading import Layer
from repbias.measures.decoding.clustering import clustering, neighbour_purity, tsne
from repbias.measures.decoding.dictionary import FeaturesInLatents, feature_in_latents
from repbias.measures.decoding.sparse_autoencoder import train_autoencoder
from repbias.measures.interventions.truncation import components_needed
from repbias.measures.variance.components import components
from repbias.training import Network


def pca(network: Network, *, layer: str = "penultimate", shown: int = 12) -> dict[str, pd.DataFrame]:
    """Return a network's principal components, fitted on validation and scored on test stimuli.

    Measures of each feature: `r2_component_1` (R2 of the first component by the feature), `components_needed` (the
    number of components that keep 95 % of the accuracy above chance, by the network's own read-out), and
    `top_1_accuracy` to `top_3_accuracy`. Curves: R2 by component, and accuracy by the number of components kept.

    Parameters
    ----------
    shown : how many components the curves include.
    """
    read = Layer.of(network, layer)
    found = components(
        read.fit, read.fit_labels, test_representation=read.test, test_labels=read.test_labels, names=read.features
    )
    kept = components_needed(read.read_out, read.test, read.test_labels, found)
    tables = read.tables()
    tables.measure("r2_component_1", found.r2[:, 0])
    tables.measure("components_needed", np.where(np.isfinite(kept.needed), kept.needed, np.nan))
    for k in (1, 2, 3):
        tables.measure(f"top_{k}_accuracy", kept.curve[:, min(k, kept.curve.shape[1] - 1)])
    r2, accuracy, share = found.r2[:, :shown], kept.curve[:, : shown + 1], found.share[:shown]
    tables.curves("accuracy", range(accuracy.shape[1]), accuracy)
    tables.curves("r2", range(1, r2.shape[1] + 1), r2)
    tables.line("r2", "share of variance", range(1, len(share) + 1), share)
    return tables.made()


def clusters(
    network: Network,
    *,
    layer: str = "penultimate",
    numbers: Sequence[int] = (2, 3, 4, 6, 8),
    neighbours: int = 10,
    stimuli: int = 1024,
    pictured: int = 1,
    points: int = 512,
) -> dict[str, pd.DataFrame]:
    """Cluster the test stimuli by k-means, and compare each stimulus with its nearest neighbours.

    Measures of each feature: `ari_2` and so on (adjusted Rand index with k clusters), `neighbour_purity` (share of a
    stimulus's neighbours that have its class, rescaled to 0 at chance and 1 where all have it). Curve: the adjusted
    Rand index by the number of clusters. Points: t-SNE of the first stimuli.

    Parameters
    ----------
    numbers : numbers of clusters. stimuli : how many of the test stimuli are clustered.
    pictured : networks with a seed below this have points. points : for how many stimuli.
    """
    read = Layer.of(network, layer)
    responses, labels = read.test[:stimuli], read.test_labels[:stimuli]
    found = [clustering(responses, labels, k=k, seed=network.seed, names=read.features) for k in numbers]
    tables = read.tables()
    for k, result in zip(numbers, found, strict=True):
        tables.measure(f"ari_{k}", result.ari)
    purity = neighbour_purity(responses, labels, neighbours=neighbours, names=read.features)
    tables.measure("neighbour_purity", purity.corrected)
    tables.curves("ari", numbers, np.transpose([result.ari for result in found]))
    tables.line("ari", "both features together", numbers, [result.combined_ari for result in found])
    return {**tables.made(), "points": _points(read, points)} if network.seed < pictured else tables.made()


def _points(read: Layer, points: int) -> pd.DataFrame:
    x, y = tsne(read.test[:points]).T
    labels = {name: read.test_labels[:points, i] for i, name in enumerate(read.features)}
    return pd.DataFrame({"layer": read.name, "stimulus": range(len(x)), "x": x, "y": y, **labels})


def autoencoders(
    network: Network,
    *,
    layer: str = "penultimate",
    sizes: Sequence[int] = (8, 16, 32, 64, 128, 256),
    active: int = 4,
    steps: int = 1500,
) -> dict[str, pd.DataFrame]:
    """Train TopK sparse autoencoders on responses to validation stimuli, and search their latents for each feature.

    Measures of each feature: `auroc_8` and so on by number of latents, the AUROC on test stimuli of the latent that
    discriminates the feature best on validation stimuli; and `auroc_units`, the same for the layer's units. Curves: the
    AUROC and the number of latents with an AUROC above .9 by the size of the dictionary, and the R2 of the
    reconstruction.

    Parameters
    ----------
    sizes : numbers of latents. active : how many are active for a stimulus. steps : training steps.
    """
    read = Layer.of(network, layer)
    trained = [
        train_autoencoder(read.fit, n_latents=size, k=min(active, size), steps=steps, seed=network.seed)
        for size in sizes
    ]
    found = [_features(read, one.encode(read.fit), one.encode(read.test)) for one in trained]
    tables = read.tables()
    for size, result in zip(sizes, found, strict=True):
        tables.measure(f"auroc_{size}", result.auroc)
    tables.measure("auroc_units", _features(read, read.fit, read.test).auroc)
    tables.curves("auroc", sizes, np.transpose([result.auroc for result in found]))
    tables.curves("latents", sizes, np.transpose([result.n_above for result in found]))
    tables.line("auroc", "R2 of the reconstruction", sizes, [one.r2(read.test) for one in trained])
    return tables.made()


def _features(read: Layer, fit: Tensor, test: Tensor) -> FeaturesInLatents:
    return feature_in_latents(
        fit, read.fit_labels, test_latents=test, test_labels=read.test_labels, names=read.features, threshold=0.9
    )
