"""Computing on encrypted values: representations that say nothing about the values they compute with."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from repbias.activations.editing import capture
from repbias.analyses.reading import Layer
from repbias.core.randomness import rng
from repbias.measures.decoding.linear_classifiers import Classifier
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
    tables = read.tables()
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
        "linear": Classifier().fit(x[:half], target[:half]).predict(x[half:]),
        "neighbours": KNeighborsClassifier(5).fit(x[:half], target[:half]).predict(x[half:]),
    }
    chance = 1 / len(np.unique(target[half:]))
    return {name: balanced_accuracy_score(target[half:], given) - chance for name, given in answers.items()}


class ModularAdder(nn.Module):
    """Adds two symbols modulo m, exactly, on one-hot codes: m x m ReLU units, one per pair of symbols, and a read-out.

    With m = 2 it computes XOR. Nothing in it is learned.
    """

    def __init__(self, symbols: int) -> None:
        super().__init__()
        one, other = torch.meshgrid(torch.arange(symbols), torch.arange(symbols), indexing="ij")
        self.pairs = nn.Linear(2 * symbols, symbols**2)
        self.total = nn.Linear(symbols**2, symbols, bias=False)
        with torch.no_grad():
            self.pairs.weight.zero_()
            self.pairs.bias.fill_(-1.0)  # a pair's unit is active if both of its symbols are present
            units = torch.arange(symbols**2)
            self.pairs.weight[units, one.flatten()] = 1.0
            self.pairs.weight[units, symbols + other.flatten()] = 1.0
            self.total.weight.copy_(functional.one_hot((one + other).flatten() % symbols, symbols).T.float())

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the sum `[stimulus, symbol]` of two symbols, each `[stimulus, symbol]`."""
        summed: Tensor = self.total(functional.relu(self.pairs(torch.cat([one, other], dim=1))))
        return summed


class EncryptedSum(nn.Module):
    """A network that sums symbols modulo m under a one-time pad, and decrypts at its last layer only.

    Its inputs are ciphers x_i + k_i mod m and the negated sum of the keys, all in one-hot codes. Layer `cipher.N` holds
    sums of ciphers, which are uniform whatever the symbols are, since every stimulus has different keys; `plain`
    removes the keys. With keys of 0 the same network computes on plain values.

    Parameters
    ----------
    symbols : m. terms : how many symbols are summed, two or more.
    """

    def __init__(self, symbols: int, terms: int) -> None:
        super().__init__()
        self.cipher = nn.ModuleList(ModularAdder(symbols) for _ in range(terms - 1))
        self.plain = ModularAdder(symbols)

    def forward(self, ciphers: Tensor, key: Tensor) -> Tensor:
        """Return the plain sum, `[stimulus, symbol]`.

        Parameters
        ----------
        ciphers : `[stimulus, term, symbol]`. key : the negated sum of the keys, `[stimulus, symbol]`.
        """
        total = ciphers[:, 0]
        for i, adder in enumerate(self.cipher):
            total = adder(total, ciphers[:, i + 1])
        decrypted: Tensor = self.plain(total, key)
        return decrypted


class Paillier:
    """Paillier's (1999) cryptosystem with primes small enough for 64-bit arithmetic: a demonstration, no protection.

    The product of two ciphers, modulo n^2, decrypts to the sum of their values, so that adding needs no key.

    Parameters
    ----------
    p, q : different primes with gcd(pq, (p - 1)(q - 1)) = 1.

    Raises
    ------
    ValueError : other numbers, or numbers whose ciphers cannot be multiplied in 64 bits.
    """

    def __init__(self, p: int = 113, q: int = 127) -> None:
        if p == q or not (_is_prime(p) and _is_prime(q)) or math.gcd(p * q, (p - 1) * (q - 1)) > 1:
            raise ValueError(f"p and q must be different primes with gcd(pq, (p - 1)(q - 1)) = 1, got {p} and {q}")
        if (p * q) ** 4 > np.iinfo(np.int64).max:
            raise ValueError(f"pq must be at most 55108, for ciphers to be multiplied in 64 bits, got {p * q}")
        self.n = p * q
        self.square = self.n**2
        self._secret = math.lcm(p - 1, q - 1)
        self._inverse = pow(self._secret, -1, self.n)

    @property
    def bits(self) -> int:
        """The number of binary digits of a cipher."""
        return self.square.bit_length()

    def encrypt(self, plain: Integers, random: np.random.Generator) -> Integers:
        """Return (1 + n)^plain r^n mod n^2, with a different r, coprime to n, for each number."""
        units = np.flatnonzero(np.gcd(np.arange(self.n), self.n) == 1)
        blinding = self._power(random.choice(units, size=plain.shape), self.n)
        return (1 + self.n * plain) % self.square * blinding % self.square

    def add(self, one: Integers, other: Integers) -> Integers:
        """Return the cipher of the sum of two ciphers' values."""
        return one * other % self.square

    def decrypt(self, cipher: Integers) -> Integers:
        """Return the values of ciphers, modulo n."""
        return (self._power(cipher, self._secret) - 1) // self.n * self._inverse % self.n

    def _power(self, base: Integers, exponent: int) -> Integers:
        """Return base^exponent mod n^2, by squaring."""
        result, square = np.ones_like(base), base % self.square
        while exponent:
            if exponent & 1:
                result = result * square % self.square
            square = square * square % self.square
            exponent >>= 1
        return result


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
