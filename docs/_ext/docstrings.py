"""Docstrings in the reference: from the form in which the package writes them to that which numpydoc expects.

The package writes them to be read in a terminal: an indented block is a formula, a parameter is described after its
colon, and what is returned is a sentence.
"""

from __future__ import annotations

import inspect
import re
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

from repbias.core.specs import Spec

BEFORE_NUMPYDOC = 100
PLAIN = (str, int, float, bool, type(None))
LISTS = ("Parameters", "Attributes", "Raises", "Warns", "Yields")  # of entries "name : description"
_ENTRY = re.compile(r"(?P<name>\S.*?) : (?P<text>.*)")
Section = tuple[str, list[str]]


def rewrite(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the lines of a docstring in place, before numpydoc reads them."""
    sections: list[Section] = []
    notes: list[str] = []
    for title, body in _sections(lines):
        if title in LISTS:
            body, prose = _entries([_escaped(line) for line in body])
            notes += prose
        elif title == "Returns":
            body = [_returned(obj), *(f"    {_escaped(line)}" for line in body)]
        elif title != "Examples":
            body = _with_formulas(body)
        sections.append((title, body))
    if notes:
        written = dict(sections).get("Notes", [])
        sections = [section for section in sections if section[0] != "Notes"]
        sections.append(("Notes", [*written, *notes]))
    lines[:] = [line for title, body in sections for line in [*_heading(title), *body, ""]]


def _sections(lines: list[str]) -> list[Section]:
    """Split at underlined titles; the text before the first has no title."""
    starts = [place - 1 for place, line in enumerate(lines) if place and re.fullmatch(r"-{3,}", line.strip())]
    if not starts:
        return [("", list(lines))]
    ends = [*starts[1:], len(lines)]
    named = [(lines[start].strip(), lines[start + 2 : end]) for start, end in zip(starts, ends, strict=True)]
    return [("", lines[: starts[0]]), *named]


def _heading(title: str) -> list[str]:
    return [title, "-" * len(title)] if title else []


def _paragraphs(body: list[str]) -> list[list[str]]:
    return [list(group) for filled, group in groupby(body, key=lambda line: bool(line.strip())) if filled]


def _entries(body: list[str]) -> tuple[list[str], list[str]]:
    """Return a section's entries, each description below its name, and the paragraphs that follow the entries."""
    entries: list[str] = []
    prose: list[str] = []
    for paragraph in _paragraphs(body):
        if not paragraph[0].startswith(" ") and not _ENTRY.fullmatch(paragraph[0]) and " " in paragraph[0].strip():
            prose += ["", *paragraph]
            continue
        for line in paragraph:
            entry = _ENTRY.fullmatch(line)
            entries += [entry["name"], f"    {entry['text']}"] if entry else [line]
    return entries, prose


def _returned(obj: Any) -> str:
    """The type of what a function returns, as its signature says."""
    try:
        annotation = inspect.signature(obj).return_annotation
    except (TypeError, ValueError):
        return "result"
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return "result" if annotation is inspect.Signature.empty else name.strip("'\"").replace(" | ", " or ")


def _with_formulas(body: list[str]) -> list[str]:
    """Make each indented block after an empty line a literal block."""
    text: list[str] = []
    for place, line in enumerate(body):
        if line.startswith("    ") and place and not body[place - 1].strip() and not _in_block(text):
            text += ["::", ""]
        text.append(line if line.startswith("    ") else _escaped(line))
    return text


def _in_block(text: list[str]) -> bool:
    return next((line.startswith("    ") for line in reversed(text) if line.strip()), False)


def _escaped(line: str) -> str:
    """A line in which bars, as in || phi ||, are no markup."""
    return line.replace("|", r"\|")


def signature(app: Sphinx, what: str, name: str, obj: Any, *rest: Any) -> tuple[str, None] | None:
    """The fields of a spec with their defaults, of which those that are no plain values are left out."""
    if not (inspect.isclass(obj) and issubclass(obj, Spec) and "__init__" not in vars(obj)):
        return None
    fields = []
    for field, info in obj.model_fields.items():
        default = info.get_default()
        plain = isinstance(default, PLAIN) or (
            isinstance(default, tuple) and all(isinstance(v, PLAIN) for v in default)
        )
        shown = repr(default) if plain else "..."
        fields.append(field if info.is_required() else f"{field}={shown}")
    return f"(*, {', '.join(fields)})", None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks."""
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", rewrite, priority=BEFORE_NUMPYDOC)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
