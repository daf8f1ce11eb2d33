"""The settings of an audit and the labels of its stimuli, each checked once.

Every error names the array or the feature, what was expected, what came, and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.audit.design import Design, find_design
from repbias.audit.repeats import Repeats
from repbias.core.arrays import ArrayLike, BoolArray, FloatArray, IntArray
from repbias.core.frames import refuse_index_column, shared_index
from repbias.core.results import ALL_FEATURES
from repbias.core.specs import refuse_unknown
from repbias.features.columns import as_column
from repbias.features.inference import as_feature, inference_notes
from repbias.features.kinds import Feature
from repbias.features.labels import as_classes, is_missing
from repbias.features.values import Values
from repbias.measures.decoding.linear_classifiers import CLASSIFIERS

Missing = Literal["refuse", "drop"]
MISSING = ("refuse", "drop")
Scale = Literal["none", "zscore", "noise"]
SCALES = ("none", "zscore", "noise")
LEAST_STIMULI = 10


@dataclass(frozen=True)
class Settings:
    """The settings that all audits share, checked; see `audit_arrays`."""

    seed: int
    resamples: int
    permutations: int
    missing: Missing
    classifier: str = "logistic"
    scale: str = "none"

    def __post_init__(self) -> None:
        for name, value, least, why in (
            ("seed", self.seed, 0, "seeds start at 0"),
            ("resamples", self.resamples, 100, "fewer do not determine the ends of a 95 % interval"),
            ("permutations", self.permutations, 50, "fewer do not determine a p value of 5 %"),
        ):
            refuse_below(name, value, least, why)
        refuse_unknown(self.missing, MISSING, "policy for missing labels")
        refuse_unknown(self.classifier, CLASSIFIERS, "classifier")
        refuse_unknown(self.scale, SCALES, "scale")


def refuse_below(name: str, value: object, least: int, why: str) -> None:
    """Raise where a setting is not a whole number, or is too small."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {least:,} or more, got {value}: {why}")


@dataclass(frozen=True, eq=False)
class Stimuli:
    """The labels of the audited stimuli, and which stimuli are kept together."""

    features: dict[str, Values]
    """The values of each feature."""

    kept: IntArray
    """Indices of the audited stimuli among all stimuli that were given, increasing, `[stimulus]`."""

    n_given: int
    """Number of stimuli that were given, including those dropped for a missing label."""

    design: Design
    """What the stimuli share, and which are kept together."""

    notes: tuple[str, ...]
    """How numbers were taken, and what was done about missing labels and unequal classes, with counts."""

    index: pd.Index[Any] | None = None
    """The index of all stimuli that were given; None where neither labels nor what they share carry one."""

    @property
    def cluster(self) -> IntArray:
        """What is resampled together and kept in one fold, 0, 1, ..., `[stimulus]`; see `Design`."""
        return self.design.cluster

    @property
    def repeats(self) -> Repeats | None:
        """Which rows are presentations of the same stimulus; None where `repeats` was not given."""
        return self.design.repeats

    @property
    def n_stimuli(self) -> int:
        return len(self.kept)

    def of(self, layers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Select the audited stimuli from the activity of all stimuli, `[stimulus, unit]` by layer."""
        n = len(next(iter(layers.values())))
        if n != self.n_given:
            raise ValueError(
                f"features have labels of {self.n_given} stimuli, and there is activity for {n}: check that both are "
                "of the same stimuli, in the same order"
            )
        dropped = self.n_stimuli < self.n_given
        return {name: values[self.kept] if dropped else values for name, values in layers.items()}


def check_stimuli(
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    groups: ArrayLike | None = None,
    repeats: ArrayLike | None = None,
    missing: Missing = "refuse",
    *,
    blocks: ArrayLike | None = None,
    order: ArrayLike | bool | None = None,
    n: int | None = None,
    of: str = "arrays",
) -> Stimuli:
    """Return the labels of an audit in one form, or raise where they cannot be audited; see `audit_arrays`.

    Parameters
    ----------
    n : number of stimuli; by default the number of labels of the first feature.
    of : where `n` comes from, in words, for errors.
    """
    named = _columns(features)
    given = {"groups": groups, "blocks": blocks, "repeats": repeats}
    if not (order is None or isinstance(order, bool)):
        given["order"] = order
    index = shared_index({"features": named, **given})
    found = {name: as_feature(values, f"the feature {name!r}") for name, values in named.items()}
    columns: dict[str, Feature | pd.Series[Any]] = {f"the feature {name!r}": one for name, one in found.items()}
    columns |= {what: as_column(values, what) for what, values in given.items() if values is not None}
    if n is None:
        what, column = next(iter(columns.items()))
        n, of = len(column), what.removeprefix("the ")
    for what, column in columns.items():
        if len(column) != n:
            raise ValueError(
                f"{what} must have one label for each of the {n} stimuli of the {of}, got {len(column)}: check that "
                "both are of the same stimuli, in the same order"
            )
    kept, notes = _kept(columns, missing, n)
    rows = np.flatnonzero(kept)
    left = "" if kept.all() else f" (after {n - len(rows)} of {n} stimuli were dropped, as labels are missing)"
    if len(rows) < LEAST_STIMULI:
        raise ValueError(
            f"an audit needs {LEAST_STIMULI} stimuli or more to cross-validate, got {len(rows)}{left}: record more"
        )
    values = {name: feature.values(kept, f"the feature {name!r}{left}") for name, feature in found.items()}
    group, block, stimulus = (
        as_classes(of_what[kept], f"{what}{left}") if isinstance(of_what := columns.get(what), pd.Series) else None
        for what in ("groups", "blocks", "repeats")
    )
    place = np.flatnonzero(kept) if order is True else _places(columns.get("order"), kept)
    design = find_design(len(rows), group, block, stimulus, place)
    for name, of_feature in values.items():
        design.refuse_untestable(of_feature, f"the feature {name!r}", left)
    notes = (*notes, *inference_notes(named, found), *_class_notes(values))
    return Stimuli(values, rows, n, design, notes, index)


def _places(order: Feature | pd.Series[Any] | None, kept: BoolArray) -> IntArray | None:
    """Return the place of each audited stimulus in the order, 0, 1, ..., `[stimulus]`; None where none was given."""
    if not isinstance(order, pd.Series):
        return None
    numbers = order[kept]
    if not pd.api.types.is_numeric_dtype(numbers) and not pd.api.types.is_datetime64_any_dtype(numbers):
        raise TypeError(
            f"order must hold one number or time for each stimulus, or be True for the order of the rows, got "
            f"{numbers.iloc[0]!r}: give the number of each trial"
        )
    if numbers.duplicated().any():
        raise ValueError(
            f"order must hold a different number for each stimulus, got {numbers[numbers.duplicated()].iloc[0]} more "
            "than once: number the trials through, also over groups"
        )
    return np.asarray(numbers.rank(), dtype=np.int64)


def refuse_other_counts(arrays: Mapping[str, npt.NDArray[Any]], expected: str) -> None:
    """Raise where arrays differ in their number of stimuli; `expected` says which must hold the same."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{expected}, got {counts}: align them first")


def named_values(values: object, what: str, form: str) -> dict[str, Any]:
    """Return a mapping of names to values; raise where it is no mapping, is empty, or has keys that are not text."""
    if not isinstance(values, Mapping):
        came = type(values).__name__
        hint = "; for xarray objects see from_xarray" if hasattr(values, "dims") and hasattr(values, "coords") else ""
        raise TypeError(f"{what} must be a mapping of names to arrays, {form}, got {came}{hint}")
    if not values:
        raise ValueError(f"{what} must name one or more, {form}, got none")
    for name in values:
        if not isinstance(name, str):
            raise TypeError(f"names in {what} must be text, got {name!r}: rename it, e.g. {str(name)!r}")
        if not name.strip():
            raise ValueError(f"names in {what} must not be empty, got {name!r}: rename it")
    return dict(values)


def _columns(features: Mapping[str, ArrayLike] | pd.DataFrame) -> dict[str, Any]:
    if isinstance(features, pd.DataFrame):
        refuse_index_column(features, "features")
        repeated = features.columns[features.columns.duplicated()].tolist()
        if repeated:
            raise ValueError(f"features must have names that differ, got {repeated} more than once: rename the columns")
        features = {name: features[name] for name in features.columns}
    named = named_values(features, "features", "{'feature': labels}")
    if ALL_FEATURES in named:
        raise ValueError(f"no feature may be called {ALL_FEATURES!r}, which stands for all together: rename it")
    return named


def _kept(
    columns: Mapping[str, Feature | pd.Series[Any]], missing: Missing, n: int
) -> tuple[BoolArray, tuple[str, ...]]:
    """Return which stimuli have all their labels, `[stimulus]`, and a note on the others."""
    absent = {
        what: column.missing() if isinstance(column, Feature) else is_missing(column)
        for what, column in columns.items()
    }
    counts = {what: int(where.sum()) for what, where in absent.items() if where.any()}
    kept = ~np.any(list(absent.values()), axis=0)
    if not counts:
        return kept, ()
    listed = ", ".join(f"{count} of {what}" for what, count in counts.items())
    if missing == "refuse":
        what = next(iter(counts))
        raise ValueError(
            f"labels must not be missing, got {listed} missing among {n} stimuli, the first at stimulus "
            f'{int(absent[what].argmax())} of {what}: fill them, or drop those stimuli with missing="drop"'
        )
    return kept, (f"{int((~kept).sum())} of {n} stimuli dropped for all features, as labels are missing: {listed}.",)


def _class_notes(features: dict[str, Values]) -> tuple[str, ...]:
    notes = []
    for name, of_feature in features.items():
        if not of_feature.categorical:
            continue
        counts = np.bincount(of_feature.numbers)
        if counts.max() >= 4 * counts.min():
            notes.append(
                f"The classes of {name!r} are unequal: from {counts.min()} to {counts.max()} stimuli "
                f"({of_feature.classes[int(counts.argmin())]!r} has the fewest)."
            )
    return tuple(notes)
