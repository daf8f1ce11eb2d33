"""Similarity of networks by what they compute: RSA, CKA, and how well one network predicts another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.analyses.reading import UNTRAINED, Layer, untrained_module
from repbias.core.randomness import rng
from repbias.core.statistics import jackknife
from repbias.measures.similarity.cka import cka
from repbias.measures.similarity.rdm import compare_many, rdm
from repbias.measures.similarity.system_regression import system_regression
from repbias.training import Network
from repbias.training.batches import responses


@dataclass(frozen=True)
class System:
    """One network in RSA: its kind (what it computes), its seed, and its layer's responses to the common stimuli."""

    kind: str
    seed: int
    layer: str
    response: Tensor


def analyse(
    networks: Mapping[str, Sequence[Network]],
    *,
    untrained_of: str = "both",
    stimuli: int = 256,
    resamples: int = 200,
    layer: str = "penultimate",
) -> dict[str, pd.DataFrame]:
    """Compare every two networks, trained and untrained, on the same stimuli.

    All networks read the same test stimuli, those of a seed with which no network was trained. RSA is the Pearson
    correlation of two RDMs (correlation distance), CKA the debiased linear one. Networks of one seed start from the
    same weights and share their training stimuli, which makes them similar whatever they compute: such pairs are left
    out of every mean.

    Measures, of each condition and seed, with the kind of the other network as the feature ("easy network", and "own
    kind" where it is the same): `rsa` and `cka`, as jackknife pseudo-values over seeds, whose mean is the mean over
    pairs and whose spread gives its interval. Pairs: `rsa` and `cka` of every two networks. Blocks: the means with
    two-level bootstrap intervals, over seeds and stimuli (of RSA; over seeds alone of CKA).

    Parameters
    ----------
    untrained_of : the condition whose networks are read before training too.
    stimuli : how many stimuli are compared. resamples : of the bootstrap.
    """
    systems = read_systems(networks, untrained_of, stimuli, layer)
    matrices = compare_systems(systems)
    bootstrapped = [block_table(name, matrix, systems, resamples) for name, matrix in matrices.items()]
    return {
        "measures": pd.concat([pseudo_values(name, m, systems) for name, m in matrices.items()], ignore_index=True),
        "pairs": pd.concat([pairs(name, m, systems) for name, m in matrices.items()], ignore_index=True),
        "blocks": pd.concat(bootstrapped, ignore_index=True),
    }


def regression(
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
                found[kind] = _regression_measures(target, *predictors[kind, following], layer)
        own = found.get(predicted, {}).get("regression_r2", float("nan"))
        for kind, values in found.items():
            values["relative_r2"] = values["regression_r2"] / own
            place = (target.seed, Layer.of(target, layer).name, f"{kind} network")
            rows += [(*place, name, value) for name, value in values.items()]
    table = pd.DataFrame(rows, columns=["seed", "layer", "feature", "measure", "value"])
    table = table.astype({"seed": "int64", "value": "float64"})  # of no rows, pandas would make objects
    return {"measures": table.assign(condition=predicted).dropna(subset=["value"])}


def _regression_measures(target: Network, predictor: Network, module: nn.Module, layer: str) -> dict[str, float]:
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


def compare_systems(systems: Sequence[System]) -> dict[str, NDArray[np.float64]]:
    """Return the similarity of every two networks by each measure, `[network, network]`."""
    responses_of = [one.response for one in systems]
    return {"rsa": compare_many([rdm(one) for one in responses_of]), "cka": cka_matrix(responses_of)}


def read_systems(
    networks: Mapping[str, Sequence[Network]], untrained_of: str, stimuli: int, layer: str = "penultimate"
) -> list[System]:
    """Return the networks' responses to common stimuli, kind by kind, untrained networks last."""
    every = [network for given in networks.values() for network in given]
    inputs = common_stimuli(every, stimuli)

    def read(kind: str, network: Network, module: nn.Module) -> System:
        name = Layer.of(network, layer).name
        return System(kind, network.seed, name, responses(module, network.task, name, inputs))

    trained = [read(kind, network, network.module) for kind, given in networks.items() for network in given]
    return trained + [read(UNTRAINED, one, untrained_module(one)) for one in networks.get(untrained_of, ())]


def common_stimuli(networks: Sequence[Network], count: int) -> NDArray[np.generic]:
    """Return the first test stimuli of a seed with which none of the networks was trained."""
    task = networks[0].task
    inputs: NDArray[np.generic] = task.stimuli(1 + max(network.seed for network in networks)).test.inputs[:count]
    return inputs


def cka_matrix(representations: Sequence[Tensor]) -> NDArray[np.float64]:
    """Return the debiased linear CKA of every two representations, `[network, network]`."""
    matrix = np.eye(len(representations))
    for i, one in enumerate(representations):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = cka(one, representations[j], debiased=True)
    return matrix


def pairs(measure: str, matrix: NDArray[np.float64], systems: Sequence[System]) -> pd.DataFrame:
    """Return the similarity of every two different networks, each pair once."""
    rows = [
        (one.kind, one.seed, systems[j].kind, systems[j].seed, measure, matrix[i, j])
        for i, one in enumerate(systems)
        for j in range(i)
    ]
    return pd.DataFrame(rows, columns=["condition", "seed", "other", "other_seed", "measure", "value"])


def kinds(systems: Sequence[System]) -> list[str]:
    """Return the kinds of networks, in order."""
    return list(dict.fromkeys(system.kind for system in systems))


def usable_pairs(systems: Sequence[System], one: str, other: str, drawn: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the rows and columns of all pairs of two kinds that differ in seed; seeds occur as often as drawn."""
    place: dict[tuple[str, int], int] = {(system.kind, system.seed): i for i, system in enumerate(systems)}
    found = [
        (place[one, s], place[other, t])
        for s in drawn
        for t in drawn
        if s != t and (one, s) in place and (other, t) in place
    ]
    rows, columns = zip(*found, strict=True) if found else ((), ())
    return list(rows), list(columns)


def block_mean(
    matrix: NDArray[np.float64], systems: Sequence[System], one: str, other: str, drawn: Sequence[int]
) -> float:
    """Return the mean similarity of networks of two kinds with different seeds; NaN where there are none."""
    rows, columns = usable_pairs(systems, one, other, drawn)
    return float(matrix[rows, columns].mean()) if rows else float("nan")


def pseudo_values(measure: str, matrix: NDArray[np.float64], systems: Sequence[System]) -> pd.DataFrame:
    """Return the mean similarity of every two kinds as jackknife pseudo-values, one per seed, for three or more.

    Only seeds with a network of every kind are used: the pseudo-value of any other seed would be the mean, as if it
    agreed perfectly. With two seeds there are no pairs once a seed is left out.
    """
    of_kind = [{system.seed for system in systems if system.kind == kind} for kind in kinds(systems)]
    seeds = sorted(set.intersection(*of_kind)) if of_kind else []
    layers = {system.kind: system.layer for system in systems}
    rows: list[tuple[str, str, int, str, str, float]] = []
    for one in kinds(systems):
        if one == UNTRAINED:
            continue
        for other in kinds(systems):
            values = _jackknifed(matrix, systems, one, other, seeds)
            named = [f"{other} network", *(["own kind"] if one == other else [])]
            place = (one, layers[one])
            rows += [(*place, s, name, measure, v) for name in named for s, v in zip(seeds, values, strict=True)]
    table = pd.DataFrame(rows, columns=["condition", "layer", "seed", "feature", "measure", "value"])
    return table.dropna(subset=["value"])


def _jackknifed(
    matrix: NDArray[np.float64], systems: Sequence[System], one: str, other: str, seeds: Sequence[int]
) -> NDArray[np.float64]:
    if len(seeds) < 2:
        return np.full(len(seeds), np.nan)
    return jackknife(seeds, lambda kept: block_mean(matrix, systems, one, other, kept))


def stimulus_resampler(
    rdms: Sequence[NDArray[np.float64]],
) -> Callable[[np.random.Generator], NDArray[np.float64]]:
    """Return a function that draws stimuli with replacement and compares all RDMs on them.

    Pairs of a stimulus with itself, which have no distance, are left out.
    """
    stacked = np.stack(rdms)

    def compared(generator: np.random.Generator) -> NDArray[np.float64]:
        drawn = generator.integers(0, stacked.shape[1], size=(stacked.shape[1],))
        upper, lower = np.triu_indices(len(drawn), 1)
        rows, columns = drawn[upper], drawn[lower]
        different = rows != columns
        vectors = stacked[:, rows[different], columns[different]]
        return np.asarray(np.corrcoef(vectors))

    return compared


def block_table(measure: str, matrix: NDArray[np.float64], systems: Sequence[System], resamples: int) -> pd.DataFrame:
    """Return the mean similarity of every two kinds with its 95 % percentile interval.

    It is a bootstrap over seeds and, for RSA, also over stimuli, which makes it conservative.
    """
    seeds = sorted({system.seed for system in systems})
    names = kinds(systems)
    places = [(one, other) for i, one in enumerate(names) for other in names[: i + 1]]
    resample = stimulus_resampler([rdm(one.response) for one in systems]) if measure.startswith("rsa") else None
    generator = rng(0, "similarity", "bootstrap")
    draws = np.empty((resamples, len(places)))
    for row in draws:
        drawn = [seeds[i] for i in generator.integers(0, len(seeds), len(seeds))]
        again = matrix if resample is None else resample(generator)
        row[:] = [block_mean(again, systems, one, other, drawn) for one, other in places]
    rows = []
    for place, drawn_means in zip(places, draws.T, strict=True):
        known = drawn_means[np.isfinite(drawn_means)]  # there are no pairs where only one seed was drawn
        low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
        rows.append((*place, measure, block_mean(matrix, systems, *place, seeds), low, high))
    return pd.DataFrame(rows, columns=["condition", "other", "measure", "value", "ci_low", "ci_high"])
