"""A user-defined kind of feature, network and measure, in one file, named by a study that `repbias run` trains."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from command_line import Call, caller

from repbias.core.functions import resolve_function
from repbias.experiments.study import read_study
from repbias.models import UserModule
from repbias.training.network import build_network

MODULE = """
import numpy as np
import torch
from torch import nn
import repbias

@repbias.boolean_function("at_most_one", inputs=3)
def at_most_one(bits):
    return bits.sum(axis=1) <= 1

def plain(bits):
    return bits[:, 0]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        widths = (12, 24, 16)
        self.body = nn.ModuleList(nn.Sequential(nn.Linear(a, b), nn.Tanh()) for a, b in zip(widths, widths[1:]))
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        for layer in self.body:
            x = layer(x)
        return self.out(x)

def broken():
    raise RuntimeError("no such thing as a free lunch")

def nothing():
    return "a network"

def spread(fitted, fitted_labels, scored, labels):
    return np.full(labels.shape[1], float(scored.var()))
"""
STUDY = """
question = "Does my own network favour the copy?"

[scales.quick]
seeds = 2

[[conditions]]
name = "mine"
task = { features = { easy = "copy", hard = "FILE:at_most_one" }, bits = 12, train = 512, validation = 128, test = 128 }
model = { kind = "user", function = "FILE:Net", layers = ["body.*"] }
training = { optimizer = "adam", batch = 64, phases = [{ until = "steps", steps = 12 }] }
measures = { spread = "FILE:spread" }
steps = 12

[[claims]]
id = "mine"
statement = "It does"
contrast = { kind = "difference", more = "easy", less = "hard" }
sesoi = 0.05
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A folder with the module and the study, which this process works in; a module is imported but once."""
    name = f"test_own_code_{abs(hash(request.node.nodeid))}"  # kinds stay registered, as those of tests
    (tmp_path / f"{name}.py").write_text(MODULE.replace('"at_most_one"', f'"{name}"'))
    (tmp_path / "mine.toml").write_text(STUDY.replace("FILE", name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(monkeypatch, capsys)


def test_a_study_of_user_code_is_trained_measured_and_judged(here: str, call: Call) -> None:
    said = call("run", "mine.toml")
    assert said.status == 0, said.err
    assert "mine/mine" in said.out
    assert call("table", "mine", "--out", "mine.csv").status == 0
    table = pd.read_csv("mine.csv")
    assert set(table.loc[table["measure"] == "r2", "layer"]) == {"input", "body.0", "body.1"}
    assert set(table.loc[table["measure"] == "spread", "seed"]) == {0, 1}
    # the last layer read is the one that claims are about
    assert "R2(easy) - R2(hard), penultimate layer" in call("claims").out


def test_a_user_defined_network_has_the_weights_of_its_seed(here: str) -> None:
    model, task = (
        UserModule(function=f"{here}:Net", layers=("body.*",)),
        read_study(Path("mine.toml")).conditions[0].task,
    )
    assert model.layer_names == model.layers_read == ("body.0", "body.1")
    state = torch.random.get_rng_state()
    weights = [build_network(model, task, seed).out.weight for seed in (3, 3, 4)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), state)  # the global generator is as it was
    assert torch.equal(weights[0], build_network(resolve_function("model", f"{here}:Net"), task, 3).out.weight)


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ("FILE:at_most_one", "FILE:at_most", "cannot import 'FILE:at_most'"),
        ("FILE:at_most_one", "nowhere:at_most_one", "No module named 'nowhere'"),
        ("FILE:at_most_one", "FILE:plain", "is not a registered boolean function; write @repbias.boolean_function("),
        ("FILE:Net", "FILE:Nat", "model: cannot import 'FILE:Nat'"),
        ("FILE:Net", "FILE:broken", "raised RuntimeError: no such thing as a free lunch"),
        ("FILE:Net", "FILE:nothing", "a function that makes an nn.Module; it made str"),
        ('["body.*"]', '["boddy.*"]', "no layer is called 'boddy.*'; did you mean 'body.1' or 'body.0' or 'body'?"),
        ("bits = 12", "bits = 16", "mat1 and mat2 shapes cannot be multiplied"),
    ],
)
def test_an_error_says_what_is_wrong_with_user_code_before_anything_is_trained(
    line: str, changed: str, words: str, here: str, call: Call
) -> None:
    text = STUDY.replace(line, changed).replace("FILE", here)
    Path("mine.toml").write_text(text)
    said = call("run", "mine.toml")
    assert said.status == 2
    assert words.replace("FILE", here) in said.err
    assert not list(Path("repbias-store").glob("runs/*"))
