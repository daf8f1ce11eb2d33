"""What a worker does: train members that share a shape, and save each as it finishes."""

from __future__ import annotations

import datetime
import functools
import platform
from collections.abc import Callable, Sequence
from typing import Any

import torch

import repbias
from repbias.functions import resolve_function
from repbias.runs.store import Store
from repbias.studies.member import RESULTS_VERSION, Member
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


def train_members(members: Sequence[Member], store: Store, device: str, send: Send) -> None:
    """Train members that share a shape, save each as it finishes, and tell `send` of progress and of each run saved."""
    runs = {}
    jobs = []
    for member in members:
        job = Job(
            member.task,
            member.training,
            member.seed,
            functools.partial(build_network, member.model, member.task, member.seed),
            member.layers,
            resolve_measures(member.measures),
        )
        jobs.append(job)
        runs[id(job)] = member

    for job, outcome in train_stack(jobs, device=device, on_progress=lambda steps, _active: send({"steps": steps})):
        member = runs[id(job)]
        save(store, member, outcome, device)
        send({"saved": member.run_id, "status": outcome.status, "steps_taken": outcome.steps})


def save(store: Store, member: Member, outcome: Outcome, device: str) -> None:
    """Write one member's run."""
    experiment = {
        "results_version": RESULTS_VERSION,
        "member": member.model_dump(mode="json"),
        "status": outcome.status,
        "steps": outcome.steps,
        "failed_step": outcome.failed_step,
        "missed": list(outcome.missed),
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
    missed = f"; missed the gate: {', '.join(outcome.missed)}" if outcome.missed else ""
    log = (
        f"{experiment['finished']} {member.run_id}: {ending}{missed}; {outcome.seconds:.1f} s after its stack started\n"
    )
    tables = {"measures": outcome.table, "units": outcome.units}
    store.save(member.run_id, experiment=experiment, tables=tables, weights=outcome.state, log=log)


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
