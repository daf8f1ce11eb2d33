"""The networks and analyses that a study needs, their expected cost, and the division of networks into stacks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple, TypeAlias

from repbias.experiments.analysis import Analysis, AnalysisJob
from repbias.experiments.condition import Condition, NetworkSpec
from repbias.experiments.study import ScaleName, Study
from repbias.models.model import n_outputs
from repbias.runs.store import Store, StoredRun
from repbias.training import Training
from repbias.training.job import SHARED_IN_A_STACK, counts

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
    return spec.model.canonical_json(), *(shared(spec.task, spec.training) for shared in SHARED_IN_A_STACK.values())


PlannedRun: TypeAlias = tuple[str, NetworkSpec, StoredRun | None]  # with the name of its condition


class AnalysisJobs(NamedTuple):
    """The analyses of a study.

    Attributes
    ----------
    gated : those that its claims and figures read: of each trained network alone, since a claim drops a network only
        for the features that it is about; or of all networks together that learned what they were trained on.
    ungated : the analysis of all trained networks together, for the ungated twins of claims, where some did not learn.
    """

    gated: tuple[AnalysisJob, ...] = ()
    ungated: tuple[AnalysisJob, ...] = ()


def analysis_jobs(plan: Plan, store: Store) -> AnalysisJobs:
    """Return a study's analyses of the trained networks that a store holds.

    Raises
    ------
    DamagedRun : a run is there and is not whole.
    """
    return jobs_on(plan.study.analysis, stored_runs(plan, store))


def stored_runs(plan: Plan, store: Store) -> list[PlannedRun]:
    """Return every network of a plan with the name of its condition and its run, which is None where it is missing.

    Raises
    ------
    DamagedRun : a run is there and is not whole.
    """
    planned = plan.networks()
    missing = set(store.missing([network.run_id for _, network in planned]))
    return [
        (condition.name, network, None if network.run_id in missing else store.load(network.run_id))
        for condition, network in planned
    ]


def jobs_on(analysis: Analysis | None, planned: Sequence[PlannedRun]) -> AnalysisJobs:
    """Return the analyses of the networks that have a run; none where the study has no analysis."""
    if analysis is None:
        return AnalysisJobs()
    runs = [(name, network, run) for name, network, run in planned if run is not None]
    trained = [(name, network) for name, network, run in runs if counts(run.experiment["status"], ())]
    if analysis.of == "network":
        return AnalysisJobs(tuple(_job(analysis, [one]) for one in trained))
    passed = [(name, network) for name, network, run in runs if learned(network, run)]
    return AnalysisJobs(
        (_job(analysis, passed),) if passed else (),
        (_job(analysis, trained),) if len(passed) < len(trained) else (),
    )


def learned(network: NetworkSpec, run: StoredRun) -> bool:
    """Whether a network finished, and passed the accuracy criterion on every feature that it was trained to report."""
    return counts(run.experiment["status"], failed_features(network, run))


def failed_features(network: NetworkSpec, run: StoredRun) -> tuple[str, ...]:
    """Return the features that a network was trained to report and whose accuracy criterion it failed."""
    trained = trained_features(network.training, network.task.feature_names)
    return tuple(name for name in run.experiment["failed_criterion"] if name in trained)


def trained_features(training: Training, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the features that are in the loss in some phase of training; `names` are all features of the task."""
    in_loss = {name for phase in training.phases for name in phase.features or names}
    return tuple(name for name in names if name in in_loss)


def _job(analysis: Analysis, networks: Sequence[tuple[str, NetworkSpec]]) -> AnalysisJob:
    names, given = zip(*networks, strict=True)
    return AnalysisJob(analysis=analysis, conditions=names, networks=given)


def missing_analyses(plan: Plan, store: Store, *, remake: bool = False) -> list[AnalysisJob]:
    """Return the analyses that the store lacks, each once.

    Parameters
    ----------
    remake : delete damaged ones, which are then missing.
    """
    by_id = {job.run_id: job for jobs in analysis_jobs(plan, store) for job in jobs}
    return [by_id[run_id] for run_id in store.missing(by_id, remake=remake)]
