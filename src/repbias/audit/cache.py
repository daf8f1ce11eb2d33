"""A cache of activations by name, such as that of TransformerLens, as arguments of the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repbias.activations.batches import as_mask
from repbias.activations.layers import match_names
from repbias.activations.layout import Layout, Pool, refuse_unknown_pool
from repbias.core.arrays import ArrayLike


def from_cache(
    cache: Any,
    names: str | Sequence[str] = "blocks.*.hook_resid_post",
    *,
    pool: Pool = "mean",
    attention_mask: ArrayLike | None = None,
) -> dict[str, dict[str, Tensor]]:
    """Return the arguments of `audit_arrays` for a cache of activations `[stimulus, position, unit]`.

    Parameters
    ----------
    cache : an `ActivationCache` of TransformerLens, or any mapping from names to tensors or arrays
        `[stimulus, position, unit]`.
    names : glob patterns of the entries to audit; `*` does not match a dot.
    pool : how positions are pooled: "mean", "first" or "last"; "flatten", which makes each value at each position a
        unit; or the number of one position, counted from the end if negative.
    attention_mask : `[stimulus, position]`, 0 at padding, which is then left out. Without a mask, "last" reads the last
        position, which is padding in shorter stimuli.

    Returns
    -------
    A dict of `arrays`: activity `[stimulus, unit]` by name, on the device of each entry.

    Raises
    ------
    ValueError : a pattern matches nothing, an entry does not have three axes, the cache has no axis of stimuli, there
        is no such position, the mask has another shape, or `pool` is unknown.
    TypeError : the cache is not a mapping, or an entry is not in floating point.

    When not to use it: for attention patterns, because their axes are not units; and for a cache that does not fit in
    memory. `repbias.audit` takes the model itself and keeps only the pooled activity.

    Examples
    --------
    >>> import torch, repbias
    >>> cache = {"blocks.0.hook_resid_post": torch.zeros(10, 7, 4), "blocks.1.hook_resid_post": torch.ones(10, 7, 4)}
    >>> arguments = repbias.from_cache(cache, pool="last")
    >>> {name: tuple(values.shape) for name, values in arguments["arrays"].items()}
    {'blocks.0.hook_resid_post': (10, 4), 'blocks.1.hook_resid_post': (10, 4)}

    ``repbias.audit_arrays(**arguments, features=labels)`` audits them. With TransformerLens,
    ``_, cache = model.run_with_cache(tokens)`` gives the cache.
    """
    _refuse_no_cache(cache)
    mask = None if attention_mask is None else _mask(attention_mask, pool)
    if isinstance(pool, bool) or not isinstance(pool, str | int):
        raise TypeError(f"pool must be a name or the number of a position, got {pool!r}")
    refuse_unknown_pool(pool)
    matched = match_names(list(cache), names, "entry of the cache")
    if not matched:
        raise ValueError("names must hold a pattern or more, got none")
    entries = {name: _entry(cache[name], name) for name in matched}
    layouts = {name: Layout(name, pool, tuple(entry.shape), unit=2, masked=True) for name, entry in entries.items()}
    return {"arrays": {name: layouts[name].read(entry, mask) for name, entry in entries.items()}}


def _refuse_no_cache(cache: Any) -> None:
    if not all(hasattr(cache, name) for name in ("__iter__", "__getitem__", "keys")):
        raise TypeError(f"cache must be a mapping from names to activations, got {type(cache).__name__}")
    if not getattr(cache, "has_batch_dim", True):
        raise ValueError(
            "cache has no axis of stimuli, as it was made with remove_batch_dim=True: run the model on all stimuli "
            "without it"
        )


def _entry(values: Any, name: str) -> Tensor:
    """Return one entry as a tensor `[stimulus, position, unit]`."""
    if not isinstance(values, Tensor | np.ndarray):
        raise TypeError(f"the entry {name!r} must be a tensor or an array, got {type(values).__name__}: leave it out")
    entry = values.detach() if isinstance(values, Tensor) else torch.as_tensor(values)
    shape = list(entry.shape)
    if not entry.is_floating_point():
        raise TypeError(f"the entry {name!r} must be in floating point, got {entry.dtype}: leave it out")
    if entry.ndim != 3:
        advice = (
            f"leave it out, or, if the last axes are heads and their units, put cache[{name!r}].flatten(2) in a dict"
        )
        if entry.ndim == 2:
            advice = (
                "if it lacks stimuli, run the model on a batch; if it is [stimulus, unit], give it to audit_arrays as "
                "it is"
            )
        raise ValueError(f"the entry {name!r} must be [stimulus, position, unit], got shape {shape}: {advice}")
    if 0 in shape:
        raise ValueError(f"the entry {name!r} is empty, got shape {shape}: at least one of each axis is needed")
    return entry


def _mask(values: ArrayLike, pool: object) -> Tensor:
    if isinstance(pool, int):
        raise ValueError(f"pool={pool} reads one position and ignores attention_mask: leave the mask out")
    if pool == "flatten":
        raise ValueError('pool="flatten" keeps every position, padding included: leave attention_mask out')
    return as_mask(values)
