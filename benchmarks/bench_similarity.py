"""Times RDMs, their comparison and CKA against rsatoolbox and plain matrix products, after a check that they agree.

`python benchmarks/bench_similarity.py` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import RDMs, calc_rdm, compare
from threadpoolctl import threadpool_limits

from repbias.measures.similarity.cka import cka
from repbias.measures.similarity.rdm import compare_many, rdm


def bench() -> list[dict[str, Any]]:
    """Return a row for each hot path: what, seconds, floor_ratio, reference, reference_seconds, ratio.

    Both sides run in one thread: on a busy machine threads wait for one another, and times say little. The floor is
    the time of the matrix products at the speed of a float64 one of two different matrices.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            floor = _dgemm_flops_per_second()
            return [*_rdm_rows(floor), *_cka_rows(floor), *_network_rows(floor)]
    finally:
        torch.set_num_threads(threads)


def _rdm_rows(floor: float) -> list[dict[str, Any]]:
    x = np.random.default_rng(0).normal(size=(2_000, 4_096))
    flops = 2 * len(x) ** 2 * x.shape[1]
    rows = []
    for distance, method, dtype in (
        ("correlation", "correlation", np.float64),
        ("correlation", "correlation", np.float32),
        ("squared_euclidean", "euclidean", np.float64),
    ):
        typed = x.astype(dtype)
        seconds, found = _fastest(lambda typed=typed, distance=distance: rdm(typed, distance), 2)
        reference_seconds, expected = _fastest(lambda t=typed, m=method: calc_rdm(Dataset(t), method=m), 1)
        tolerance = 1e-6 if dtype == np.float64 else 1e-4  # the reference computes in the precision of its input
        np.testing.assert_allclose(found, expected.get_matrices()[0], rtol=0, atol=tolerance)
        what = f"rdm, {distance}, 2,000 x 4,096 {dtype.__name__}"
        rows.append(_as_row(what, seconds, flops / floor, f"rsatoolbox calc_rdm, {method}", reference_seconds))
    return rows


def _cka_rows(floor: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20_000, 1_024)), rng.normal(size=(20_000, 1_024))
    y += x
    reference_seconds, expected = _fastest(lambda: _plain_cka(x, y), 1)
    rows = []
    for debiased, what in ((False, "biased"), (True, "debiased")):
        seconds, found = _fastest(lambda debiased=debiased: cka(x, y, debiased), 2)
        if not debiased:
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        flops = 3 * 2 * len(x) * x.shape[1] * y.shape[1]
        what = f"cka, {what}, 20,000 x 1,024 float64"
        rows.append(_as_row(what, seconds, flops / floor, "biased CKA from three feature products", reference_seconds))
    return rows


def _network_rows(floor: float) -> list[dict[str, Any]]:
    networks = np.random.default_rng(2).normal(size=(80, 1_000, 64)) + np.random.default_rng(3).normal(size=(1_000, 64))
    n, n_stimuli, n_units = networks.shape
    flops = 2 * n * n_stimuli**2 * n_units + 2 * n**2 * n_stimuli * (n_stimuli - 1) / 2
    rows = []
    for by, method in (("pearson", "corr"), ("spearman", "spearman")):
        seconds, found = _fastest(lambda by=by: compare_many([rdm(x) for x in networks], by), 2)
        reference_seconds, expected = _fastest(lambda method=method: _toolbox_matrix(networks, method), 1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        what = f"RSA matrix of 80 networks, {by}, 1,000 x 64 float64"
        rows.append(
            _as_row(what, seconds, flops / floor, f"rsatoolbox calc_rdm and compare, {method}", reference_seconds)
        )
    return rows


def _plain_cka(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def _toolbox_matrix(networks: np.ndarray, method: str) -> np.ndarray:
    rdms = RDMs(np.concatenate([calc_rdm(Dataset(x), method="correlation").dissimilarities for x in networks]))
    return compare(rdms, rdms, method=method)


def _fastest(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def _dgemm_flops_per_second() -> float:
    a, b = np.random.default_rng(0).normal(size=(2, 1_024, 1_024))
    seconds, _ = _fastest(lambda: a @ b, 10)
    return 2 * 1_024**3 / seconds


def _as_row(
    what: str, seconds: float, floor_seconds: float, reference: str, reference_seconds: float
) -> dict[str, Any]:
    return {
        "what": what,
        "seconds": seconds,
        "floor_ratio": seconds / floor_seconds,
        "reference": reference,
        "reference_seconds": reference_seconds,
        "ratio": reference_seconds / seconds,
    }


if __name__ == "__main__":
    for row in bench():
        print(
            f"{row['what']}: {row['seconds']:.2f} s, {row['floor_ratio']:.2f} x the dgemm floor; "
            f"{row['reference']}: {row['reference_seconds']:.2f} s, {row['ratio']:.1f} x as long"
        )
