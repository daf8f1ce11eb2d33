"""`save_html`: which results have a page, where it may be written, and that one seam leads to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from audit_reports import make_report

import repbias
from repbias.audit.report import AuditReport
from repbias.core.results import HasPage
from repbias.report.pages import save_html
from repbias.runs.results import StudyResult

SOURCE = Path(repbias.__file__).parent


def test_a_result_and_the_function_write_the_same_page(tmp_path: Path) -> None:
    report = make_report()
    assert report.save_html(tmp_path / "one.html") == tmp_path / "one.html"
    assert repbias.save_html(report, str(tmp_path / "made" / "other.HTML")) == tmp_path / "made" / "other.HTML"
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "made" / "other.HTML").read_bytes()


def test_a_page_of_repbias_is_replaced_and_another_file_only_if_asked(tmp_path: Path) -> None:
    report, path = make_report(), tmp_path / "audit.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        report.save_html(path)
    assert path.read_text() == "mine"
    report.save_html(path, overwrite=True)
    path.write_text(path.read_text() + "<!-- older -->")
    report.save_html(path)
    assert "older" not in path.read_text()


@pytest.mark.parametrize(("name", "advice"), [("x.pdf", "x.html"), ("x", "x.html"), ("folder.html", "is a folder")])
def test_a_path_that_cannot_be_a_page_is_refused(name: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ValueError, match=advice):
        make_report().save_html(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_what_has_no_page_is_refused_by_its_type(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="got DataFrame"):
        save_html(make_report().results, tmp_path / "table.html")


def test_every_result_with_a_page_offers_it_and_every_class_that_offers_one_has_it() -> None:
    assert {AuditReport, StudyResult} == set(HasPage.__subclasses__())


def test_one_module_below_the_pages_reaches_up_to_them() -> None:
    above = ("report", "cli")
    names = re.compile(r"repbias\.report|from \.+report\b")
    files = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in above]
    assert [path.relative_to(SOURCE).as_posix() for path in files if names.search(path.read_text())] == [
        "core/results.py"
    ]
