"""Read tables of labels from files, and check all files of an audit.

Reading a file never runs code that it holds: pickled content is refused, and the error names a safe format.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
from safetensors import SafetensorError

from repbias.audit.files.delimited import read_delimited, without_index
from repbias.core.specs import did_you_mean

_Content = TypeVar("_Content")

TABLE_SUFFIXES = (".csv", ".parquet")
_PICKLED_SUFFIXES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib"}
_SAFE_WAY = "save arrays with numpy.save or numpy.savez, tensors with safetensors.torch.save_file"
_UNREADABLE = (
    ValueError, EOFError, KeyError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error, SafetensorError,
    pd.errors.ParserWarning,
)  # fmt: skip


@dataclass(frozen=True)
class FeatureTable:
    """The labels of the stimuli, with their groups, repeats, blocks and order.

    Attributes
    ----------
    features : one row per stimulus, one column per feature.
    groups : the group of each row, such as its session, `[stimulus]`; None if no column was named.
    repeats : the stimulus of which each row is a presentation, `[stimulus]`; None if no column was named.
    blocks : the block of each row, `[stimulus]`; None if no column was named.
    order : the number of each row in the order of the stimuli, `[stimulus]`; None if no column was named.
    """

    features: pd.DataFrame
    groups: pd.Series | None
    repeats: pd.Series | None
    blocks: pd.Series | None = None
    order: pd.Series | None = None


def read_features(
    path: Path,
    columns: Sequence[str] = (),
    groups: str | None = None,
    repeats: str | None = None,
    missing_values: Sequence[str] = (),
    blocks: str | None = None,
    order: str | None = None,
) -> FeatureTable:
    """Read class labels from a table with one row per stimulus and one column per feature.

    Parameters
    ----------
    path : a ``.csv`` file whose first line names the columns, separated by commas, semicolons, tabs or bars; its labels
        are text. Or a ``.parquet`` file, whose labels keep their types. Empty cells are missing labels. A first column
        without a name that numbers the rows is left out.
    columns : the columns that are features; by default all but those named below.
    groups : the column with the group of each row.
    repeats : the column with the stimulus of which each row is a presentation.
    missing_values : words of a ``.csv`` file that stand for a missing label, such as "NA".
    blocks : the column with the block of each row.
    order : the column with the number of each row in the order of the stimuli.

    Raises
    ------
    ValueError : the file is missing, empty, damaged, pickled or of an unknown kind; a column does not exist; two
        columns have the same name; or no column is a feature.
    """
    check_file(path, TABLE_SUFFIXES)
    table = read_table(path, labels=True, missing_values=missing_values)
    names = list(table.columns)
    others = {"groups": groups, "repeats": repeats, "blocks": blocks, "order": order}
    taken = {column: what for what, column in others.items() if column is not None}
    for wanted in (*columns, *taken):
        if wanted not in names:
            raise ValueError(f"{path}: there is no column {wanted!r}; {did_you_mean(wanted, names)}")
    for what, column in others.items():
        if column is not None and taken[column] != what:
            raise ValueError(
                f"{path}: {column!r} cannot be the column of the {what} and of the {taken[column]}; name two"
            )
    for column in columns:
        if column in taken:
            raise ValueError(
                f"{path}: {column!r} is the column of the {taken[column]}, so it cannot be a feature as well"
            )
    chosen = list(dict.fromkeys(columns)) or [name for name in names if name not in taken]
    if not chosen:
        raise ValueError(f"{path}: no column is a feature; the file needs one besides {', '.join(map(repr, taken))}")
    if order is not None:
        table[order] = _numbers(table[order], path)
    return FeatureTable(
        table[chosen].reset_index(drop=True),
        **{what: None if of is None else table[of].reset_index(drop=True) for what, of in others.items()},
    )


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    """Return the column of the order as numbers, or as the times that it holds; empty cells stay missing."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: the column {column.name!r} of the order must hold numbers ({error})") from error


def check_file(path: Path, suffixes: Sequence[str]) -> None:
    """Raise for a file that does not exist, is empty or has another suffix; for a pickled file, name a safe format."""
    suffix = path.suffix.lower()
    if suffix in _PICKLED_SUFFIXES:
        raise ValueError(
            f"{path}: {suffix} files are pickled, and reading one runs whatever code it holds; open it yourself if "
            f"you trust it, then {_SAFE_WAY}"
        )
    if suffix not in suffixes:
        raise ValueError(f"{path}: {suffix or 'a file without an ending'} cannot be read; use {', '.join(suffixes)}")
    if not path.exists():
        raise ValueError(f"{path}: there is no such file")
    if not path.is_file():
        raise ValueError(f"{path} is not a file; name a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes); write it again")


def guarded(path: Path, read: Callable[[Path], _Content]) -> _Content:
    """Return what `read` returns; for a damaged file, raise an error with what to do and the message of the library."""
    try:
        return read(path)
    except MemoryError as error:
        raise ValueError(
            f"{path} needs more memory than is available, or is damaged; split it or write it again"
        ) from error
    except _UNREADABLE as error:
        message = str(error) or type(error).__name__
        if "pickle" in message.lower() or "Python objects" in message:
            raise ValueError(
                f"{path} holds pickled objects, which could run code when read, or is of another kind; {_SAFE_WAY}"
            ) from error
        raise ValueError(
            f"{path} cannot be read as {path.suffix}: it may be truncated or of another kind; write it again "
            f"({message.splitlines()[0]})"
        ) from error


def read_table(path: Path, *, labels: bool = False, missing_values: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table, which must have a row or more and column names that differ.

    Parameters
    ----------
    labels, missing_values : of a ``.csv`` file, see `read_delimited`.
    """
    from_text = partial(read_delimited, labels=labels, missing_values=missing_values)
    table = guarded(path, pd.read_parquet if path.suffix.lower() == ".parquet" else from_text)
    if table.empty:
        raise ValueError(f"{path} has no rows below its column names; it needs one row per stimulus")
    table = without_index(table, path)
    names = [str(name) for name in table.columns]
    for place, name in enumerate(names):
        if not name.strip():
            raise ValueError(f"{path}: column {place + 1} has no name; name it, or save without an index (index=False)")
        if name in names[:place]:
            raise ValueError(f"{path}: two columns are called {name!r}; rename one of them")
    return table.set_axis(names, axis=1)
