"""The README's Python runs as it stands, with fewer seeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SEEDS, FEWER_SEEDS = "seeds=10", "seeds=2"


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_python_of_the_readme_runs() -> None:
    blocks = python_blocks(README.read_text(encoding="utf-8"))
    assert blocks, "README.md has no block of Python"
    code = "\n".join(blocks)
    assert SEEDS in code, f"README.md trains no {SEEDS} networks"
    fewer = code.replace(SEEDS, FEWER_SEEDS)
    names: dict[str, object] = {}
    exec(compile(fewer, str(README), "exec"), names)
    assert "repbias" in names


def test_blocks_are_found() -> None:
    assert python_blocks("```python\na\n```\n\n```console\nb\n```\n```python\nc\nd\n```\n") == ["a\n", "c\nd\n"]
