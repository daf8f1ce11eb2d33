"""Words and phrases that the package avoids do not occur in its code, templates and pages."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    "src/**/*.py", "src/**/*.pyi", "src/**/*.jinja", "examples/**/*.py", "docs/*.md",
    "docs/*/*.md", "docs/_ext/*.py", "README.md", "AGENTS.md",
    "CONTRIBUTING.md",
)  # fmt: skip
STACKED = ("src/repbias/training/",)  # networks that are trained in one stack are members of an ensemble
# Pattern, what to say instead, and the files (parts of paths) that may use it; a space stands for any white space.
WORDS = [
    (r"\b(shout|whisper)(s|ed|ing)?\b", "dominant; weak but decodable", ()),
    (r"\bmembers?\b|Member\b", "network, or seed", STACKED),
    (r"\bgates?\b", "accuracy criterion (95 %), or mastery (stopping rule)", ("models/recurrent.py",)),
    (r"worth the name|smallest effect worth", "smallest effect of interest", ()),
    (r"not replicated", "one of the verdicts: no effect, reversed, contradicted, inconclusive",
     ("README.md", "experiments/verdicts.py")),
    (r"\bstandings?\b|\bglance\b", "status; summary", ()),
    (r"\breach=|--reach\b|[\"']reach[\"']", "interventions, causal effects", ("audit/model.py",)),
    (r"asked[- ]for\b|labelled[- ]for fraction|\b(is|are|was|were) asked\b", "labelled; what was requested", ()),
    (r"(somebody|one)(’|')s own|OwnModule|kind=\"own\"", "user-defined", ()),
    (r"strength=\"[ABCFP]", "the source of a claim, in the catalogue", ()),
    (r"labels in random orders?", "shuffled-label control", ()),
    (r"features? of zero strength", "empirical false-positive rate", ()),
    (r"in no other feature(’|')s labels", "unique (semipartial) variance", ()),
    (r"position of a unit of", "dimension, axis, unit", ()),
    (r"that there (is|are) not\b", "that does not exist", ()),
    (r"\bown affair\b|house(’|')s word|not to be had|\bhangs? on\b|for want of", "plain words", ()),
    (r"\b(row|number|column|line|point|panel) a (seed|network|feature|layer|study|condition|claim|stimulus|unit)\b",
     "one row per network", ()),
]  # fmt: skip


@cache
def texts() -> dict[str, str]:
    """The text of every file by its path, string literals that continue on the next line joined."""
    paths = sorted(path for place in PLACES for path in ROOT.glob(place))
    return {str(p.relative_to(ROOT)): re.sub(r'"\s*\n\s*f?"', "", p.read_text(encoding="utf-8")) for p in paths}


def occurrences(pattern: str, allowed: tuple[str, ...]) -> list[str]:
    spaced = re.compile(pattern.replace(" ", r"[\s#]+"))
    return [
        f"{path}: ...{' '.join(text[max(0, found.start() - 40) : found.end() + 20].split())}..."
        for path, text in texts().items()
        if not any(part in path for part in allowed)
        for found in spaced.finditer(text)
    ]


@pytest.mark.parametrize(("pattern", "instead", "allowed"), WORDS, ids=[instead for _, instead, _ in WORDS])
def test_a_word_that_is_avoided_does_not_occur(pattern: str, instead: str, allowed: tuple[str, ...]) -> None:
    found = occurrences(pattern, allowed)
    assert not found, f"say: {instead}\n" + "\n".join(found)


def test_every_place_has_files() -> None:
    assert all(any(ROOT.glob(place)) for place in PLACES)
    assert len(texts()) > 100
