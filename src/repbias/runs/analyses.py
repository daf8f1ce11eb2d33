"""The analyses of a study: which are to be done on what a store holds, and doing one of them."""

from __future__ import annotations

import datetime
import functools
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from repbias.core.functions import resolve_function
from repbias.experiments.analysis import ANALYSIS_VERSION, Analysis, AnalysisJob, check_findings
from repbias.experiments.network_spec import NetworkSpec
from repbias.runs.networks import learned, load_network
from repbias.runs.plan import Plan
from repbias.runs.store import Store
from repbias.training import Network


def analysis_jobs(plan: Plan, store: Store) -> list[AnalysisJob]:
    """Return a study's analyses of the networks that a store holds, those that learned what they were trained on.

    Raises
    ------
    DamagedRun : a run is there and is not whole.
    """
    return jobs_on(plan.study.analysis, list(_learned(plan, store))) if plan.study.analysis is not None else []


def jobs_on(analysis: Analysis, networks: Sequence[tuple[str, NetworkSpec]]) -> list[AnalysisJob]:
    """Return the analyses of networks, each given with its condition: one a network, or one of all."""
    if analysis.of == "network":
        return [AnalysisJob(analysis=analysis, conditions=(name,), networks=(one,)) for name, one in networks]
    if not networks:
        return []
    names, given = zip(*networks, strict=True)
    return [AnalysisJob(analysis=analysis, conditions=names, networks=given)]


def _learned(plan: Plan, store: Store) -> Iterator[tuple[str, NetworkSpec]]:
    planned = plan.networks()
    missing = set(store.missing([network.run_id for _, network in planned]))
    for condition, network in planned:
        if network.run_id not in missing and learned(network, store.load(network.run_id)):
            yield condition.name, network


def missing_analyses(plan: Plan, store: Store, *, remake: bool = False) -> list[AnalysisJob]:
    """Return the analyses that the store lacks, each once.

    Parameters
    ----------
    remake : delete damaged ones, which are then missing.
    """
    by_id = {job.run_id: job for job in analysis_jobs(plan, store)}
    return [by_id[run_id] for run_id in store.missing(by_id, remake=remake)]


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
