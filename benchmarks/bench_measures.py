"""Times `variance_explained` against scikit-learn, feature by feature, after a check that the numbers agree.

`python benchmarks/bench_measures.py` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from repbias.features.folds import running_folds
from repbias.measures import variance_explained

Arrays = tuple[np.ndarray, np.ndarray]  # representation [stimulus, unit], labels [stimulus, feature]


def bench() -> list[dict[str, Any]]:
    """Return a row for each hot path: what, seconds, floor_ratio, reference, reference_seconds, ratio.

    Both sides run in one thread: on a busy machine threads wait for one another, and times say little.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _rows()
    finally:
        torch.set_num_threads(threads)


def _rows() -> list[dict[str, Any]]:
    fit, test = _planted(100_000, 1_024, 8, seed=0), _planted(100_000, 1_024, 8, seed=1)
    return [
        _row("100,000 + 100,000 x 1,024 float32, 8 binary features, test arrays", fit, test, repeats=3),
        _cross_validated_row("100,000 x 1,024 float32, 8 binary features, 5 folds", fit, repeats=3),
        _row(
            "4,096 + 4,096 x 256 float32 torch, 2 binary features, test arrays (the trainer's call)",
            _planted(4_096, 256, 2, seed=2),
            _planted(4_096, 256, 2, seed=3),
            repeats=200,
        ),
    ]


def _planted(n: int, n_units: int, n_features: int, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, n_features))
    weights = np.random.default_rng(99).normal(size=(n_features, n_units)).astype(np.float32)
    return rng.standard_normal((n, n_units), dtype=np.float32) + labels.astype(np.float32) @ weights, labels


def _row(what: str, fit: Arrays, test: Arrays, repeats: int) -> dict[str, Any]:
    x, labels, test_x, test_labels = map(torch.from_numpy, (*fit, *test))
    seconds, found = _fastest(
        lambda: variance_explained(x, labels, test_representation=test_x, test_labels=test_labels), repeats
    )
    reference_seconds, expected = _fastest(lambda: _sklearn(fit, test), 1 if repeats < 10 else 10)
    np.testing.assert_allclose(found.r2, expected, rtol=0, atol=1e-6)
    columns = 2 * labels.shape[1]
    flops = 2 * x.shape[1] * (len(x) * columns + len(test_x) * (2 * columns + 1))
    return _as_row(what, seconds, flops, "sklearn LinearRegression, fit + predict + R2", reference_seconds)


def _cross_validated_row(what: str, data: Arrays, repeats: int) -> dict[str, Any]:
    x, labels = map(torch.from_numpy, data)
    seconds, found = _fastest(lambda: variance_explained(x, labels), repeats)
    reference_seconds, expected = _fastest(lambda: _sklearn_folds(*data), 1)
    np.testing.assert_allclose(found.r2[0], expected, rtol=0, atol=1e-6)
    flops = 2 * x.shape[1] * len(x) * (4 * labels.shape[1] + 1)
    reference = "sklearn in the same folds, timed for one feature, x 8"
    return _as_row(what, seconds, flops, reference, 8 * reference_seconds)


def _sklearn_folds(x: np.ndarray, labels: np.ndarray) -> float:
    """Return the cross-validated pooled R2 of the first feature."""
    fold_of, code = running_folds(0, len(x), 5), labels[:, :1].astype(np.float32)
    squares_off = total = 0.0
    for fold in range(5):
        fit, test = fold_of != fold, fold_of == fold
        fit_x, test_x = x[fit], x[test]
        off = LinearRegression().fit(code[fit], fit_x).predict(code[test]) - test_x
        centred = test_x - fit_x.mean(0, dtype=np.float64).astype(np.float32)
        squares_off += np.einsum("iu,iu->", off, off, dtype=np.float64)
        total += np.einsum("iu,iu->", centred, centred, dtype=np.float64)
    return float(1 - squares_off / total)


def _sklearn(fit: Arrays, test: Arrays) -> np.ndarray:
    """Return the pooled R2 of each feature, as fast as scikit-learn can: one 0/1 column, float32 but for the last sums.

    (With both columns of the one-hot code its float32 solution is off by 1e-5; float64 takes longer.)
    """
    (x, labels), (test_x, test_labels) = fit, test
    centred = test_x - x.mean(0, dtype=np.float64).astype(np.float32)
    total = np.einsum("iu,iu->", centred, centred, dtype=np.float64)
    r2 = []
    for feature in range(labels.shape[1]):
        model = LinearRegression().fit(labels[:, [feature]].astype(np.float32), x)
        off = model.predict(test_labels[:, [feature]].astype(np.float32)) - test_x
        r2.append(1 - np.einsum("iu,iu->", off, off, dtype=np.float64) / total)
    return np.array(r2)


def _fastest(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def _sgemm_flops_per_second() -> float:
    a = torch.randn(1_024, 1_024)
    seconds, _ = _fastest(lambda: a @ a, 20)
    return 2 * 1_024**3 / seconds


def _as_row(what: str, seconds: float, flops: int, reference: str, reference_seconds: float) -> dict[str, Any]:
    return {
        "what": what,
        "seconds": seconds,
        "floor_ratio": seconds * _sgemm_flops_per_second() / flops,
        "reference": reference,
        "reference_seconds": reference_seconds,
        "ratio": reference_seconds / seconds,
    }


if __name__ == "__main__":
    for row in bench():
        print(
            f"{row['what']}: {row['seconds'] * 1e3:.2f} ms, {row['floor_ratio']:.1f} x the sgemm floor; "
            f"{row['reference']}: {row['reference_seconds'] * 1e3:.1f} ms, {row['ratio']:.1f} x as long"
        )
