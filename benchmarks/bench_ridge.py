"""Times variance partitioning by banded ridge against the searches of himalaya. One thread.

2,000 stimuli, 5 features of 100 columns, 1,000 units, 5 folds. Of himalaya, the time of one direction of its random
search in one fold is measured, and multiplied up to 5 folds of 100 directions, its default. That gives the joint R2
alone, whereas `variance_partitioning` also chooses penalties for each feature alone and for all but each. Times are
medians.

`python -m benchmarks --only ridge` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from himalaya.ridge import GroupRidgeCV
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from repbias.features.folds import running_folds
from repbias.measures.variance.partitioning import variance_partitioning
from repbias.measures.variance.penalties import GRID

STIMULI, FEATURES, COLUMNS, UNITS, FOLDS = 2_000, 5, 100, 1_000, 5
DIRECTIONS = 100
REPEATS = 3


def bench() -> list[dict[str, Any]]:
    """Return a row for each search of himalaya."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _rows()
    finally:
        torch.set_num_threads(threads)


def _rows() -> list[dict[str, Any]]:
    x, features = _planted()
    seconds = _median(lambda: variance_partitioning(x, features))
    fit = running_folds(0, STIMULI, FOLDS) != 0
    columns = StandardScaler().fit_transform(np.hstack(list(features.values()))[fit]).astype(np.float32)
    kernels = np.stack([one @ one.T for one in np.split(columns, FEATURES, axis=1)])
    y = StandardScaler(with_std=False).fit_transform(x[fit]).astype(np.float32)
    alphas = (STIMULI * GRID).astype(np.float32)
    search: dict[str, Any] = {"n_iter": 1, "alphas": alphas, "local_alpha": False, "progress_bar": False}
    settings: dict[str, Any] = {"cv": FOLDS - 1, "random_state": 0, "solver_params": search}
    groups = np.repeat(np.arange(FEATURES), COLUMNS)
    return [
        _row(seconds, "GroupRidgeCV", _median(lambda: GroupRidgeCV(groups=groups, **settings).fit(columns, y))),
        _row(
            seconds,
            "MultipleKernelRidgeCV",
            _median(lambda: MultipleKernelRidgeCV("precomputed", **settings).fit(kernels, y)),
        ),
    ]


def _planted() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return activity that features drive with strengths from 0 to 1, and their columns."""
    rng = np.random.default_rng(0)
    features = {f"feature_{i}": rng.normal(size=(STIMULI, COLUMNS)) for i in range(FEATURES)}
    x = 2 * rng.normal(size=(STIMULI, UNITS))
    for strength, columns in zip(np.linspace(0, 1, FEATURES), features.values(), strict=True):
        x += strength * columns @ rng.normal(size=(COLUMNS, UNITS)) / np.sqrt(COLUMNS)
    return x, features


def _row(seconds: float, name: str, timed: float) -> dict[str, Any]:
    reference_seconds = timed * FOLDS * DIRECTIONS
    return {
        "what": f"variance_partitioning, {STIMULI:,} x {UNITS:,}, {FEATURES} features of {COLUMNS} columns, banded",
        "seconds": seconds,
        "floor_ratio": None,
        "reference": f"himalaya {name}, float32, timed for 1 of {DIRECTIONS} directions in 1 of {FOLDS} folds",
        "reference_seconds": reference_seconds,
        "ratio": reference_seconds / seconds,
    }


def _median(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    for row in bench():
        print(row)
