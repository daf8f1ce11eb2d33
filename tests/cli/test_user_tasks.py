"""A TOML study of a user's arrays and of a user-defined task, and where errors in user code point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import Call, caller

from repbias.core.functions import call_user_code
from repbias.experiments.study import read_study
from repbias.models import UserModule
from repbias.tasks import UserTask

MODULE = """
from torch import nn
import repbias

def bits(hard):
    return repbias.BooleanTask(features={"easy": "copy", "hard": hard}, bits=12, train=512, validation=128, test=128)

def network(width):
    return nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, 2))

def broken():
    values = {}
    return values["lost"]
"""
STUDY = """
question = "Does it work?"
[scales.quick]
seeds = 1
[[conditions]]
name = "arrays"
factors = { data = "arrays" }
task = { kind = "arrays", path = "data.npz", features = ["easy", "hard"] }
model = { widths = [4] }
training = { optimizer = "adam", batch = 32, phases = [{ until = "steps", steps = 5 }] }
steps = 5
[[conditions]]
name = "user"
factors = { data = "user" }
task = { kind = "user", function = "FILE:bits", settings = { hard = "xor" } }
model = { kind = "user", function = "FILE:network", layers = ["0"], settings = { width = 6 } }
training = { optimizer = "adam", batch = 32, phases = [{ until = "steps", steps = 5 }] }
steps = 5
[[claims]]
id = "mine"
statement = "It does"
contrast = { kind = "difference", more = "easy", less = "hard" }
sesoi = 0.05
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder with a module, arrays and a study; this process works in another one."""
    name = f"test_user_task_{abs(hash(request.node.nodeid))}"
    study = tmp_path / "study"
    study.mkdir()
    (study / f"{name}.py").write_text(MODULE)
    random = np.random.default_rng(0)
    labels = {"easy": np.arange(200) % 2, "hard": np.arange(200) // 2 % 2}
    np.savez(study / "data.npz", inputs=random.normal(size=(200, 5)), **labels)
    (study / "mine.toml").write_text(STUDY.replace("FILE", name))
    monkeypatch.chdir(tmp_path)
    return study


def test_files_and_modules_beside_the_toml_are_found_and_trained_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call: Call = caller(monkeypatch, capsys)
    said = call("run", "study/mine.toml")
    assert said.status == 0, said.err
    assert len(list(Path("repbias-store").glob("runs/*"))) == 2


def test_settings_reach_the_function_and_are_part_of_the_identity(folder: Path) -> None:
    _, user = read_study(folder / "mine.toml").conditions
    assert isinstance(user.task, UserTask)
    assert user.task.feature_names == ("easy", "hard")
    assert user.task.task.features["hard"].function == "xor"  # type: ignore[attr-defined]
    plain = UserModule(function="m:f", layers=("a",))
    assert UserModule(function="m:f", layers=("a",), settings={}).digest() == plain.digest()
    assert UserModule(function="m:f", layers=("a",), settings={"width": 1}).digest() != plain.digest()


def test_errors_show_file_line_and_function(folder: Path) -> None:
    name = read_study(folder / "mine.toml").conditions[1].task.function.split(":")[0]  # type: ignore[attr-defined]
    line = MODULE.splitlines().index('    return values["lost"]') + 1
    with pytest.raises(ValueError, match=rf"broken \(.*{name}\.py, line {line}\) raised KeyError: 'lost'"):
        UserTask(function=f"{name}:broken")


def test_the_line_is_that_of_the_users_file_where_a_library_raises() -> None:
    def measure() -> None:
        np.zeros(3).reshape(2, 2)

    with pytest.raises(
        ValueError, match=r"measure \(.*test_user_tasks\.py, line \d+\) raised ValueError: cannot reshape"
    ):
        call_user_code("measure 'm'", measure)
