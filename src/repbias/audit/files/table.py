"""The features that somebody brings to an audit, read from the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repbias.audit.files.arrays import TABLE_SUFFIXES, check_file, read_table
from repbias.core.specs import did_you_mean


@dataclass(frozen=True)
class FeatureTable:
    """The features of the stimuli, and what each row belongs to.

    Attributes
    ----------
    features : a row a stimulus, a column a feature.
    groups : the session or subject of each row, `[stimulus]`, or None where no column was named.
    repeats : which stimulus each row is a presentation of, `[stimulus]`, or None where no column was named.
    """

    features: pd.DataFrame
    groups: pd.Series | None
    repeats: pd.Series | None


def read_features(
    path: Path, columns: Sequence[str] = (), groups: str | None = None, repeats: str | None = None
) -> FeatureTable:
    """Read class labels, a column a feature, from a table with a row a stimulus.

    Parameters
    ----------
    path : a ``.csv`` whose first line names the columns, or a ``.parquet``; empty cells are missing labels.
    columns : the columns that are features; by default all but those of the groups and repeats.
    groups : the column that says to which session or subject a stimulus belongs.
    repeats : the column that says which stimulus a row is a presentation of.

    Raises
    ------
    ValueError : a file that is missing, empty, damaged, pickled or of an unknown kind, a column that is not there or
        has no name of its own, or no column that is a feature.
    """
    check_file(path, TABLE_SUFFIXES)
    table = read_table(path)
    names = list(table.columns)
    others = {"groups": groups, "repeats": repeats}
    taken = {column: what for what, column in others.items() if column is not None}
    for wanted in (*columns, *taken):
        if wanted not in names:
            raise ValueError(f"{path}: there is no column {wanted!r}; {did_you_mean(wanted, names)}")
    if groups is not None and groups == repeats:
        raise ValueError(f"{path}: {groups!r} cannot be the column of the groups and of the repeats; name two")
    for column in columns:
        if column in taken:
            raise ValueError(
                f"{path}: {column!r} is the column of the {taken[column]}, so it cannot be a feature as well"
            )
    chosen = list(dict.fromkeys(columns)) or [name for name in names if name not in taken]
    if not chosen:
        raise ValueError(f"{path}: no column is a feature; the file needs one beside {', '.join(map(repr, taken))}")
    return FeatureTable(
        table[chosen].reset_index(drop=True),
        **{what: None if of is None else table[of].reset_index(drop=True) for what, of in others.items()},
    )
