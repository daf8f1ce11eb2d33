"""Published results hold the numbers from which every verdict can be computed again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_results import result

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


def test_publishing_again_gives_the_same_bytes_and_replaces_nothing_else(made: StudyResult, tmp_path: Path) -> None:
    folder = publish(made, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {path.name: path.read_bytes() for path in publish(made, tmp_path).iterdir()} == before
    other = tmp_path / "elsewhere" / made.plan.study.name
    other.mkdir(parents=True)
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="something else"):
        publish(made, tmp_path / "elsewhere")
    assert (other / "thesis.txt").read_text() == "mine"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        read_published(tmp_path / "absent")
