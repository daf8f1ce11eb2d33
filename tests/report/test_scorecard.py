"""The page of all claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from study_results import crossed, result

from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.claim import Claim
from repbias.report.scorecard import write_scorecard
from repbias.report.study_report import write_report
from repbias.runs.results import StudyResult


@pytest.fixture(scope="module")
def results() -> list[StudyResult]:
    """The complexity study, in which C1 holds, and another in which it does not; the other has a claim of its own."""
    other = crossed((4, 8), (1,))
    own = other.claims[0].model_copy(update={"id": "X1", "statement": "<b>mine</b>", "illuminates": "C1"})
    other = other.model_copy(update={"claims": (*other.claims, own)})
    return [result(), result([(0.2, 0.2)] * 4, study=other)]


@pytest.fixture(scope="module")
def page(results: list[StudyResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    write_report(results[0], root)
    return write_scorecard(results, root)


def body(html: str, id: str) -> str:
    """The part of the page on one claim."""
    (found,) = (one for one in re.findall(r"<tbody.*?</tbody>", html, re.S) if f'class="id">{id}<' in one)
    return found


def test_a_claim_has_a_verdict_its_studies_and_what_would_count_against_it(
    page: Path, results: list[StudyResult]
) -> None:
    found = body(page.read_text(encoding="utf-8"), "C1")
    assert re.findall(r"</span> ([a-z ]+)</span>", found) == [
        "inconclusive",
        "replicated",
        "inconclusive",
        "inconclusive",
    ]
    assert "Inconclusive in bits." in found
    assert f"Against it: {CATALOGUE['C1'].against}." in found
    for link in ("complexity-quick", "crossed-quick"):
        assert f'href="{link}/index.html#verdicts"' in found
    rows = results[0].claims.query("id == 'C1'")
    for words in (
        "0.410 to 0.420",
        f"{rows['ci_low'].min():.3f} to {rows['ci_high'].max():.3f}",
        ">0.050<",
        "4 of 4",
        "replicated in 2",
    ):
        assert words in found
    assert found.index("no part of the verdict") < found.index("crossed/X1")


def test_a_claim_of_no_effect_shows_both_bounds(page: Path) -> None:
    assert "within ±0.060" in body(page.read_text(encoding="utf-8"), "C10")


def test_the_page_is_complete_and_asks_for_nothing_from_outside(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert page.parts[-2:] == ("reports", "index.html")
    assert re.findall(r'<span class="id">(\w+)</span>', html) == list(CATALOGUE)
    assert html.count("not studied</span>") == 22 - 6
    assert "6 of 22 claims were studied: " in html
    assert "Further questions of the studies: 1 inconclusive." in html
    assert "7 verdicts allow for 0.2 false " in html
    assert "<b>mine" not in html
    assert "<script" not in html
    assert [link for link in re.findall(r'href="(http[^"]*)"', html)] == ["https://arxiv.org/abs/2405.05847"]
    assert (page.parent / "complexity-quick" / "index.html").is_file()


def test_both_kinds_of_page_share_one_look(page: Path) -> None:
    style = re.compile(r"<style>(.*?)</style>", re.S)
    study = page.parent / "complexity-quick" / "index.html"
    one, other = (style.findall(path.read_text(encoding="utf-8")) for path in (page, study))
    assert one == other
    assert ".badge" in one[0]


def test_a_claim_without_data_is_shown_without_an_estimate(tmp_path: Path) -> None:
    nothing = result(status={(place, seed): "not run" for place in range(2) for seed in range(4)})
    found = body(write_scorecard([nothing], tmp_path).read_text(encoding="utf-8"), "C1")
    assert "No data in bits." in found
    for words in ("not estimated", "0 of 4"):
        assert words in found


def test_a_study_without_claims_is_listed_all_the_same(tmp_path: Path) -> None:
    bare = crossed((4, 8), (1,)).model_copy(update={"claims": tuple[Claim, ...]()})
    html = write_scorecard([result([(0.5, 0.2)] * 4, study=bare)], tmp_path).read_text(encoding="utf-8")
    assert "0 of 22 claims were studied." in html
    assert "What matters?" in html
