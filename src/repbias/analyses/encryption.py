"""Computing on encrypted values: representations that say nothing about the values they compute with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch.nn import functional

from repbias.activations.editing import capture
from repbias.analyses.ciphers import EncryptedSum, Paillier
from repbias.analyses.reading import Layer, Tables
from repbias.core.randomness import rng
from repbias.measures.decoding.linear_classifiers import fit_classifier
from repbias.measures.similarity.rdm import compare_rdms, rdm
from repbias.training import Network

Integers = NDArray[np.int64]


def analyse(
    network: Network, *, feature: str = "hard", layer: str = "penultimate", stimuli: int = 4096, compared: int = 512
) -> dict[str, pd.DataFrame]:
    """Compute a sum of symbols from encrypted symbols, and measure the activity that computes it.

    Systems, on the same test stimuli: `trained`, the trained network's layer; `plain`, a hand-built network of ReLU
    units that sums plain symbols; `pad`, the same network with the same weights on symbols under a one-time pad, with
    different keys for every stimulus; `paillier`, a program that multiplies Paillier ciphers, whose binary digits are
    the units. The activity of the last stage, which decrypts, is left out.

    Measures of the feature, by system: `..._exact` (share of right outputs), `..._rsa` (correlation of the activity's
    RDM with that of the plain values, Euclidean, of the symbols and their sum in one-hot codes), `..._linear` and
    `..._neighbours` (balanced accuracy above chance of a linear probe and of 5 nearest neighbours for the sum, trained
    on half of the stimuli and scored on the other).

    Parameters
    ----------
    stimuli : how many test stimuli are used. compared : of these, how many are in the RDMs.
    """
    read = Layer.of(network, layer)
    column = read.features.index(feature)
    target = read.test_labels[:stimuli, column]
    m = network.task.n_classes[column]
    symbols = _symbols(network, feature, m, stimuli)
    random = rng(network.seed, "keys")
    keys = random.integers(0, m, size=symbols.shape)
    systems: dict[str, tuple[Tensor, Tensor | Integers]] = {
        "trained": (read.test[:stimuli], read.predict(network.module(read.test_inputs[:stimuli]))[:, column]),
        "plain": _padded_sum(symbols, np.zeros_like(keys), m),
        "pad": _padded_sum(symbols, keys, m),
        "paillier": _paillier_sum(symbols, m, random),
    }
    plain = _one_hot(np.column_stack([symbols, target]), m).flatten(1)
    values = rdm(plain[:compared], "euclidean")
    tables = Tables(read)
    for name, (activity, output) in systems.items():
        found = {
            "exact": float(np.mean(np.asarray(output) == target)),
            "rsa": compare_rdms(rdm(activity[:compared], "euclidean"), values),
            **_decoded(activity, target),
        }
        for measure, value in found.items():
            tables.measure(f"{name}_{measure}", [value], [feature])
    return tables.made()


def _symbols(network: Network, feature: str, m: int, stimuli: int) -> Integers:
    """Return the symbols that a feature sums, `[stimulus, term]`, from their one-hot codes."""
    columns = network.task.positions()[feature]
    codes = network.split("test").inputs[:stimuli, columns]
    symbols: Integers = codes.reshape(len(codes), -1, m).argmax(2)
    return symbols


def _one_hot(values: Integers, m: int) -> Tensor:
    return functional.one_hot(torch.from_numpy(values), m).float()


def _padded_sum(symbols: Integers, keys: Integers, m: int) -> tuple[Tensor, Tensor]:
    """Return the activity and output of the network that sums symbols under keys; keys of 0 leave them plain."""
    network = EncryptedSum(m, symbols.shape[1])
    adders = [f"cipher.{i}.{part}" for i in range(symbols.shape[1] - 1) for part in ("pairs", "total")]
    ciphers = _one_hot((symbols + keys) % m, m)
    with torch.no_grad(), capture(network, adders) as seen:
        output = network(ciphers, _one_hot(-keys.sum(1) % m, m)).argmax(1)
    active = [functional.relu(seen[name]) for name in adders]
    return torch.cat([ciphers.flatten(1), *active], dim=1), output


def _paillier_sum(symbols: Integers, m: int, random: np.random.Generator) -> tuple[Tensor, Integers]:
    """Return the binary digits of all ciphers and of their running products, and the decrypted sum modulo m."""
    scheme = Paillier()
    ciphers = scheme.encrypt(symbols, random)
    registers, total = [*ciphers.T], ciphers[:, 0]
    for cipher in ciphers.T[1:]:
        total = scheme.add(total, cipher)
        registers.append(total)
    digits = np.stack(registers, axis=1)[:, :, None] >> np.arange(scheme.bits) & 1
    return torch.from_numpy(digits.reshape(len(digits), -1)).float(), scheme.decrypt(total) % m


def _decoded(activity: Tensor, target: Integers) -> Mapping[str, float]:
    """Return how well the sum is decoded, above chance: trained on half of the stimuli, scored on the other."""
    x, half = activity.double().numpy(), len(target) // 2
    answers = {
        "linear": fit_classifier(x[:half], target[:half]).predict(x[half:]),
        "neighbours": KNeighborsClassifier(5).fit(x[:half], target[:half]).predict(x[half:]),
    }
    chance = 1 / len(np.unique(target[half:]))
    return {name: balanced_accuracy_score(target[half:], given) - chance for name, given in answers.items()}
