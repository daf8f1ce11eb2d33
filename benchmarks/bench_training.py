"""Times a step of stacked training against a plain PyTorch loop and against the matrix products alone.

A step is the real one, `Batches.next` and `Stack.step`, without looks at the members in between. The floor is the
FLOPs of its matrix products (forward, weight gradients, input gradients but the first layer's) over the rate of a
1,024-cubed float32 product, taken in the same run. The three are timed in turn, and medians are taken.

`python -m benchmarks --only training` prints the rows of `bench()`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from repbias.models import MLP
from repbias.tasks import BooleanTask
from repbias.training import SGD
from repbias.training.batches import Batches
from repbias.training.ensemble import Stack
from repbias.training.network import build_network

TASK = BooleanTask(features={"easy": "copy", "hard": "parity3"})
OPTIMIZER = SGD(lr=0.05)
BATCH = 128
WIDTHS = {"256-128-64-64": (256, 128, 64, 64), "6 x 64": (64,) * 6}
MEMBERS = (4, 10, 40)
ROUNDS = 5
ROOT = Path(__file__).parents[1]
SECONDS_A_ROUND = 0.25
Step = Callable[[], object]


def bench() -> list[dict[str, Any]]:
    """Return a row for each size, stack and number of threads; the times are for one step of one member."""
    before = torch.get_num_threads()
    rows = []
    try:
        for threads in sorted({1, before}):
            torch.set_num_threads(threads)
            rows += [row for name, widths in WIDTHS.items() for row in _rows(name, widths, threads)]
    finally:
        torch.set_num_threads(before)
    rows += [_processes_row(name, widths, before) for name, widths in WIDTHS.items()]
    return [*rows, _memory_row()]


def _rows(name: str, widths: tuple[int, ...], threads: int) -> list[dict[str, Any]]:
    model = MLP(widths=widths)
    product = torch.rand(1024, 1024)
    steps: dict[object, Step] = {members: _stacked(model, members) for members in MEMBERS}
    seconds = _medians({"sgemm": lambda: product @ product, "plain": _plain(model), **steps})
    floor = _flops(widths) * seconds["sgemm"] / (2 * 1024**3)
    return [
        {
            "what": f"step, {name}, {members} members, {_threads(threads)}",
            "seconds": seconds[members] / members,
            "floor_ratio": seconds[members] / members / floor,
            "reference": "plain PyTorch loop, one model",
            "reference_seconds": seconds["plain"],
            "ratio": seconds["plain"] / (seconds[members] / members),
        }
        for members in MEMBERS
    ]


# One process of one thread a core, as `repbias run` trains: each starts to step when it is told to.
_PROCESS = """
import sys, time, torch
torch.set_num_threads(1)
from benchmarks.bench_training import _stacked
from repbias.models import MLP

step = _stacked(MLP(widths=tuple(map(int, sys.argv[2:]))), int(sys.argv[1]))
for _ in range(20):
    step()
print("ready", flush=True)
sys.stdin.readline()
start, steps = time.perf_counter(), 0
while time.perf_counter() - start < 3:
    step()
    steps += 1
print((time.perf_counter() - start) / steps)
"""


def _processes_row(name: str, widths: tuple[int, ...], cores: int, members: int = 10) -> dict[str, Any]:
    """Time `members` networks divided over one process a core, against the plain loop with all threads."""
    own = members // cores
    command = [sys.executable, "-c", _PROCESS, str(own), *map(str, widths)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(cores)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    product = torch.rand(1024, 1024)
    alone = _medians({"sgemm": lambda: product @ product, "plain": _plain(MLP(widths=widths))})
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [float(process.communicate()[0]) for process in processes]
    seconds = median(taken) / (own * cores)
    return {
        "what": f"step, {name}, {own * cores} members, {cores} processes of 1 thread",
        "seconds": seconds,
        "floor_ratio": seconds / (_flops(widths) * alone["sgemm"] / (2 * 1024**3)),
        "reference": "plain PyTorch loop, one model, all threads",
        "reference_seconds": alone["plain"],
        "ratio": alone["plain"] / seconds,
    }


def _threads(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _flops(widths: tuple[int, ...]) -> int:
    """Return the FLOPs of one member's matrix products in one step."""
    sizes = (TASK.bits, *widths, len(TASK.n_classes))
    forward = [2 * BATCH * a * b for a, b in pairwise(sizes)]
    return 3 * sum(forward) - forward[0]


def _stacked(model: MLP, members: int) -> Step:
    """Return a function that takes one step of a stack, as the trainer does."""
    splits = [TASK.stimuli(seed).train for seed in range(members)]
    batches = Batches(range(members), splits, BATCH, torch.device("cpu"))
    networks = [build_network(model, TASK, seed) for seed in range(members)]
    stack = Stack(networks, [OPTIMIZER] * members, TASK.n_classes, torch.zeros(BATCH, TASK.bits))
    weights, masks = torch.ones(members, len(TASK.n_classes)), torch.zeros(members, 0)
    return lambda: stack.step(*batches.next(), weights, masks)


def _plain(model: MLP) -> Step:
    """Return a function that takes one step of one network, as a user would write it."""
    network = build_network(model, TASK, 0).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=OPTIMIZER.lr)
    train = TASK.stimuli(0).train
    inputs, labels = torch.from_numpy(train.inputs).float(), torch.from_numpy(train.labels).float()
    batches: list[torch.Tensor] = []

    def step() -> None:
        if not batches:
            batches.extend(torch.randperm(len(inputs)).split(BATCH))
        index = batches.pop()
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(inputs[index]), labels[index]).backward()
        optimizer.step()

    return step


def _medians(steps: dict[object, Step]) -> dict[object, float]:
    """Return the median over rounds of each function's time; every round times all of them, one after another."""
    repeats = {what: _repeats(step) for what, step in steps.items()}
    times: dict[object, list[float]] = {what: [] for what in steps}
    for _ in range(ROUNDS):
        for what, step in steps.items():
            times[what].append(_timed(step, repeats[what]))
    return {what: median(taken) for what, taken in times.items()}


def _repeats(step: Step) -> int:
    step()
    return max(1, round(SECONDS_A_ROUND / _timed(step, 3)))


def _timed(step: Step, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


# `ru_maxrss` would begin with what the parent process once held, so the kernel is asked for this program's own peak.
_MEMORY = """
import time
from pathlib import Path
from repbias.models import MLP
from repbias.training import Phase, Training, train
from benchmarks.bench_training import TASK

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before, start = peak(), time.perf_counter()
train(TASK, MLP(), seeds=40, training=Training(phases=(Phase(until="steps", steps=20),)))
print(before, peak(), time.perf_counter() - start)
"""


def _memory_row() -> dict[str, Any]:
    """Train 40 members of the full sizes for a few steps, examinations included, in a process of its own (Linux)."""
    run = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True, cwd=ROOT)
    before, after, seconds = (float(number) for number in run.stdout.split())
    return {
        "what": f"train, 40 members, 20 steps: peak memory {after / 1024:.0f} MiB, {before / 1024:.0f} of them imports",
        "seconds": seconds,
        "floor_ratio": None,
        "reference": None,
        "reference_seconds": None,
        "ratio": None,
    }
