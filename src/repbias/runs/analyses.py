"""The analyses of a study: which are to be done on what a store holds, and doing one of them."""

from __future__ import annotations

import datetime
import functools
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from repbias.core.specs import resolve_function
from repbias.experiments.analysis import ANALYSIS_VERSION, Analysis, AnalysisJob, check_findings
from repbias.experiments.condition import NetworkSpec
from repbias.runs.networks import learned, load_network
from repbias.runs.plan import Plan
from repbias.runs.store import Store, StoredRun
from repbias.training import Network
from repbias.training.job import counts


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
    if plan.study.analysis is None:
        return AnalysisJobs()
    planned = plan.networks()
    missing = set(store.missing([network.run_id for _, network in planned]))
    runs = [
        (condition.name, network, store.load(network.run_id))
        for condition, network in planned
        if network.run_id not in missing
    ]
    return jobs_on(plan.study.analysis, runs)


def jobs_on(analysis: Analysis, runs: Sequence[tuple[str, NetworkSpec, StoredRun]]) -> AnalysisJobs:
    """Return the analyses of networks, each given with its condition and its run."""
    trained = [(name, network) for name, network, run in runs if counts(run.experiment["status"], ())]
    if analysis.of == "network":
        return AnalysisJobs(tuple(_job(analysis, [one]) for one in trained))
    passed = [(name, network) for name, network, run in runs if learned(network, run)]
    return AnalysisJobs(
        (_job(analysis, passed),) if passed else (),
        (_job(analysis, trained),) if len(passed) < len(trained) else (),
    )


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
