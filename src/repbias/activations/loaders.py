"""Loaders of batches whose items could not be matched with labels: shuffled, sampled, cut short, or changing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SubsetRandomSampler, WeightedRandomSampler

SHUFFLED = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def refuse_other_order(loader: DataLoader[Any]) -> None:
    """Raise where a loader does not give every item of its data set once, in order."""
    if isinstance(getattr(loader.batch_sampler, "sampler", loader.sampler), SHUFFLED):
        raise ValueError(
            "inputs is a DataLoader that draws at random, so labels could not be matched: make it with shuffle=False"
        )
    if isinstance(loader.dataset, IterableDataset):
        return
    n = len(loader.dataset)  # type: ignore[arg-type]
    chosen: Iterable[Any] = (
        loader.sampler if loader.batch_sampler is None else chain.from_iterable(loader.batch_sampler)
    )
    order = list(islice(chosen, n + 1))
    if order == list(range(n)):
        return
    what = f"only {len(order)} of its {n} items" if order == list(range(len(order))) else "items in another order"
    raise ValueError(
        f"inputs is a DataLoader whose sampler gives {what}, so labels could not be matched: make it without a sampler "
        "and without drop_last, and select or reorder items by torch.utils.data.Subset"
    )


def same_inputs(one: Any, other: Any) -> bool:
    """Return whether two batches hold the same numbers; NaN equals NaN, and what is not a tensor is not compared."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same_inputs(one[name], other[name]) for name in one)
    if not isinstance(one, Tensor):
        return True
    if one.shape != other.shape:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())
