"""What is running: the processes that another one started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable


def _running() -> dict[int, int]:
    """Return the parent of every process that is not a zombie."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def workers_of(process: int) -> set[int]:
    """Return the worker processes that `process` started and that run."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return {
        int(pid) for pid, parent, words in rows if int(parent) == process and "repbias.runs.worker_process" in words
    }


def alive(processes: Iterable[int]) -> set[int]:
    """Return those that still run."""
    return set(processes) & set(_running())


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait until a condition holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
