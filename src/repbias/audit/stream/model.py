"""The activity of a model's layers as a stream of chunks, one for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import match_layers
from repbias.activations.layout import Pool, refuse_unknown_pool
from repbias.activations.reading import Float32Array, iterate_batches
from repbias.core.arrays import ArrayLike


def stream_activity(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    pool: Pool = "mean",
    axes: Axes | None = None,
    attention_mask: ArrayLike | None = None,
) -> Iterator[dict[str, Float32Array]]:
    """Return an iterator over the activity of a model's layers, batch by batch, for `audit_stream`.

    Each part is float32 `[stimulus in batch, unit]` by layer, and nothing is kept. The model is in eval mode, and
    hooked, only while it runs; between batches it is as it was.

    Parameters, and what is refused, are those of `read_batches` and `Batches`; wrong settings are refused at
    once, the rest when it is read. Layers that differ in units between batches are refused by `audit_stream`.
    """
    refuse_unknown_pool(pool)
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    return iterate_batches(model, batches, names, pool, axes)
