"""Sparse autoencoders of a layer: does a dictionary find each feature, and how large must it be?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from repbias.analyses.reading import Layer, Row
from repbias.measures.decoding.dictionary import FeaturesInLatents, feature_in_latents
from repbias.measures.decoding.sparse_autoencoder import train_autoencoder
from repbias.training import Network


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    sizes: Sequence[int] = (8, 16, 32, 64, 128, 256),
    active: int = 4,
    steps: int = 1500,
) -> dict[str, pd.DataFrame]:
    """Train TopK sparse autoencoders on responses to validation stimuli, and look for each feature in their latents.

    Measures of each feature, by number of latents: `auroc_8` and so on, the AUROC on test stimuli of the latent that
    tells the feature best on validation stimuli; and `auroc_units`, of the best unit of the layer itself. Curves: the
    AUROC and the number of latents with an AUROC above .9 by the size of the dictionary, and the R2 of what it
    reconstructs.

    Parameters
    ----------
    sizes : numbers of latents. active : how many are active for a stimulus. steps : training steps.
    """
    read = Layer.of(network, layer)
    trained = {
        size: train_autoencoder(read.fit, n_latents=size, k=min(active, size), steps=steps, seed=network.seed)
        for size in sizes
    }
    found = {size: _features(read, one.encode(read.fit), one.encode(read.test)) for size, one in trained.items()}
    units = _features(read, read.fit, read.test)
    rows: list[Row] = []
    curves = []
    for i, name in enumerate(read.features):
        rows += [(name, f"auroc_{size}", result.auroc[i]) for size, result in found.items()]
        rows.append((name, "auroc_units", units.auroc[i]))
        curves.append(read.curve("auroc", name, sizes, [result.auroc[i] for result in found.values()]))
        curves.append(read.curve("latents", name, sizes, [result.n_above[i] for result in found.values()]))
    reconstructed = [one.r2(read.test) for one in trained.values()]
    curves.append(read.curve("auroc", "R2 of the reconstruction", sizes, reconstructed))
    return {"measures": read.measures(rows), "curves": pd.concat(curves, ignore_index=True)}


def _features(read: Layer, fit: Tensor, test: Tensor) -> FeaturesInLatents:
    return feature_in_latents(
        fit, read.fit_labels, test_latents=test, test_labels=read.test_labels, names=read.features, threshold=0.9
    )
