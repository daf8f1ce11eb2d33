"""Clustering a layer: which feature the clusters follow, and how the stimuli look in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.analyses.reading import Layer, Row
from repbias.measures.decoding.clustering import clustering, neighbour_purity, tsne
from repbias.training import Network


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    clusters: Sequence[int] = (2, 3, 4, 6, 8),
    neighbours: int = 10,
    stimuli: int = 1024,
    pictured: int = 1,
    points: int = 512,
) -> dict[str, pd.DataFrame]:
    """Cluster the test stimuli by k-means, and look at each stimulus's nearest neighbours.

    Measures of each feature: `ari_2` and so on (adjusted Rand index with k clusters), `neighbour_purity` (share of a
    stimulus's neighbours that are of its class, 0 at chance and 1 where all are). Curve: the adjusted Rand index by
    the number of clusters. Points: t-SNE of the first stimuli.

    Parameters
    ----------
    stimuli : how many of the test stimuli are clustered. pictured : networks with a seed below this are laid out.
    points : how many stimuli are laid out.
    """
    read = Layer.of(network, layer)
    responses, labels = read.test[:stimuli], read.test_labels[:stimuli]
    found = {k: clustering(responses, labels, k=k, seed=network.seed, names=read.features) for k in clusters}
    purity = neighbour_purity(responses, labels, neighbours=neighbours, names=read.features).corrected
    rows: list[Row] = []
    curves = []
    for i, name in enumerate(read.features):
        rows += [(name, f"ari_{k}", result.ari[i]) for k, result in found.items()]
        rows.append((name, "neighbour_purity", purity[i]))
        curves.append(read.curve("ari", name, found, [result.ari[i] for result in found.values()]))
    together = [result.combined_ari for result in found.values()]
    curves.append(read.curve("ari", "both features together", found, together))
    tables = {"measures": read.measures(rows), "curves": pd.concat(curves, ignore_index=True)}
    return {**tables, "points": _picture(read, points)} if network.seed < pictured else tables


def _picture(read: Layer, points: int) -> pd.DataFrame:
    x, y = tsne(read.test[:points]).T
    labels = {name: read.test_labels[:points, i] for i, name in enumerate(read.features)}
    return pd.DataFrame({"layer": read.name, "stimulus": range(len(x)), "x": x, "y": y, **labels})
