"""A cache of activations is audited as if its entries had been pooled by hand."""

import re

import numpy as np
import pytest
import torch

from repbias.audit.arrays import audit_arrays
from repbias.audit.cache import from_cache

N, UNITS = 24, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, UNITS))
SHAPE = np.array(["cube", "ball"])[np.arange(N) % 2]
SMALL = {"resamples": 100, "permutations": 50, "classifier": "nearest_mean"}

BLOCKS = {f"blocks.{layer}.hook_resid_post": torch.from_numpy(RNG.normal(size=(N, 5, UNITS))) for layer in range(2)}
CACHE = BLOCKS | {"blocks.0.attn.hook_z": torch.zeros(N, 5, 2, 3), "tokens": torch.zeros(N, 5), "flat": X}
MASK = np.arange(5) < 1 + np.arange(N)[:, None] % 5


class LikeTransformerLens:
    """A cache as TransformerLens makes it: no `Mapping`, a keys method, and word on whether stimuli have an axis."""

    def __init__(self, entries, has_batch_dim=True):
        self.entries, self.has_batch_dim = entries, has_batch_dim

    def __getitem__(self, name):
        return self.entries[name]

    def __iter__(self):
        return iter(self.entries)

    def keys(self):
        return self.entries.keys()


def test_blocks_of_a_cache_are_pooled_over_positions():
    first = BLOCKS["blocks.0.hook_resid_post"]
    for pool, expected in (
        ("mean", first.mean(1)),
        ("last", first[:, 4]),
        ("first", first[:, 0]),
        ("flatten", first.flatten(1)),
        (2, first[:, 2]),
        (-2, first[:, 3]),
    ):
        found = from_cache(LikeTransformerLens(CACHE), pool=pool)["arrays"]
        assert list(found) == list(BLOCKS)
        assert torch.allclose(found["blocks.0.hook_resid_post"], expected.to(found["blocks.0.hook_resid_post"]))


def test_padding_of_a_cache_is_left_out():
    first = BLOCKS["blocks.1.hook_resid_post"]
    n = MASK.sum(1)
    last = from_cache(CACHE, "*.1.*", pool="last", attention_mask=MASK)["arrays"]["blocks.1.hook_resid_post"]
    assert torch.equal(last, first[torch.arange(N), torch.from_numpy(n) - 1])
    mean = from_cache(CACHE, attention_mask=torch.from_numpy(MASK))["arrays"]["blocks.1.hook_resid_post"]
    assert np.allclose(mean, np.stack([x[:k].mean(0) for x, k in zip(first.numpy(), n, strict=True)]))


def test_a_cache_and_a_mapping_of_arrays_are_audited_alike():
    arrays = {name: entry.numpy() for name, entry in BLOCKS.items()}
    by_cache, by_arrays = (
        audit_arrays(**from_cache(cache, ["blocks.1.*", "blocks.0.*"]), features={"shape": SHAPE}, **SMALL)
        for cache in (LikeTransformerLens(BLOCKS), arrays)
    )
    assert by_cache.layers == ("blocks.1.hook_resid_post", "blocks.0.hook_resid_post")
    assert by_cache.table().equals(by_arrays.table())


CACHE_REFUSED = {
    "no mapping": ((X,), {}, "cache must be a mapping"),
    "no stimuli": ((LikeTransformerLens(BLOCKS, has_batch_dim=False),), {}, "remove_batch_dim"),
    "a glob without a match": ((CACHE, "blocks.*.hook_resid_pots"), {}, "did you mean 'blocks.1.hook_resid_post'"),
    "a star across a dot": ((CACHE, "blocks.*"), {}, "no entry of the cache is called 'blocks.*'"),
    "no names": ((CACHE, []), {}, "names must hold a pattern"),
    "two axes": ((CACHE, "flat"), {}, "give it to audit_arrays as it is"),
    "heads": ((CACHE, "blocks.0.attn.hook_z"), {}, "flatten(2)"),
    "tokens": (({"tokens": torch.zeros(N, 5, dtype=torch.int64)}, "tokens"), {}, "floating point, got torch.int64"),
    "a list": (({"x": [[[0.0]]]}, "x"), {}, "must be a tensor or an array, got list"),
    "nothing": (({"x": torch.zeros(N, 0, 3)}, "x"), {}, "is empty"),
    "a position beyond": ((CACHE,), {"pool": 5}, "from -5 to 4"),
    "an unknown pool": ((CACHE,), {"pool": "men"}, "did you mean 'mean'"),
    "a truth value for a pool": ((CACHE,), {"pool": True}, "got True"),
    "a mask of other positions": ((CACHE,), {"attention_mask": MASK[:, :4]}, "attention_mask is [24, 4]"),
    "a mask of one axis": ((CACHE,), {"attention_mask": MASK[:, 0]}, "must be [stimulus, token], got shape (24,)"),
    "a stimulus of padding": ((CACHE,), {"attention_mask": MASK & (np.arange(N) != 3)[:, None]}, "none at stimulus 3"),
    "a mask beside a position": ((CACHE,), {"pool": 0, "attention_mask": MASK}, "leave the mask out"),
    "a mask of what is kept whole": ((CACHE,), {"pool": "flatten", "attention_mask": MASK}, "padding included"),
}


@pytest.mark.parametrize("case", CACHE_REFUSED)
def test_a_cache_is_refused_with_what_came(case):
    given, options, message = CACHE_REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        from_cache(*given, **options)
