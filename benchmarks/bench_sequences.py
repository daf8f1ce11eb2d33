"""Times a step of stacked sequence models against a plain PyTorch loop over one of them.

The stack's step is the real one, `Batches.next` and `Stack.step`; one thread each, timed in turn, medians taken.

`python -m benchmarks --only sequences` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch.nn import functional

from repbias.models import DecoderOnly, EncoderDecoder, EncoderHeads, Model, Recurrent
from repbias.tasks import StringTask
from repbias.training import Adam
from repbias.training.batches import Batches
from repbias.training.ensemble import Stack
from repbias.training.network import build_network

TASK = StringTask(features=dict.fromkeys("abcd", "presence"), order="rotated", length=16, train=2_048)
OPTIMIZER = Adam(lr=1e-3)
BATCH, MEMBERS, ROUNDS = 64, 4, 7
MODELS: dict[str, Model] = {
    "encoder-decoder 2 x 64": EncoderDecoder(),
    "encoder-decoder 2 x 32": EncoderDecoder(width=32),
    "decoder-only 2 x 64": DecoderOnly(),
    "encoder with heads 2 x 64": EncoderHeads(),
    "GRU 64": Recurrent(cell="gru"),
}


def bench() -> list[dict[str, Any]]:
    """Return a row a model; the times are for one step of one member, and its tokens a second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(name, model) for name, model in MODELS.items()]
    finally:
        torch.set_num_threads(threads)


def _row(name: str, model: Model) -> dict[str, Any]:
    stacked, plain = _stacked(model), _plain(model)
    times: dict[str, list[float]] = {"stacked": [], "plain": []}
    for _ in range(ROUNDS):
        times["stacked"].append(_seconds(stacked) / MEMBERS)
        times["plain"].append(_seconds(plain))
    own, reference = median(times["stacked"]), median(times["plain"])
    rate = BATCH * (TASK.length + len(TASK.features)) / own
    return {
        "what": f"step, {name}, {MEMBERS} members, 1 thread ({rate:,.0f} tokens a second and member)",
        "seconds": own,
        "floor_ratio": None,
        "reference": "plain PyTorch loop, one model",
        "reference_seconds": reference,
        "ratio": reference / own,
    }


def _seconds(step: Callable[[], object], steps: int = 5) -> float:
    step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps


def _stacked(model: Model) -> Callable[[], object]:
    splits = [TASK.stimuli(seed).train for seed in range(MEMBERS)]
    batches = Batches(range(MEMBERS), splits, BATCH, torch.device("cpu"))
    networks = [build_network(model, TASK, seed) for seed in range(MEMBERS)]
    example = torch.from_numpy(splits[0].inputs[:BATCH]).float()
    stack = Stack(networks, [OPTIMIZER] * MEMBERS, TASK.n_classes, example)
    weights, masks = torch.ones(MEMBERS, len(TASK.n_classes)), torch.zeros(MEMBERS, 0)
    return lambda: stack.step(*batches.next(), weights, masks)


def _plain(model: Model) -> Callable[[], object]:
    """One network, as one would write it."""
    network = build_network(model, TASK, 0).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=OPTIMIZER.lr)
    split = TASK.stimuli(0).train
    inputs, labels = torch.from_numpy(split.inputs[:BATCH]).float(), torch.from_numpy(split.labels[:BATCH]).float()

    def step() -> None:
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(inputs), labels).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    for row in bench():
        print(row)
