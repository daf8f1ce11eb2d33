"""A store is opened from Python: its studies, their tables and claims, and their trained networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pytest
import torch
from tiny_studies import make_study

import repbias
from repbias.runs.results import StudyResult
from repbias.training import Networks

STUDY = make_study(steps={"one": 40, "two": 60})


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return repbias.run(STUDY, seeds=2, store=tmp_path_factory.mktemp("store"), progress=False)


@pytest.fixture
def path(result: StudyResult) -> Path:
    assert result.store is not None
    return result.store.root


def test_a_store_lists_its_studies_and_how_much_of_them_is_there(path: Path) -> None:
    store = repbias.open_store(path)
    (row,) = store.studies.to_dict("records")
    assert row == {"study": "tiny", "scale": "quick", "seeds": 2, "conditions": 2, "networks": 4, "missing": 0}
    assert list(store) == ["tiny"]
    assert "tiny" in store
    assert "tiny" in repr(store)
    assert "<td>tiny</td>" in store._repr_html_()


def test_an_opened_study_is_what_running_it_returned(result: StudyResult, path: Path) -> None:
    opened = repbias.open_store(path)["tiny"]
    assert opened.table.equals(result.table)
    assert opened.claims.equals(result.claims)
    assert repr(opened) == repr(result)


def test_networks_are_those_that_train_returns_bit_for_bit(path: Path) -> None:
    condition = STUDY.conditions[0]
    stored = repbias.open_store(path)["tiny"].networks(condition=condition.name)
    trained = repbias.train(
        condition.task, condition.model, seeds=2, training=condition.training,
        layers=condition.layers_measured, progress=False,
    )  # fmt: skip
    assert isinstance(stored, Networks)
    assert stored == trained


def test_a_user_defined_measure_of_stored_networks_takes_five_lines(path: Path) -> None:
    ratios = {}
    for network in repbias.open_store(path)["tiny"].networks(condition="one"):
        variances = torch.linalg.svdvals(network.read("hidden.0") - network.read("hidden.0").mean(0)) ** 2
        ratios[network.seed] = float(variances.sum() ** 2 / (variances**2).sum())
    assert set(ratios) == {0, 1}
    assert all(1 <= ratio <= 64 for ratio in ratios.values())


def test_one_seed_or_several_are_chosen(result: StudyResult) -> None:
    assert [network.seed for network in result.networks("two", seed=1)] == [1]
    assert [network.seed for network in result.networks("two", seed=[1, 0])] == [0, 1]


def test_what_the_store_lacks_is_refused_with_what_it_has(result: StudyResult, path: Path, tmp_path: Path) -> None:
    asked: dict[str, Callable[[], object]] = {
        "'tiny'": lambda: repbias.open_store(path)["tinny"],
        "'two'": lambda: result.networks("tow"),
        "'one', 'two'": lambda: result.networks(),
        "seed 7": lambda: result.networks("one", seed=7),
        "folder": lambda: repbias.open_store(tmp_path / "absent"),
    }
    for there, ask in asked.items():
        with pytest.raises(ValueError, match=there):
            ask()


def test_the_page_of_a_study_is_one_file(result: StudyResult, tmp_path: Path) -> None:
    page = result.save_html(tmp_path / "tiny.html")
    text = page.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["tiny.html"]
    assert STUDY.question in text
    assert "<img" in text


def test_running_again_trains_nothing(result: StudyResult, path: Path) -> None:
    before = {one.name: one.stat().st_mtime_ns for one in (path / "runs").iterdir()}
    again = repbias.run(STUDY, seeds=2, store=path, progress=False)
    assert {one.name: one.stat().st_mtime_ns for one in (path / "runs").iterdir()} == before
    assert again.table.equals(result.table)


def test_several_studies_give_a_list_of_results_in_their_order(path: Path, result: StudyResult) -> None:
    found = repbias.run([STUDY], seeds=2, store=path, progress=False)
    assert_type(found, list[StudyResult])
    assert [one.plan.study.name for one in found] == ["tiny"]
    assert found[0].table.equals(result.table)


@pytest.mark.parametrize(
    ("study", "error", "message"), [("all", ValueError, "'all'"), (3, TypeError, "name of a study")]
)
def test_what_names_no_single_study_is_refused_before_training(
    tmp_path: Path, study: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        repbias.run(study, store=tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_seeds_may_be_numpy_integers(result: StudyResult) -> None:
    assert [network.seed for network in result.networks("two", seed=np.int64(1))] == [1]
    assert [network.seed for network in result.networks("two", seed=np.arange(2))] == [0, 1]


@pytest.mark.parametrize("seed", [1.5, "1"])
def test_a_seed_that_is_no_integer_is_refused(result: StudyResult, seed: object) -> None:
    with pytest.raises(TypeError, match="integer"):
        result.networks("two", seed=seed)  # type: ignore[arg-type]
