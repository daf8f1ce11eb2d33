"""Run studies into a store, remember which were run, and read their results again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field, ValidationError

from repbias.core.specs import Spec, did_you_mean, explain
from repbias.experiments.condition import Condition
from repbias.experiments.study import ScaleName, Study
from repbias.runs.plan import Plan, make_plan, missing_analyses
from repbias.runs.results import StudyResult, read_result
from repbias.runs.runner import (
    OnProgress,
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


class Progress:
    """How the progress of a run is shown: not at all; a subclass shows it."""

    @contextmanager
    def training(self, plan: Plan, missing: Sequence[Condition]) -> Iterator[OnProgress]:
        """Yield the function that training calls as it goes on; `missing` has the condition of each missing network."""
        yield lambda *_: None

    @contextmanager
    def analyses(self, count: int) -> Iterator[Callable[[str], None]]:
        """Yield the function that is called with the run id of each of `count` analyses."""
        yield lambda _run: None


def run_studies(
    names: Sequence[str],
    store: Path,
    *,
    scale: str = "quick",
    seeds: int | None = None,
    device: str = "auto",
    remake: bool = False,
    progress: Progress | None = None,
) -> Iterator[StudyResult]:
    """Train and analyse the networks that the store lacks; yield each study's result when it is complete.

    Everything is checked before anything is trained.

    Parameters
    ----------
    names : names of studies, ``"all"``, or paths of TOML files.
    store : the store's folder; it is created if it does not exist.
    scale : ``"quick"`` or ``"full"``.
    seeds : networks per condition, instead of the number of the scale.
    device : ``"auto"``, ``"cpu"`` or ``"cuda"``.
    remake : delete damaged runs and make them again.
    progress : how to show progress.

    Raises
    ------
    ValueError : an unknown study, a store or setting that cannot be used, or a design whose roles are not matched.
    """
    progress = progress or Progress()
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
            with progress.training(plan, [condition for condition, _ in missing]) as on_progress:
                complete(missing, opened, device=device, on_progress=on_progress, pool=pool)
            jobs = missing_analyses(plan, opened, remake=remake)
            with progress.analyses(len(jobs)) as on_saved:
                complete_analyses(jobs, opened, on_saved, pool=pool)
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
    requests = _requests(opened)
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


def claims_table(results: Sequence[StudyResult]) -> pd.DataFrame:
    """Return the claims of several studies in one table."""
    return pd.concat([result.claims for result in results], ignore_index=True)


def _find_all(names: Sequence[str]) -> list[Study]:
    if not names:
        raise ValueError(f"name a study, or 'all'; known: {', '.join(NAMES)}")
    expanded = dict.fromkeys(name for given in names for name in (NAMES if given == "all" else (given,)))
    studies = [find_study(name) for name in expanded]
    if repeated := [name for name, count in Counter(study.name for study in studies).items() if count > 1]:
        raise ValueError(f"several of these studies are called {repeated[0]!r}; names in a store must differ")
    return studies


def _remember(store: Store, plan: Plan) -> None:
    """Save the request; earlier numbers of seeds are kept only if the study has not changed since."""
    name = plan.study.name
    from_file = None if name in NAMES else plan.study
    before = _requests(store, [name]).get(name)
    seeds = dict(before.seeds) if before is not None and before.study == from_file else {}
    seeds[plan.scale] = max(plan.seeds, seeds.get(plan.scale, 0))
    store.request(name, Request(seeds=seeds, study=from_file).model_dump(mode="json"))


def _requests(store: Store, names: Sequence[str] = ()) -> dict[str, Request]:
    """Return a store's requests by name of study, of all studies or of those named."""
    found = {}
    for name, payload in store.requests().items():
        if names and name not in names:
            continue
        try:
            found[name] = Request.model_validate(payload)
        except ValidationError as error:
            path = store.studies / f"{name}.json"
            remedy = f"delete {path} and run the study again: runs are kept"
            raise ValueError(f"{explain(error, str(path))}\n{remedy}") from error
    return found
