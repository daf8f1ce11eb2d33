"""The activity of a model's layers as a stream of chunks, one for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from repbias.activations.batches import Batches
from repbias.activations.layers import match_layers
from repbias.activations.pooling import Pool, refuse_unknown_pool
from repbias.activations.reading import Float32Array, read_batches
from repbias.core.arrays import ArrayLike


def stream_activity(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    pool: Pool = "mean",
    attention_mask: ArrayLike | None = None,
) -> Iterator[dict[str, Float32Array]]:
    """Return an iterator over the activity of a model's layers, batch by batch, for `audit_stream`.

    What `read_activity` returns whole comes here in parts, float32 `[stimulus in batch, unit]` by layer, and nothing is
    kept. The model is in eval mode, and hooked, only while it runs; between batches it is as it was.

    Parameters, and what is refused, are those of `read_activity`; wrong settings at once, the rest when it is read. As
    each batch is read by itself, layers that are not called equally often, or differ in units, are refused by
    `audit_stream`, as chunks that do not match.
    """
    refuse_unknown_pool(pool)
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    return _by_batch(model, batches, names, pool, device)


def _by_batch(
    model: nn.Module, batches: Batches, names: Sequence[str], pool: Pool, device: str | torch.device | None
) -> Iterator[dict[str, Float32Array]]:
    for batch in batches:
        alone = Batches([batch.inputs], model, device=device, attention_mask=batch.mask)
        yield read_batches(model, alone, names, pool).arrays
