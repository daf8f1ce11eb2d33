"""Dropout whose masks come from each member's own random stream.

Inside a stack one random generator would serve all members, and a member's masks would depend on who is trained
beside it. So dropout is intercepted: once to learn where and on what shapes it is called, then, in the step, to
multiply by masks that are inputs of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repbias.core.randomness import rng
from repbias.training.intercept import InterceptBatchNorm, InterceptDropout, RefuseRandomness

Site = tuple[tuple[int, ...], float]
_LEVELS = 1 << 16


def find_sites(forward: Callable[[], Any]) -> tuple[list[Site], Any]:
    """Run `forward` once; return the shape and probability of each dropout that it applies, in order, and its output.

    Raises
    ------
    ValueError : it draws random numbers in another way.
    """
    sites: list[Site] = []

    def note(x: Tensor, p: float) -> Tensor:
        sites.append((tuple(x.shape), p))
        return x

    with torch.no_grad(), InterceptDropout(note), InterceptBatchNorm(), RefuseRandomness():
        output = forward()
    return sites, output


def using_masks(masks: Sequence[Tensor]) -> InterceptDropout:
    """Return a context in which the i-th dropout multiplies by `masks[i]` (0, or 1 / (1 - p))."""
    remaining = iter(masks)
    return InterceptDropout(lambda x, _p: x * next(remaining))


class MaskStream:
    """One member's dropout masks, step after step.

    The probability is honoured to within 2^-17: masks are drawn from 16 random bits a unit, because drawing them is
    a good part of a step's cost.
    """

    def __init__(self, seed: int, sites: Sequence[Site]) -> None:
        self._rng = rng(seed, "dropout")
        self._sites = [(prod(shape), round(p * _LEVELS), 1 / (1 - p) if p < 1 else 0.0) for shape, p in sites]
        self.size = sum(size for size, _, _ in self._sites)

    def fill(self, out: np.ndarray) -> None:
        """Write the next step's masks, one after another, into `out` `[size]` float32."""
        bits = self._rng.integers(0, _LEVELS, size=self.size, dtype=np.uint16)
        start = 0
        for size, threshold, scale in self._sites:
            part = slice(start, start + size)
            np.multiply(bits[part] >= threshold, np.float32(scale), out=out[part])
            start += size


def split_masks(flat: Tensor, sites: Sequence[Site]) -> list[Tensor]:
    """Return views `[member, *shape]`, one a site, of the masks `[member, size]`."""
    masks, start = [], 0
    for shape, _ in sites:
        size = prod(shape)
        masks.append(flat[:, start : start + size].view(len(flat), *shape))
        start += size
    return masks
