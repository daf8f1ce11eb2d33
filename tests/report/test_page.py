from __future__ import annotations

import base64
import gzip
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_tables import Tables, page, study

from repbias.report import study_report
from repbias.report.html import words
from repbias.report.study_report import PageContent, write_page

HOSTILE = '<script>alert(1)</script> "q" \' onerror=x & {{ 7*7 }} ü 漢字'


class Reader(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [attrs[attribute] for name, attrs in self.tags if name == tag and attribute in attrs]


@pytest.fixture(scope="module")
def content(small: Tables, tmp_path_factory: pytest.TempPathFactory) -> PageContent:
    return page(small, tmp_path_factory.mktemp("page"))


def read(content: PageContent, folder: Path) -> Reader:
    return Reader(write_page(content, folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_asks_for_nothing_from_outside(content: PageContent, tmp_path: Path) -> None:
    reader = read(content, tmp_path)
    names = {name for name, _ in reader.tags}
    assert names.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "video", "audio"})
    assert all(source.startswith("data:image/") for source in reader.all("img", "src"))
    style = (tmp_path / "index.html").read_text(encoding="utf-8").split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    outside = [link for link in reader.all("a", "href") if link.startswith(("http:", "https:", "//"))]
    assert outside == ["https://arxiv.org/abs/2405.05847"]


def test_hostile_words_are_escaped_everywhere(content: PageContent, tmp_path: Path) -> None:
    hostile = replace(
        content,
        **dict.fromkeys(("title", "question", "scale"), HOSTILE),
        answer=(HOSTILE, HOSTILE),
        verdicts=content.verdicts.assign(statement=HOSTILE, verdict=HOSTILE, tally=HOSTILE),
        claims=content.claims.assign(condition=HOSTILE, statistic=HOSTILE, verdict=HOSTILE),
        figures=[(replace(figure, title=HOSTILE, caption=HOSTILE), files) for figure, files in content.figures],
        settings={HOSTILE: {HOSTILE: [HOSTILE], "list": [{HOSTILE: HOSTILE}]}},
        provenance={HOSTILE: HOSTILE, "long": [HOSTILE] * 50},
        networks=content.networks.assign(failure=HOSTILE, status="failed", failed_criterion=HOSTILE, condition=HOSTILE),
        design=pd.DataFrame({HOSTILE: [HOSTILE], "passed": False, "check": HOSTILE, "condition": HOSTILE}),
        notes=[HOSTILE],
        downloads={HOSTILE: "javascript:alert(1)", "b": 'x" onclick="alert(1)'},
    )
    reader = read(hostile, tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    assert not any(link.lower().startswith("javascript:") for link in reader.all("a", "href"))
    assert reader.text.count(HOSTILE) > 20


def test_ids_that_look_alike_keep_different_anchors(content: PageContent, tmp_path: Path) -> None:
    twins = pd.concat([content.claims.assign(id=name) for name in ("C 1", "C-1", "<<", "ü")])
    verdicts = pd.DataFrame({"id": ["C 1", "C-1", "<<", "ü"], "statement": "s", "verdict": "mixed"})
    reader = read(replace(content, claims=twins, verdicts=verdicts), tmp_path)
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in reader.all("a", "href") if link.startswith("#")} <= set(ids)


def test_structure_is_accessible(content: PageContent, tmp_path: Path) -> None:
    reader = read(content, tmp_path)
    assert [name for name, _ in reader.tags].count("h1") == 1
    assert reader.all("img", "alt") == [figure.caption for figure, _ in content.figures]
    assert all(attrs.get("scope") in ("col", "row") for name, attrs in reader.tags if name == "th")
    assert reader.all("html", "lang") == ["en"]
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == [
        "Verdicts",
        "Claims, condition by condition",
        "Figures",
        "Networks",
        "Design check",
        "Settings and provenance",
        "How to read this page",
    ]
    text = reader.text[reader.text.index("full scale") :]
    assert (
        text.index(content.question)
        < text.index(content.answer[0])
        < text.index(content.answer[1])
        < text.index("How to read this page")
    )


def decode(href: str) -> bytes:
    kind, _, data = href.partition(";base64,")
    raw = base64.b64decode(data)
    return gzip.decompress(raw) if "gzip" in kind else raw


def test_the_page_carries_the_claims_and_every_figures_numbers(content: PageContent, tmp_path: Path) -> None:
    reader = read(content, tmp_path)
    carried = {attrs["download"]: decode(attrs["href"]) for _, attrs in reader.tags if "download" in attrs}
    for figure, files in content.figures:
        name = next(name for name in carried if name.startswith(f"{figure.name}.csv"))
        assert carried[name] == files.csv.read_bytes()
    assert carried["claims.csv"].decode().splitlines()[0].startswith("id,study,condition")


def test_links_to_files_beside_the_page_lead_to_them(content: PageContent, tmp_path: Path) -> None:
    reader = read(content, tmp_path)
    links = [link for link in reader.all("a", "href") if link.endswith((".svg", ".png"))]
    assert len(links) == 2 * len(content.figures)
    assert all((tmp_path / link).is_file() for link in links)


def test_a_full_page_stays_under_three_megabytes(large: Tables, tmp_path: Path) -> None:
    content = page(large, tmp_path)
    path = write_page(content, tmp_path / "index.html")
    assert path.stat().st_size < 3_000_000


def test_heavy_figures_fall_back_to_png(content: PageContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure, files = content.figures[0]
    heavy = tmp_path / "heavy.svg"
    heavy.write_bytes(files.svg.read_bytes() + b"<!-- " + b"x" * 2_500_000 + b" -->")
    content = replace(content, figures=[(figure, replace(files, svg=heavy)), *content.figures[1:]])
    reader = read(content, tmp_path)
    kinds = [source.partition(";")[0] for source in reader.all("img", "src")]
    assert kinds[0] == "data:image/png"
    assert set(kinds[1:]) == {"data:image/svg+xml"}
    assert (tmp_path / "index.html").stat().st_size < study_report.MOST_BYTES


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "All 16 of 16 networks finished and passed the accuracy criterion."),
        ({3: {"status": "failed"}}, "15 of 16 networks passed; 1 diverged."),
        (
            {3: {"failed_criterion": "hard"}, 5: {"failed_criterion": "easy,hard"}},
            "14 of 16 networks passed; 2 failed the accuracy criterion on easy and",
        ),
        (
            {0: {"status": "step limit", "failed_criterion": "hard"}},
            "15 of 16 networks passed; 1 stopped at the step limit.",
        ),
    ],
)
def test_networks_are_summed_up_in_a_sentence(
    content: PageContent, tmp_path: Path, changes: dict[int, dict[str, Any]], sentence: str
) -> None:
    networks = content.networks.copy()
    for row, values in changes.items():
        for name, value in values.items():
            networks.loc[row, name] = value
    reader = read(replace(content, networks=networks), tmp_path)
    assert sentence in reader.text


def test_failed_networks_come_first_then_those_below_the_criterion_then_the_rest(
    content: PageContent, tmp_path: Path
) -> None:
    networks = content.networks.copy()
    networks["run"] = [f"run-{row:02d}" for row in range(len(networks))]
    networks.loc[1, "failed_criterion"] = "hard"
    networks.loc[9, "status"] = "failed"
    text = read(replace(content, networks=networks), tmp_path).text
    assert text.index("run-09") < text.index("run-01") < text.index("run-00")


def test_parts_of_a_claim_share_one_badge_and_have_separate_tables(content: PageContent, tmp_path: Path) -> None:
    read(content, tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    (claim,) = re.findall(r'<div class="claim" id="claim-C3">(.*?)\n</div>\n(?=<div class="claim"|<ul)', html, re.S)
    assert re.findall(r"<h4>(.*?)</h4>", claim) == [
        "The easy feature&#39;s variance goes on growing after it is mastered",
        "It grows most while the hard feature is being learned",
    ]
    assert re.findall(r"Statistic: (.*?)</p>", claim) == ["growth of R2(easy)", "early minus late growth of R2(easy)"]
    assert claim.count("<table") == 2
    heading = claim[: claim.index("<h4>")]
    assert heading.count("badge") == 1
    conditions = [name for name in content.claims["condition"].unique()] * 2
    assert re.findall(r'<th scope="row">(.*?)</th>', claim) == conditions


def test_a_design_without_fault_is_one_sentence_and_a_folded_table(content: PageContent, tmp_path: Path) -> None:
    html = write_page(content, tmp_path / "index.html").read_text(encoding="utf-8")
    section = html[html.index('<section id="design"') : html.index('<section id="settings"')]
    assert "All 4 checks passed in all 2 tasks." in section
    assert "class shares" not in section[: section.index("<details>")]
    assert section.count("<table>") == 1
    assert "class shares" in section[section.index("<details>") :]


def test_checks_that_failed_are_unfolded_and_first(content: PageContent, tmp_path: Path) -> None:
    design = content.design.assign(passed=[True, True, True, False], note="class shares 0.9, 0.1")
    html = write_page(replace(content, design=design), tmp_path / "index.html").read_text(encoding="utf-8")
    section = html[html.index('<section id="design"') : html.index('<section id="settings"')]
    before, folded = section.split("<details>")
    assert "1 of 4 checks failed in 1 of 2 tasks: overlap." in before
    assert "<td>overlap</td>" in before
    assert "class shares" not in before
    assert folded.index("<td>overlap</td>") < folded.index("<td>label balance</td>")


def test_empty_tables_become_plain_sentences(content: PageContent, tmp_path: Path) -> None:
    bare = replace(
        content,
        verdicts=content.verdicts[:0],
        claims=content.claims[:0],
        networks=content.networks[:0],
        design=pd.DataFrame(),
        figures=[],
        settings={},
        provenance={},
        notes=[],
        downloads={},
    )
    text = read(bare, tmp_path).text
    for sentence in (
        "This study states no claims.",
        "No claims were tested.",
        "There are no figures.",
        "No networks were trained.",
        "No design check was recorded.",
        "Neither settings nor provenance were recorded.",
    ):
        assert sentence in text


def test_a_failed_write_leaves_the_old_page(
    content: PageContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.html"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("repbias.core.atomic.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_page(content, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]


def test_the_same_content_gives_the_same_page(content: PageContent, tmp_path: Path) -> None:
    first = write_page(content, tmp_path / "a.html").read_bytes()
    assert write_page(content, tmp_path / "b.html").read_bytes().replace(b"b.html", b"a.html") == first


def test_a_table_without_a_needed_column_is_refused(content: PageContent, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="networks table needs the columns status"):
        write_page(replace(content, networks=content.networks.drop(columns="status")), tmp_path / "index.html")


def test_one_network_and_one_condition_suffice(tmp_path: Path) -> None:
    tables = study(seeds=1, hard=("AND",))
    assert write_page(page(tables, tmp_path), tmp_path / "index.html").is_file()


def test_numbers_that_would_fill_the_page_are_linked_beside_it(
    content: PageContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_report, "MOST_BYTES", 1_000)
    reader = read(content, tmp_path)
    links = [attrs["href"] for name, attrs in reader.tags if name == "a" and attrs.get("download", "") != "claims.csv"]
    tables = [link for link in links if link.endswith(".csv")]
    assert len(tables) == len(content.figures)
    assert all((tmp_path / link).is_file() for link in tables)


def test_numbers_of_any_kind_read_alike() -> None:
    same = [(np.int64(12), 12), (np.float64(0.25), 0.25), (np.bool_(True), True), (float("nan"), None), (pd.NA, None)]
    assert all(words(one) == words(other) for one, other in same)
    assert words([np.float64(-0.5), {"a": 12_000}]) == "−0.5, a: 12,000"
