"""Times a training step of image models: member by member or stacked, against a plain PyTorch loop over one of them.

The steps are the real ones of `Stack`, on images of 32 px in batches of 64, with SGD and one thread. A model that reads
images by convolutions trains member by member on a CPU, each through the traced graph of one member; beside it stand
the same without the trace, and the stack that `trains_apart` decides against. All ways are timed in turn, and medians
are taken.

`python -m benchmarks --only vision` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch.func import grad_and_value, vmap
from torch.nn import functional

from repbias.core.randomness import torch_rng
from repbias.models.convolutional import ConvNet, ResNet
from repbias.models.model import Model
from repbias.models.vit import ViT
from repbias.training import SGD
from repbias.training.ensemble import Stack
from repbias.training.trace import trace

SIZE, BATCH, CLASSES, ROUNDS = 32, 64, (10, 10), 7
MEMBERS = (4, 8)
OPTIMIZER = SGD(lr=0.02)
MODELS: dict[str, Model] = {
    "plain CNN": ConvNet(),
    "plain CNN, batch norm": ConvNet(norm="batch"),
    "plain CNN, group norm": ConvNet(norm="group"),
    "narrow ResNet, batch norm": ResNet(),
    "ViT": ViT(),
}
Step = Callable[[], object]


def bench() -> list[dict[str, Any]]:
    """Return a row for each model, number of members and way; the times are for one step of one member."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for name, model in MODELS.items() for members in MEMBERS for row in _rows(name, model, members)]
    finally:
        torch.set_num_threads(threads)


def _rows(name: str, model: Model, members: int) -> list[dict[str, Any]]:
    ways = {
        "member by member": _step(_stack(model, members)),
        "the same untraced": _step(_untraced(_stack(model, members))),
        "stacked": _step(_stacked(_stack(model, members))),
    }
    plain = _plain(model)
    times: dict[str, list[float]] = {way: [] for way in (*ways, "plain")}
    for step in (*ways.values(), plain):
        step()
    for _ in range(ROUNDS):
        for way, step in ways.items():
            times[way].append(_seconds(step) / members)
        times["plain"].append(_seconds(plain))
    reference = median(times["plain"])
    return [
        {
            "what": f"step, {name}, {members} members, 1 thread: {way} ({1 / median(times[way]):.1f} steps a second)",
            "seconds": median(times[way]),
            "floor_ratio": None,
            "reference": "plain PyTorch loop, one model",
            "reference_seconds": reference,
            "ratio": reference / median(times[way]),
        }
        for way in ways
    ]


def _seconds(step: Step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _batch(members: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_rng(0, "bench", "vision")
    inputs = torch.rand(members, BATCH, 3, SIZE, SIZE, generator=generator)
    return inputs, torch.randint(0, 10, (members, BATCH, len(CLASSES)), generator=generator).float()


def _network(model: Model, seed: int) -> torch.nn.Module:
    return model.build((3, SIZE, SIZE), sum(CLASSES), torch_rng(seed, "init")).train()


def _stack(model: Model, members: int) -> Stack:
    networks = [_network(model, seed) for seed in range(members)]
    return Stack(networks, [OPTIMIZER] * members, CLASSES, _batch(1)[0][0])


def _untraced(stack: Stack) -> Stack:
    stack._one = stack._one_with_autograd
    return stack


def _stacked(stack: Stack) -> Stack:
    inputs, labels = _batch(len(stack))
    buffers = {name: tensor.clone() for name, tensor in stack.buffers.items()}
    weights = torch.ones(len(stack), len(CLASSES))
    function = vmap(grad_and_value(stack._stackable_loss))
    stack._gradients = trace(function, stack.parameters, buffers, inputs, labels, weights, [])
    return stack


def _step(stack: Stack) -> Step:
    members = len(stack)
    inputs, labels = _batch(members)
    weights, masks = torch.ones(members, len(CLASSES)), torch.zeros(members, 0)
    return lambda: stack.step(inputs, labels, weights, masks)


def _plain(model: Model) -> Step:
    """One network, as one would write it."""
    network = _network(model, 0)
    optimizer = torch.optim.SGD(network.parameters(), lr=OPTIMIZER.lr)
    inputs, labels = (tensor[0] for tensor in _batch(1))
    colour, shape = labels.long().unbind(1)

    def step() -> None:
        optimizer.zero_grad()
        logits = network(inputs)
        loss = functional.cross_entropy(logits[:, :10], colour) + functional.cross_entropy(logits[:, 10:], shape)
        loss.backward()
        optimizer.step()

    return step
