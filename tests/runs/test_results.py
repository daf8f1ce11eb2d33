"""What a store knows of a study, complete or not, with networks that failed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tiny_studies import make_study

from repbias.experiments.condition import NetworkSpec
from repbias.runs.plan import Plan, make_plan
from repbias.runs.results import NETWORK_COLUMNS, TABLE_COLUMNS, UNIT_COLUMNS, StudyResult, read_result
from repbias.runs.store import Store, StoreError
from repbias.runs.worker import save
from repbias.training.job import Outcome
from repbias.training.record import COLUMNS, Record

STUDY = make_study(steps={"one": 60, "two": 90}, claims={"T1": 0.1})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture
def plan() -> Plan:
    return make_plan(STUDY, "quick", 5)


def measured(gap: float, *, accuracy: float = 1.0, last: int = 60) -> pd.DataFrame:
    rows = []
    for step in (0, last):
        for feature, r2 in (("easy", 0.25 + gap * step / last), ("hard", 0.25)):
            rows.append((step, "output", feature, "accuracy", accuracy if step else 0.5))
            rows += [(step, layer, feature, "r2", r2) for layer in ("hidden.0", "hidden.1")]
    return pd.DataFrame(rows, columns=COLUMNS)


def finished(network: NetworkSpec, gap: float, accuracy: float = 1.0) -> Outcome:
    missed = () if accuracy > 0.95 else network.task.feature_names
    units = pd.DataFrame({"layer": ["hidden.1"], "unit": [0], "feature": ["easy"], "r2": [0.5]})
    return Outcome(network.seed, "finished", 60, None, missed, measured(gap, accuracy=accuracy), units, {}, 1.0)


def failed(network: NetworkSpec, table: pd.DataFrame) -> Outcome:
    return Outcome(network.seed, "failed", 70, 70, network.task.feature_names, table, Record().units(), {}, 1.0)


NOTHING = Record().table({})
PASSED_THEN_FAILED = measured(100.0)


def fill(store: Store, plan: Plan, outcomes: dict[tuple[str, int], float | pd.DataFrame]) -> StudyResult:
    """Save networks by condition and seed: a number is the gap of a finished one, a table all that is left of one."""
    for condition, network in plan.networks():
        given = outcomes.get((condition.name, network.seed))
        if given is not None:
            make = failed if isinstance(given, pd.DataFrame) else finished
            save(store, network, make(network, given), "cpu")  # type: ignore[operator]
    return read_result(plan, store)


def numbers(result: StudyResult) -> list[tuple[str, int, int, str]]:
    claims = result.claims
    return list(zip(claims["condition"], claims["n"], claims["n_planned"], claims["verdict"], strict=True))


def test_a_study_that_is_whole_has_all_tables_and_a_verdict(store: Store, plan: Plan) -> None:
    result = fill(store, plan, {(c.name, m.seed): 0.25 for c, m in plan.networks()})
    assert list(result.table.columns) == TABLE_COLUMNS
    assert list(result.units.columns) == UNIT_COLUMNS
    assert list(result.outcomes.columns) == NETWORK_COLUMNS
    assert result.n_missing == 0
    assert result.outcomes["run"].to_list() == [m.run_id for _, m in plan.networks()]
    assert set(result.table["study"]) == {"tiny"}
    assert result.table.groupby(["condition", "seed"]).ngroups == 10
    assert numbers(result) == [("one", 5, 5, "replicated"), ("two", 5, 5, "replicated")]
    assert result.verdicts["verdict"].to_list() == ["replicated"]
    assert result.conditions.to_dict("records") == [
        {"condition": "one", "steps": "60", "penultimate": "hidden.1"},
        {"condition": "two", "steps": "90", "penultimate": "hidden.1"},
    ]
    assert set(result.design["condition"]) == {"one"}  # both have the same task
    assert result.design["passed"].all()


def test_an_empty_store_gives_no_data(store: Store, plan: Plan) -> None:
    result = fill(store, plan, {})
    assert list(result.table.columns) == TABLE_COLUMNS
    assert result.table.empty
    assert result.units.empty
    assert result.n_missing == 10
    assert (result.outcomes["status"] == "not run").all()
    assert numbers(result) == [("one", 0, 5, "no data"), ("two", 0, 5, "no data")]
    assert result.versions == {}


def test_networks_that_are_not_there_are_named_and_not_averaged(store: Store, plan: Plan) -> None:
    result = fill(store, plan, {**{("one", seed): 0.25 for seed in (0, 2, 3, 4)}, ("two", 1): 0.25})
    assert result.outcomes["status"].to_list() == [
        *("finished", "not run", "finished", "finished", "finished"), "not run", "finished", *["not run"] * 3,
    ]  # fmt: skip
    assert numbers(result) == [("one", 4, 5, "replicated"), ("two", 1, 5, "no data")]


@pytest.mark.parametrize(
    "left", [NOTHING, PASSED_THEN_FAILED], ids=["no table", "passed the accuracy criterion before"]
)
def test_a_network_that_failed_is_not_averaged(store: Store, plan: Plan, left: pd.DataFrame) -> None:
    result = fill(store, plan, {**{("one", seed): 0.25 for seed in range(5)}, ("one", 1): left, ("two", 0): left})
    assert numbers(result) == [("one", 4, 5, "replicated"), ("two", 0, 5, "no data")]
    assert (result.claims["estimate"].to_list()[0], result.claims["twin_n"].to_list()[0]) == (0.25, 4)
    row = result.outcomes.iloc[1]
    assert (row["status"], row["failed_step"], row["failed_criterion"]) == ("failed", 70, "easy, hard")
    assert (result.table["value"].dtype, result.table["step"].dtype) == ("float64", "int64")


@pytest.mark.parametrize(
    "left", [NOTHING, PASSED_THEN_FAILED], ids=["no tables", "passed the accuracy criterion before"]
)
def test_networks_that_all_failed_give_no_data(store: Store, plan: Plan, left: pd.DataFrame) -> None:
    result = fill(store, plan, {(c.name, m.seed): left for c, m in plan.networks()})
    assert numbers(result) == [("one", 0, 5, "no data"), ("two", 0, 5, "no data")]
    assert list(result.table.columns) == TABLE_COLUMNS
    assert len(result.table) == 10 * len(left)


def test_versions_and_how_many_runs_they_made(store: Store, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, plan, {("one", 0): 0.25})
    monkeypatch.setattr("repbias.runs.worker.versions", lambda: {"torch": "0.1"})
    versions = fill(store, plan, {("one", 1): 0.25, ("one", 2): 0.25}).versions
    assert versions["device"] == "cpu"
    assert versions["torch"].endswith(" (1 of 3 runs), 0.1 (2 of 3 runs)")


def test_a_damaged_run_is_named_and_not_used(store: Store, plan: Plan) -> None:
    fill(store, plan, {("one", 0): 0.25})
    run = store.runs / plan.networks()[0][1].run_id
    (run / "log.txt").write_text("another text")
    with pytest.raises(StoreError, match=run.name):
        read_result(plan, store)
