"""Published results hold the numbers from which every verdict can be computed again."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_results import result

from repbias.core import atomic
from repbias.experiments.evaluation import judged_again
from repbias.report.publish import VALUES, publish, read_published
from repbias.runs.results import StudyResult


@pytest.fixture(scope="module")
def made() -> StudyResult:
    return result(seeds=6, missed=[(0, 1)])


def test_every_verdict_and_estimate_follows_from_the_numbers_of_the_seeds(made: StudyResult) -> None:
    again = judged_again(made.claims, made.seed_values)
    pd.testing.assert_frame_equal(again, made.claims)


def test_networks_that_failed_the_criterion_are_there_without_a_value_that_counts(made: StudyResult) -> None:
    first = made.claims.iloc[0]
    values = made.seed_values[made.seed_values["row"] == 0]
    assert (len(values), values["passed"].sum()) == (6, first["n"])
    assert values.loc[~values["passed"], "value"].isna().all()
    assert values["value"].mean() == pytest.approx(first["estimate"])


def test_what_was_published_is_read_back_and_agrees(made: StudyResult, tmp_path: Path) -> None:
    folder = publish(made, tmp_path / "results")
    (found,) = read_published(tmp_path / "results")
    assert found.name == folder.name == made.plan.study.name
    assert found.differing() == []
    assert list(found.claims["verdict"]) == list(made.claims["verdict"])
    assert found.provenance["networks_run"] == len(made.outcomes)
    assert {path.name for path in found.figures} == {"claim-forest.png", "feature-gap.png"}


def test_a_changed_number_changes_a_verdict_and_is_found(made: StudyResult, tmp_path: Path) -> None:
    folder = publish(made, tmp_path)
    values = pd.read_csv(folder / VALUES)
    values["value"] = np.where(values["row"] == 0, -values["value"], values["value"])
    values.to_csv(folder / VALUES, index=False)
    (found,) = read_published(tmp_path)
    assert any(found.claims["id"].iloc[0] in line for line in found.differing())


def test_publishing_again_gives_the_same_bytes(made: StudyResult, tmp_path: Path) -> None:
    folder = publish(made, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {path.name: path.read_bytes() for path in publish(made, tmp_path).iterdir()} == before


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        read_published(tmp_path / "absent")


def test_an_earlier_publication_stays_where_a_new_one_cannot_be_written(
    made: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = publish(made, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_write_synced", full)
    with pytest.raises(OSError, match="No space"):
        publish(made, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(("published", "message"), [(True, r"notes\.md"), (False, "something else")])
def test_a_file_of_the_user_is_not_deleted(made: StudyResult, tmp_path: Path, published: bool, message: str) -> None:
    folder = publish(made, tmp_path) if published else tmp_path / made.plan.study.name
    folder.mkdir(exist_ok=True)
    (folder / "notes.md").write_text("mine")
    with pytest.raises(ValueError, match=message):
        publish(made, tmp_path)
    assert (folder / "notes.md").read_text() == "mine"


def test_figures_of_an_earlier_publication_do_not_remain(made: StudyResult, tmp_path: Path) -> None:
    folder = publish(made, tmp_path)
    (folder / "trend.png").write_bytes(b"earlier")
    publish(made, tmp_path)
    assert not (folder / "trend.png").exists()


def test_the_provenance_names_no_machine_and_has_the_seconds_of_every_condition(
    made: StudyResult, tmp_path: Path
) -> None:
    folder = publish(made, str(tmp_path))
    text = (folder / "provenance.json").read_text()
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    seconds = read_published(tmp_path)[0].provenance["seconds"]
    assert set(seconds) == set(made.outcomes.dropna(subset="seconds")["condition"])


def test_only_the_result_of_a_study_is_published(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="DataFrame"):
        publish(pd.DataFrame(), tmp_path)  # type: ignore[arg-type]
