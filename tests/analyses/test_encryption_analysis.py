"""Encryption: outputs that are right, and activity in which every measure finds nothing but where keys leak."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repbias.activations.editing import capture
from repbias.analyses.encryption import EncryptedSum, analyse
from repbias.measures.similarity.rdm import compare_rdms, rdm

HALF = 1024


@pytest.fixture(scope="module")
def found(summing):
    table = analyse(summing[0])["measures"]
    assert set(table["feature"]) == {"hard"}
    return table.set_index("measure")["value"]


@pytest.fixture(scope="module")
def symbols(summing):
    """The two symbols that the hard feature sums, `[stimulus, 2]`: one-hot codes after those of the easy one."""
    codes = summing[0].split("test").inputs[:, 2:6]
    return np.stack([codes[:, 1], codes[:, 3]], axis=1).astype(int)


def test_all_systems_report_the_sum(found):
    assert [found[f"{name}_exact"] for name in ("plain", "pad", "paillier")] == [1, 1, 1]
    assert found["trained_exact"] > 0.99


def test_plain_activity_is_like_the_values_and_tells_them(found):
    assert found["plain_rsa"] > 0.9
    assert found["plain_linear"] == found["plain_neighbours"] == 0.5  # always right, where half is chance
    assert found["trained_linear"] > 0.45


@pytest.mark.parametrize("system", ["pad", "paillier"])
def test_encrypted_activity_is_like_nothing_and_tells_nothing(found, system):
    assert abs(found[f"{system}_rsa"]) < 0.05
    for measure in ("linear", "neighbours"):
        assert abs(found[f"{system}_{measure}"]) < 4 * 0.5 / np.sqrt(HALF)  # standard errors of a share of one half


@pytest.mark.parametrize("shared", [0, 1])
def test_a_key_that_all_stimuli_share_hides_nothing(found, symbols, shared):
    network, keys = EncryptedSum(2, 2), np.full_like(symbols, shared)

    def code(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.eye(2, dtype=np.float32)[values % 2])

    with torch.no_grad(), capture(network, ["cipher.0.pairs", "cipher.0.total"]) as seen:
        network(code(symbols + keys), code(-keys.sum(1)))
    leaked = torch.cat([code(symbols + keys).flatten(1), *(one.relu() for one in seen.values())], dim=1)
    values = code(np.column_stack([symbols, symbols.sum(1)])).flatten(1)
    similarity = compare_rdms(rdm(leaked[:512], "euclidean"), rdm(values[:512], "euclidean"))
    assert similarity == pytest.approx(found["plain_rsa"])


def test_the_trained_network_is_compared_on_its_own_responses(summing, found, symbols):
    values = np.eye(2)[np.column_stack([symbols, summing[0].labels("test")[:, 1]])].reshape(len(symbols), -1)
    responses = summing[0].read("hidden.1", "test")
    expected = compare_rdms(rdm(responses[:512], "euclidean"), rdm(values[:512], "euclidean"))
    assert found["trained_rsa"] == pytest.approx(expected)


def test_keys_are_those_of_the_seed(summing):
    one, again, other = (analyse(network, stimuli=64)["measures"] for network in (*summing[:1] * 2, summing[1]))
    assert one.equals(again)
    assert not one.equals(other)
