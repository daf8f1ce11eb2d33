"""Everything a store knows of one study at one scale: its tables, its networks, its claims."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import pandas as pd

from repbias.core.display import Displayed
from repbias.core.results import HasPage
from repbias.core.specs import refuse_unknown
from repbias.experiments.analysis import AnalysisJob
from repbias.experiments.condition import NetworkSpec
from repbias.experiments.evaluation import evaluate, seed_values
from repbias.experiments.families import headlines
from repbias.runs.loading import load_network
from repbias.runs.plan import Plan, failed_features, jobs_on, stored_runs
from repbias.runs.store import Store, StoredRun
from repbias.runs.study_tables import trained_networks
from repbias.tasks import check_design
from repbias.training import Networks

if TYPE_CHECKING:
    from repbias.figures.figure import Figure
    from repbias.figures.style import Style

TABLE_COLUMNS = ["study", "condition", "seed", "step", "layer", "feature", "measure", "value"]
NETWORK_COLUMNS = ["condition", "seed", "status", "steps", "failed_step", "failed_criterion", "run", "seconds"]
StudyFigureKind = Literal[
    "gap", "claims", "map", "ladder", "effects", "trend", "positions", "slopes", "matrix", "curves", "stimuli",
    "learning", "layers", "units", "contents",
]  # fmt: skip
UNIT_COLUMNS = ["study", "condition", "seed", "layer", "unit", "feature", "r2"]


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(HasPage, Displayed):
    """A study's runs, read from a store: tables, claims with verdicts, trained networks, and the page.

    `repbias.run` and `repbias.open_store` return it.

    Attributes
    ----------
    table : tidy, the columns of `TABLE_COLUMNS`. units : per-unit R2 at the last step, the columns of `UNIT_COLUMNS`.
    findings : what the study's analysis found beyond `table`, by name of table (see `repbias.experiments.analysis`),
        with the columns condition and seed; empty where the study has none.
    outcomes : one row per network, the columns of `NETWORK_COLUMNS`; its status is "not run" where the store lacks it.
    versions : versions and devices of the runs, each with how many runs it made.
    ungated : `table` for the ungated twins of claims (see `repbias.experiments.verdicts`), where it differs: with the
        measures of an analysis of all networks together, those that failed the accuracy criterion among them.
    store : the store that it was read from.

    Examples
    --------
    >>> import repbias
    >>> from repbias.experiments import Condition, Study, favours, quick_and_full
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=1024, validation=256, test=256)
    >>> training = repbias.Training(phases=[repbias.Phase(until="steps", steps=20)])
    >>> one = Condition(name="one", task=task, model=repbias.MLP(widths=(8, 8)), training=training)
    >>> study = Study(
    ...     name="tiny", question="Does the easy feature explain more?", conditions=[one], scales=quick_and_full(),
    ...     claims=[favours("easy more", "The easy feature explains more variance", sesoi=0.05)],
    ... )
    >>> result = repbias.run(study, seeds=1, store="my-store", progress=False)
    >>> result.verdicts["verdict"].tolist()
    ['no data']
    >>> len(result.networks("one"))
    1
    """

    plan: Plan
    table: pd.DataFrame
    units: pd.DataFrame
    outcomes: pd.DataFrame
    versions: dict[str, Any]
    findings: dict[str, pd.DataFrame] = field(default_factory=dict)
    n_analyses_missing: int = 0
    ungated: pd.DataFrame | None = None
    store: Store | None = None

    @cached_property
    def claims(self) -> pd.DataFrame:
        """One row per claim and condition, with estimate, interval, n and verdict."""
        plan, (table, ungated) = self.plan, self._trained
        return evaluate(plan.study, plan.conditions, table, plan.scale, plan.seeds, ungated)

    @property
    def seed_values(self) -> pd.DataFrame:
        """The numbers from which the verdicts follow, one per row of the claims table and seed; see `seed_values`."""
        return seed_values(self.plan.study, self.plan.conditions, *self._trained)

    @property
    def _trained(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The tables `table` and `ungated` of the networks that did not diverge."""
        ungated = None if self.ungated is None else trained_networks(self.ungated, self.outcomes)
        return trained_networks(self.table, self.outcomes), ungated

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row per claim: its verdict over all its parts and primary conditions."""
        return headlines(self.claims)

    @property
    def conditions(self) -> pd.DataFrame:
        """One row per condition: its name, its factors, and its penultimate layer."""
        rows = [{"condition": c.name, **c.factors, "penultimate": c.model.penultimate} for c in self.plan.conditions]
        return pd.DataFrame(rows)

    @property
    def design(self) -> pd.DataFrame:
        """The design check of every task that differs from the others, by the first condition that uses it."""
        tasks = {c.task.digest(): c for c in reversed(self.plan.conditions)}
        frames = [check_design(c.task).table().assign(condition=c.name) for c in reversed(tasks.values())]
        return pd.concat(frames, ignore_index=True)

    def plot(self, kind: StudyFigureKind = "gap", *, style: Style = "repbias") -> Figure:
        """Draw a figure of the study's page.

        Parameters
        ----------
        kind : "gap" (variance explained at the penultimate layer), "claims" (estimates with intervals and verdicts),
            "map" (a contrast over crossed factors), "ladder", "effects" (main effects and interactions), "trend" (a
            contrast over the levels of a factor), "positions" and "slopes" (output positions), "matrix" (similarity of
            networks), "curves", "stimuli" (stimuli placed by their responses), "learning" (learning curves), "layers"
            (variance explained layer by layer), "units" (of single units), or "contents" (features and probes).
        style : "repbias", or "user" for the fonts, sizes and colours of your rcParams.

        Returns
        -------
        The figure, with its caption and numbers; ``figure.save("gap.pdf")`` writes it. Where a study has several
        figures of a kind, the first.

        Raises
        ------
        ValueError : an unknown kind or style, or a kind for which the study lacks the data.
        """
        from repbias.runs.study_figures import study_figure  # it imports Matplotlib, which reading results does not

        return study_figure(self, kind, style)

    def networks(
        self, condition: str | None = None, seed: SupportsIndex | Iterable[SupportsIndex] | None = None
    ) -> Networks:
        """Return trained networks of one condition; weights are read when a network's module is first used.

        Parameters
        ----------
        condition : the name of a condition; it may be left out where the study has only one.
        seed : one seed, or several; by default all that the store holds.

        Raises
        ------
        ValueError : an unknown condition, no condition where the study has several, or a seed that was not run.
        """
        if self.store is None:
            raise ValueError("these results were not read from a store, so that there are no networks to load")
        names = [one.name for one in self.plan.conditions]
        if condition is None:
            if len(names) > 1:
                raise ValueError(f"name one of the conditions: {', '.join(map(repr, names))}")
            condition = names[0]
        refuse_unknown(condition, names, "condition")
        chosen = next(one for one in self.plan.conditions if one.name == condition)
        rows = self.outcomes[(self.outcomes["condition"] == condition) & (self.outcomes["status"] != "not run")]
        held = rows["seed"].tolist()
        wanted = held if seed is None else seed if isinstance(seed, Iterable) else [seed]
        seeds = [operator.index(one) for one in wanted]
        if absent := [one for one in seeds if one not in held]:
            raise ValueError(f"condition {condition!r} has no network of seed {absent[0]}; seeds in the store: {held}")
        return Networks(load_network(chosen.network(one), self.store) for one in seeds)

    def _display(self) -> tuple[str, pd.DataFrame]:
        plan, total = self.plan, len(self.outcomes)
        ran = f"{total - self.n_missing} of {total} networks"
        title = f"{plan.study.name} ({plan.scale}): {plan.study.question} {ran}"
        return title, self.verdicts[["id", "statement", "verdict"]]

    @property
    def n_missing(self) -> int:
        """How many networks of the plan the store lacks."""
        return int((self.outcomes["status"] == "not run").sum())


def read_result(plan: Plan, store: Store) -> StudyResult:
    """Read what the store has of a plan; networks that are not there are listed as "not run".

    Raises
    ------
    DamagedRun : a run is there and is not whole.
    """
    tables, units, networks = [], [], []
    planned = stored_runs(plan, store)
    for condition, network, run in planned:
        place: dict[str, Any] = {"condition": condition, "seed": network.seed}
        if run is None:
            networks.append({**place, "status": "not run", "failed_criterion": "", "run": network.run_id})
            continue
        tables.append(run.table("measures").assign(study=plan.study.name, **place))
        units.append(run.table("units").assign(study=plan.study.name, **place))
        networks.append({**place, **_network_row(run, network)})
    jobs = jobs_on(plan.study.analysis, planned)
    findings, n_missing = _findings(jobs.gated, store)
    twins, n_twins_missing = _findings(jobs.ungated, store)
    measures = [
        [_at_last_step(found["measures"], tables).assign(study=plan.study.name)] if "measures" in found else []
        for found in (findings, twins)
    ]
    return StudyResult(
        plan,
        _concatenated([*tables, *measures[0]], TABLE_COLUMNS),
        _concatenated(units, UNIT_COLUMNS),
        pd.DataFrame(networks).reindex(columns=NETWORK_COLUMNS),
        _versions([run for _, _, run in planned if run is not None]),
        {name: table for name, table in findings.items() if name != "measures"},
        n_missing + n_twins_missing,
        _concatenated([*tables, *measures[1]], TABLE_COLUMNS) if measures[1] else None,
        store,
    )


def _findings(jobs: Sequence[AnalysisJob], store: Store) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the tables of the study's analyses by name, and how many analyses the store lacks."""
    missing = set(store.missing([job.run_id for job in jobs]))
    found: dict[str, list[pd.DataFrame]] = {}
    for job in jobs:
        if job.run_id in missing:
            continue
        run = store.load(job.run_id)
        for name in run.table_names:
            table = run.table(name)
            if job.analysis.of == "network":
                table = table.assign(condition=job.conditions[0], seed=job.networks[0].seed)
            found.setdefault(name, []).append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}, len(missing)


def _at_last_step(measures: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the measures of an analysis as rows of the tidy table at the last step of each network in it."""
    trained = pd.concat([table[["condition", "seed", "step"]] for table in tables])
    last = trained.groupby(["condition", "seed"], sort=False)["step"].max().reset_index()
    return measures.merge(last, on=["condition", "seed"], validate="many_to_one")


def _concatenated(tables: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)[columns]


def _network_row(run: StoredRun, network: NetworkSpec) -> dict[str, object]:
    """Return what became of a network; only features that it was trained to report can fail the criterion."""
    row = {name: run.experiment[name] for name in ("status", "steps", "failed_step", "seconds")}
    return {**row, "failed_criterion": ", ".join(failed_features(network, run)), "run": run.id}


def _versions(runs: Sequence[StoredRun]) -> dict[str, Any]:
    """Return each version and the device, and where runs differ in one, how many have each value of it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for name, value in {**run.experiment["versions"], "device": run.experiment["device"]}.items():
            counts[name][str(value)] += 1
    return {
        name: ", ".join(v if n == len(runs) else f"{v} ({n} of {len(runs)} runs)" for v, n in values.items())
        for name, values in counts.items()
    }
