"""`repbias audit`: what is printed and written, and how wrong input is refused: status 2, and nothing written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_line import Call, caller

FEW = ("--resamples", "100", "--permutations", "50")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a caller of `repbias audit` in this process."""
    monkeypatch.setenv("COLUMNS", "140")
    return caller(monkeypatch, capsys, "audit")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with responses in which one feature is loud and one is not there; with inputs, and a model of them."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    loud, none = random.integers(0, 2, (2, 120))
    responses = loud[:, None] * random.normal(size=8) * 3 + random.normal(size=(120, 8))
    np.savez(folder / "data.npz", V4=responses)
    np.save(folder / "inputs.npy", responses)
    labels = pd.DataFrame({"loud": loud, "none": none, "session": np.repeat(np.arange(12), 10)})
    labels.to_csv(folder / "labels.csv", index=False)
    labels.assign(loud=labels["loud"].where(labels.index > 2)).to_csv(folder / "gaps.csv", index=False)
    labels.iloc[:100].to_csv(folder / "short.csv", index=False)
    (folder / "audit_models.py").write_text(
        "from torch import nn, manual_seed\n"
        "def make():\n    manual_seed(0)\n    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))\n"
        "def fails():\n    raise KeyError('weights')\n"
        "def number():\n    return 3\n"
    )
    return folder


def test_an_audit_of_arrays_prints_a_short_table_and_writes_the_page(call: Call, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    said = call(
        "--arrays", data / "data.npz", "--features", data / "labels.csv", "--groups", "session", "--out", out, *FEW
    )
    assert said.status == 0, said.err
    head, *lines = said.out.splitlines()
    assert head.split()[:3] == ["layer", "feature", "R2"]
    assert [line.split()[:2] for line in lines[:3]] == [["V4", "loud"], ["V4", "none"], ["V4", "(all)"]]
    assert float(lines[0].split()[2]) > 0.5 > 0.1 > float(lines[1].split()[2])
    assert any(line.startswith("- V4: loud is shouted") for line in lines)
    assert lines[-1] == f"page: {out}"
    assert "loud is shouted" in out.read_text()


def test_stimuli_without_a_label_are_refused_or_dropped_and_counted(call: Call, data: Path, tmp_path: Path) -> None:
    words = ("--arrays", data / "data.npz", "--features", data / "gaps.csv", "--columns", "loud", "--out")
    refused = call(*words, tmp_path / "refused.html", *FEW)
    assert refused.status == 2
    assert "loud" in refused.err
    assert not (tmp_path / "refused.html").exists()
    dropped = call(*words, tmp_path / "dropped.html", "--missing", "drop", *FEW)
    assert dropped.status == 0, dropped.err
    assert "117 stimuli" in (tmp_path / "dropped.html").read_text()


def test_an_audit_of_a_model_reads_its_layers(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = call(
        "--model", "audit_models:make", "--inputs", "inputs.npy", "--layers", "0", "2", "--features", "labels.csv",
        "--columns", "loud", "none", "--out", tmp_path / "model.html", "--batch-size", "50", *FEW,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert [line.split()[:2] for line in said.out.splitlines()[1:5]] == [
        ["0", "loud"], ["0", "none"], ["0", "(all)"], ["2", "loud"],
    ]  # fmt: skip
    assert (tmp_path / "model.html").exists()


def test_a_page_that_is_there_stays_unless_told_otherwise(call: Call, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    out.write_text("mine")
    words = ("--arrays", data / "data.npz", "--features", data / "labels.csv", "--columns", "loud", "--out", out, *FEW)
    said = call(*words)
    assert (said.status, "--overwrite" in said.err, out.read_text()) == (2, True, "mine")
    assert call(*words, "--overwrite").status == 0
    assert "loud is shouted" in out.read_text()


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing to audit": ((), "--arrays data.npz, or --model"),
    "two audits": (("--arrays", "data.npz", "--model", "audit_models:make"), "name one of them"),
    "layers of arrays": (("--arrays", "data.npz", "--layers", "x"), "--layers belongs to --model"),
    "pool of arrays": (("--arrays", "data.npz", "--pool", "first"), "--pool belongs to --model"),
    "batches of arrays": (("--arrays", "data.npz", "--batch-size", "0"), "--batch-size belongs to --model"),
    "no inputs": (("--model", "audit_models:make", "--layers", "0"), "--model needs --inputs"),
    "no layers": (
        ("--model", "audit_models:make", "--inputs", "inputs.npy"),
        "--model needs --inputs FILE and --layers",
    ),
    "no such file": (("--arrays", "gone.npz"), "gone.npz: there is no such file"),
    "pickled": (("--arrays", "data.pkl"), "pickled"),
    "labels do not match": (("--arrays", "data.npz", "--features", "short.csv"), "100"),
    "no such column": (("--arrays", "data.npz", "--columns", "lout"), "did you mean 'loud'"),
    "no such group": (("--arrays", "data.npz", "--groups", "sesion"), "did you mean 'session'"),
    "not a module": (("--model", "gone:make", "--inputs", "inputs.npy", "--layers", "0"), "cannot import 'gone:make'"),
    "no such function": (("--model", "audit_models:made", "--inputs", "inputs.npy", "--layers", "0"), "cannot import"),
    "factory fails": (("--model", "audit_models:fails", "--inputs", "inputs.npy", "--layers", "0"), "KeyError"),
    "no model": (("--model", "audit_models:number", "--inputs", "inputs.npy", "--layers", "0"), "returned int"),
    "no such layer": (("--model", "audit_models:make", "--inputs", "inputs.npy", "--layers", "9"), "'9'"),
    "page of another kind": (("--arrays", "data.npz", "--out", "page.pdf"), "ends in .html"),
    "no folder": (("--arrays", "data.npz", "--out", "gone/page.html"), "no folder gone"),
    "few resamples": (("--arrays", "data.npz", "--resamples", "1"), "resamples"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_status_2_and_nothing_is_written(
    case: str, call: Call, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    words, said = WRONG[case]
    files = {path: path.stat().st_mtime_ns for path in data.iterdir() if path.is_file()}
    defaults = {"--features": "labels.csv", "--out": "page.html"}
    given = [word for name, value in defaults.items() if name not in words for word in (name, value)]
    result = call(*words, *given)
    assert result.status == 2
    assert result.err.startswith("error: ")
    assert said in result.err
    assert files == {path: path.stat().st_mtime_ns for path in data.iterdir() if path.is_file()}
