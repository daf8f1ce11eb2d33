"""Streams: the same everywhere for the same seed and names, unlike for any other, and nobody else's business."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repbias.core.randomness import rng, torch_rng

names = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 2**20 - 1)), max_size=3).map(tuple)
keys = st.tuples(st.integers(0, 2**40), names)

PINNED_INIT = [4397381431653793623, 806884364431802715, 2008752699674574471, 4270066572656343807]
PINNED_BATCHES = [1433893807779518773, 3001511986816251775, 2803008802274772920, 192283309217047182]
PINNED_TORCH = [526074971188, 996870017197, 680225771456]


def numbers(key) -> list[int]:
    seed, parts = key
    return rng(seed, *parts).integers(0, 2**62, 4).tolist()


def test_streams_are_the_same_on_every_machine():
    assert numbers((0, ("init",))) == PINNED_INIT
    assert numbers((7, ("batches", 3))) == PINNED_BATCHES
    assert torch.randint(0, 2**40, (3,), generator=torch_rng(7, "init")).tolist() == PINNED_TORCH


@given(keys, keys)
def test_other_seeds_names_or_counters_give_other_streams(one, other):
    assert numbers(one) == numbers(one)
    assert (numbers(one) == numbers(other)) == (one == other)


def test_a_name_never_stands_for_a_counter():
    """The empty name's checksum is 0, which would be the first counter."""
    assert numbers((0, ("",))) != numbers((0, (0,)))


@pytest.mark.parametrize(
    "other", [(8, "batches", 3), (7, "batches", 4), (7, "dropout", 3), (7, "batches"), (7, 3, "batches"), (7,)]
)
def test_each_part_of_the_name_matters(other):
    assert numbers((7, ("batches", 3))) != numbers((other[0], other[1:]))
    one, two = torch_rng(7, "batches", 3), torch_rng(*other)
    assert one.initial_seed() != two.initial_seed()


def test_streams_are_uncorrelated():
    draws = np.stack([rng(seed, "data").normal(size=4000) for seed in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]
    assert abs(correlations).max() < 5 / 4000**0.5


def test_drawing_from_one_stream_changes_no_other():
    expected = numbers((1, ("data",)))
    rng(1, "init").normal(size=1000)
    assert numbers((1, ("data",))) == expected


def test_global_seeds_play_no_part_and_are_left_alone():
    found = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        found.append((numbers((5, ("data",))), torch.rand(3, generator=torch_rng(5, "data")).tolist()))
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002
    assert found[0] == found[1]


def test_a_counter_may_be_any_whole_number():
    assert numbers((3, ("batches", np.int64(4)))) == numbers((3, ("batches", 4)))


@pytest.mark.parametrize("make", [rng, torch_rng])
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((-1, "init"), "a seed .*>= 0, got -1"),
        ((0, "batches", -1), "a counter .*from 0 to 1048575"),
        ((0, "batches", 2**20), "a counter .*from 0 to 1048575"),
    ],
)
def test_seeds_and_counters_out_of_range_are_refused(make, key, message):
    with pytest.raises(ValueError, match=message):
        make(*key)
