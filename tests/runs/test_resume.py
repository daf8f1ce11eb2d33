"""Whatever ends a run, and wherever, the same command goes on and ends with the same tables."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from processes import alive, wait_until, workers_of
from tiny_studies import make_study, write_study

from repbias.runs import runner
from repbias.runs.plan import divide, make_plan
from repbias.runs.results import StudyResult, read_result
from repbias.runs.runner import complete, missing_networks
from repbias.runs.store import Store
from repbias.runs.studies import stored_results
from repbias.runs.worker import train_networks
from repbias.runs.workers import Workers

# One stack; networks of "short" are saved while those of "long" still train, for a second or two.
SETTINGS = {"steps": {"short": 60, "middle": 300, "long": 2000}, "claims": {"T1": 0.1}}
STUDY = make_study(**SETTINGS)


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four seeds, trained in this process without interruption."""
    store = Store.open(tmp_path_factory.mktemp("whole") / "store", create=True)
    for stack in divide(make_plan(STUDY, "quick", 4).networks(), workers=1):
        train_networks(stack, store, "cpu", lambda message: None)
    return store


def store_of(seeds: Sequence[int], source: Store, root: Path) -> Store:
    """Return a new store with the runs of some seeds."""
    store = Store.open(root, create=True)
    for _, spec in make_plan(STUDY, "quick", max(seeds) + 1).networks():
        if spec.seed in seeds:
            shutil.copytree(source.runs / spec.run_id, store.runs / spec.run_id)
    return store


def result(store: Store, seeds: int) -> StudyResult:
    return read_result(make_plan(STUDY, "quick", seeds), store)


def assert_same(found: StudyResult, expected: StudyResult) -> None:
    """Hold every number equal, to the last digit."""
    assert_frame_equal(found.table, expected.table, check_exact=True)
    assert_frame_equal(found.units, expected.units, check_exact=True)
    assert_frame_equal(found.outcomes.drop(columns="seconds"), expected.outcomes.drop(columns="seconds"))
    assert_frame_equal(found.claims, expected.claims, check_exact=True)


def _prepare(workers: int) -> None:
    """A shell's background job ignores Ctrl-C, and so would what it starts. Fewer cores make fewer workers."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, random.sample(cores, min(workers, len(cores))))


class Command:
    """`python -m repbias run` in a process group of its own, as a terminal starts it."""

    def __init__(self, folder: Path, seeds: int, workers: int = 1) -> None:
        self.store = folder / "store"
        study = write_study(folder / "tiny.toml", **SETTINGS)
        words = ["run", str(study), "--store", str(self.store), "--seeds", str(seeds), "--device", "cpu"]
        self._output = (folder / "output.txt").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "repbias", *words],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: _prepare(workers),
        )

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._output.close()

    def runs(self) -> list[Path]:
        """The runs that have their final names."""
        return [path for path in self.store.glob("runs/*") if not path.name.startswith(".")]

    def wait_for_a_run(self) -> None:
        """Wait until the first network is saved, and see that others are not."""
        assert wait_until(lambda: bool(self.runs()) or self.process.poll() is not None), self.output()
        assert self.process.poll() is None, self.output()

    def output(self) -> str:
        """What was printed so far."""
        return Path(self._output.name).read_text()

    def end(self, sent: signal.Signals) -> set[int]:
        """Send a signal to the command alone (Ctrl-C: to its group) and wait for its end; return its workers."""
        workers = workers_of(self.process.pid)
        (os.killpg if sent == signal.SIGINT else os.kill)(self.process.pid, sent)
        self.process.wait(20)
        return workers


def complete_networks(command: Command, seeds: int) -> int:
    networks = make_plan(STUDY, "quick", seeds).networks()
    return len(networks) - len(
        missing_networks(make_plan(STUDY, "quick", seeds), Store.open(command.store, create=False))
    )


@pytest.mark.slow
def test_killed_and_resumed_is_as_if_never_killed(tmp_path: Path, never_killed: Store) -> None:
    with Command(tmp_path, seeds=2) as command:
        command.wait_for_a_run()
        workers = command.end(signal.SIGKILL)
        assert workers
        assert wait_until(lambda: not alive(workers), 5), "a worker outlived its parent"
    assert 1 <= complete_networks(command, 2) < 6
    with Command(tmp_path, seeds=2) as command:
        assert command.process.wait(120) == 0, command.output()
    (found,) = stored_results(command.store)
    assert_same(found, result(never_killed, 2))
    assert not list(command.store.rglob(".partial*"))


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_is_as_if_never_killed(tmp_path: Path, never_killed: Store) -> None:
    moments = random.Random(0)
    done = [0]
    for _ in range(6):
        with Command(tmp_path, seeds=4, workers=2) as command:
            time.sleep(moments.uniform(1, 9))
            workers = command.end(signal.SIGKILL)
            assert wait_until(lambda workers=workers: not alive(workers), 5), "a worker outlived its parent"
        if (command.store / "runs").exists():
            done.append(complete_networks(command, 4))
    assert done == sorted(done)
    with Command(tmp_path, seeds=4, workers=2) as command:
        assert command.process.wait(120) == 0, command.output()
    (found,) = stored_results(command.store)
    assert_same(found, result(never_killed, 4))


def test_ctrl_c_says_what_is_kept_and_exits_130(tmp_path: Path) -> None:
    with Command(tmp_path, seeds=2) as command:
        command.wait_for_a_run()
        workers = command.end(signal.SIGINT)
        assert command.process.returncode == 130
        assert not alive(workers)
        assert command.output().splitlines()[-1].startswith("interrupted; finished work is kept")
        assert "Traceback" not in command.output()
    assert 1 <= complete_networks(command, 2) < 6


def test_more_seeds_train_only_the_new_ones(
    tmp_path: Path, never_killed: Store, monkeypatch: pytest.MonkeyPatch, warm_workers: Workers
) -> None:
    monkeypatch.setattr(runner, "available_cores", lambda: 1)
    store = store_of((0, 1), never_killed, tmp_path / "store")
    before = {path: path.stat().st_mtime_ns for path in store.runs.rglob("*")}
    missing = missing_networks(make_plan(STUDY, "quick", 4), store)
    assert sorted(network.seed for _, network in missing) == [2, 2, 2, 3, 3, 3]
    saved = []
    complete(
        missing,
        store,
        warm_workers,
        on_progress=lambda _steps, run, _status, _taken: saved.append(run) if run else None,
    )
    assert sorted(saved) == sorted(network.run_id for _, network in missing)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_same(result(store, 4), result(never_killed, 4))


def test_copying_folders_merges_two_machines_results(tmp_path: Path, never_killed: Store) -> None:
    here, there = (
        store_of(seeds, never_killed, tmp_path / name) for name, seeds in (("here", (0, 1)), ("there", (2, 3)))
    )
    for run in there.runs.iterdir():
        shutil.copytree(run, here.runs / run.name)
    assert missing_networks(make_plan(STUDY, "quick", 4), here) == []
    assert_same(result(here, 4), result(never_killed, 4))
