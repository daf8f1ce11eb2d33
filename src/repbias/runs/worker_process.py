"""A process that trains stacks and does analyses: JSON lines in, progress out, runs into the store.

Each process has one thread: at these sizes two processes of one thread are faster than one of two, and a single thread
never waits for a core that another program holds. Heavy modules are imported in `_serve`, after the process has begun
to watch its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import IO, Any


class _Reporter:
    """Writes messages as lines; progress alone at most ten times per second."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._steps, self._sent = stream, 0, 0.0

    def __call__(self, message: dict[str, Any]) -> None:
        self._steps += message.pop("steps", 0)
        now = time.monotonic()
        if message or now - self._sent > 0.1:
            print(json.dumps({"steps": self._steps, **message}), file=self._stream, flush=True)
            self._steps, self._sent = 0, now


def end_with(parent: int) -> None:
    """End this process when its parent, the process `parent`, has ended for whatever reason."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve requests from standard input until it closes; the parent's process id is the one argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    end_with(int(sys.argv[1]))
    # Output of other code in this process, such as a user-defined measure, must not be mistaken for a message.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _serve(_Reporter(messages))


def _serve(send: _Reporter) -> None:
    import torch

    from repbias.experiments.analysis import AnalysisJob
    from repbias.experiments.condition import NetworkSpec
    from repbias.runs.store import Store
    from repbias.runs.worker import analyse, train_networks

    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        sys.path[:] = request["path"]
        try:
            store = Store.open(request["store"], create=False)
            if "analysis" in request:
                job = AnalysisJob.model_validate(request["analysis"])
                analyse(job, store)
                send({"saved": job.run_id})
            else:
                specs = [NetworkSpec.model_validate(spec) for spec in request["networks"]]
                train_networks(specs, store, request["device"], send)
        except ValueError as error:
            send({"error": str(error)})
            return
        send({"done": True})


if __name__ == "__main__":
    main()
