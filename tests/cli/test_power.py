"""`repbias power` prints the table of `repbias.power`, and refuses wrong input with status 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call, caller

import repbias


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(monkeypatch, capsys, "power")


@pytest.fixture
def pilot(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(60, 8)))
    np.savez(tmp_path / "two.npz", a=np.eye(3), b=np.eye(3))
    table = pd.DataFrame({"shape": rng.choice(["ball", "cube", "cone"], 60), "size": rng.normal(size=60)})
    table.to_csv(tmp_path / "l.csv", index=False)
    return tmp_path


def test_numbers_give_a_line_for_each_number_of_stimuli(call: Call) -> None:
    said = call("--units", 100, "--classes", 3, "--stimuli", 200, 400, 800)
    assert said.status == 0, said.err
    assert said.out.rstrip() == repr(repbias.power(units=100, classes=3, stimuli=[200, 400, 800]))
    assert max(map(len, said.out.splitlines())) <= 80


def test_a_pilot_gives_a_line_for_each_feature(call: Call, pilot: Path) -> None:
    words = ("--pilot", pilot / "x.npy", "--features", pilot / "l.csv", "--continuous", "size", "--share", 0.02)
    said = call(*words)
    assert said.status == 0, said.err
    assert [line.split()[:2] for line in said.out.splitlines()[2:]] == [["shape", "0.02"], ["size", "0.02"]]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--units", "9"), "stimuli"),
        (("--units", "9", "--stimuli", "99", "--classes", "many"), "--classes"),
        (("--units", "9", "--stimuli", "99", "--continuous", "size"), "--features"),
        (("--pilot", "two.npz"), "2 arrays"),
        (("--pilot", "none.npy"), "none.npy"),
        (("--pilot", "x.npy", "--features", "l.csv", "--columns", "shap"), "shape"),
    ],
)
def test_wrong_options_are_refused(
    call: Call, pilot: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(pilot)
    said = call(*words)
    assert said.status == 2
    assert named in said.err
    assert not said.out
