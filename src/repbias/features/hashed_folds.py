"""Which cross-validation fold a stimulus belongs to: a function of its running index alone.

So batches of any size give the same folds, folds differ in size by one at most, and data that are sorted or periodic
are spread over all folds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def assign_folds(start: int, stop: int, folds: int) -> npt.NDArray[np.int64]:
    """Return the fold of each stimulus with a running index from `start` up to but not including `stop`.

    Within each block of `folds` consecutive stimuli the folds 0, 1, ... appear once, in a pseudo-random order that is
    a hash of the indices.
    """
    first_block, last_block = start // folds, -(-stop // folds)
    indices = np.arange(first_block * folds, last_block * folds, dtype=np.uint64)
    order = _hash(indices).reshape(-1, folds).argsort(axis=1)
    return order.reshape(-1)[start - first_block * folds :][: stop - start]


def _hash(indices: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea & Flood 2014): a fixed bijection of 64-bit integers that looks random."""
    z = indices * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
