"""A pool of worker processes: stacks and analyses in, messages out, nothing left running."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from repbias.experiments.analysis import AnalysisJob
from repbias.experiments.network_spec import NetworkSpec

Work = list[NetworkSpec] | AnalysisJob
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# glibc hands large blocks back to the system as soon as they are free, and feature maps are made anew at every step:
# fetching them again took a tenth to a third of a convolutional network's time. Elsewhere these are not looked at.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}


class WorkerError(RuntimeError):
    """A worker process stopped before its work was done."""


def run_work(work: Sequence[Work], store: Path, device: str, workers: int) -> Iterator[dict[str, Any]]:
    """Train stacks and do analyses in worker processes and yield their messages as they come.

    Messages have "steps" (taken since the last one), and "saved" (a run id) with "status" and "steps_taken" where a
    run was saved, "saved" alone where an analysis was. However the loop ends, no process is left.

    Parameters
    ----------
    work : stacks of networks to train, and analyses of networks that the store has; begun in this order.

    Raises
    ------
    ValueError : what a worker refused, in its words.
    WorkerError : a worker died; what was saved stays saved.
    """
    waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
    for piece in work:
        waiting.put(piece)
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    count = max(1, min(workers, len(work)))
    processes: list[_Worker] = []
    try:
        for _ in range(count):
            processes.append(_Worker(waiting, messages, store, device))
        while count:
            message = messages.get()
            if "error" in message:
                raise message["error"]
            if "stopped" in message:
                count -= 1
            else:
                yield message
    finally:
        for process in processes:
            process.kill()


class _Worker:
    """One process and the thread that talks to it."""

    def __init__(
        self,
        waiting: queue.SimpleQueue[Work],
        messages: queue.SimpleQueue[dict[str, Any]],
        store: Path,
        device: str,
    ) -> None:
        self._waiting, self._messages = waiting, messages
        self._request = {"store": str(store), "device": device}
        self._stderr: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "repbias.runs.worker_process", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            # What this process could import (somebody's own measures), the worker can.
            env={
                **_KEEP_MEMORY,
                **os.environ,
                **_ONE_THREAD,
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            },
        )
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End the process, wherever it is, and wait for it."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # of a request that was never read
                    stream.close()

    def _talk(self) -> None:
        try:
            while not self._waiting.empty():
                self._do(self._waiting.get_nowait())
        except queue.Empty:
            pass
        except Exception as error:  # whatever it is: the loop that waits for this thread must hear of it
            self._messages.put({"error": error})
        self._messages.put({"stopped": True})

    def _do(self, work: Work) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        given: dict[str, Any]
        if isinstance(work, AnalysisJob):
            given = {"analysis": work.model_dump(mode="json")}
        else:
            given = {"networks": [network.model_dump(mode="json") for network in work]}
        try:
            self._process.stdin.write(json.dumps({**self._request, **given}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error
        for line in self._process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise ValueError(message["error"])
            if "done" in message:
                return
            self._messages.put(message)
        raise self._death()

    def _death(self) -> WorkerError:
        code = self._process.wait()
        self._stderr.seek(0)
        last = self._stderr.read().strip().splitlines()[-1:]
        why = "was killed, perhaps for want of memory" if code == -9 else f"stopped with exit code {code}"
        return WorkerError(
            f"a worker process {why}{': ' + last[0] if last else ''}\n"
            "networks that were finished are kept; the same command goes on with the rest"
        )
