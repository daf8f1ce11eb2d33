"""Trained networks are sequences that slice, compare, display themselves and survive saving."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import repbias
from repbias.core.statistics import mean_interval
from repbias.training import Network, Networks

TASK = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
SHORT = repbias.Training(phases=[repbias.Phase(until="steps", steps=40)])


class TwoLayers(nn.Sequential):
    """A user-defined module that can be imported by its name."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(TASK.input_shape[0], 8), nn.ReLU(), nn.Linear(8, 2))


@pytest.fixture(scope="module")
def networks() -> Networks:
    return repbias.train(TASK, repbias.MLP(widths=(16, 16)), seeds=4, training=SHORT)


def test_an_index_gives_a_network_and_a_slice_gives_networks(networks: Networks) -> None:
    assert_type(networks[0], Network)
    assert_type(networks[:3], Networks)
    assert isinstance(networks[:3], Networks)
    assert [network.seed for network in networks[1:3]] == [1, 2]


def test_networks_are_equal_where_task_measurements_and_weights_are(networks: Networks) -> None:
    assert networks == repbias.train(TASK, repbias.MLP(widths=(16, 16)), seeds=4, training=SHORT)
    assert networks[:2] != networks[2:]
    assert networks != "networks"
    assert networks[0] != networks[1]


def test_r2_is_the_mean_over_seeds_with_students_interval(networks: Networks) -> None:
    found = networks.r2().set_index(["layer", "feature"]).loc[("hidden.1", "easy")]
    table = networks.table()
    last = table[(table["step"] == 40) & (table["measure"] == "r2")]
    values = last[(last["layer"] == "hidden.1") & (last["feature"] == "easy")]["value"]
    assert len(values) == 4
    assert found["r2"] == pytest.approx(values.mean())
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(
        (mean_interval(values).ci_low, mean_interval(values).ci_high)
    )


def test_an_unknown_measure_is_refused_with_those_that_there_are(networks: Networks) -> None:
    with pytest.raises(ValueError, match="participation"):
        networks.r2("r3")


def test_displays_have_a_row_for_each_feature_and_no_weights(networks: Networks) -> None:
    for shown in (networks, networks[0]):
        assert "easy" in repr(shown)
        assert "<td>hard</td>" in shown._repr_html_()
        assert "tensor" not in repr(shown)
    assert repr(Networks([])) == "no networks"


def test_saved_networks_come_back_bit_for_bit(networks: Networks, tmp_path: Path) -> None:
    loaded = repbias.load_networks(networks.save(tmp_path / "deep" / "saved"))
    assert loaded == networks
    assert torch.equal(loaded[1].read("hidden.0"), networks[1].read("hidden.0"))
    np.testing.assert_array_equal(loaded[1].labels(), networks[1].labels())
    pd.testing.assert_frame_equal(loaded.table(), networks.table())


def test_nothing_is_overwritten(networks: Networks, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        networks.save(tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def change_a_byte(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def delete_from_the_index(path: Path, *keys: str) -> None:
    inner = index = json.loads((path.parent / "networks.json").read_text())
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    (path.parent / "networks.json").write_text(json.dumps(index))


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed byte": (change_a_byte, "weights-0001"),
    "no weights": (Path.unlink, "weights-0001"),
    "another folder": (lambda path: (path.parent / "networks.json").unlink(), "that networks"),
    "no folder": (lambda path: shutil.rmtree(path.parent), "that networks"),
    "no digest": (lambda path: delete_from_the_index(path, "sha256", path.name), "weights-0001"),
    **{
        f"no {field}": (partial(lambda field, path: delete_from_the_index(path, field), field), field)
        for field in ("format", "task", "model", "networks", "sha256")
    },
}


@pytest.mark.parametrize(("damage", "named"), DAMAGES.values(), ids=DAMAGES)
def test_networks_that_are_not_as_they_were_saved_are_refused_and_what_is_wrong_is_named(
    networks: Networks, tmp_path: Path, damage: Callable[[Path], None], named: str
) -> None:
    folder = networks[:2].save(tmp_path / "saved")
    damage(folder / "weights-0001.safetensors")
    with pytest.raises(ValueError, match=named):
        repbias.load_networks(folder)


def test_a_module_of_a_named_class_is_found_again_and_a_lambda_is_asked_for(tmp_path: Path) -> None:
    def as_lambda() -> nn.Module:
        return TwoLayers()

    named = repbias.train(TASK, TwoLayers, seeds=1, training=SHORT)
    assert repbias.load_networks(named.save(tmp_path / "named")) == named
    local = repbias.train(TASK, as_lambda, seeds=1, training=SHORT)
    folder = local.save(tmp_path / "local")
    with pytest.raises(ValueError, match="model="):
        repbias.load_networks(folder)
    assert repbias.load_networks(folder, model=as_lambda) == local


def test_networks_that_diverged_are_saved_without_weights(tmp_path: Path) -> None:
    settings = repbias.Training(optimizer=repbias.SGD(lr=1e9), phases=[repbias.Phase(until="steps", steps=20)])
    diverged = repbias.train(TASK, repbias.MLP(widths=(8,)), seeds=2, training=settings)
    folder = diverged.save(tmp_path / "diverged")
    assert not list(folder.glob("*.safetensors"))
    loaded = repbias.load_networks(folder)
    assert loaded == diverged
    with pytest.raises(ValueError, match="diverged"):
        _ = loaded[0].module


def test_networks_that_are_not_alike_are_not_saved_together(networks: Networks, tmp_path: Path) -> None:
    wider = repbias.train(TASK, repbias.MLP(widths=(24,)), seeds=[9], training=SHORT)
    for mixed, differs in [([*networks, *wider], "models"), ([networks[0], networks[0]], "seeds")]:
        with pytest.raises(ValueError, match=f"different .*{differs}"):
            Networks(mixed).save(tmp_path / "mixed")
    assert not list(tmp_path.iterdir())


def test_a_model_other_than_the_trained_one_is_refused(networks: Networks, tmp_path: Path) -> None:
    folder = networks[:1].save(tmp_path / "saved")
    for model in (TwoLayers, repbias.MLP(widths=(16, 24)), repbias.MLP(widths=(16, 16, 16)), repbias.MLP(widths=(16,))):
        with pytest.raises(ValueError, match="model"):
            _ = repbias.load_networks(folder, model=model)[0].module


def test_no_networks_have_empty_tables(networks: Networks) -> None:
    empty = networks[:0]
    assert (len(empty.table()), len(empty.units()), len(empty.summary())) == (0, 0, 0)
    assert list(empty.table()) == list(networks.table())
    assert list(empty.units()) == list(networks.units())
    assert list(empty.summary()) == list(networks.summary())
