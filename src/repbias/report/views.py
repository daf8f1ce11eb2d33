"""Cells, tables and verdicts as the plain words that the page's template lays out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

_SIGNS = {
    "replicated": ("yes", "●"),
    "no effect": ("no", "✕"),
    "reversed": ("no", "✕"),
    "contradicted": ("no", "✕"),
    "mixed": ("mixed", "◆"),
    "descriptive": ("none", "–"),
    "no data": ("none", "–"),
    "not studied": ("none", "–"),
}


@dataclass(frozen=True)
class TableView:
    """A table in words: its headings, which columns are numbers, and its rows."""

    headings: list[str]
    numeric: list[bool]
    rows: list[list[str]]


@dataclass(frozen=True)
class VerdictView:
    """A verdict in words, with a sign and a CSS class, so that it does not depend on colour alone."""

    words: str
    css: str
    sign: str


def words(value: object) -> str:
    """A cell as text: numbers with four significant digits, nothing for what is missing."""
    value = native(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e12 else f"{value:.4g}".replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(words(item) for item in value)
    return str(value)


def native(value: object) -> object:
    """NumPy scalars as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def table_view(frame: pd.DataFrame) -> TableView | None:
    """Any table, or None if it has no rows. Columns without a single value are left out."""
    frame = frame.dropna(axis=1, how="all")
    if frame.empty:
        return None
    numeric = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    rows = [[words(cell) for cell in row] for row in frame.astype(object).itertuples(index=False, name=None)]
    return TableView([str(name).replace("_", " ") for name in frame.columns], numeric, rows)


def verdict_view(verdict: object) -> VerdictView:
    """The look of a verdict; words that are none look like "inconclusive", and nothing is "descriptive"."""
    text = words(verdict) or "descriptive"
    css, sign = _SIGNS.get(text, ("none", "○"))
    return VerdictView(text, css, sign)


def joined(parts: Iterable[str]) -> str:
    """Words as a list in a sentence: "a, b and c"."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
