"""Times the audit of a stream against scikit-learn, one feature at a time, and against its plain matrix products.

scikit-learn is timed for one feature on one fold, and multiplied by features and folds; for the probe that feature has
two classes, which is the least it takes. One thread, as in the other benchmarks. A second row gives the peak memory of
a million stimuli in one pass, in a process of their own.

`python -m benchmarks --only streaming` prints the rows of `bench()`.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_limits

from repbias.audit.stream.audit import audit_stream

STIMULI, UNITS, CHUNK, FOLDS = 100_000, 4_096, 4_096, 5
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
CLASSES = (2, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def bench() -> list[dict[str, Any]]:
    """Return a row for speed and a row for memory."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            memory = _memory(1_000_000, 1_024)  # first: Linux hands a process the peak of the one that started it
            return [_speed(STIMULI, UNITS), memory]
    finally:
        torch.set_num_threads(threads)


def _speed(n: int, n_units: int) -> dict[str, Any]:
    labels = _labels(n)
    x = np.concatenate(list(_chunks(labels, n_units)))
    pieces = [x[at : at + CHUNK] for at in range(0, n, CHUNK)]
    floor, own = _seconds(lambda: _products(pieces)), _seconds(lambda: audit_stream(pieces, labels))
    held, label = np.arange(n) % FOLDS == 0, labels["feature 0"]
    regression = _seconds(lambda: _regress(x[~held], label[~held], label[held]))
    probe = _seconds(lambda: _probe(x[~held], label[~held], x[held]))
    times = FOLDS * len(CLASSES)
    reference = times * (regression + probe)
    return {
        "what": f"audit a stream, {n:,} x {n_units:,} float32, 10 features ({own / floor:.1f} x its matrix products)",
        "seconds": own,
        "floor_ratio": own / floor,
        "reference": f"scikit-learn, {times} x (regression {regression:.1f} s + probe of 2 classes {probe:.1f} s)",
        "reference_seconds": reference,
        "ratio": reference / own,
    }


def _products(pieces: list[Floats]) -> None:
    for piece in pieces:
        piece.T @ piece


def _regress(x: Floats, label: Ints, held: Ints) -> Floats:
    code = np.eye(2, dtype=np.float32)
    return LinearRegression().fit(code[label], x).predict(code[held])


def _probe(x: Floats, label: Ints, held: Floats) -> Ints:
    return LogisticRegression(C=100 / len(x), max_iter=1000).fit(x, label).predict(held)


def _memory(n: int, n_units: int) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, before, peak = pool.apply(measure_memory, (n, n_units))
    return {
        "what": f"audit a stream, {n:,} x {n_units:,} float32: peak {peak:.2f} GB ({before:.2f} GB before it)",
        "seconds": seconds,
        "floor_ratio": None,
        "reference": None,
        "reference_seconds": None,
        "ratio": None,
    }


def measure_memory(n: int, n_units: int) -> tuple[float, float, float]:
    """Return the seconds of an audit of chunks made on the fly, and the memory before it and at its peak, GB."""
    with threadpool_limits(1):
        labels, before = _labels(n), _peak()
        seconds = _seconds(lambda: audit_stream(_chunks(labels, n_units), labels))
    return seconds, before, _peak()


def _labels(n: int) -> dict[str, Ints]:
    generator = np.random.default_rng(0)
    return {f"feature {at}": generator.integers(0, m, n, dtype=np.int32) for at, m in enumerate(CLASSES)}


def _chunks(labels: dict[str, Ints], n_units: int) -> Iterator[Floats]:
    """Yield noise with half a standard deviation of the first feature in each unit."""
    generator, label = np.random.default_rng(1), labels["feature 0"]
    for at in range(0, len(label), CHUNK):
        here = label[at : at + CHUNK, None]
        yield generator.standard_normal((len(here), n_units), dtype=np.float32) + np.float32(0.5) * here


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    for row in bench():
        print(row)
