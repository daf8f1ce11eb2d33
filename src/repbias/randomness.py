"""The only source of random numbers: one independent stream for each seed and purpose.

No global seed is set or read anywhere in the package. Streams with different names are statistically independent
(NumPy's `SeedSequence`), and none depends on how much was drawn from another, so what a member sees never depends
on who is trained beside it.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    if seed < 0:
        raise ValueError(f"a seed is a whole number >= 0, got {seed}")
    key = [zlib.crc32(name.encode()) if isinstance(name, str) else int(name) for name in names]
    return np.random.SeedSequence(seed, spawn_key=key)


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's generator for one purpose of one seed, e.g. `rng(7, "batches", epoch)`.

    Parameters
    ----------
    seed : the member's seed, >= 0.
    names : what the stream is for ("init", "data", "batches", "dropout", ...), and any counters.
    """
    return np.random.Generator(np.random.PCG64DXSM(_sequence(seed, names)))


def torch_rng(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU `torch.Generator` for one purpose of one seed; same streams for same names as any other call."""
    state = _sequence(seed, names).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
