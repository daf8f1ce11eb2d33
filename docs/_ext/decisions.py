"""A flowchart of questions, drawn as SVG inside the page so that it needs no network and follows the page's colours.

    ```{decisions}
    How strongly is each feature represented? | variance_explained
    Which of two features does a classifier rely on? | reliance, reliance_sweep
    ```

Each line is a question and the public names that answer it. "Yes" leads to the right, "no" down to the next question.
"""

from __future__ import annotations

import html
import textwrap

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import repbias

LINE, PADDING, GAP = 17, 11, 26  # of a text, in a box, between two boxes
QUESTION, ANSWER = (0, 214), (258, 162)  # left edge and width of the boxes
LETTERS = 28  # that fit into a line of a question
WIDTH = ANSWER[0] + ANSWER[1]


class Decisions(SphinxDirective):
    """The directive `decisions`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the drawing."""
        rows = [[part.strip() for part in line.split("|")] for line in self.content if line.strip()]
        pieces, top = [], 1
        for place, (question, answers) in enumerate(rows):
            lines, names = textwrap.wrap(question, LETTERS), [name.strip() for name in answers.split(",")]
            height = 2 * PADDING + LINE * max(len(lines), len(names))
            middle = top + height / 2
            pieces += [_box("question", QUESTION, top, height), _lines(lines, QUESTION[0] + PADDING, middle)]
            pieces += [_box("answer", ANSWER, top, height), self._links(names, middle)]
            pieces.append(_arrow(QUESTION[1], middle, ANSWER[0], middle, "yes"))
            if place < len(rows) - 1:
                centre = QUESTION[1] / 2
                pieces.append(_arrow(centre, top + height, centre, top + height + GAP, "no"))
            top += height + GAP
        drawing = (
            f'<svg class="decisions" viewBox="-1 0 {WIDTH + 2} {top - GAP + 1}" role="img">{"".join(pieces)}</svg>'
        )
        return [nodes.raw("", drawing, format="html")]

    def _links(self, names: list[str], middle: float) -> str:
        unknown = set(names) - set(repbias.__all__)
        if unknown:
            raise self.error(f"expected public names of repbias, got {', '.join(sorted(unknown))}")
        return "".join(
            f'<a href="{self._page(name)}">{_text(name, ANSWER[0] + PADDING, y)}</a>'
            for name, y in zip(names, _baselines(len(names), middle), strict=True)
        )

    def _page(self, name: str) -> str:
        uri = self.env.app.builder.get_relative_uri
        return str(uri(self.env.docname, f"reference/generated/repbias.{name}"))


def _baselines(number: int, middle: float) -> list[float]:
    first = middle - (number - 1) * LINE / 2 + 4.5
    return [first + LINE * place for place in range(number)]


def _text(text: str, x: float, y: float) -> str:
    return f'<text x="{x}" y="{y}">{html.escape(text)}</text>'


def _lines(lines: list[str], x: float, middle: float) -> str:
    return "".join(_text(line, x, y) for line, y in zip(lines, _baselines(len(lines), middle), strict=True))


def _box(kind: str, place: tuple[int, int], top: float, height: float) -> str:
    return f'<rect class="{kind}" x="{place[0]}" y="{top}" width="{place[1]}" height="{height}" rx="6"/>'


def _arrow(x1: float, y1: float, x2: float, y2: float, word: str) -> str:
    right = y1 == y2
    head = (
        f"{x2 - 6},{y2 - 4} {x2},{y2} {x2 - 6},{y2 + 4}" if right else f"{x2 - 4},{y2 - 6} {x2},{y2} {x2 + 4},{y2 - 6}"
    )
    label = _text(word, (x1 + x2) / 2 - 13, y1 - 6) if right else _text(word, x1 + 8, (y1 + y2) / 2 + 4)
    return f'<path d="M{x1},{y1} L{x2},{y2}"/><polygon points="{head}"/>{label}'


def setup(app: object) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("decisions", Decisions)  # type: ignore[attr-defined]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
