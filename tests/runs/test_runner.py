"""What is refused before training, and what becomes of workers that refuse, die or print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import alive, wait_until, workers_of
from tiny_studies import make_study

from repbias.runs import runner
from repbias.runs.plan import Plan, make_plan
from repbias.runs.runner import available_cores, check_plan, choose_device, complete, missing_networks
from repbias.runs.store import Store
from repbias.runs.workers import WorkerError, Workers

MeasureModule = Callable[[str], str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "available_cores", lambda: 1)


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MeasureModule]:
    """Return a maker of a measure of somebody's own from the body of its function: the path to name it by."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"own_{tmp_path.name}".replace("-", "_")

    def make(body: str) -> str:
        lines = ["import errno, os, signal, sys, time", "def own(validation, labels, test, test_labels):"]
        (tmp_path / f"{name}.py").write_text("\n".join([*lines, *(f"    {line}" for line in body.splitlines())]))
        return f'own = "{name}:own"'

    yield make
    sys.modules.pop(name, None)


def plan(**settings: Any) -> Plan:
    return make_plan(make_study(**settings), "quick", settings.pop("seeds", 2))


def with_layers(*layers: str) -> Plan:
    study = plan().study
    (condition,) = study.conditions
    conditions = (condition.model_copy(update={"layers": layers}),)
    return make_plan(study.model_copy(update={"conditions": conditions}), "quick")


class TestCheckPlan:
    def test_a_sound_plan_passes(self) -> None:
        check_plan(plan(), "cpu")

    def test_each_task_is_reported_once(self) -> None:
        with pytest.raises(ValueError, match="'one'") as caught:
            check_plan(plan(steps={"one": 60, "two": 90}, bits=4), "cpu")
        assert "'two'" not in str(caught.value)

    @pytest.mark.parametrize(
        ("wrong", "device", "message"),
        [
            (lambda: plan(bits=4), "cpu", "(?s)condition 'short': .*\noverlap.*more bits, or fewer stimuli"),
            (lambda: with_layers("hiden.*"), "cpu", r"condition 'short': .*'hiden.\*'; did you mean 'hidden"),
            (lambda: plan(), "cuda", "no CUDA device here; use --device cpu"),
            *(
                (lambda path=path: plan(measures=f'own = "{path}"'), "cpu", "measure 'own'")
                for path in ("absent_module:f", "math:absent", "math:pi", "math", "", ":f")
            ),
        ],
    )
    def test_a_plan_that_cannot_be_done_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[], Plan], device: str, message: str
    ) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(ValueError, match=message):
            check_plan(wrong(), device)

    def test_the_device_is_cuda_where_it_is_there_or_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        assert choose_device("auto") == "cpu"
        assert choose_device("cuda") == "cuda"


class TestComplete:
    def test_what_is_missing_is_trained_and_reported(self, store: Store, warm_workers: Workers) -> None:
        wanted = plan(steps={"one": 60, "two": 90})
        missing = missing_networks(wanted, store)
        assert [network.run_id for _, network in missing] == [network.run_id for _, network in wanted.networks()]
        told: list[tuple[int, str | None, str, int]] = []
        complete(missing, store, warm_workers, on_progress=lambda *message: told.append(message))
        assert missing_networks(wanted, store) == []
        assert {saved for _, saved, _, _ in told if saved} == {network.run_id for _, network in wanted.networks()}
        assert {status for _, saved, status, _ in told if saved} == {"finished"}
        assert sorted(taken for _, saved, _, taken in told if saved) == [60, 60, 90, 90]
        assert 0 < sum(steps for steps, *_ in told) <= 2 * 60 + 2 * 90

    def test_a_measure_that_prints_disturbs_nothing(
        self, store: Store, measure: MeasureModule, warm_workers: Workers
    ) -> None:
        body = 'print("{}"); print("[1]", flush=True); os.write(1, b"not JSON\\n")\nreturn [1.0, 2.0]'
        wanted = plan(measures=measure(body))
        complete(missing_networks(wanted, store), store, pool=warm_workers)
        table = store.load(wanted.networks()[0][1].run_id).table("measures")
        own = table[(table["measure"] == "own") & (table["layer"] == "hidden.1") & (table["step"] == 60)]
        assert dict(zip(own["feature"], own["value"], strict=True)) == {"easy": 1.0, "hard": 2.0}

    def test_conditions_with_the_same_settings_share_their_runs(self, store: Store) -> None:
        assert len(missing_networks(plan(steps={"one": 60, "another": 60}), store)) == 2

    def test_nothing_missing_starts_no_process(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Workers, "run", lambda *_: pytest.fail("a worker was started"))
        complete([], store, Workers())

    def test_there_is_a_core_to_work_on(self) -> None:
        assert available_cores() >= 1


PARENT = """
import os, subprocess, sys
worker = subprocess.Popen([sys.executable, "-m", "repbias.runs.worker_process", str(os.getpid())])
print(worker.pid, flush=True)
os._exit(0)
"""


# The body of a measure after which every file that is written finds the disk full.
FULL_DISK = """\
from repbias.core import atomic
def write(path, data): raise OSError(errno.ENOSPC, 'No space left on device', str(path))
atomic._write_synced = write
return [0.0, 0.0]"""


class TestWorkers:
    @pytest.fixture(autouse=True)
    def _no_other_workers(self, warm_workers: Workers) -> None:
        warm_workers.close()

    def test_a_pool_keeps_its_processes_and_replaces_dead_ones(self, store: Store) -> None:
        wanted = plan(steps={"one": 60, "two": 61})
        first, second = (missing_networks(wanted, store)[i : i + 2] for i in (0, 2))
        with Workers() as pool:
            complete(first, store, pool)
            workers = workers_of(os.getpid())
            complete(second[:1], store, pool)
            assert workers_of(os.getpid()) == workers
            (worker,) = workers
            os.kill(worker, signal.SIGKILL)
            ended = os.WEXITED | os.WNOHANG | os.WNOWAIT  # without reaping it, which is the pool's to do
            assert wait_until(lambda: os.waitid(os.P_PID, worker, ended) is not None, 20)
            complete(missing_networks(wanted, store), store, pool)
        assert missing_networks(wanted, store) == []
        assert workers_of(os.getpid()) == set()

    def test_a_killed_worker_is_an_error_and_what_was_finished_is_kept(self, store: Store) -> None:
        wanted = plan(steps={"one": 60, "two": 50_000})
        saved: list[str] = []

        def interrupt_in_vain_and_kill_at_the_first_saved(
            _steps: int, run: str | None, _status: str, _taken: int
        ) -> None:
            sent = signal.SIGKILL if run else signal.SIGINT
            saved.extend([run] if run else [])
            for worker in workers_of(os.getpid()):
                os.kill(worker, sent)

        died = pytest.raises(
            WorkerError, match="was killed, possibly because memory ran out\nfinished networks are kept"
        )
        with Workers() as pool, died:
            missing, interrupt = missing_networks(wanted, store), interrupt_in_vain_and_kill_at_the_first_saved
            complete(missing, store, pool, on_progress=interrupt)
        assert store.status(saved[0]).state == "complete"
        assert 2 <= len(missing_networks(wanted, store)) <= 3
        assert workers_of(os.getpid()) == set()

    def test_a_worker_ends_with_its_parent_even_before_it_has_anything_to_say(self) -> None:
        with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            assert parent.stdin is not None  # held open here: nothing but the parent's end tells the worker
            assert parent.stdout is not None
            worker = int(parent.stdout.readline())
            assert wait_until(lambda: not alive([worker]), 10)

    def test_leaving_the_loop_leaves_no_process(self, store: Store) -> None:
        stack = [network for _, network in plan(steps={"two": 50_000}).networks()]
        pool = Workers()
        messages = pool.run([stack], store.root, "cpu", workers=2)
        next(messages)
        workers = workers_of(os.getpid())
        assert len(workers) == 1  # no more than stacks
        messages.close()
        assert wait_until(lambda: not alive(workers), 1)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("raise KeyError('oops')", r"line 3\) raised KeyError: 'oops'"),
            (FULL_DISK, "No space left on device.*Free some space, then give the same command"),
        ],
        ids=["a measure fails", "the disk is full"],
    )
    def test_an_error_in_a_worker_is_an_error_in_its_words_and_leaves_nothing(
        self, store: Store, measure: MeasureModule, body: str, words: str
    ) -> None:
        with Workers() as pool, pytest.raises(ValueError, match=words):
            complete(missing_networks(plan(measures=measure(body)), store), store, pool)
        assert list(store.runs.iterdir()) == []
        assert workers_of(os.getpid()) == set()
