"""Listings that are made from the code, so that they are complete: commands, studies and kinds of contrasts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, get_args

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from repbias.cli.main import Command
from repbias.experiments.contrasts import AnyContrast
from repbias.studies import DOMAINS, find_study


class CommandLine(SphinxDirective):
    """The help of one command, as the terminal shows it: `{command-line} run`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help as literal text."""
        command = self.arguments[0]
        if command not in commands():
            raise self.error(f"expected one of {', '.join(commands())}, got {command}")
        terminal = {**os.environ, "COLUMNS": "88", "NO_COLOR": "1"}
        shown = subprocess.run(
            [sys.executable, "-m", "repbias", command, "--help"],
            env=terminal, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return [nodes.literal_block(shown, shown, language="none")]


class Contrasts(SphinxDirective):
    """The kinds of contrasts and their fields."""

    def run(self) -> list[nodes.Node]:
        """Return a list with an entry for each kind."""
        return [nodes.definition_list("", *(_contrast(kind) for kind in contrasts()))]


class Studies(SphinxDirective):
    """The studies of the package by domain, each with its question."""

    def run(self) -> list[nodes.Node]:
        """Return a title and a list for each domain."""
        found: list[nodes.Node] = []
        for domain, names in DOMAINS.items():
            entries = [_entry(name, find_study(name).question) for name in names]
            found += [nodes.rubric("", domain.capitalize()), nodes.definition_list("", *entries)]
        return found


def commands() -> list[str]:
    """The names of the commands."""
    return [kind.__name__.lower() for kind in get_args(Command)]


def contrasts() -> list[Any]:
    """The classes of contrasts that a study may use."""
    kinds = get_args(AnyContrast)[0]
    return list(get_args(kinds))


def _contrast(kind: Any) -> nodes.definition_list_item:
    fields = [name for name in kind.model_fields if name != "kind"]
    title = kind.model_fields["kind"].default
    first = (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("`", "")
    listed = nodes.paragraph("", "Fields: ", *_separated([nodes.literal("", name) for name in fields]))
    return _entry(f'kind = "{title}"', first, listed)


def _entry(name: str, text: str, *further: nodes.Node) -> nodes.definition_list_item:
    term = nodes.term("", "", nodes.literal("", name))
    return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", text), *further))


def _separated(items: list[nodes.Node]) -> list[nodes.Node]:
    return [node for item in items for node in (nodes.Text(", "), item)][1:]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("contrasts", Contrasts)
    app.add_directive("studies", Studies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
