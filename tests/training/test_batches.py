"""Batches: every stimulus once an epoch, in an order of the member's own."""

import numpy as np
import pytest
import torch

from repbias.tasks.task import Split
from repbias.training.batches import Batches


def splits(n, members):
    """Return stimuli whose input is their own number, members apart by thousands."""
    numbers = np.arange(n)
    return [Split((1000 * m + numbers)[:, None], np.stack([numbers, -numbers], axis=1)) for m in range(members)]


@pytest.mark.parametrize(("n", "batch"), [(12, 4), (14, 4), (5, 5), (7, 1)])
def test_an_epoch_shows_each_stimulus_once_with_its_labels(n, batch):
    batches = Batches([5, 8], splits(n, 2), batch, torch.device("cpu"))
    for _ in range(3):
        epoch = [batches.next() for _ in range(n // batch)]
        inputs = torch.cat([inputs for inputs, _ in epoch], dim=1)[..., 0]
        labels = torch.cat([labels for _, labels in epoch], dim=1)
        for member in range(2):
            numbers = inputs[member] - 1000 * member
            assert len(set(numbers.tolist())) == n // batch * batch
            assert numbers.min() >= 0
            assert numbers.max() < n
            assert torch.equal(labels[member], torch.stack([numbers, -numbers], dim=1))


def test_orders_differ_by_member_and_epoch():
    batches = Batches([5, 8], splits(64, 2), 64, torch.device("cpu"))
    first, second = (batches.next()[0][..., 0] for _ in range(2))
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0], first[1] - 1000)


def test_a_member_sees_the_same_whoever_leaves():
    alone = Batches([8], splits(20, 2)[1:], 4, torch.device("cpu"))
    among = Batches([5, 8], splits(20, 2), 4, torch.device("cpu"))
    for step in range(13):
        if step == 7:  # in the middle of the second epoch
            among.keep([1])
        expected, (inputs, labels) = alone.next(), among.next()
        assert len(inputs) == len(labels) == (2 if step < 7 else 1)
        assert torch.equal(inputs[-1], expected[0][0])
        assert torch.equal(labels[-1], expected[1][0])
