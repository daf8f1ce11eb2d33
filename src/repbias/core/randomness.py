"""The only source of random numbers: one independent stream for each seed and purpose.

No global seed is set or read anywhere in the package. Streams with different names are statistically independent
(NumPy's `SeedSequence`), and none depends on how much was drawn from another, so that the stimuli of a network never
depend on the networks trained with it.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

COUNTERS = 1 << 20


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    if seed < 0:
        raise ValueError(f"a seed is a whole number >= 0, got {seed}")
    return np.random.SeedSequence(seed, spawn_key=[_word(name) for name in names])


def _word(name: str | int) -> int:
    """Return 32 bits for a name or a counter; no name has the bits of a counter."""
    if isinstance(name, str):
        code = zlib.crc32(name.encode())
        return code if code >= COUNTERS else code ^ (1 << 31)
    if not 0 <= name < COUNTERS:
        raise ValueError(f"a counter is a whole number from 0 to {COUNTERS - 1}, got {name}")
    return int(name)


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's generator for one purpose of one seed, e.g. `rng(7, "batches", epoch)`.

    Parameters
    ----------
    seed : the network's seed, >= 0.
    names : the purpose of the stream ("init", "data", "batches", "dropout", ...), and any counters below 2^20.
    """
    return np.random.Generator(np.random.PCG64DXSM(_sequence(seed, names)))


def torch_rng(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU `torch.Generator` for one purpose of one seed; the same names always give the same stream."""
    state = _sequence(seed, names).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
