"""The work of a worker: train networks of one shape, or do an analysis, and save what comes of it."""

from __future__ import annotations

import datetime
import functools
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch

import repbias
from repbias.core.functions import resolve_function
from repbias.experiments.analysis import ANALYSIS_VERSION, AnalysisJob, check_findings
from repbias.experiments.condition import RESULTS_VERSION, NetworkSpec
from repbias.runs.loading import load_network
from repbias.runs.store import Store
from repbias.training import Network
from repbias.training.checkpoint import Measure
from repbias.training.job import Job, Outcome
from repbias.training.network import build_network
from repbias.training.summaries import ending
from repbias.training.trainer import train_stack

Send = Callable[[dict[str, Any]], None]


def resolve_measures(paths: dict[str, str]) -> dict[str, Measure]:
    """Return the functions that "package.module:function" paths name.

    Raises
    ------
    ValueError : a path that cannot be imported, or does not name a function.
    """
    return {name: resolve_function(f"measure {name!r}", path) for name, path in paths.items()}


def train_networks(specs: Sequence[NetworkSpec], store: Store, device: str, send: Send) -> None:
    """Train networks of one shape, save each as it finishes, and report progress and each saved run to `send`."""
    jobs, spec_of = [], {}
    for spec in specs:
        build = functools.partial(build_network, spec.model, spec.task, spec.seed)
        jobs.append(Job(spec.task, spec.training, spec.seed, build, spec.layers, resolve_measures(spec.measures)))
        spec_of[id(jobs[-1])] = spec
    for job, outcome in train_stack(jobs, device=device, on_progress=lambda steps, _active: send({"steps": steps})):
        spec = spec_of[id(job)]
        save(store, spec, outcome, device)
        send({"saved": spec.run_id, "status": outcome.status, "steps_taken": outcome.steps})


def save(store: Store, spec: NetworkSpec, outcome: Outcome, device: str) -> None:
    """Write one network's run."""
    experiment = {
        "results_version": RESULTS_VERSION,
        "network": spec.model_dump(mode="json"),
        "status": outcome.status,
        "steps": outcome.steps,
        "failed_step": outcome.failed_step,
        "failed_criterion": list(outcome.failed_criterion),
        "seconds": round(outcome.seconds, 3),
        "device": device if device == "cpu" else f"{device}: {torch.cuda.get_device_name()}",
        "versions": versions(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    log = (
        f"{experiment['finished']} {spec.run_id}: {ending(outcome)}; {outcome.seconds:.1f} s since its stack started\n"
    )
    tables = {"measures": outcome.table, "units": outcome.units}
    store.save(spec.run_id, experiment=experiment, tables=tables, weights=outcome.state, log=log)


def analyse(job: AnalysisJob, store: Store) -> None:
    """Do an analysis and keep what it finds.

    Raises
    ------
    ValueError : what its function refused, or a function that returns something else than it should.
    """
    started = time.perf_counter()
    analysis = job.analysis
    function = functools.partial(resolve_function("analysis", analysis.function), **analysis.settings)
    networks: dict[str, list[Network]] = defaultdict(list)
    for condition, network in zip(job.conditions, job.networks, strict=True):
        networks[condition].append(load_network(network, store))
    found = function(dict(networks)) if analysis.of == "study" else function(networks[job.conditions[0]][0])
    finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    experiment = {
        "analysis_version": ANALYSIS_VERSION,
        "analysis": analysis.model_dump(mode="json"),
        "of": [network.run_id for network in job.networks],
        "seconds": round(time.perf_counter() - started, 3),
        "finished": finished,
    }
    log = f"{finished} {job.run_id}: {analysis.function} of {len(job.networks)} networks, {experiment['seconds']} s\n"
    store.save(job.run_id, experiment=experiment, tables=check_findings(analysis, found), weights={}, log=log)


def versions() -> dict[str, str]:
    """Return the versions of the software that a result depends on."""
    import numpy
    import scipy

    return {
        "repbias": repbias.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
    }
