"""The results of similarity, components, clusters and classifiers after equalising the features' shares of variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from torch import Tensor

from repbias.analyses.reading import Layer
from repbias.analyses.similarity import System, block_table, compare_systems, pairs, pseudo_values, read_systems
from repbias.measures.decoding.clustering import clustering
from repbias.measures.decoding.reliance import reliance
from repbias.measures.variance.components import components
from repbias.measures.variance.equalize import Equalized, equalize
from repbias.measures.variance.explained import variance_explained
from repbias.training import Network

CLUSTERED = 1024


def analyse(
    networks: Mapping[str, Sequence[Network]],
    *,
    equalized: str = "both",
    stimuli: int = 256,
    resamples: int = 200,
    layer: str = "penultimate",
) -> dict[str, pd.DataFrame]:
    """Equalise the features' shares in the networks of one condition, and apply each method again.

    The map is fitted on a network's validation stimuli, and applied to any others without their labels. Networks in
    which a feature is too weak to be equalised are left out, before and after. Networks of the other conditions
    stay as they are.

    Measures of each feature, each also with `_change` (after minus before): `r2_equalized`, `r2_component_1_equalized`
    (of the first principal component), `ari_2_equalized` (two clusters), `sides_with_equalized` (a nearest-mean
    classifier's answers in conflicts). With the kind of the other network as the feature: `rsa_equalized`,
    `cka_equalized`. Pairs and blocks: RSA and CKA, before and after.
    """
    maps = _maps(networks[equalized], layer) if equalized in networks else {}
    usable = {**networks, equalized: [one for one in networks.get(equalized, ()) if one.seed in maps]}
    before = read_systems(usable, equalized, stimuli, layer)
    after = [_mapped(one, maps[one.seed]) if one.kind == equalized else one for one in before]
    tables = [_of_features(network, maps[network.seed], equalized, layer) for network in usable[equalized]]
    matrices = compare_systems(before), {f"{k}_equalized": m for k, m in compare_systems(after).items()}
    values = {name: pseudo_values(name, m, before) for found in matrices for name, m in found.items()}
    for name in matrices[0]:
        tables += [values[f"{name}_equalized"], _change(values[name], values[f"{name}_equalized"])]
    every = [
        (name, m, given) for found, given in zip(matrices, (before, after), strict=True) for name, m in found.items()
    ]
    return {
        "measures": pd.concat(tables, ignore_index=True),
        "pairs": pd.concat([pairs(name, m, given) for name, m, given in every], ignore_index=True),
        "blocks": pd.concat([block_table(name, m, given, resamples) for name, m, given in every], ignore_index=True),
    }


def _maps(networks: Sequence[Network], layer: str) -> dict[int, Equalized]:
    """Return the equalising map of each network by seed, for those that have one."""
    maps = {}
    for network in networks:
        read = Layer.of(network, layer)
        try:
            maps[network.seed] = equalize(read.fit, read.fit_labels, names=read.features)
        except ValueError:  # a feature too weak: its direction is noise, which would be amplified
            continue
    return maps


def _mapped(system: System, by: Equalized) -> System:
    return replace(system, response=by.apply(system.response))


def _change(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return after minus before for each row: pseudo-values of a difference are differences of pseudo-values."""
    keys = ["condition", "layer", "seed", "feature"]
    both = after.merge(before, on=keys, suffixes=("", "_before"), validate="one_to_one")
    measure = both["measure_before"] + "_change"
    return both.assign(measure=measure, value=both["value"] - both["value_before"])[[*keys, "measure", "value"]]


def _of_features(network: Network, by: Equalized, condition: str, layer: str) -> pd.DataFrame:
    """Return the results of methods for single networks after the map, for each feature, and their change."""
    read = Layer.of(network, layer)
    before = _results(read, read.fit, read.test)
    tables = read.tables()
    for measure, values in _results(read, by.apply(read.fit), by.apply(read.test)).items():
        tables.measure(f"{measure}_equalized", values)
        tables.measure(f"{measure}_change", np.subtract(values, before[measure]))
    return tables.made()["measures"].assign(condition=condition, seed=network.seed)


def _results(read: Layer, fit: Tensor, test: Tensor) -> dict[str, Sequence[float]]:
    """Return the result of each method for each feature."""
    given = {"test_representation": test, "test_labels": read.test_labels, "names": read.features}
    one, other = read.features
    sides = reliance(fit, read.fit_labels, features=(one, other), classifier="nearest_mean", **given)  # type: ignore[arg-type]
    clusters = clustering(test[:CLUSTERED], read.test_labels[:CLUSTERED], k=2, names=read.features)
    return {
        "r2": list(variance_explained(fit, read.fit_labels, **given).r2),  # type: ignore[arg-type]
        "r2_component_1": list(components(fit, read.fit_labels, n=1, **given).r2[:, 0]),  # type: ignore[arg-type]
        "ari_2": list(clusters.ari),
        "sides_with": list(sides.reliance),
    }
