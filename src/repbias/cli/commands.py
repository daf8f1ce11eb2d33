"""What the command line does, one function a command, each usable from Python."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, ValidationError
from rich.console import Console

from repbias.cli import terminal
from repbias.core import atomic
from repbias.core.specs import Spec, did_you_mean, explain
from repbias.experiments.study import ScaleName, Study
from repbias.experiments.verdicts import REPLICATED
from repbias.runs.analyses import missing_analyses
from repbias.runs.plan import Plan, expected_seconds, make_plan, multiplication_rate
from repbias.runs.results import StudyResult, read_result
from repbias.runs.runner import check_plan, choose_device, complete, complete_analyses, missing_networks
from repbias.runs.store import Store
from repbias.runs.workers import Workers
from repbias.studies import NAMES, find_study

_JSON_KEYS = [
    "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
]  # fmt: skip


class Request(Spec):
    """What is remembered of a study that was run into a store.

    Attributes
    ----------
    seeds : the most seeds asked for, by scale.
    study : the study, where it is somebody's own.
    """

    seeds: dict[ScaleName, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    study: Study | None


def list_studies() -> list[dict[str, Any]]:
    """Return the studies: name, question, domain, claims, and about how many seconds each scale costs here."""
    rate = multiplication_rate()
    rows = []
    for name in NAMES:
        study = find_study(name)
        cost = {scale: round(expected_seconds(make_plan(study, scale), rate)) for scale in study.scales}
        ids = list(dict.fromkeys(claim.id for claim in study.claims))
        rows.append({"name": name, "question": study.question, "domain": study.domain, "claims": ids, "cost": cost})
    return rows


def train(
    names: Sequence[str],
    *,
    scale: str = "quick",
    seeds: int | None = None,
    device: str = "auto",
    store: Path,
    remake: bool = False,
    console: Console | None = None,
) -> Iterator[StudyResult]:
    """Train what the studies lack; yield each study's result as soon as its last network is saved.

    Raises
    ------
    ValueError : an unknown study, a store or a setting that cannot be used, a design whose roles are not matched;
        everything is checked before anything is trained.
    """
    console = console or Console(stderr=True)
    plans = [make_plan(study, scale, seeds) for study in _all_of(names)]
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
            with terminal.progress(plan, [condition for condition, _ in missing], console) as on_progress:
                complete(missing, opened, device=device, on_progress=on_progress, pool=pool)
            jobs = missing_analyses(plan, opened, remake=remake)
            with terminal.analysing(len(jobs), console) as on_saved:
                complete_analyses(jobs, opened, on_saved, pool=pool)
            yield read_result(plan, opened)


def _all_of(names: Sequence[str]) -> list[Study]:
    if not names:
        raise ValueError(f"name a study, or 'all'; known: {', '.join(NAMES)}")
    given = dict.fromkeys(name for given in names for name in (NAMES if given == "all" else (given,)))
    studies = [find_study(name) for name in given]
    if repeated := [name for name, count in Counter(study.name for study in studies).items() if count > 1]:
        raise ValueError(f"several of these studies are called {repeated[0]!r}; a store keeps one study of a name")
    return studies


def _remember(store: Store, plan: Plan) -> None:
    """Remember what was asked; seeds asked for before count only where the study is still the same."""
    name, own = plan.study.name, None if plan.study.name in NAMES else plan.study
    before = _requests(store, [name]).get(name)
    seeds = dict(before.seeds) if before is not None and before.study == own else {}
    seeds[plan.scale] = max(plan.seeds, seeds.get(plan.scale, 0))
    store.request(name, Request(seeds=seeds, study=own).model_dump(mode="json"))


def _requests(store: Store, names: Sequence[str] = ()) -> dict[str, Request]:
    """Return what was asked of a store by name of study, all of it or of some studies."""
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


def stored_results(store: Path, names: Sequence[str] = (), scale: str | None = None) -> list[StudyResult]:
    """Return what a store holds of the studies that were run into it: each at the scale asked for, or its largest.

    Raises
    ------
    ValueError : no store there, a study or scale that was never run into it, a damaged run.
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
    """Return the claims of several studies, one below the other."""
    return pd.concat([result.claims for result in results], ignore_index=True)


def claims_json(claims: pd.DataFrame) -> str:
    """Return claims as a JSON list of objects; what is not known, or infinite, is null."""
    rows = [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in claims[_JSON_KEYS].to_dict("records")
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)


def print_studies(*, as_json: bool) -> None:
    """Print the list of studies."""
    rows = list_studies()
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _stdout().print(terminal.studies(rows))


def run_and_print(
    names: Sequence[str],
    scale: str,
    seeds: int | None,
    device: str,
    store: Path,
    remake: bool,
    *,
    strict: bool,
) -> int:
    """Run studies; of each, print its claims, then write its report and print where the page is.

    A report that cannot be written keeps no other study from being run; its error is raised at the end.

    Returns
    -------
    The exit status, 1 only where `strict` asks.
    """
    failures, tables = [], []
    for result in train(names, scale=scale, seeds=seeds, device=device, store=store, remake=remake):
        tables.append(result.claims)
        _stdout().print(terminal.claims(result.claims))
        try:
            _write_page(result, store)
        except Exception as error:
            failures.append(error)
            name = result.plan.study.name
            _stdout().print(f"no page for {name}: 'repbias report {name}' tries again, without training", markup=False)
    claims = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        _stdout().print(terminal.scorecard(claims))
    if failures:
        raise failures[0]
    return int(strict and not (claims["verdict"] == REPLICATED).all())


def report_and_print(store: Path, names: Sequence[str], scale: str | None) -> None:
    """Write the reports of a store again, of all studies with the scorecard; print where the pages are."""
    from repbias.report.scorecard import write_scorecard  # slow to import, for it draws

    results = stored_results(store, names, scale)
    for result in results:
        _write_page(result, store)
    if not names:
        print(f"scorecard: {write_scorecard(results, store)}")


def print_claims(store: Path, scale: str | None, *, as_json: bool) -> None:
    """Print the claims of a store: the scorecard, then every claim condition by condition."""
    claims = claims_table(stored_results(store, scale=scale))
    if as_json:
        print(claims_json(claims))
    else:
        _stdout().print(terminal.scorecard(claims), "", terminal.claims(claims))


def write_table(store: Path, name: str, out: Path, scale: str | None) -> None:
    """Write a study's tidy table as CSV or Parquet, by the file's ending.

    Raises
    ------
    ValueError : another ending, a study that was not run, or a file that cannot be written.
    """
    if out.suffix not in {".csv", ".parquet"}:
        raise ValueError(f"--out ends in .csv or .parquet, got {str(out)!r}")
    if not out.parent.is_dir():
        raise ValueError(f"cannot write {out}: there is no folder {out.parent}")
    (result,) = stored_results(store, [name], scale)
    if out.suffix == ".csv":
        data = result.table.to_csv(index=False).encode()
    else:
        buffer = io.BytesIO()
        result.table.to_parquet(buffer, index=False)
        data = buffer.getvalue()
    try:
        atomic.write_file(out, data)
    except OSError as error:
        raise ValueError(f"cannot write {out}: {error.strerror}") from error


def _stdout() -> Console:
    return Console(soft_wrap=False, highlight=False)


def _write_page(result: StudyResult, store: Path) -> None:
    from repbias.report.study_report import write_report  # slow to import, for it draws

    print(f"page: {write_report(result, store)}")
