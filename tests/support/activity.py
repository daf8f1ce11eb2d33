"""The activity of a model's layers for inputs of any form, as the audit reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import match_layers
from repbias.activations.layout import Pool
from repbias.activations.reading import Activity, read_batches


def read_activity(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    pool: Pool = "mean",
    axes: Axes | None = None,
    **batching: Any,
) -> Activity:
    """Return the activity of the layers that match; further arguments are those of `Batches`."""
    names = match_layers(model, layers)
    return read_batches(model, Batches(inputs, model, **batching), names, pool, axes)
