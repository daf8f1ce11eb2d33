"""Class labels of any kind (whole numbers, truth values, text), as numbers 0, 1, ... of sorted classes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.core.arrays import IntArray
from repbias.core.association import association_p, cramers_v, determines
from repbias.core.statistics import holm

Labellings = npt.NDArray[np.integer[Any]]  # several labellings of the stimuli, `[labelling, stimulus]`
ASSOCIATED = 0.1
LEVEL_OF_PAIRS = 0.05
OTHER_KINDS = {
    "intervals": pd.Interval,
    "periods": pd.Period,
    "dates": date | datetime | np.datetime64,
    "durations": timedelta | np.timedelta64,
}
BIN = "features are classes: bin it first, e.g. with pd.qcut(values, 4, labels=False)"


class Classes(Protocol):
    """Class numbers with the names of the classes."""

    @property
    def numbers(self) -> IntArray: ...
    @property
    def classes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of one feature."""

    numbers: IntArray
    """The class of each stimulus, 0, 1, ..., `[stimulus]`."""

    classes: tuple[str, ...]
    """What the classes are called, sorted, `[class]`."""


def is_missing(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Return where a label is missing: None, NaN, NaT, pandas' NA, or text without a letter."""
    blank = column.map(lambda value: isinstance(value, str) and not value.strip()).to_numpy(dtype=bool)
    return np.asarray(column.isna().to_numpy(dtype=bool) | blank)


def as_classes(column: pd.Series[Any], what: str) -> Labels:
    """Return labels, none of them missing, as classes, or raise where they are none; the index numbers the stimuli."""
    values = [
        value.decode(errors="backslashreplace") if isinstance(value, bytes) else value for value in column.tolist()
    ]
    kinds = {_kind(value, what) for value in values}
    if len(kinds) > 1:
        raise TypeError(f"{what} mixes {' and '.join(sorted(kinds))}: give all its labels as one kind")
    if kinds == {"numbers"}:
        _refuse_fractions(column, what)
        values = [int(value) for value in values]
    distinct = sorted(set(values))
    code = {value: number for number, value in enumerate(distinct)}
    return Labels(np.array([code[value] for value in values], dtype=np.int64), tuple(str(value) for value in distinct))


def refuse_unscorable(labels: Classes, cluster: IntArray, what: str, *, cluster_name: str) -> None:
    """Raise where a feature is constant, or has a class that is never both fitted and scored.

    Parameters
    ----------
    cluster : what is kept in one fold, `[stimulus]`.
    cluster_name : what one of these is called: "stimulus", "group", "block", or "stretch" of a sequence.
    what : the feature, in words.
    """
    if len(labels.classes) < 2:
        raise ValueError(f"{what} must have two classes or more, got only {labels.classes[0]!r}: leave it out")
    counts = np.bincount(labels.numbers)
    if counts.min() < 2:
        lone = [name for name, count in zip(labels.classes, counts, strict=True) if count < 2]
        raise ValueError(
            f"{what} must have two stimuli or more of each class, got one of {', '.join(map(repr, lone[:5]))} "
            f"({len(lone)} of {len(counts)} classes have one): merge classes or drop those stimuli; "
            "if it is continuous, give repbias.continuous(values)"
        )
    pairs = np.unique(np.column_stack([labels.numbers, cluster]), axis=0)
    n_clusters = np.bincount(pairs[:, 0])
    if n_clusters.min() < 2:
        alone = labels.classes[int(n_clusters.argmin())]
        several, finer = {
            "stimulus": ("stimuli", ""),
            "stretch": ("fifths of the sequence", ", or give blocks= instead of order="),
        }.get(cluster_name, (f"{cluster_name}s", f", or give finer {cluster_name}s"))
        one = "fifth" if cluster_name == "stretch" else cluster_name
        raise ValueError(
            f"{what} must have each class in two {several} or more, to be fitted on some and scored on others, got "
            f"all of {alone!r} in one {one}: merge classes, or drop that class{finer}"
        )


def associated(features: Mapping[str, Classes], item: IntArray | None = None) -> tuple[tuple[str, str], ...]:
    """Return the pairs of features whose labels are associated.

    Cramer's V, corrected for its bias, is .1 or more, and the p value of `association_p` is at most .05 after Holm's
    correction over all pairs; or one of the two features determines the other. If both features have one label in each
    item, each item counts once.

    Parameters
    ----------
    features : labels by name.
    item : the independent item that each stimulus belongs to (its group, or what it is a presentation of), 0, 1, ...,
        `[stimulus]`; None if stimuli are independent. Features that are not classes are taken by their strata.
    """
    pairs = list(combinations(features, 2))
    numbers = [_counted_once(features[one].numbers, features[other].numbers, item) for one, other in pairs]
    tests = holm([association_p(*two) for two in numbers])
    return tuple(
        pair
        for pair, two, p in zip(pairs, numbers, tests, strict=True)
        if (p <= LEVEL_OF_PAIRS and cramers_v(*two) >= ASSOCIATED) or determines(*two) or determines(*two[::-1])
    )


def _counted_once(first: IntArray, second: IntArray, item: IntArray | None) -> tuple[IntArray, IntArray]:
    """Return one label of each item, where both features have one label in each; or all labels."""
    if item is not None:
        once = np.unique(item, return_index=True)[1]
        if all((labels[once][item] == labels).all() for labels in (first, second)):
            return first[once], second[once]
    return first, second


def refuse_one_group(labels: Labels, name: str = "group") -> None:
    """Raise where all stimuli are of one group; `name` says what it is called."""
    if len(labels.classes) < 2:
        raise ValueError(
            f"{name}s must number two or more, got only {labels.classes[0]!r}: without {name}s, give {name}s=None"
        )


def _kind(value: object, what: str) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "truth values"
    if isinstance(value, str):
        return "text"
    if isinstance(value, numbers.Real | Decimal):
        return "numbers"
    if (kind := next((kind for kind, types in OTHER_KINDS.items() if isinstance(value, types)), None)) is not None:
        return kind
    if isinstance(value, numbers.Complex):
        raise TypeError(f"{what} must hold class labels, got the complex number {value}: {BIN}")
    raise TypeError(
        f"{what} must hold class labels, whole numbers or text, got {type(value).__name__} {str(value)[:40]!r}: "
        "convert it with str() or number its classes"
    )


def _refuse_fractions(column: pd.Series[Any], what: str) -> None:
    for stimulus, value in zip(column.index, column.tolist(), strict=True):
        if not math.isfinite(value):
            raise ValueError(f"{what} must hold finite labels, got {value} at stimulus {stimulus}: correct it")
        if value != int(value):
            raise ValueError(
                f"{what} must hold whole numbers (class labels), got {value:g} at stimulus {stimulus}: {BIN}"
            )
