"""Where in a string the tokens of each feature lie.

A layout names the owner of every position. It is drawn before the tokens and never depends on a label, so that no
position or distance is informative about one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

FREE = -1
MAX_ROUNDS = 20

Owners = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """The positions that a feature requires: `size` of them, the first and last at most `widest` apart, if given."""

    size: int
    widest: int | None = None


def draw_owners(random: np.random.Generator, n: int, length: int, blocks: Sequence[Block]) -> Owners:
    """Return the index of the block that owns each position, `[stimulus, length]`; -1 where none does.

    The narrowest blocks are placed first. Each takes one of the sets of positions that are still free and within its
    width, all equally likely. A layout in which a later block finds no room is drawn again; after 20 rounds, any that
    are left are laid out with every block in one piece, in random order. Blocks with the same requirements are
    exchangeable, and so are all blocks without a width.

    Parameters
    ----------
    n : how many layouts.
    length : positions in a string; the sizes of all blocks add up to no more.
    blocks : in the order of the indices returned; each is at least `size - 1` wide.
    """
    owners = np.full((n, length), FREE, dtype=np.int64)
    pending = np.arange(n)
    for _ in range(MAX_ROUNDS):
        owners[pending], complete = _attempt(random, len(pending), length, blocks)
        pending = pending[~complete]
        if not len(pending):
            break
    owners[pending] = _in_one_piece(random, len(pending), length, blocks)
    return _exchanged(random, owners, blocks)


def _attempt(
    random: np.random.Generator, n: int, length: int, blocks: Sequence[Block]
) -> tuple[Owners, NDArray[np.bool_]]:
    """Return layouts, and which of them have room for every block."""
    widths = [length - 1 if block.widest is None else min(block.widest, length - 1) for block in blocks]
    narrow = sorted((i for i, width in enumerate(widths) if width < length - 1), key=lambda i: widths[i])
    owners, complete = np.full((n, length), FREE, dtype=np.int64), np.ones(n, dtype=bool)
    for i in narrow:
        complete &= _place(random, owners, i, blocks[i].size, widths[i])
    anywhere = np.repeat(
        [i for i in range(len(blocks)) if i not in narrow],
        [block.size for i, block in enumerate(blocks) if i not in narrow],
    ).astype(np.int64)
    chosen = _random_order(random, owners == FREE)[:, : len(anywhere)]
    np.put_along_axis(owners, chosen, anywhere[None, :], axis=1)
    return owners, complete


def _place(random: np.random.Generator, owners: Owners, block: int, size: int, width: int) -> NDArray[np.bool_]:
    """Give a block positions in each layout, in place; return which layouts had room."""
    length = owners.shape[1]
    free, columns = owners == FREE, np.arange(length)
    seen = free.cumsum(axis=1)
    within = seen[:, np.minimum(columns + width, length - 1)] - seen  # free positions that may follow a first one
    sets = np.array([comb(count, size - 1) for count in range(length + 1)])[within] * free
    total = sets.sum(axis=1)
    drawn = random.integers(0, np.maximum(total, 1))
    first = (sets.cumsum(axis=1) > drawn[:, None]).argmax(axis=1)[:, None]
    rest = _random_order(random, free & (columns > first) & (columns <= first + width))[:, : size - 1]
    np.put_along_axis(owners, np.concatenate([first, rest], axis=1), block, axis=1)
    return total > 0


def _random_order(random: np.random.Generator, allowed: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the columns of each row in random order, `[stimulus, length]`: first those allowed, then the rest."""
    return np.argsort(np.where(allowed, random.random(allowed.shape), 2), axis=1)


def _exchanged(random: np.random.Generator, owners: Owners, blocks: Sequence[Block]) -> Owners:
    """Return layouts in which blocks with the same requirements are swapped at random, so that none is placed first."""
    identity = np.tile([*range(len(blocks)), FREE], (len(owners), 1))  # FREE is -1, the last column
    for required in set(blocks):
        same = [i for i, block in enumerate(blocks) if block == required]
        identity[:, same] = random.permuted(identity[:, same], axis=1)
    return np.take_along_axis(identity, owners, axis=1)


def _in_one_piece(random: np.random.Generator, n: int, length: int, blocks: Sequence[Block]) -> Owners:
    spare = length - sum(block.size for block in blocks)
    owner = np.array([*range(len(blocks)), *[FREE] * spare])
    size = np.array([*(block.size for block in blocks), *[1] * spare])
    order = np.argsort(random.random((n, len(owner))), axis=1)
    return np.repeat(owner[order].ravel(), size[order].ravel()).reshape(n, length)
