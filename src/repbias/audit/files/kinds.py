"""The kinds of the features of a table, as they are written on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from repbias.core.specs import did_you_mean
from repbias.features.kinds import Feature, categorical, circular, columns, continuous

_RANGE = re.compile(r"(?P<first>.*?\d+)\.\.(?P<last>.*?\d+)")


@dataclass(frozen=True)
class FeatureKinds:
    """Which columns of a table are of which kind.

    categorical : names. continuous : names, or NAME:spline. circular : NAME:PERIOD.
    columns_of : NAME=COLUMN,COLUMN,... or NAME=FIRST..LAST, which is every column from the first to the last.
    """

    categorical: Sequence[str] = ()
    continuous: Sequence[str] = ()
    circular: Sequence[str] = ()
    columns_of: Sequence[str] = ()

    def of(self, table: pd.DataFrame) -> dict[str, Any]:
        """Return the features of a table by name, in its order, those of columns last.

        Raises
        ------
        ValueError : a column that does not exist or has two kinds, a period that is no number, or columns that do not
            hold numbers.
        """
        found: dict[str, Any] = {str(name): table[name] for name in table}
        names = list(found)
        kinds: dict[str, Callable[..., Feature]] = {}
        for name in self.categorical:
            _add(kinds, names, name, categorical)
        for text in self.continuous:
            name, _, basis = text.partition(":")
            _add(kinds, names, name, partial(continuous, basis=basis or "linear"))
        for text in self.circular:
            name, _, period = text.rpartition(":")
            _add(kinds, names, name, partial(circular, period=_period(text, period)))
        for name, make in kinds.items():
            found[name] = make(found[name] if make is categorical else as_numbers(found[name], name))
        for text in self.columns_of:
            name, _, listed = text.partition("=")
            chosen = _columns(text, listed, names)
            if taken := [column for column in chosen if column in kinds]:
                raise ValueError(f"--columns-of {text}: {taken[0]!r} has another kind already; name it once")
            if name in found and name not in chosen:
                raise ValueError(f"--columns-of {text}: there is a column {name!r} already; choose another name")
            feature = columns(pd.DataFrame({column: as_numbers(found.pop(column), column) for column in chosen}))
            found[name] = feature
            names = [column for column in names if column not in chosen]
        return found


def as_numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return a column of text, as a .csv file gives it, as numbers; empty cells are missing."""
    try:
        return pd.to_numeric(column)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the feature {name!r} must hold numbers: {error}") from error


def _add(
    kinds: dict[str, Callable[..., Feature]], names: Sequence[str], name: str, make: Callable[..., Feature]
) -> None:
    if name not in names:
        raise ValueError(f"there is no feature {name!r}; {did_you_mean(name, list(names))}")
    if name in kinds:
        raise ValueError(f"the feature {name!r} is given two kinds; give one")
    kinds[name] = make


def _period(text: str, period: str) -> float:
    try:
        return float(period)
    except ValueError as error:
        raise ValueError(f"--circular {text}: give the period as a number after a colon, such as angle:360") from error


def _columns(text: str, listed: str, names: Sequence[str]) -> list[str]:
    """Return the columns of NAME=m0..m31 or NAME=x,y."""
    chosen: list[str] = []
    for part in filter(None, listed.split(",")):
        ends = _RANGE.fullmatch(part)
        wanted = [ends["first"], ends["last"]] if ends else [part]
        for name in wanted:
            if name not in names:
                raise ValueError(f"--columns-of {text}: there is no column {name!r}; {did_you_mean(name, list(names))}")
        first, last = names.index(wanted[0]), names.index(wanted[-1])
        chosen += names[first : last + 1]
    if not chosen:
        raise ValueError(f"--columns-of {text}: name the columns, such as motion=m0..m31 or place=x,y")
    return list(dict.fromkeys(chosen))
