"""One thread: two that wait for one another on a busy machine take twenty times as long."""

from collections.abc import Callable, Iterator

import pytest
import torch

from repbias.tasks import BooleanTask
from repbias.training import Phase, Training


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def task() -> BooleanTask:
    """Two features of 12 bits, in small splits."""
    return BooleanTask(features={"easy": "copy", "hard": "parity3"}, bits=12, train=512, validation=128, test=128)


@pytest.fixture(scope="session")
def fixed() -> Callable[..., Training]:
    """Return a maker of trainings of a fixed length, 20 steps by default, with batches of 32."""

    def make(optimizer: object = "sgd", steps: int = 20, **others: object) -> Training:
        phases = (Phase(until="steps", steps=steps),)
        return Training.model_validate({"optimizer": optimizer, "batch": 32, "phases": phases} | others)

    return make
