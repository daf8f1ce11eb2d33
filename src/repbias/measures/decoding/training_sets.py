"""Training sets of two features that predict a label with given strengths."""

from __future__ import annotations

import itertools
from typing import TypeAlias

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng

Strength: TypeAlias = float | tuple[float, float]


def as_strengths(strength: Strength) -> FloatArray:
    """Return the strengths of the two features, `[feature]`."""
    strengths = np.asarray(strength, dtype=np.float64)
    if strengths.shape not in {(), (2,)} or not ((strengths >= 0.5) & (strengths <= 1)).all():
        raise ValueError(
            f"strength must be one number from .5 to 1, or a pair of them, got {strength!r}: it is the share of "
            "training stimuli in which a feature's value is the label; to go below .5, swap the feature's classes"
        )
    return np.broadcast_to(strengths, 2)


def draw_training_set(f: IntArray, strengths: FloatArray, n_train: int | None, seed: int) -> tuple[IntArray, IntArray]:
    """Return the training stimuli and their labels, `[stimulus]`; `f` holds the features' values, `[stimulus, 2]`.

    `n_train` is a number of stimuli, or None for as many as there are.
    """
    s1, s2 = strengths
    # Of the stimuli with one label: both features have its value, the first only, the second only, neither.
    shares = np.array([s1 * s2, s1 * (1 - s2), (1 - s1) * s2, (1 - s1) * (1 - s2)])
    cells = [np.flatnonzero((f == values).all(1)) for values in itertools.product((0, 1), repeat=2)]
    available = np.array([len(cell) for cell in cells])
    most = next(half for half in range(int(available.sum()), -1, -1) if (_needed(half, shares) <= available).all())
    half = most if n_train is None else n_train // 2
    if half < 1 or (_needed(half, shares) > available).any():
        counts = ", ".join(f"{values}: {n}" for values, n in zip(("00", "01", "10", "11"), available, strict=True))
        raise ValueError(
            f"n_train must be from 2 to {2 * most} at strength ({s1:g}, {s2:g}), got {n_train}: stimuli with each pair "
            f"of values are {counts}; use fewer, or add stimuli"
        )
    generator = rng(seed, "reliance", "training stimuli")
    parts = _parts(half, shares)
    chosen, labels = [], []
    for index, cell in enumerate(cells):
        order = generator.permutation(cell)
        zeros, ones = parts[index], parts[3 - index]  # a cell's stimuli that are labelled 0, and 1
        chosen += [order[:zeros], order[len(order) - ones :]]
        labels += [np.zeros(zeros, dtype=np.int64), np.ones(ones, dtype=np.int64)]
    return np.concatenate(chosen), np.concatenate(labels)


def _parts(half: int, shares: FloatArray) -> IntArray:
    """Return `half` stimuli in whole parts with these shares, by largest remainder."""
    exact = np.round(half * shares, 9)
    parts: IntArray = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: half - parts.sum()]] += 1
    return parts


def _needed(half: int, shares: FloatArray) -> IntArray:
    """Return the stimuli needed with the values 00, 01, 10 and 11, for both labels together."""
    parts = _parts(half, shares)
    return parts + parts[::-1]
