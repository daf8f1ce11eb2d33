"""The networks that a study needs, their expected cost, and their division into stacks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from repbias.experiments.condition import Condition, NetworkSpec
from repbias.experiments.study import ScaleName, Study
from repbias.models.heads import n_outputs

STACK, STACK_ON_CUDA = 20, 128
# A step costs about this many times its matrix products, accuracy checks and checkpoints included (measured).
OVERHEAD = 2.5
STARTUP_SECONDS = 8.0


@dataclass(frozen=True)
class Plan:
    """A study at a scale: every network of every condition."""

    study: Study
    scale: ScaleName
    seeds: int

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of this scale."""
        return self.study.at(self.scale)

    def networks(self) -> list[tuple[Condition, NetworkSpec]]:
        """Every network, condition by condition."""
        return [(c, c.network(seed)) for c in self.conditions for seed in range(self.seeds)]


def make_plan(study: Study, scale: str, seeds: int | None = None) -> Plan:
    """Return the plan of a study at a scale, with the scale's number of seeds unless `seeds` is given.

    Raises
    ------
    ValueError : the study has no such scale, or seeds < 1.
    """
    if scale not in study.scales:
        raise ValueError(f"study {study.name!r} has no scale {scale!r}; it has {', '.join(study.scales)}")
    if seeds is not None and seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    return Plan(study, scale, seeds or study.scales[scale].seeds)


def flops(condition: Condition) -> float:
    """Return about how many floating-point operations one network's steps cost: three products for each weight."""
    connections = condition.model.connections(condition.task.input_shape, n_outputs(condition.task.n_classes))
    return 6.0 * connections * condition.training.batch * condition.steps


def multiplication_rate(size: int = 768, repeats: int = 5) -> float:
    """Return this machine's float32 matrix multiplication rate on all cores, in operations per second."""
    import torch

    a = torch.ones(size, size)
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        rates.append(2 * size**3 / (time.perf_counter() - start))
    return max(rates)


def expected_seconds(plan: Plan, rate: float) -> float:
    """Return about how many seconds the networks of a plan take on a machine with this multiplication rate."""
    work = sum(flops(condition) * plan.seeds for condition in plan.conditions)
    return STARTUP_SECONDS + OVERHEAD * work / rate


def divide(
    networks: Iterable[tuple[Condition, NetworkSpec]], workers: int, stack: int = STACK
) -> list[list[NetworkSpec]]:
    """Return stacks of networks that can train together, the most expensive first, enough of them for all workers.

    A network's result does not depend on the division.
    """
    groups: dict[tuple[object, ...], list[tuple[Condition, NetworkSpec]]] = defaultdict(list)
    for condition, spec in networks:
        groups[_shape(spec)].append((condition, spec))
    size = min(stack, max(2, ceil(sum(map(len, groups.values())) / workers)))
    stacks = [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]
    stacks.sort(key=lambda pairs: -sum(flops(condition) for condition, _ in pairs))
    return [[spec for _, spec in pairs] for pairs in stacks]


def _shape(spec: NetworkSpec) -> tuple[object, ...]:
    task, training = spec.task, spec.training
    return (
        spec.model.canonical_json(), task.input_shape, task.n_tokens, task.n_classes, task.n_stimuli,
        training.batch, training.optimizer.kind,
    )  # fmt: skip
