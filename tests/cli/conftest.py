"""The command line uses the workers that all tests share."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from repbias.runs import studies
from repbias.runs.workers import Workers


@pytest.fixture(scope="session", autouse=True)
def _keep_workers(warm_workers: Workers) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "Workers", lambda: nullcontext(warm_workers))
        yield
