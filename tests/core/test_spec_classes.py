"""Specs as users read and write them: `help` is short, and calls as in the documentation pass mypy."""

from __future__ import annotations

import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import repbias

SNIPPET = """
import repbias
repbias.BooleanTask(features={"easy": "copy", "hard": repbias.BooleanFeature(function="xor", labelled=0.5)}, bits=16)
repbias.SymbolTask(features={"easy": 1, "hard": 2})
repbias.StringTask(features={"easy": "presence", "hard": {"kind": "parity", "markers": 3}})
repbias.ImageTask(features={"colour": "colour", "shape": "shape"}, fixed={"texture": "solid"})
repbias.MLP(widths=(64, 64), activation="relu")
repbias.Training(optimizer="adam")
repbias.Training(optimizer={"kind": "adam", "lr": 0.01}, batch=64, phases=(repbias.Phase(steps=100),))
"""


@pytest.mark.parametrize(
    "name", ["MLP", "ResNet", "ViT", "BooleanTask", "ImageTask", "UserTask", "Adam", "Training", "Phase"]
)
def test_help_is_a_screen(name: str) -> None:
    shown = pydoc.plain(pydoc.render_doc(getattr(repbias, name)))
    assert len(shown.splitlines()) < 66
    assert "pydantic_" not in shown


def test_instances_have_all_names() -> None:
    assert {"digest", "layers_read", "model_dump"} <= set(dir(repbias.MLP()))


@pytest.mark.slow
def test_calls_as_users_write_them_pass_mypy(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(SNIPPET)
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = true\nfollow_imports = silent\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "user.py"]
    source = str(Path(repbias.__file__).parents[1])
    done = subprocess.run(command, cwd=tmp_path, env={"MYPYPATH": source}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
