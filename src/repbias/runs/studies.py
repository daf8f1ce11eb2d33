"""Run studies into a store, remember which were run, and read their results again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, overload

import pandas as pd
from pydantic import Field

from repbias.core.specs import Spec, did_you_mean, explaining
from repbias.experiments.study import ScaleName, Study
from repbias.runs.plan import Plan, make_plan, missing_analyses
from repbias.runs.progress import RunProgress
from repbias.runs.results import StudyResult, read_result
from repbias.runs.runner import (
    check_plan,
    choose_device,
    complete,
    complete_analyses,
    missing_networks,
)
from repbias.runs.store import Store
from repbias.runs.workers import Workers
from repbias.studies import NAMES, find_study


class Request(Spec):
    """What a store remembers of a study that was run into it.

    Attributes
    ----------
    seeds : the largest number of seeds that was run, by scale.
    study : the study itself if it came from a file; None for a study of this package.
    """

    seeds: dict[ScaleName, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    study: Study | None


def run_studies(
    names: Sequence[str | Study],
    store: Path,
    *,
    scale: str = "quick",
    seeds: int | None = None,
    device: str = "auto",
    remake: bool = False,
    progress: bool = True,
) -> Iterator[StudyResult]:
    """Train and analyse the networks that the store lacks; yield each study's result when it is complete.

    Everything is checked before anything is trained.

    Parameters
    ----------
    names : names of studies, ``"all"``, paths of TOML files, or studies themselves.
    store : the store's folder; it is created if it does not exist.
    scale : ``"quick"`` or ``"full"``.
    seeds : networks per condition, instead of the number of the scale.
    device : ``"auto"``, ``"cpu"`` or ``"cuda"``.
    remake : delete damaged runs and make them again.
    progress : whether to show how much is done.

    Raises
    ------
    ValueError : an unknown study, a store or setting that cannot be used, or a design whose roles are not matched.
    """
    shown = RunProgress(enabled=progress)
    plans = [make_plan(study, scale, seeds) for study in _find_all(names)]
    device = choose_device(device)
    for plan in plans:
        check_plan(plan, device)
    opened = Store.open(store, create=True)
    for plan in plans:
        missing_networks(plan, opened, remake=remake)
    with Workers() as pool:
        for plan in plans:
            _remember(opened, plan)
            missing = missing_networks(plan, opened)
            with shown.training(plan, [condition for condition, _ in missing]) as on_progress:
                complete(missing, opened, pool, device=device, on_progress=on_progress)
            jobs = missing_analyses(plan, opened, remake=remake)
            with shown.analyses(len(jobs)) as on_saved:
                complete_analyses(jobs, opened, pool, on_saved)
            yield read_result(plan, opened)


def stored_results(store: Path, names: Sequence[str] = (), scale: str | None = None) -> list[StudyResult]:
    """Return the results of the studies that were run into a store, without training.

    Parameters
    ----------
    store : the store's folder.
    names : which studies; by default all of them.
    scale : ``"quick"`` or ``"full"``; by default the largest at which each study was run.

    Raises
    ------
    ValueError : there is no store, a study or scale was never run into it, or a run is damaged.
    """
    opened = Store.open(store, create=False)
    requests = stored_requests(opened)
    if not requests:
        raise ValueError(f"no study was run into {opened.root} yet; see 'repbias run --help'")
    plans = []
    for name in dict.fromkeys(names or requests):
        if name not in requests:
            raise ValueError(f"no study {name!r} was run into {opened.root}; {did_you_mean(name, requests)}")
        request = requests[name]
        chosen = scale or ("full" if "full" in request.seeds else "quick")
        if chosen not in request.seeds:
            raise ValueError(f"study {name!r} was not run at scale {chosen!r}, only {', '.join(request.seeds)}")
        plans.append(make_plan(request.study or find_study(name), chosen, request.seeds[chosen]))
    return [read_result(plan, opened) for plan in plans]


@overload
def run(  # type: ignore[overload-overlap]  # a str is a sequence of str, too
    study: str | Study, *, scale: ScaleName = "quick", seeds: int | None = None, store: str | Path = "repbias-store",
    device: str = "auto", progress: bool = True,
) -> StudyResult: ...  # fmt: skip
@overload
def run(
    study: Sequence[str | Study], *, scale: ScaleName = "quick", seeds: int | None = None,
    store: str | Path = "repbias-store", device: str = "auto", progress: bool = True,
) -> list[StudyResult]: ...  # fmt: skip
def run(
    study: str | Study | Sequence[str | Study],
    *,
    scale: ScaleName = "quick",
    seeds: int | None = None,
    store: str | Path = "repbias-store",
    device: str = "auto",
    progress: bool = True,
) -> StudyResult | list[StudyResult]:
    """Train the networks of a study that a store lacks, and return its results.

    What is in the store is not trained again, and after an interruption the same call continues where it stopped.

    Parameters
    ----------
    study : the name of a study (`repbias list` shows them), the path of a TOML file, or a `Study`; or a list of these,
        in which "all" stands for all studies of the package.
    scale : "quick" for a first look, "full" for all conditions and seeds.
    seeds : networks per condition, instead of the number of the scale.
    store : the folder that holds the runs; it is made if it does not exist.
    device : "auto", "cpu" or "cuda".
    progress : whether to show how much is done, on standard error or in the notebook.

    Returns
    -------
    The results: `.claims`, `.verdicts`, `.table`, `.networks(condition)`, `.plot(kind)`, `.save_html(path)`. Of a list
    of studies, a list of their results.

    Raises
    ------
    ValueError : an unknown study, a store or setting that cannot be used, or a design whose roles are not matched.

    Examples
    --------
    >>> import repbias
    >>> result = repbias.run("complexity", scale="quick")  # doctest: +SKIP
    >>> result.verdicts[["id", "verdict"]]  # doctest: +SKIP
    """
    is_one = isinstance(study, str | Study)
    names = [study] if isinstance(study, str | Study) else study
    if not isinstance(names, Sequence) or not all(isinstance(name, str | Study) for name in names):
        raise TypeError(f"study must be the name of a study, a TOML file, a Study, or a list of these, got {study!r}")
    if is_one and study == "all":
        raise ValueError("study='all' names many studies; run(['all']) runs them and returns a list of results")
    results = list(run_studies(names, Path(store), scale=scale, seeds=seeds, device=device, progress=progress))
    return results[0] if is_one else results


def claims_table(results: Sequence[StudyResult]) -> pd.DataFrame:
    """Return the claims of several studies in one table."""
    return pd.concat([result.claims for result in results], ignore_index=True)


def _find_all(names: Sequence[str | Study]) -> list[Study]:
    if not names:
        raise ValueError(f"name a study, or 'all'; known: {', '.join(NAMES)}")
    named = dict.fromkeys(one for given in names if isinstance(given, str) for one in _expanded(given))
    studies = [*map(find_study, named), *(given for given in names if isinstance(given, Study))]
    if repeated := [name for name, count in Counter(study.name for study in studies).items() if count > 1]:
        raise ValueError(f"several of these studies are called {repeated[0]!r}; names in a store must differ")
    return studies


def _expanded(name: str) -> tuple[str, ...]:
    return NAMES if name == "all" else (name,)


def _remember(store: Store, plan: Plan) -> None:
    """Save the request; earlier numbers of seeds are kept only if the study has not changed since."""
    name = plan.study.name
    from_file = None if name in NAMES else plan.study
    before = stored_requests(store, [name]).get(name)
    seeds = dict(before.seeds) if before is not None and before.study == from_file else {}
    seeds[plan.scale] = max(plan.seeds, seeds.get(plan.scale, 0))
    store.request(name, Request(seeds=seeds, study=from_file).model_dump(mode="json"))


def stored_requests(store: Store, names: Sequence[str] = ()) -> dict[str, Request]:
    """Return a store's requests by name of study, of all studies or of those named."""
    found = {}
    for name, payload in store.requests().items():
        if names and name not in names:
            continue
        path = store.studies / f"{name}.json"
        with explaining(str(path), f"delete {path} and run the study again: runs are kept"):
            found[name] = Request.model_validate(payload)
    return found
