"""Programs on encrypted values: exact for every input, and activity whose distribution knows nothing of the input."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repbias.activations.editing import capture
from repbias.analyses.encryption import EncryptedSum, ModularAdder, Paillier


def one_hot(values: np.ndarray, m: int) -> torch.Tensor:
    return torch.from_numpy(np.eye(m, dtype=np.float32)[values])


def all_rows(m: int, terms: int) -> np.ndarray:
    """Every choice of `terms` symbols, `[choice, term]`."""
    return np.array(list(itertools.product(range(m), repeat=terms)))


def activities(symbols: np.ndarray, keys: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All that is active before the stage that decrypts, that stage's units, and the output's symbol."""
    network = EncryptedSum(m, symbols.shape[1])
    adders = [f"cipher.{i}.{part}" for i in range(symbols.shape[1] - 1) for part in ("pairs", "total")]
    ciphers = one_hot((symbols + keys) % m, m)
    with torch.no_grad(), capture(network, [*adders, "plain.pairs"]) as seen:
        output = network(ciphers, one_hot(-keys.sum(1) % m, m))
    assert ((output == 0) | (output == 1)).all()
    encrypted = torch.cat([ciphers.flatten(1), *(seen[name].relu() for name in adders)], dim=1)
    return encrypted.numpy(), seen["plain.pairs"].relu().numpy(), output.argmax(1).numpy()


@pytest.mark.parametrize("m", [2, 3, 5, 8])
def test_the_adder_is_exact_for_every_pair_of_symbols(m):
    one, other = all_rows(m, 2).T
    with torch.no_grad():
        summed = ModularAdder(m)(one_hot(one, m), one_hot(other, m))
    expected = np.zeros((m * m, m))
    expected[np.arange(m * m), [(a + b) % m for a, b in zip(one, other, strict=True)]] = 1
    np.testing.assert_array_equal(summed.numpy(), expected)


@given(st.integers(2, 6), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_the_encrypted_sum_is_the_plain_sum_whatever_the_keys(m, terms, seed):
    random = np.random.default_rng(seed)
    symbols, keys = random.integers(0, m, (2, 40, terms))
    *_, output = activities(symbols, keys, m)
    *_, without_keys = activities(symbols, np.zeros_like(keys), m)
    assert output.tolist() == [sum(row) % m for row in symbols.tolist()]
    assert without_keys.tolist() == output.tolist()


@pytest.mark.parametrize(("m", "terms"), [(2, 2), (3, 2), (2, 3), (3, 3)])
def test_over_all_keys_the_encrypted_activity_is_distributed_alike_for_every_input(m, terms):
    keys = all_rows(m, terms)
    decrypted, distributions = set(), []
    for symbols in all_rows(m, terms):
        encrypted, plain, _ = activities(np.tile(symbols, (len(keys), 1)), keys, m)
        distributions.append(Counter(row.tobytes() for row in encrypted))
        decrypted.add(frozenset(Counter(row.tobytes() for row in plain).items()))
    assert all(one == distributions[0] for one in distributions)
    assert len(distributions[0]) == m**terms  # and no two keys give the same activity
    assert len(decrypted) == m  # the stage that decrypts is another matter: it tells the sum


def test_over_all_but_one_of_the_keys_the_activity_tells_of_the_input():
    keys = all_rows(3, 2)[1:]
    distributions = [
        Counter(row.tobytes() for row in activities(np.tile(symbols, (len(keys), 1)), keys, 3)[0])
        for symbols in all_rows(3, 2)
    ]
    assert all(one != other for one, other in itertools.combinations(distributions, 2))


@pytest.mark.parametrize(("p", "q"), [(113, 127), (5, 7), (11, 17), (223, 241)])
def test_decrypting_undoes_encrypting(p, q):
    scheme, random = Paillier(p, q), np.random.default_rng(0)
    plain = np.unique(np.append(random.integers(0, scheme.n, 2000), [0, 1, scheme.n - 1]))
    ciphers = scheme.encrypt(plain, random)
    np.testing.assert_array_equal(scheme.decrypt(ciphers), plain)
    assert 0 < ciphers.min() <= ciphers.max() < 2**scheme.bits


def test_every_number_below_n_survives_encryption():
    scheme = Paillier(11, 17)
    plain = np.arange(187).reshape(11, 17)
    np.testing.assert_array_equal(scheme.decrypt(scheme.encrypt(plain, np.random.default_rng(1))), plain)


@pytest.mark.parametrize(("p", "q"), [(113, 127), (223, 241)])
def test_products_of_ciphers_decrypt_to_sums(p, q):
    scheme, random = Paillier(p, q), np.random.default_rng(2)
    one, other = random.integers(0, scheme.n, (2, 1000))
    total = scheme.add(scheme.encrypt(one, random), scheme.encrypt(other, random))
    np.testing.assert_array_equal(scheme.decrypt(total), (one + other) % scheme.n)


@pytest.mark.parametrize(("p", "q"), [(113, 127), (223, 241)])
def test_nothing_overflows_against_integers_of_any_size(p, q):
    scheme, random = Paillier(p, q), np.random.default_rng(3)
    n = p * q
    secret = (p - 1) * (q - 1)  # a multiple of the least one, which decrypts as well
    plain = random.integers(0, n, 300)
    for number, cipher in zip(plain.tolist(), scheme.encrypt(plain, random).tolist(), strict=True):
        power = pow(cipher, secret, n**2)
        assert (power - 1) % n == 0
        assert (power - 1) // n * pow(secret, -1, n) % n == number


def test_one_number_has_many_ciphers():
    scheme = Paillier()
    ciphers = scheme.encrypt(np.full(1000, 7), np.random.default_rng(4))
    # Of 14,112 equally likely ciphers, 1,000 draws are expected to repeat 34.
    assert 940 < len(np.unique(ciphers)) < 1000
    assert np.gcd(ciphers, scheme.n).max() == 1


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [*((p, q, "different primes") for p, q in [(7, 7), (9, 7), (3, 7), (1, 5)]), (233, 239, "at most 55108")],
)
def test_primes_that_do_not_fit_or_need_more_than_64_bits_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        Paillier(p, q)
    assert 55108**4 < 2**63 < 55109**4
