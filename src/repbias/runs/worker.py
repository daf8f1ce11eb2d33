"""What a worker does: train networks that share a shape, and save each as it finishes."""

from __future__ import annotations

import datetime
import functools
import platform
from collections.abc import Callable, Sequence
from typing import Any

import torch

import repbias
from repbias.core.functions import resolve_function
from repbias.experiments.network_spec import RESULTS_VERSION, NetworkSpec
from repbias.runs.store import Store
from repbias.training.checkpoint import Measure
from repbias.training.job import Job, Outcome
from repbias.training.train import build_network
from repbias.training.trainer import train_stack

Send = Callable[[dict[str, Any]], None]


def resolve_measures(paths: dict[str, str]) -> dict[str, Measure]:
    """Return the functions that "package.module:function" paths name.

    Raises
    ------
    ValueError : a path that cannot be imported, or does not name a function.
    """
    return {name: resolve_function(f"measure {name!r}", path) for name, path in paths.items()}


def train_networks(networks: Sequence[NetworkSpec], store: Store, device: str, send: Send) -> None:
    """Train networks of one shape, save each as it finishes, and report progress and each saved run to `send`."""
    runs = {}
    jobs = []
    for network in networks:
        job = Job(
            network.task,
            network.training,
            network.seed,
            functools.partial(build_network, network.model, network.task, network.seed),
            network.layers,
            resolve_measures(network.measures),
        )
        jobs.append(job)
        runs[id(job)] = network

    for job, outcome in train_stack(jobs, device=device, on_progress=lambda steps, _active: send({"steps": steps})):
        network = runs[id(job)]
        save(store, network, outcome, device)
        send({"saved": network.run_id, "status": outcome.status, "steps_taken": outcome.steps})


def save(store: Store, network: NetworkSpec, outcome: Outcome, device: str) -> None:
    """Write one network's run."""
    experiment = {
        "results_version": RESULTS_VERSION,
        "seed": network.model_dump(mode="json"),
        "status": outcome.status,
        "steps": outcome.steps,
        "failed_step": outcome.failed_step,
        "failed_criterion": list(outcome.failed_criterion),
        "seconds": round(outcome.seconds, 3),
        "device": device if device == "cpu" else f"{device}: {torch.cuda.get_device_name()}",
        "versions": versions(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    ending = (
        f"failed at step {outcome.failed_step}"
        if outcome.status == "failed"
        else f"{outcome.status}, {outcome.steps} steps"
    )
    missed = (
        f"; failed the accuracy criterion: {', '.join(outcome.failed_criterion)}" if outcome.failed_criterion else ""
    )
    log = f"{experiment['finished']} {network.run_id}: {ending}{missed}; {outcome.seconds:.1f} s after the stack\n"
    tables = {"measures": outcome.table, "units": outcome.units}
    store.save(network.run_id, experiment=experiment, tables=tables, weights=outcome.state, log=log)


def versions() -> dict[str, str]:
    """The versions of what a result depends on."""
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
