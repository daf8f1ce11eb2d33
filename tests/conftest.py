"""Settings of all tests: one thread, no time limits in property tests, the same examples in CI, and warm workers."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import torch

from repbias.runs.workers import Workers

torch.set_num_threads(1)
hypothesis.settings.register_profile("repbias", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("repbias")


@pytest.fixture(scope="session")
def warm_workers() -> Iterator[Workers]:
    """Worker processes that are started once for all tests."""
    with Workers() as pool:
        yield pool
