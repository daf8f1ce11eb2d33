"""Blocks hold as many positions as they need, within their width, and every place is equally likely."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repbias.tasks.strings.layout import Block, draw_owners


def rng(seed=0):
    return np.random.default_rng(seed)


blocks = st.lists(
    st.builds(lambda size, slack: Block(size, None if slack is None else max(size - 1 + slack, 1)),
              st.integers(1, 4), st.one_of(st.none(), st.integers(0, 4))),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(blocks=blocks, spare=st.integers(0, 6), seed=st.integers(0, 1000))
def test_every_block_has_its_positions_within_its_width(blocks, spare, seed):
    length = sum(block.size for block in blocks) + spare
    owners = draw_owners(rng(seed), 40, length, blocks)
    assert owners.shape == (40, length)
    for i, block in enumerate(blocks):
        for row in owners == i:
            positions = np.flatnonzero(row)
            assert len(positions) == block.size
            assert block.widest is None or np.ptp(positions) <= block.widest
    assert ((owners == -1).sum(axis=1) == spare).all()


@pytest.mark.parametrize(("size", "widest"), [(1, None), (2, 1), (2, 3), (2, None), (3, 4), (4, 3), (3, None)])
def test_all_places_within_the_width_are_equally_likely(size, widest):
    owners = draw_owners(rng(), 8000, 7, [Block(size, widest)])
    places, counts = np.unique([np.flatnonzero(row == 0) for row in owners], axis=0, return_counts=True)
    possible = [p for p in combinations(range(7), size) if widest is None or p[-1] - p[0] <= widest]
    assert [tuple(place) for place in places.tolist()] == possible
    expected = 8000 / len(possible)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_blocks_of_any_width_are_exchangeable_where_none_is_narrow():
    owners = draw_owners(rng(), 9000, 6, [Block(2), Block(1), Block(2)])
    for i, size in enumerate((2, 1, 2)):
        shares = (owners == i).mean(axis=0)
        assert np.abs(shares - size / 6).max() < 5 * np.sqrt(0.25 / 9000)


@pytest.mark.parametrize("spare", [0, 3])
def test_blocks_with_the_same_needs_are_exchangeable_even_where_they_fill_the_string(spare):
    owners = draw_owners(rng(), 6000, 12 + spare, [Block(2, 1)] * 6)
    assert spare or (owners[:, 0::2] == owners[:, 1::2]).all()
    for column in (0, 5):
        held = np.bincount(owners[owners[:, column] >= 0, column], minlength=6)
        assert np.abs(held - held.mean()).max() < 5 * np.sqrt(held.mean())
