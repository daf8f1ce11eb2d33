"""Small networks that learned what they were asked for, trained once: an easy bit and an XOR, and sums of symbols."""

from __future__ import annotations

import pytest

import repbias
from repbias.models import MLP
from repbias.tasks import BooleanTask, SymbolTask
from repbias.tasks.task import Task
from repbias.training import Network, Training

SEEDS = 4


def _train(task: Task, steps: int, seeds: int, features: tuple[str, ...] | None = None) -> list[Network]:
    training = Training.model_validate(
        {
            "optimizer": {"kind": "adam", "lr": 0.01},
            "batch": 64,
            "phases": [{"features": features, "until": "steps", "steps": steps}],
            "checkpoints_per_decade": 1,
        }
    )
    return list(repbias.train(task, MLP(widths=(16, 16)), seeds=seeds, training=training))


@pytest.fixture(scope="session")
def trained() -> dict[str, list[Network]]:
    """Networks that report both features, the easy one, and the hard one; seeds 0 to 3 of each."""
    task = BooleanTask(features={"easy": "copy", "hard": "xor"}, bits=16, train=1024, validation=512, test=512)
    reported = {"both": None, "easy": ("easy",), "hard": ("hard",)}
    networks = {kind: _train(task, 300, SEEDS, features) for kind, features in reported.items()}
    assert [network.outcome.failed_criterion for network in networks["both"]] == [()] * SEEDS
    return networks


@pytest.fixture(scope="session")
def summing() -> list[Network]:
    """Two networks that report a bit, and the sum modulo 2 of two others, in one-hot codes."""
    features = {"easy": 1, "hard": 2}
    task = SymbolTask(features=features, symbols=2, length=16, train=2048, validation=256, test=2048)
    networks = _train(task, 300, 2)
    assert [network.outcome.failed_criterion for network in networks] == [(), ()]
    return networks
