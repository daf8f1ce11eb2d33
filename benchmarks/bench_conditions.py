"""Times the conditions of one study trained in one stack against the same conditions trained one after another.

Conditions that share shapes (here those of `prevalence`, which differ in their data alone) need not train apart. Both
ways take the same steps, with looks and examinations, on one thread; the results are the same bit for bit.

`python -m benchmarks --only conditions` prints the row of `bench()`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from repbias.experiments.condition import Condition
from repbias.studies import find_study
from repbias.training import Phase
from repbias.training.job import Job
from repbias.training.network import build_network
from repbias.training.trainer import train_stack

SEEDS = 2
STEPS = 400


def bench() -> list[dict[str, Any]]:
    """Return one row: seconds for all conditions of `prevalence`, in one stack and one by one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        conditions = find_study("prevalence").conditions
        apart = sum(_seconds([condition]) for condition in conditions)
        together = _seconds(conditions)
    finally:
        torch.set_num_threads(before)
    return [
        {
            "what": f"prevalence, {len(conditions)} conditions, {SEEDS} seeds, {STEPS} steps: one stack",
            "seconds": together,
            "floor_ratio": None,
            "reference": "condition by condition",
            "reference_seconds": apart,
            "ratio": apart / together,
        }
    ]


def _seconds(conditions: Sequence[Condition]) -> float:
    jobs = [_job(condition, seed) for condition in conditions for seed in range(SEEDS)]
    start = time.perf_counter()
    deque(train_stack(jobs), maxlen=0)
    return time.perf_counter() - start


def _job(condition: Condition, seed: int) -> Job:
    member = condition.member(seed)
    training = member.training.model_copy(update={"phases": (Phase(until="steps", steps=STEPS),)})
    return Job(member.task, training, seed, lambda: build_network(member.model, member.task, seed), member.layers)
