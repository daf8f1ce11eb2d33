"""How results show themselves: a title and a small table, as text in a terminal and as escaped HTML in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

MOST_ROWS = 20
_BLOCKS = "▁▂▃▄▅▆▇█"
_STYLE = "font-size:90%;border-collapse:collapse"


@dataclass(frozen=True)
class Sparkline:
    """A row of values between 0 and 1 as one small drawing, such as R2 from the first layer to the last."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        places = np.clip(np.nan_to_num(self.values) * len(_BLOCKS), 0, len(_BLOCKS) - 1).astype(int)
        return "".join(_BLOCKS[place] for place in places)

    def _repr_html_(self) -> str:
        step, height = 8, 18
        bars = "".join(
            f'<rect x="{step * place}" y="{height * (1 - share):.1f}" width="6" height="{height * share:.1f}"/>'
            for place, share in enumerate(np.clip(np.nan_to_num(self.values), 0.03, 1).tolist())
        )
        width = step * len(self.values)
        numbers = ", ".join(f"{value:.2f}" for value in self.values)
        return (
            f'<svg role="img" aria-label="{numbers}" width="{width}" height="{height}" fill="currentColor">'
            f"<title>{numbers}</title>{bars}</svg>"
        )


class Displayed:
    """A result that displays itself: `repr` and a notebook show the same title and the same table.

    A class that inherits from it says what to show in `_display`; a dataclass needs ``@dataclass(repr=False)``.
    """

    def _display(self) -> tuple[str, pd.DataFrame]:
        """Return a title of one line, and a table of which at most `MOST_ROWS` rows are shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        title, table = self._display()
        if table.empty:
            return title
        shown = table.head(MOST_ROWS).map(cell_text)
        return "\n".join([title, shown.to_string(index=False), *_rest(table)])

    def _repr_html_(self) -> str:
        title, table = self._display()
        return html_table(table, title)


def html_table(table: pd.DataFrame, title: str) -> str:
    """Return the first rows of a table as HTML below a title; every name and value is escaped."""
    if table.empty:
        return f"<p>{html.escape(title)}</p>"
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in table.head(MOST_ROWS).itertuples(index=False))
    caption = f'<caption style="text-align:left">{html.escape(title)}</caption>'
    rest = "".join(f"<p>{line}</p>" for line in _rest(table))
    return f'<table style="{_STYLE}">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}'


def joined(parts: Iterable[str]) -> str:
    """Return words as a list in a sentence: "a, b and c"."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def cell_text(value: object) -> str:
    """Return a value as a table shows it: numbers with three significant digits or more, nothing for a missing one."""
    if isinstance(value, Real) and not isinstance(value, bool | int | np.integer | np.bool_):
        number = float(value)
        return "" if np.isnan(number) else f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return "" if value is None else str(value)


def _cells(row: Sequence[object]) -> str:
    return "".join(
        f"<td>{value._repr_html_() if isinstance(value, Sparkline) else html.escape(cell_text(value))}</td>"
        for value in row
    )


def _rest(table: pd.DataFrame) -> list[str]:
    return [f"... and {len(table) - MOST_ROWS} more rows"] if len(table) > MOST_ROWS else []
