"""Settings of all tests: one thread, no time limits in property tests, the same examples in CI, and warm workers."""

import os
from collections.abc import Iterator
from contextlib import nullcontext

import hypothesis
import pytest
import torch

from repbias.runs import studies
from repbias.runs.workers import Workers

torch.set_num_threads(1)
hypothesis.settings.register_profile("repbias", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("repbias")


@pytest.fixture(scope="session")
def warm_workers() -> Iterator[Workers]:
    """Worker processes that are started once for all tests."""
    with Workers() as pool:
        yield pool


@pytest.fixture(scope="session", autouse=True)
def _keep_workers(warm_workers: Workers) -> Iterator[None]:
    """Let `repbias.run` and the command line use the workers that all tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "Workers", lambda: nullcontext(warm_workers))
        yield
