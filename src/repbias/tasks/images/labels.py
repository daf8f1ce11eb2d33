"""Labels of several classes: exact class shares, who is labelled, and pairs of features that agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.sampling import balanced_classes

Labels = NDArray[np.int64]


def class_counts(n: int, shares: tuple[float, ...]) -> list[int]:
    """Return how many of `n` items each class has: its share, rounded so that all add up (largest remainders)."""
    exact = n * np.array(shares) / sum(shares)
    counts = np.floor(exact).astype(np.int64)
    most_cut = np.argsort(counts - exact, kind="stable")
    counts[most_cut[: n - counts.sum()]] += 1
    return [int(count) for count in counts]


def labels_with_shares(random: np.random.Generator, n: int, shares: tuple[float, ...]) -> Labels:
    """Return `n` labels in random order, `[stimulus]`, each class exactly as often as its share says."""
    labels: Labels = np.repeat(np.arange(len(shares)), class_counts(n, shares))[random.permutation(n)]
    return labels


def drawn_alike(random: np.random.Generator, labels: Labels, total: int) -> NDArray[np.bool_]:
    """Return exactly `total` of the items at random, `[stimulus]`, the same share of every class to within one item."""
    order = random.permutation(len(labels))
    turn = np.empty(len(labels))
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = (np.arange(len(own)) + random.random()) / len(own)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.argsort(turn, kind="stable")[:total]] = True
    return chosen


def agreeing(random: np.random.Generator, first: Labels, classes: int, share: float) -> Labels:
    """Return labels `[stimulus]` equal to `first` in exactly round(share * n) items, and in the others any other class.

    Where `first` is balanced, so are they, to within a few items: other classes are given in turn.
    """
    differs = np.flatnonzero(~drawn_alike(random, first, round(share * len(first))))
    second = first.copy()
    for label in range(classes):
        own = random.permutation(differs[first[differs] == label])
        second[own] = (label + 1 + balanced_classes(random, len(own), classes - 1)) % classes
    return second
