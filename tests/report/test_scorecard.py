"""The page of all claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from study_results import crossed, result

from repbias.experiments.catalogue import PAPER_CLAIMS
from repbias.experiments.study import Claim
from repbias.report.scorecard import score_views, write_scorecard
from repbias.report.study_report import write_report
from repbias.runs.results import StudyResult


@pytest.fixture(scope="module")
def results() -> list[StudyResult]:
    """The complexity study, in which C1 holds, and another in which it does not; the other has a claim of its own."""
    other = crossed((4, 8), (1,))
    own = other.claims[0].model_copy(update={"id": "X1", "statement": "<b>mine</b>"})
    other = other.model_copy(update={"claims": (*other.claims, own)})
    return [result(), result([(0.2, 0.2)] * 4, study=other)]


@pytest.fixture(scope="module")
def page(results: list[StudyResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    write_report(results[0], root)
    return write_scorecard(results, root)


def test_the_claims_are_those_of_the_paper_in_order() -> None:
    assert [claim.id for claim in PAPER_CLAIMS] == [f"C{number}" for number in range(1, 23)]
    assert {claim.strength for claim in PAPER_CLAIMS} == {"A, B", "B", "B, tentative", "A, F, P", "F", "F, P", "C"}
    assert not any(claim.statement.endswith(".") for claim in PAPER_CLAIMS)


def test_a_claim_of_several_studies_has_a_row_each_and_a_combined_verdict(
    results: list[StudyResult], tmp_path: Path
) -> None:
    scores = {score.id: score for score in score_views(results, tmp_path / "reports" / "index.html", tmp_path)}
    assert list(scores) == [*(claim.id for claim in PAPER_CLAIMS), "X1"]
    first = scores["C1"]
    assert first.verdict.words == "mixed"
    assert [(row.study, row.verdict.words, row.scale) for row in first.studies] == [
        ("complexity", "replicated", "quick"),
        ("crossed", "not replicated", "quick"),
    ]
    (finding,) = first.studies[0].findings
    assert (finding.effect, finding.n, finding.smallest) == ("0.410 to 0.420", "4 of 4", "0.050")
    assert (finding.where, first.studies[0].link) == ("2 conditions", "complexity-quick/index.html")
    low, high = results[0].claims.query("id == 'C1'")[["ci_low", "ci_high"]].agg({"ci_low": "min", "ci_high": "max"})
    assert finding.interval == f"{low:.3f} to {high:.3f}"
    assert [len(row.findings) for row in scores["C3"].studies] == [2]
    assert scores["C10"].studies[0].findings[0].smallest == "within ±0.060"
    assert scores["C9"].studies[0].findings[0].where == "2 comparisons"
    assert scores["C4"].verdict.words == "not studied yet"
    assert scores["X1"].statement == "<b>mine</b>"


def test_the_page_is_complete_and_asks_for_nothing_from_outside(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert page.parts[-2:] == ("reports", "index.html")
    assert re.findall(r'<span class="id">(\w+)</span>', html) == [*(f"C{number}" for number in range(1, 23)), "X1"]
    assert html.count("not studied yet</span>") == 22 - 6
    assert "6 of 22 claims were studied: " in html
    assert "The studies ask one question of their own: 1 not replicated." in html
    assert "<b>mine" not in html
    assert "<script" not in html
    assert [link for link in re.findall(r'href="(http[^"]*)"', html)] == ["https://arxiv.org/abs/2405.05847"]
    assert (page.parent / "complexity-quick" / "index.html").is_file()
    assert 'href="complexity-quick/index.html#verdicts"' in html


def test_both_kinds_of_page_share_one_look(page: Path) -> None:
    style = re.compile(r"<style>(.*?)</style>", re.S)
    study = page.parent / "complexity-quick" / "index.html"
    one, other = (style.findall(path.read_text(encoding="utf-8")) for path in (page, study))
    assert one == other
    assert ".badge" in one[0]


def test_a_claim_without_a_verdict_is_said_so(tmp_path: Path) -> None:
    nothing = result(status={(place, seed): "not run" for place in range(2) for seed in range(4)})
    scores = score_views([nothing], tmp_path / "index.html", tmp_path)
    (finding,) = scores[0].studies[0].findings
    assert (scores[0].verdict.words, finding.effect, finding.n) == ("no verdict", "not estimated", "0 of 4")


def test_a_study_without_claims_is_listed_all_the_same(tmp_path: Path) -> None:
    bare = crossed((4, 8), (1,)).model_copy(update={"claims": tuple[Claim, ...]()})
    html = write_scorecard([result([(0.5, 0.2)] * 4, study=bare)], tmp_path).read_text(encoding="utf-8")
    assert "0 of 22 claims were studied." in html
    assert "What matters?" in html
