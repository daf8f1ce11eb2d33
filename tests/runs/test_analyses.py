"""Analyses of trained networks: on which they are done, what becomes of them, and of those that fail or are killed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from processes import workers_of
from tiny_studies import study_text

import repbias
from repbias.experiments.study import Study
from repbias.report.answer import answer
from repbias.report.study_report import write_report
from repbias.runs import runner
from repbias.runs.plan import Plan, analysis_jobs, divide, learned, make_plan, missing_analyses, trained_features
from repbias.runs.results import TABLE_COLUMNS, StudyResult, read_result
from repbias.runs.runner import check_plan, complete, complete_analyses, missing_networks
from repbias.runs.store import DamagedRun, Store
from repbias.runs.worker import analyse, load_network, train_networks
from repbias.runs.workers import WorkerError, Workers

MODULE = '''
import os
import signal

import numpy as np
import pandas as pd


def gaps(network, layer):
    """The distance of the two classes' means along each unit, averaged, of each feature."""
    responses, labels = network.read(layer, "test").double().numpy(), network.labels("test")
    both = [[responses[labels[:, i] == value].mean(0) for value in (0, 1)] for i in range(labels.shape[1])]
    return {name: float(np.abs(one - two).mean()) for name, (one, two) in zip(network.task.feature_names, both)}


def of_network(network, layer="hidden.1"):
    flag = os.environ.get("KILLED_ONCE")
    if flag and network.seed == 1 and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    rows = [(layer, name, "gap", value) for name, value in {**gaps(network, layer), "nothing": 0.0}.items()]
    curves = [(layer, name, "powers", x, value**x) for _, name, _, value in rows for x in (1, 2)]
    return {
        "measures": pd.DataFrame(rows, columns=["layer", "feature", "measure", "value"]),
        "curves": pd.DataFrame(curves, columns=["layer", "feature", "curve", "x", "value"]),
    }


def of_study(networks, layer="hidden.1"):
    count = sum(map(len, networks.values()))
    rows = [
        (condition, network.seed, layer, "easy", "gap", 100.0 * count + network.seed)
        for condition, given in networks.items()
        for network in given
    ]
    return {"measures": pd.DataFrame(rows, columns=["condition", "seed", "layer", "feature", "measure", "value"])}


def refuse(network):
    raise ValueError(f"the network of seed {network.seed} has no third eye")


def rubbish(network):
    return {"measures": [1, 2, 3]}


def without_places(networks):
    return of_network(networks["both"][0])


not_a_function = 3
'''
Whole = tuple[Plan, Store, list[str]]
# Conditions: one that learns both features, one trained on the easy feature alone, one too short to learn, one that
# diverges. What each network is left out for is so because it was trained like that.
TRAINING = {
    "both": {"phases": [{"until": "steps", "steps": 60}]},
    "easy alone": {"phases": [{"until": "steps", "steps": 60, "features": ["easy"]}]},
    "too short": {"phases": [{"until": "steps", "steps": 1}]},
    "diverging": {"phases": [{"until": "steps", "steps": 60}], "optimizer": {"kind": "sgd", "lr": 1e6}},
}
CLAIM = {
    "id": "T1",
    "statement": "The copy parts its classes further than nothing does",
    "contrast": {"kind": "difference", "measure": "gap", "more": "easy", "less": "nothing"},
    "sesoi": 0.001,
}


@pytest.fixture(scope="module", autouse=True)
def _one_worker() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "available_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A module of analyses of somebody's own, which this process and its workers can import: its name."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_analyses_of_networks.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "own_analyses_of_networks"


def study(function: str, conditions: tuple[str, ...] = ("both",), **analysis: Any) -> Study:
    """A study of some of the conditions with an analysis."""
    data = tomllib.loads(study_text())
    (template,) = data["conditions"]
    made = [{**template, "name": name, "training": {**template["training"], **TRAINING[name]}} for name in conditions]
    declared = {"function": function, "measures": ["gap"], "features": ["nothing"], **analysis}
    return Study.model_validate({**data, "name": "tiny", "conditions": made, "claims": [CLAIM], "analysis": declared})


def plan(function: str, seeds: int = 2, **settings: Any) -> Plan:
    return make_plan(study(function, **settings), "quick", seeds)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, module: str) -> Store:
    """Two networks of every condition, and no analysis; do not change it."""
    store = Store.open(tmp_path_factory.mktemp("trained") / "store", create=True)
    everything = plan(f"{module}:of_network", conditions=tuple(TRAINING))
    for stack in divide(everything.networks(), workers=1):
        train_networks(stack, store, "cpu", lambda message: None)
    return store


@pytest.fixture
def store(tmp_path: Path, trained: Store) -> Store:
    """A store of its own with the trained networks."""
    made = Store.open(tmp_path / "store", create=True)
    for folder in trained.runs.iterdir():
        os.symlink(folder, made.runs / folder.name)
    return made


def analyses_in(store: Store) -> list[str]:
    """Everything in the folder of runs that is no network's."""
    networks = {path.name for path in store.runs.iterdir() if path.is_symlink()}
    return sorted(path.name for path in store.runs.iterdir() if path.name not in networks)


def do(given: Plan, store: Store) -> StudyResult:
    """Do what is missing in this process, and read the result."""
    for job in missing_analyses(given, store):
        analyse(job, store)
    return read_result(given, store)


def places(table: pd.DataFrame) -> set[tuple[str, int]]:
    return set(zip(table["condition"], table["seed"], strict=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, module: str, warm_workers: Workers) -> Whole:
    """Trained and analysed by worker processes: the plan, the store, and the ids that were told."""
    given, told = plan(f"{module}:of_network"), []
    check_plan(given, "cpu")
    store = Store.open(tmp_path_factory.mktemp("whole") / "store", create=True)
    complete(missing_networks(given, store), store, warm_workers)
    complete_analyses(missing_analyses(given, store), store, warm_workers, told.append)
    return given, store, told


class TestDone:
    def test_each_network_is_analysed_once_and_reported(self, whole: Whole) -> None:
        given, store, told = whole
        jobs = analysis_jobs(given, store).gated
        assert told == [job.run_id for job in jobs]
        assert [(job.conditions, [one.seed for one in job.networks]) for job in jobs] == [
            (("both",), [0]),
            (("both",), [1]),
        ]
        assert missing_analyses(given, store) == []
        run = store.load(told[1])
        assert run.experiment["of"] == [given.networks()[1][1].run_id]
        assert run.table_names == ("curves", "measures")
        assert told[1] in run.log

    def test_nothing_missing_starts_no_process(self, whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
        given, store, _ = whole
        monkeypatch.setattr(Workers, "run", lambda *_: pytest.fail("a worker was started"))
        complete_analyses(missing_analyses(given, store), store, Workers(), lambda run: None)

    def test_measures_join_the_table_at_the_networks_last_step(self, whole: Whole) -> None:
        given, store, _ = whole
        result = read_result(given, store)
        assert list(result.table.columns) == TABLE_COLUMNS
        assert (result.table["step"].dtype, result.table["seed"].dtype) == ("int64", "int64")
        own = result.table[result.table["measure"] == "gap"]
        assert own["step"].unique().tolist() == [60]
        assert own[["study", "condition", "layer"]].drop_duplicates().to_numpy().tolist() == [
            ["tiny", "both", "hidden.1"]
        ]
        assert own["feature"].tolist() == ["easy", "hard", "nothing"] * 2
        for seed in range(2):
            network = load_network(given.networks()[seed][1], store)
            responses, labels = network.read("hidden.1").double(), torch.from_numpy(network.labels())
            for i, feature in enumerate(("easy", "hard")):
                ones, zeros = responses[labels[:, i] == 1], responses[labels[:, i] == 0]
                value = own.loc[(own["seed"] == seed) & (own["feature"] == feature), "value"].item()
                assert value == pytest.approx(float((ones.mean(0) - zeros.mean(0)).abs().mean()), rel=1e-12)

    def test_its_measures_decide_claims(self, whole: Whole) -> None:
        given, store, _ = whole
        claims, table = read_result(given, store).claims, read_result(given, store).table
        values = table.loc[(table["measure"] == "gap") & (table["feature"] == "easy"), "value"]
        assert (claims["n"].item(), claims["estimate"].item()) == (2, pytest.approx(values.mean()))

    def test_its_other_tables_are_kept_with_condition_and_seed(self, whole: Whole) -> None:
        given, store, _ = whole
        result = read_result(given, store)
        assert list(result.findings) == ["curves"]
        curves = result.findings["curves"]
        assert places(curves) == {("both", 0), ("both", 1)}
        gaps = result.table[result.table["measure"] == "gap"].set_index(["seed", "feature"])["value"]
        squares = curves[curves["x"] == 2].set_index(["seed", "feature"])["value"]
        np.testing.assert_allclose(squares, gaps.loc[squares.index] ** 2)
        assert result.n_analyses_missing == 0

    def test_a_worker_killed_in_the_middle_costs_nothing_that_was_finished(
        self,
        whole: Whole,
        store: Store,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        warm_workers: Workers,
    ) -> None:
        warm_workers.close()
        given, never_killed, told = whole
        monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))
        saved: list[str] = []
        died = pytest.raises(
            WorkerError, match="was killed, possibly because memory ran out\nfinished networks are kept"
        )
        with Workers() as pool, died:
            complete_analyses(missing_analyses(given, store), store, pool, saved.append)
        assert saved == analyses_in(store) == told[:1]
        assert workers_of(os.getpid()) == set()
        partial = read_result(given, store)
        assert partial.n_analyses_missing == 1
        assert places(partial.findings["curves"]) == {("both", 0)}
        with Workers() as pool:
            complete_analyses(missing_analyses(given, store), store, pool, saved.append)
        assert saved == told
        found, expected = read_result(given, store), read_result(given, never_killed)
        assert_frame_equal(found.table, expected.table, check_exact=True)
        assert_frame_equal(found.findings["curves"], expected.findings["curves"], check_exact=True)
        assert_frame_equal(found.claims, expected.claims, check_exact=True)

    def test_a_loaded_network_is_the_one_that_train_returns(self, whole: Whole) -> None:
        given, store, _ = whole
        condition, network = given.networks()[1]
        loaded = load_network(network, store)
        (alone,) = repbias.train(condition.task, condition.model, seeds=[1], training=condition.training)
        assert loaded.outcome.state.keys() == alone.outcome.state.keys()
        for name, tensor in alone.outcome.state.items():
            assert torch.equal(loaded.outcome.state[name], tensor), name
        for split in ("validation", "test"):
            assert torch.equal(loaded.read("hidden.1", split), alone.read("hidden.1", split))
            np.testing.assert_array_equal(loaded.labels(split), alone.labels(split))
        assert_frame_equal(loaded.outcome.table, alone.outcome.table, check_exact=True)
        assert_frame_equal(loaded.outcome.units, alone.outcome.units, check_exact=True)
        for name in ("seed", "status", "steps", "failed_step", "failed_criterion"):
            assert getattr(loaded.outcome, name) == getattr(alone.outcome, name)
        assert (loaded.task, loaded.model) == (alone.task, alone.model)


class TestLeftOut:
    def test_only_networks_that_diverged_are_not_analysed(self, store: Store, module: str) -> None:
        given = plan(f"{module}:of_network", conditions=tuple(TRAINING))
        jobs = analysis_jobs(given, store)
        assert jobs.ungated == ()
        kept = {(job.conditions[0], job.networks[0].seed) for job in jobs.gated}
        assert kept == {(name, seed) for name in ("both", "easy alone", "too short") for seed in range(2)}
        statuses = {c.name: store.load(m.run_id).experiment for c, m in given.networks()}
        assert statuses["diverging"]["status"] == "failed"
        assert statuses["too short"]["failed_criterion"]
        assert statuses["easy alone"]["failed_criterion"] == ["hard"]  # measured, but never in the loss

    def test_their_tables_stay_what_they_were(self, store: Store, module: str) -> None:
        given = plan(f"{module}:of_network", conditions=tuple(TRAINING))
        without = make_plan(given.study.model_copy(update={"analysis": None, "claims": ()}), "quick", 2)
        result = do(given, store)
        own = result.table["measure"] == "gap"
        assert places(result.table[own]) == {
            (name, seed) for name in ("both", "easy alone", "too short") for seed in range(2)
        }
        assert_frame_equal(result.table[~own], read_result(without, store).table, check_exact=True)
        assert result.n_analyses_missing == 0

    def test_a_feature_that_was_never_trained_is_not_listed_as_missed(self, store: Store, module: str) -> None:
        networks = read_result(plan(f"{module}:of_network", conditions=tuple(TRAINING)), store).outcomes
        missed = dict(zip(networks["condition"], networks["failed_criterion"], strict=True))
        assert (missed["both"], missed["easy alone"], missed["diverging"]) == ("", "", "easy, hard")
        assert missed["too short"] != ""

    def test_what_is_trained_in_any_phase_is_trained(self, store: Store, module: str) -> None:
        (condition,) = study(f"{module}:of_network", ("easy alone",)).conditions
        names, training = condition.task.feature_names, condition.training
        (phase,) = training.phases
        assert trained_features(training, names) == ("easy",)
        for phases in (
            (phase, phase.model_copy(update={"features": ("hard",)})),
            (phase.model_copy(update={"features": None}),),
        ):
            assert trained_features(training.model_copy(update={"phases": phases}), names) == ("easy", "hard")
        network = condition.network(0)
        missing_easy = network.model_copy(
            update={
                "training": training.model_copy(update={"phases": (phase.model_copy(update={"features": ("hard",)}),)})
            }
        )
        run = store.load(network.run_id)
        assert learned(network, run)
        assert not learned(missing_easy, run)
        assert not learned(network, replace(run, experiment={**run.experiment, "status": "failed"}))


class TestNotDone:
    def test_what_an_analysis_refuses_is_reported_in_its_words_and_nothing_is_left(
        self, store: Store, module: str, warm_workers: Workers
    ) -> None:
        warm_workers.close()
        given = plan(f"{module}:refuse")
        with Workers() as pool, pytest.raises(ValueError, match="the network of seed 0 has no third eye"):
            complete_analyses(missing_analyses(given, store), store, pool, lambda run: None)
        assert analyses_in(store) == []
        assert workers_of(os.getpid()) == set()

    @pytest.mark.parametrize(
        ("function", "settings", "words"),
        [
            ("rubbish", {}, "table 'measures' must be a pandas DataFrame, got list"),
            ("of_network", {"measures": ("gpa",)}, "returned the measures gap, which the study does not declare"),
            ("without_places", {"of": "study"}, "table 'measures' lacks the columns condition, seed"),
        ],
    )
    def test_what_returns_rubbish_is_refused_and_nothing_is_left(
        self, store: Store, module: str, function: str, settings: dict[str, Any], words: str
    ) -> None:
        given = plan(f"{module}:of_network")
        (first, _) = missing_analyses(given, store)
        update = {"function": f"{module}:{function}", "measures": ("gap",), **settings}
        job = first.model_copy(update={"analysis": first.analysis.model_copy(update=update)})
        with pytest.raises(ValueError, match=words):
            analyse(job, store)
        assert analyses_in(store) == []

    @pytest.mark.parametrize("path", ["{}:absent", "{}:not_a_function", "absent_module:f", "{}", ""])
    def test_an_unknown_function_is_refused_before_training(self, module: str, path: str) -> None:
        with pytest.raises(ValueError, match="analysis: "):
            check_plan(plan(path.format(module)), "cpu")

    def test_a_damaged_analysis_is_named_not_used_and_made_again_on_demand(self, store: Store, module: str) -> None:
        given = plan(f"{module}:of_network")
        before = do(given, store)
        damaged, whole = analyses_in(store)
        stamp = (store.runs / whole / "experiment.json").stat().st_mtime_ns
        (store.runs / damaged / "log.txt").write_text("another text")
        for use in (missing_analyses, read_result):
            with pytest.raises(DamagedRun, match=damaged):
                use(given, store)
        (job,) = missing_analyses(given, store, remake=True)
        assert job.run_id == damaged
        after = do(given, store)
        assert_frame_equal(after.table, before.table, check_exact=True)
        assert (store.runs / whole / "experiment.json").stat().st_mtime_ns == stamp

    def test_what_is_not_analysed_yet_has_no_verdict_and_is_reported(self, store: Store, module: str) -> None:
        given = plan(f"{module}:of_network", curves={"powers": ("power", "gap")})
        result = read_result(given, store)
        assert result.n_analyses_missing == 2
        assert result.findings == {}
        assert result.claims[["n", "verdict"]].to_numpy().tolist() == [[0, "no data"]]
        assert "Analyses not done yet: 2." in answer(result)
        page = write_report(result, store.root).read_text(encoding="utf-8")
        assert "Analyses not done yet: 2." in page
        analyse(missing_analyses(given, store)[0], store)
        assert "Analyses not done yet: 1." in answer(read_result(given, store))
        assert not any("not done yet" in sentence for sentence in answer(do(given, store)))

    def test_nothing_trained_is_nothing_to_analyse(self, tmp_path: Path, module: str) -> None:
        empty = Store.open(tmp_path / "empty", create=True)
        for of in ("network", "study"):
            given = plan(f"{module}:of_network", of=of)
            assert missing_analyses(given, empty) == []
            assert read_result(given, empty).n_analyses_missing == 0


class TestOfTheWholeStudy:
    def test_it_gets_all_that_learned_by_condition(self, store: Store, module: str) -> None:
        given = plan(f"{module}:of_study", conditions=tuple(TRAINING), of="study")
        gated, ungated = missing_analyses(given, store)
        assert gated.conditions == ("both", "both", "easy alone", "easy alone")
        assert ungated.conditions == (*("both",) * 2, *("easy alone",) * 2, *("too short",) * 2)
        result = do(given, store)
        assert result.ungated is not None
        assert places(result.ungated.query("measure == 'gap'")) == {
            (name, seed) for name in ("both", "easy alone", "too short") for seed in range(2)
        }
        own = result.table[result.table["measure"] == "gap"]
        assert own[["condition", "seed", "step", "value"]].to_numpy().tolist() == [
            ["both", 0, 60, 400.0], ["both", 1, 60, 401.0], ["easy alone", 0, 60, 400.0], ["easy alone", 1, 60, 401.0],
        ]  # fmt: skip

    def test_it_is_done_anew_when_networks_are_added(self, store: Store, module: str) -> None:
        one, two = (plan(f"{module}:of_study", seeds, of="study") for seeds in (1, 2))
        assert do(one, store).table.query("measure == 'gap'")["value"].tolist() == [100.0]
        assert read_result(two, store).n_analyses_missing == 1
        assert "gap" not in set(read_result(two, store).table["measure"])
        assert do(two, store).table.query("measure == 'gap'")["value"].tolist() == [200.0, 201.0]
        assert len(analyses_in(store)) == 2
        assert do(one, store).table.query("measure == 'gap'")["value"].tolist() == [100.0]

    def test_a_network_alone_is_not_analysed_again_when_others_are_added(self, store: Store, module: str) -> None:
        do(plan(f"{module}:of_network", 1), store)
        (job,) = missing_analyses(plan(f"{module}:of_network", 2), store)
        assert [network.seed for network in job.networks] == [1]
