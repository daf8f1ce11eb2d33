"""Run a study: check its design, and train what the store lacks."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence

from repbias.activations.layers import match_layers
from repbias.core.functions import resolve_function
from repbias.core.randomness import torch_rng
from repbias.experiments.analysis import Analysis, AnalysisJob
from repbias.experiments.condition import Condition, NetworkSpec
from repbias.runs.plan import STACK, STACK_ON_CUDA, Plan, divide
from repbias.runs.store import Store
from repbias.runs.worker import resolve_measures
from repbias.runs.workers import Workers
from repbias.tasks import check_design

# (network-steps taken since the last call, run saved or None, its status, its steps)
OnProgress = Callable[[int, str | None, str, int], None]


def check_plan(plan: Plan, device: str) -> None:
    """Refuse, before anything is trained, whatever would fail or be meaningless later.

    Raises
    ------
    ValueError : a task whose features are not matched, a layer that does not exist, a measure or analysis that cannot
        be imported, an optimiser that this torch lacks, a device that is not available.
    """
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise ValueError("device is 'cuda', but torch sees no CUDA device here; use --device cpu")
    if plan.study.analysis is not None:
        _check_analysis(plan.study.analysis)
    failures = {}
    for condition in plan.conditions:
        condition.training.optimizer.torch_class()
        resolve_measures(condition.measures)
        _check_layers(condition)
        task = condition.task.digest()
        if task not in failures:
            failures[task] = _unmatched(condition)
    if any(failures.values()):
        raise ValueError("\n".join(filter(None, failures.values())))


def _check_analysis(analysis: Analysis) -> None:
    function = resolve_function("analysis", analysis.function)
    try:
        inspect.signature(function).bind(None, **analysis.settings)
    except TypeError as error:
        raise ValueError(f"analysis {analysis.function!r} does not accept its settings: {error}") from error


def _check_layers(condition: Condition) -> None:
    try:
        network = condition.model.build_for(condition.task, torch_rng(0, "init"))
        match_layers(network, condition.layers_measured)
    except ValueError as error:
        raise ValueError(f"condition {condition.name!r}: {error}") from error


def _unmatched(condition: Condition) -> str:
    if not condition.task.is_controlled:
        return ""
    check = check_design(condition.task)
    if check.passed:
        return ""
    return f"condition {condition.name!r}: the features' roles are not matched\n{check.failures()}"


def missing_networks(plan: Plan, store: Store, *, remake: bool = False) -> list[tuple[Condition, NetworkSpec]]:
    """Return the networks that the store lacks, each once.

    Parameters
    ----------
    remake : delete damaged runs, which are then missing.

    Raises
    ------
    DamagedRun : a run is there and is not whole, and `remake` is False.
    """
    by_id = {spec.run_id: (condition, spec) for condition, spec in plan.networks()}
    return [by_id[run_id] for run_id in store.missing(by_id, remake=remake)]


def complete(
    networks: Sequence[tuple[Condition, NetworkSpec]],
    store: Store,
    pool: Workers,
    *,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
) -> None:
    """Train networks in worker processes and store them; see `missing_networks`.

    After being killed at any moment, the same calls continue where they stopped, and end with the same tables.

    Raises
    ------
    ValueError : a worker refused something, in its words. WorkerError : a worker process died.
    """
    if not networks:
        return
    workers, most = (1, STACK_ON_CUDA) if device.startswith("cuda") else (available_cores(), STACK)
    for message in pool.run(divide(networks, workers, most), store.root, device, workers):
        if on_progress is not None:
            taken = message.get("steps_taken", 0)
            on_progress(message["steps"], message.get("saved"), message.get("status", ""), taken)


def complete_analyses(
    jobs: Sequence[AnalysisJob], store: Store, pool: Workers, on_saved: Callable[[str], None]
) -> None:
    """Do analyses in worker processes and store them; see `missing_analyses`. `on_saved` is called with the id of each.

    Raises
    ------
    ValueError : an analysis refused something, in its words. WorkerError : a worker process died.
    """
    for message in pool.run(jobs, store.root, "cpu", available_cores()) if jobs else ():
        if "saved" in message:
            on_saved(message["saved"])


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(device: str) -> str:
    """Return the device for "auto": CUDA where torch sees one, else the CPU."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
