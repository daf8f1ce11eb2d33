"""Which networks a study needs, and how they are divided into stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from repbias.experiments.network_spec import NetworkSpec
from repbias.experiments.study import Condition, ScaleName, Study
from repbias.models.heads import n_outputs

STACK, STACK_ON_CUDA = 20, 128


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
    """Return the plan of a study at a scale, with the scale's number of seeds or another.

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
    """Return about how many floating-point operations one network's steps cost: three products of each weight."""
    connections = condition.model.connections(condition.task.input_shape, n_outputs(condition.task.n_classes))
    return 6.0 * connections * condition.training.batch * condition.steps


def divide(
    networks: Iterable[tuple[Condition, NetworkSpec]], workers: int, stack: int = STACK
) -> list[list[NetworkSpec]]:
    """Return stacks of networks that can train together, the most expensive first, enough of them for all workers.

    A network's result does not depend on the division.
    """
    groups: dict[tuple[object, ...], list[tuple[Condition, NetworkSpec]]] = defaultdict(list)
    for condition, network in networks:
        groups[_shape(network)].append((condition, network))
    size = min(stack, max(2, ceil(sum(map(len, groups.values())) / workers)))
    stacks = [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]
    stacks.sort(key=lambda pairs: -sum(flops(condition) for condition, _ in pairs))
    return [[network for _, network in pairs] for pairs in stacks]


def _shape(network: NetworkSpec) -> tuple[object, ...]:
    task, training = network.task, network.training
    return (
        network.model.canonical_json(), task.input_shape, task.n_tokens, task.n_classes, task.n_stimuli,
        training.batch, training.optimizer.kind,
    )  # fmt: skip
