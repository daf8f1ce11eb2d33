"""Read text tables: cells separated by commas, semicolons, tabs or bars, below a line with the names of the columns."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
INDEX_NAMES = ("", "Unnamed: 0")
"""Names of the first column where a table was saved with its index."""


def read_delimited(path: Path, *, labels: bool, missing_values: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table; its column names stay as written, without spaces around them.

    Parameters
    ----------
    labels : whether cells are labels, which are text, as "01" and "1" may be two classes. Only empty cells are then
        missing, because "NA" and "None" may be classes.
    missing_values : words that also stand for a missing label.

    Raises
    ------
    ValueError : a first line that is a comment. Others come from pandas.
    """
    first, skipped, separator = _first_line(path)
    (names,) = csv.reader([first], delimiter=separator, skipinitialspace=True)
    with warnings.catch_warnings():
        # Without this, pandas would cut a row that is longer than the first line.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        table = pd.read_csv(
            path,
            sep=separator,
            skiprows=skipped,
            index_col=False,
            encoding="utf-8-sig",
            dtype=str if labels else None,
            keep_default_na=not labels,
            na_values=["", *missing_values],
            skipinitialspace=True,
            skip_blank_lines=len(names) > 1,  # in a single column, an empty line is an empty cell
        )
    table = table.set_axis([name.strip() for name in names], axis=1)
    if len(names) == 1 and (filled := np.flatnonzero(table.notna().to_numpy()[:, 0])).size:
        table = table.iloc[: filled[-1] + 1]  # without empty lines at the end
    if not names[-1].strip() and len(names) > 1 and table.iloc[:, -1].isna().all():
        table = table.iloc[:, :-1]  # each line ends with a separator
    return table.apply(lambda column: column.str.strip().replace("", np.nan)) if labels else table


def _first_line(path: Path) -> tuple[str, int, str]:
    """Return the line that names the columns, the number of lines above it, and the separator."""
    with path.open(encoding="utf-8-sig", newline=None) as file:
        lines = [line for line, _ in zip(file, range(2), strict=False)]
    if lines[0].startswith("#"):
        raise ValueError(
            f"the first line is the comment {lines[0].strip()[:40]!r}; it must name the columns: delete comments"
        )
    if lines[0].lower().startswith("sep=") and len(lines) > 1:  # Excel's way to name the separator
        return lines[1], 1, lines[0].rstrip("\n")[4:5] or ","
    return lines[0], 0, max(SEPARATORS, key=lambda one: len(next(csv.reader([lines[0]], delimiter=one))))


def without_index(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Leave out a first column that is the index with which a table was saved, where it only numbers the rows.

    Raises
    ------
    ValueError : an index that names rows, or numbers them in another order.
    """
    name = str(table.columns[0])
    if name.strip() not in INDEX_NAMES or table.shape[1] == 1:
        return table
    if numbers_rows(table.iloc[:, 0]):
        return table.iloc[:, 1:]
    called = f"is called {name!r}, as" if name.strip() else "has no name, as"
    raise ValueError(
        f"{path}: column 1 {called} in a table that was saved with its index, which does not number the rows in order: "
        "bring all files into one order and save them without an index (index=False), or name the column"
    )


def numbers_rows(column: pd.Series) -> bool:
    """Return whether a column holds 0, 1, 2, ... or 1, 2, 3, ..."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(float)
    return any(np.array_equal(numbers, np.arange(len(numbers)) + first) for first in (0, 1))
