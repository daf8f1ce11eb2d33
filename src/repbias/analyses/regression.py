"""Regression between networks: how well one predicts another, and how much of that is due to each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from repbias.analyses.reading import UNTRAINED, Layer, untrained_module
from repbias.measures.similarity.system_regression import system_regression
from repbias.training import Network
from repbias.training.feed import responses


def analyse(
    networks: Mapping[str, Sequence[Network]], *, predicted: str = "both", layer: str = "penultimate"
) -> dict[str, pd.DataFrame]:
    """Predict each network of one condition from a network of every kind, by ridge regression over common stimuli.

    The predictor is the network of the next seed of its kind (after the last comes the first), so that each network
    predicts, and is predicted, only once per kind, and the two never share initial weights or training stimuli. All
    read the validation stimuli (to fit) and test stimuli (to score) of a seed with which no network was trained.

    Measures, by predicted network, with the kind of the predictor as the feature ("easy network"): `regression_r2`
    (pooled R2 over all units), `relative_r2` (the same over that of another network of the predicted kind),
    `easy_share` and `hard_share` (the share of the explained variance due to each feature).
    """
    targets = {network.seed: network for network in networks.get(predicted, ())}
    predictors = {(kind, one.seed): (one, one.module) for kind, given in networks.items() for one in given}
    predictors |= {(UNTRAINED, one.seed): (one, untrained_module(one)) for one in targets.values()}
    rows = []
    for target in targets.values():
        found = {}
        for kind in (*networks, UNTRAINED):
            seeds = sorted(seed for name, seed in predictors if name == kind and seed != target.seed)
            if seeds:
                following = next((seed for seed in seeds if seed > target.seed), seeds[0])
                found[kind] = _measures(target, *predictors[kind, following], layer)
        own = found.get(predicted, {}).get("regression_r2", float("nan"))
        for kind, values in found.items():
            values["relative_r2"] = values["regression_r2"] / own
            place = (target.seed, Layer.of(target, layer).name, f"{kind} network")
            rows += [(*place, name, value) for name, value in values.items()]
    table = pd.DataFrame(rows, columns=["seed", "layer", "feature", "measure", "value"])
    table = table.astype({"seed": "int64", "value": "float64"})  # of no rows, pandas would make objects
    return {"measures": table.assign(condition=predicted).dropna(subset=["value"])}


def _measures(target: Network, predictor: Network, module: torch.nn.Module, layer: str) -> dict[str, float]:
    """Predict one network from another on the stimuli of a seed that neither was trained with."""
    task = target.task
    stimuli = task.stimuli(1_000_000 + target.seed)
    a, b = Layer.of(predictor, layer).name, Layer.of(target, layer).name
    result = system_regression(
        responses(module, task, a, stimuli.validation.inputs),
        responses(target.module, task, b, stimuli.validation.inputs),
        stimuli.validation.labels,
        test_a=responses(module, task, a, stimuli.test.inputs),
        test_b=responses(target.module, task, b, stimuli.test.inputs),
        test_labels=stimuli.test.labels,
        names=task.feature_names,
    )
    shares = {f"{name}_share": float(x) for name, x in zip(result.names, result.feature_share, strict=True)}
    return {"regression_r2": result.r2, **shares}
