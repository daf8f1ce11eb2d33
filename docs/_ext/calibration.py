"""The tables of calibration, from the counts that `make calibration` writes.

    ```{calibration} main
    ```

`main` is the table of tests and intervals, `further` that of other intervals, and `designs` the list of designs.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from benchmarks.calibration import TABLE
from benchmarks.calibration.designs import DESIGNS
from benchmarks.calibration.table import COVERED, FALSE_POSITIVE, KEY, in_range, read_table, result
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MAIN = {
    "false positives, R²": (FALSE_POSITIVE, "null", "r2_unbiased"),
    "false positives, decodability": (FALSE_POSITIVE, "null", "decodability"),
    "coverage, R²": (COVERED, "planted", "r2_unbiased"),
    "coverage, decodability": (COVERED, "planted", "decodability"),
}
Row = dict[Any, Any]


class Calibration(SphinxDirective):
    """The directive `calibration`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table or the list."""
        self.env.note_dependency(str(TABLE))
        table = read_table()
        made = {"main": main_table(table), "further": further_table(table), "designs": list_of_designs()}
        if self.arguments[0] not in made:
            raise self.error(f"expected one of {', '.join(made)}, got {self.arguments[0]}")
        found: list[nodes.Node] = self.parse_text_to_nodes(made[self.arguments[0]])
        return found


def main_table(table: pd.DataFrame) -> str:
    """Return the rates and the coverage of every design, with what they amount to."""
    rows = []
    for design in DESIGNS:
        of_design = table[table["design"] == design.name]
        found = {tuple(row[key] for key in KEY): row for row in of_design.to_dict("records")}
        cells = [_cell(found[key]) if key in found else "–" for key in MAIN.values()]
        rows.append([design.name, *cells, result(of_design)])
    return _markdown(["design", *MAIN, "result"], rows)


def further_table(table: pd.DataFrame) -> str:
    """Return the coverage of the other intervals."""
    rows = [
        [
            row["design"],
            row["feature"].replace("null", "without effect"),
            f"`{row['measure']}`",
            f"{row['truth']:.3f}",
            _cell(row),
        ]
        for row in table.to_dict("records")
        if row["statistic"] == COVERED and tuple(row[key] for key in KEY) not in MAIN.values()
    ]
    return _markdown(["design", "feature", "measure", "truth", "coverage"], rows)


def list_of_designs() -> str:
    """Return how each design is simulated, and what is to be said of its numbers."""
    entries = [f"{design.name}\n: {' '.join([design.description, design.remark]).strip()}" for design in DESIGNS]
    return "\n\n".join(entries)


def _cell(row: Row) -> str:
    text = f"{100 * row['share']:.1f} % [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"
    return text if in_range(row["statistic"], row["share"]) else f"**{text}**"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("calibration", Calibration)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
