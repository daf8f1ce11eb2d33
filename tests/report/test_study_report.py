from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from study_results import result

from repbias.report.study_report import settings, write_report
from repbias.runs.plan import make_plan
from repbias.runs.study_tables import in_layer_order
from repbias.studies.bits.complexity import STUDY


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(result(missed=[(0, 1)]), tmp_path_factory.mktemp("store"))


def test_the_page_its_figures_and_its_tables_lie_together(page: Path) -> None:
    assert page.parts[-3:] == ("reports", "complexity-quick", "index.html")
    for name in ("feature-gap", "claim-forest", "learning-curves", "layer-profile", "unit-histogram"):
        assert {path.suffix for path in (page.parent / "figures").glob(f"{name}.*")} == {".svg", ".png", ".csv"}
    assert {path.name for path in (page.parent / "tables").iterdir()} == {
        "claims.csv",
        "measures.csv",
        "networks.csv",
        "units.parquet",
    }


def test_the_page_shows_the_answer_and_the_design(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert '<p class="lead">Inconclusive (replicated in 1, no data in 1 of 2 conditions): easy explains' in html
    assert "<li>C2, inconclusive (replicated in 1, no data in 1 of 2 conditions)" in html
    assert "All 26 checks passed." in html
    assert "7 of 8 networks passed; 1 failed the accuracy criterion on hard." in html


def test_layers_go_from_input_to_output_whatever_order_they_were_measured_in(page: Path) -> None:
    table = in_layer_order(result())
    ordered = ["input", *(f"hidden.{place}" for place in range(6)), "readout", "output"]
    assert list(table["layer"].cat.categories) == ordered
    assert table["layer"].notna().all()
    numbers = pd.read_csv(page.parent / "figures" / "layer-profile.csv")
    assert set(numbers["layer"]) == {*ordered} - {"output"}


def test_a_layer_that_the_model_does_not_name_is_kept_before_the_read_out() -> None:
    made = result()
    made.table.loc[made.table["layer"] == "hidden.0", "layer"] = "probe"
    assert list(in_layer_order(made)["layer"].cat.categories)[-3:] == ["probe", "readout", "output"]


def test_settings_are_shown_in_full_once_and_then_only_the_differences() -> None:
    first, others = settings(make_plan(STUDY, "full")).items()
    assert first[0] == "AND, 256-128-64-64"
    assert first[1]["training"]["optimizer"]["lr"] == 0.05
    assert others[0] == "Differences from AND, 256-128-64-64"
    assert others[1]["OR, 256-128-64-64"] == {"task.features.hard.function": "or"}
    assert others[1]["parity3, 6 x 64"] == {
        "task.features.hard.function": "parity",
        "task.features.hard.inputs": 3,
        "model.widths": [64] * 6,
    }
    assert len(others[1]) == 11


def test_a_study_of_which_nothing_was_run_has_a_page_without_figures(tmp_path: Path) -> None:
    nothing = {(place, seed): "not run" for place in range(2) for seed in range(4)}
    html = write_report(result(status=nothing), tmp_path).read_text(encoding="utf-8")
    assert "There are no figures." in html
    assert "Not run yet: 8 of 8 networks." in html
