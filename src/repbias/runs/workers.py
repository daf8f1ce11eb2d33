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
from repbias.experiments.condition import NetworkSpec

Work = list[NetworkSpec] | AnalysisJob
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# glibc returns large blocks to the system as soon as they are free, and feature maps are allocated anew at every step:
# fetching them again took a tenth to a third of a convolutional network's time. Other systems ignore these settings.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}


class WorkerError(RuntimeError):
    """A worker process stopped before its work was done."""


class Workers:
    """A pool of worker processes, started when they are needed and kept for the next call of `run`; a context manager.

    Importing torch takes a process seconds, so a pool that is kept saves them for every call after the first.
    """

    def __init__(self) -> None:
        self._idle: list[_Worker] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; a later `run` starts new ones."""
        while self._idle:
            self._idle.pop().kill()

    def run(self, work: Sequence[Work], store: Path, device: str, workers: int) -> Iterator[dict[str, Any]]:
        """Train stacks and do analyses in worker processes and yield their messages as they arrive.

        Messages have "steps" (taken since the last one). Where a run was saved, they also have "saved" (its id), and
        where that is a network, "status" and "steps_taken". If the loop ends early, the processes are ended too.

        Parameters
        ----------
        work : stacks of networks to train, and analyses of networks that the store has; begun in this order.

        Raises
        ------
        ValueError : a worker refused something, in its words.
        WorkerError : a worker died; what was saved stays saved.
        """
        waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for piece in work:
            waiting.put(piece)
        messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        count = max(1, min(workers, len(work)))
        # A worker can import whatever this process can now, such as user-defined measures.
        request = {"store": str(store), "device": device, "path": [path or os.getcwd() for path in sys.path]}
        used: list[_Worker] = []
        try:
            while len(used) < count:
                used.append(self._living() or _Worker())
                used[-1].start(waiting, messages, request)
            while count:
                message = messages.get()
                if "error" in message:
                    raise message["error"]
                if "stopped" in message:
                    count -= 1
                else:
                    yield message
            self._idle += used
            used = []
        finally:
            for worker in used:
                worker.kill()

    def _living(self) -> _Worker | None:
        """Return an idle worker whose process still runs, if there is one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            worker.kill()
        return None


class _Worker:
    """One process, and during `Workers.run` the thread that talks to it."""

    def __init__(self) -> None:
        self._stderr: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "repbias.runs.worker_process", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            env={
                **_KEEP_MEMORY,
                **os.environ,
                **_ONE_THREAD,
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            },
        )
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def start(
        self,
        waiting: queue.SimpleQueue[Work],
        messages: queue.SimpleQueue[dict[str, Any]],
        request: dict[str, Any],
    ) -> None:
        """Do the work that is waiting, piece by piece, and put all messages into `messages`, "stopped" as the last."""

        def talk() -> None:
            try:
                while not waiting.empty():
                    for message in self._do(waiting.get_nowait(), request):
                        messages.put(message)
            except queue.Empty:
                pass
            except Exception as error:  # any error must reach the loop that waits for this thread
                messages.put({"error": error})
            messages.put({"stopped": True})

        self._thread = threading.Thread(target=talk, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End the process, whatever it is doing, and wait for it."""
        self._process.kill()
        self._process.wait()
        if self._thread is not None:
            self._thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # of a request that was never read
                    stream.close()

    def _do(self, work: Work, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Let the process do a piece of work; yield its messages."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        given: dict[str, Any]
        if isinstance(work, AnalysisJob):
            given = {"analysis": work.model_dump(mode="json")}
        else:
            given = {"networks": [spec.model_dump(mode="json") for spec in work]}
        try:
            self._process.stdin.write(json.dumps({**request, **given}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error
        for line in self._process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise ValueError(message["error"])
            if "done" in message:
                return
            yield message
        raise self._death()

    def _death(self) -> WorkerError:
        code = self._process.wait()
        self._stderr.seek(0)
        last = self._stderr.read().strip().splitlines()[-1:]
        why = "was killed, possibly because memory ran out" if code == -9 else f"stopped with exit code {code}"
        return WorkerError(
            f"a worker process {why}{': ' + last[0] if last else ''}\n"
            "finished networks are kept; run the same command again to continue with the rest"
        )
