"""The Python of README.md, AGENTS.md and CONTRIBUTING.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FEWER = {"seeds=10": "seeds=2", 'scale="quick"': 'scale="quick", seeds=1'}


def blocks(text: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "shorter"),
    [
        pytest.param("README.md", FEWER, marks=pytest.mark.slow),
        pytest.param("AGENTS.md", {}, marks=pytest.mark.slow),
        ("CONTRIBUTING.md", {}),
    ],
)
def test_the_python_of_a_page_runs(
    page: str, shorter: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "\n".join(blocks((ROOT / page).read_text(encoding="utf-8")))
    assert code, f"{page} has no block of Python"
    for written, run in shorter.items():
        assert written in code, f"{page} has no {written}"
        code = code.replace(written, run)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, page, "exec"), {})


def test_blocks_are_found() -> None:
    assert blocks("```python\na\n```\n\n```console\nb\n```\n```python\nc\nd\n```\n") == ["a\n", "c\nd\n"]
