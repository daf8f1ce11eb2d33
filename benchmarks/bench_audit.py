"""Times reading a model's layers for an audit against the bare forward pass over the same batches. One thread.

The two are timed in turn, and the least of each counts, since other work on the machine only ever adds.

`python -m benchmarks --only audit` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from repbias.activations.layers import evaluating
from repbias.activations.reading import read_layers
from repbias.core.randomness import torch_rng

BATCH, TIMES = 256, 7


def bench() -> list[dict[str, Any]]:
    """Return a row for each kind of model."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(*case) for case in _cases()]
    finally:
        torch.set_num_threads(threads)


def _cases() -> list[tuple[str, nn.Module, Tensor, list[str]]]:
    generator = torch_rng(0, "benchmark", "audit")
    mlp = nn.Sequential(nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 512))
    conv = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128 * 64, 10),
    )  # fmt: skip
    block = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
    tokens = nn.Sequential(*(nn.TransformerEncoder(block, 1, enable_nested_tensor=False) for _ in range(4)))
    return [
        ("MLP, its 2 hidden layers", mlp, torch.randn(16_384, 512, generator=generator), ["[13]"]),
        ("MLP, all 5 layers (300 MB)", mlp, torch.randn(16_384, 512, generator=generator), ["*"]),
        ("convolutional network, 3 of 8 layers", conv, torch.randn(1_024, 3, 32, 32, generator=generator), ["[135]"]),
        ("Transformer, 4 blocks of 32 tokens", tokens, torch.randn(1_024, 32, 256, generator=generator), ["*"]),
    ]


def _row(what: str, model: nn.Module, inputs: Tensor, layers: list[str]) -> dict[str, Any]:
    own, bare = [], []
    for _ in range(TIMES):
        bare.append(_seconds(lambda: _bare(model, inputs)))
        own.append(_seconds(lambda: read_layers(model, inputs, layers, pool="mean", batch_size=BATCH)))
    return {
        "what": f"read {what}, {len(inputs):,} stimuli ({min(own) / min(bare):.2f} x the bare forward pass)",
        "seconds": min(own),
        "floor_ratio": min(own) / min(bare),
        "reference": "the bare forward pass",
        "reference_seconds": min(bare),
        "ratio": min(bare) / min(own),
    }


def _bare(model: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad(), evaluating(model):
        for chunk in inputs.split(BATCH):
            model(chunk)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    for row in bench():
        print(row)
