"""Random labels with exact class shares, and stimuli that occur in no other split."""

from __future__ import annotations

from collections.abc import Callable, Set
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

MAX_ROUNDS = 100
MIN_ITEMS = 30
_LONGEST_KEY = 256  # bytes; a longer stimulus is represented by a digest

Labels = NDArray[np.int64]


def balanced_labels(random: np.random.Generator, n: int, prevalence: float = 0.5) -> Labels:
    """Return `n` randomly ordered labels, `[stimulus]`, of which exactly round(prevalence * n) are 1 and the rest 0.

    For one state of `random`, the ones of a smaller prevalence are among the ones of a larger.
    """
    return (random.permutation(n) < round(prevalence * n)).astype(np.int64)


def balanced_classes(random: np.random.Generator, n: int, classes: int) -> Labels:
    """Return `n` labels 0 ... classes - 1 in random order, `[stimulus]`, all equally often to within one."""
    return random.permutation(n) % classes


def class_counts(n: int, shares: tuple[float, ...]) -> list[int]:
    """Return how many of `n` items each class has: its share, rounded so that all add up (largest remainders)."""
    exact = n * np.array(shares) / sum(shares)
    counts = np.floor(exact).astype(np.int64)
    most_cut = np.argsort(counts - exact, kind="stable")
    counts[most_cut[: n - counts.sum()]] += 1
    return [int(count) for count in counts]


def labels_with_shares(random: np.random.Generator, n: int, shares: tuple[float, ...]) -> Labels:
    """Return `n` randomly ordered labels, `[stimulus]`, with exactly these shares of the classes."""
    labels: Labels = np.repeat(np.arange(len(shares)), class_counts(n, shares))[random.permutation(n)]
    return labels


def labelled_mask(random: np.random.Generator, labels: Labels, labelled: float, prevalence: float) -> NDArray[np.bool_]:
    """Return which items have a label for a binary feature, `[stimulus]`: exactly round(labelled * n), at random.

    Among the labelled items the share of ones is `prevalence`, as nearly as whole numbers allow.
    """
    total, n_ones = round(labelled * len(labels)), int(labels.sum())
    most, least = min(n_ones, total), max(0, total - (len(labels) - n_ones))
    labelled_ones = min(max(round(prevalence * total), least), most)
    order = random.permutation(len(labels))
    ones_first = order[np.argsort(1 - labels[order], kind="stable")]
    mask = np.zeros(len(labels), dtype=bool)
    mask[ones_first[:labelled_ones]] = True
    mask[ones_first[n_ones : n_ones + total - labelled_ones]] = True
    return mask


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
    """Return labels `[stimulus]` equal to `first` in exactly round(share * n) items, and different in the others.

    Where `first` is balanced, so are they, to within a few items: the other classes are assigned in turn.
    """
    differs = np.flatnonzero(~drawn_alike(random, first, round(share * len(first))))
    second = first.copy()
    for label in range(classes):
        own = random.permutation(differs[first[differs] == label])
        second[own] = (label + 1 + balanced_classes(random, len(own), classes - 1)) % classes
    return second


def stimulus_keys(inputs: NDArray[np.generic]) -> list[bytes]:
    """Return a key for each stimulus of `[stimulus, ...]`: equal if and only if two stimuli are the same.

    The key is the stimulus's bytes or, for longer stimuli such as pictures, a digest of 16 bytes, which saves memory;
    a collision of digests is practically impossible.
    """
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    length = rows.shape[1] * rows.itemsize
    if length > _LONGEST_KEY:
        return [blake2b(row, digest_size=16).digest() for row in rows]
    keys: list[bytes] = rows.view(f"V{length}").ravel().tolist()
    return keys


def draw_unseen(draw: Callable[[NDArray[np.intp]], NDArray[np.uint8]], n: int, seen: Set[bytes]) -> NDArray[np.uint8]:
    """Return `n` stimuli of which none is in `seen`; those that are in it are drawn again.

    Parameters
    ----------
    draw : makes stimuli `[index, ...]` for an array of indices `[index]`, different ones at each call.
    n : how many stimuli.
    seen : the `stimulus_keys` of the splits drawn before.

    After 100 rounds, stimuli that still occur in `seen` stay: the space is then too small, and `check_design` reports
    it.
    """
    pending = np.arange(n)
    inputs = draw(pending)
    for _ in range(MAX_ROUNDS if seen else 0):
        keys = stimulus_keys(inputs[pending])
        pending = pending[np.fromiter((key in seen for key in keys), dtype=bool, count=len(keys))]
        if not len(pending):
            break
        inputs[pending] = draw(pending)
    return inputs
