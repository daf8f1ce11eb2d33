"""The documentation is complete: every public name has a page, and its studies, commands and sources are valid."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import repbias
from repbias.cli.main import Command
from repbias.studies import find_study

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *(page for page in DOCS.glob("*/*.md") if not page.parts[-2].startswith("_"))])
COMMANDS = {kind.__name__.lower(): kind for kind in get_args(Command)}


def blocks(language: str) -> list[tuple[str, str]]:
    """The blocks of a language in all pages, each with the path of its page."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
    return [
        (str(page.relative_to(DOCS)), found) for page in PAGES for found in pattern.findall(page.read_text("utf-8"))
    ]


def listed() -> list[str]:
    """The names in the listings of the reference, each of which gets a page; results have their module before them."""
    text = "\n".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md"))
    lists = re.findall(
        r"\.\. autosummary::\n(?:   :template: \S+\n)?   :toctree: generated\n\n((?:   ~?[\w.]+\n)+)", text
    )
    return " ".join(lists).replace("~", "").split()


def test_every_public_name_has_one_page_in_the_reference() -> None:
    assert sorted(name for name in listed() if "." not in name) == sorted(repbias.__all__)


def test_every_result_of_a_public_function_has_one_page_in_the_reference() -> None:
    functions = [value for value in (getattr(repbias, name) for name in repbias.__all__) if inspect.isfunction(value)]
    classes = [getattr(sys.modules[f.__module__], str(f.__annotations__["return"]), None) for f in functions]
    results = {
        f"{cls.__module__.removeprefix('repbias.')}.{cls.__name__}"
        for cls in classes
        if inspect.isclass(cls) and cls.__module__.startswith("repbias.") and cls.__name__ not in repbias.__all__
    }
    assert results
    assert sorted(name for name in listed() if "." in name) == sorted(results)


def test_every_measure_has_a_source_in_the_citation_guide() -> None:
    guide = (DOCS / "citing.md").read_text("utf-8")
    measures = {
        name
        for name in repbias.__all__
        if inspect.isfunction(value := getattr(repbias, name)) and value.__module__.startswith("repbias.measures")
    }
    assert measures
    assert not {name for name in measures if f"`{name}`" not in guide and f"`{name}(" not in guide}


def test_the_toml_of_every_page_can_be_read_and_its_studies_are_valid(tmp_path: Path) -> None:
    found = blocks("toml")
    studies = [(page, text) for page, text in found if "question =" in text]
    assert studies
    for _, text in found:
        tomllib.loads(text)
    for place, (_, text) in enumerate(studies):
        file = tmp_path / f"study{place}.toml"
        file.write_text(text, encoding="utf-8")
        assert find_study(str(file)).claims


@pytest.mark.parametrize(
    "line", [line for _, text in blocks("console") for line in text.replace("\\\n", "").splitlines()]
)
def test_the_commands_of_every_page_exist_with_their_options(line: str) -> None:
    prompt, program, *words = shlex.split(line, comments=True)
    assert prompt == "$"
    if program == "repbias" and words != ["--version"]:
        fields = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(COMMANDS[words[0]])}
        assert {word for word in words if word.startswith("--")} <= fields
