"""Networks and programs that compute on encrypted values: exact outputs, and uninformative activity."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Integers = NDArray[np.int64]


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
