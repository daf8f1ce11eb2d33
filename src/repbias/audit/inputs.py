"""What somebody brings to an audit, checked once: activity by layer, labels by feature, groups and repeats of stimuli.

Every refusal names the array or the feature, says what was expected and what came, and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from repbias.audit.repeats import Repeats, find_repeats, refuse_confounded
from repbias.core.arrays import ArrayLike, FloatArray, as_numpy, as_representation
from repbias.core.specs import did_you_mean
from repbias.features.labels import IntArray, Labels, as_classes, is_missing, refuse_one_group, refuse_unscorable
from repbias.measures.decoding.linear_classifiers import CLASSIFIERS
from repbias.measures.variance.result import ALL_FEATURES
from repbias.measures.variance.sums import as_float64

Missing = Literal["refuse", "drop"]
MISSING = ("refuse", "drop")
LEAST_STIMULI = 10
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AuditInputs:
    """Arrays, labels and groups of the same stimuli, in the same order."""

    arrays: dict[str, FloatArray]
    """Activity by layer, float64 `[stimulus, unit]`, finite."""

    labels: dict[str, Labels]
    """Labels by feature."""

    cluster: IntArray
    """What is resampled and kept in one fold: groups, repeats of a stimulus, or each stimulus by itself, 0, 1, ...,
    `[stimulus]`."""

    grouped: bool
    """Whether groups were given."""

    notes: tuple[str, ...]
    """The policies that were applied, with counts."""

    repeats: Repeats | None = None
    """Which are presentations of one stimulus, where that was given."""

    @property
    def n_stimuli(self) -> int:
        return len(self.cluster)


def n_labels(features: object) -> int:
    """Return the number of labels of the first feature, 1 or more; what has none is refused by `check_inputs`."""
    if isinstance(features, pd.DataFrame):
        return max(len(features), 1)
    first: Any = next(iter(features.values()), ()) if isinstance(features, Mapping) else ()
    try:
        return max(len(first), 1)
    except TypeError:
        return 1


def check_inputs(
    arrays: Mapping[str, ArrayLike],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    groups: ArrayLike | None,
    missing: Missing,
    repeats: ArrayLike | None = None,
) -> AuditInputs:
    """Return the inputs of an audit in one form, or say what is wrong with them; see `audit_arrays`."""
    if missing not in MISSING:
        raise ValueError(f'missing must be "refuse" or "drop", got {missing!r}; {did_you_mean(str(missing), MISSING)}')
    named = _named(arrays, "arrays", "{'layer': array}")
    layers = {name: as_activity(values, f"the array {name!r}") for name, values in named.items()}
    first, n = next((name, len(values)) for name, values in layers.items())
    for name, values in layers.items():
        if len(values) != n:
            raise ValueError(
                f"all arrays must hold the same stimuli, got {n} in {first!r} and {len(values)} in {name!r}: "
                "align them first"
            )
    columns = {name: _column(values, f"the feature {name!r}", n) for name, values in _columns(features).items()}
    given = {"groups": groups, "repeats": repeats}
    bound = {what: _column(values, what, n) for what, values in given.items() if values is not None}
    kept, notes = _kept(columns, bound, missing, n)
    n_kept = int(kept.sum())
    left = "" if n_kept == n else f" (after {n - n_kept} of {n} stimuli were dropped, as labels are missing)"
    if n_kept < LEAST_STIMULI:
        raise ValueError(
            f"an audit needs {LEAST_STIMULI} stimuli or more to cross-validate, got {n_kept}{left}: record more"
        )
    labels = {name: as_classes(column[kept], f"the feature {name!r}{left}") for name, column in columns.items()}
    found = AuditInputs(
        {name: values if kept.all() else values[kept] for name, values in layers.items()},
        labels,
        np.arange(n_kept),
        groups is not None,
        notes,
    )
    found = _with_clusters(found, {what: as_classes(column[kept], what) for what, column in bound.items()}, left)
    return replace(found, notes=notes + _unit_notes(found) + _label_notes(labels))


def _with_clusters(inputs: AuditInputs, bound: dict[str, Labels], left: str) -> AuditInputs:
    """Return the inputs with what is kept together, or raise where a feature cannot be scored so.

    Parameters
    ----------
    left : how many stimuli were dropped, in words; "" for none.
    """
    group, stimulus = bound.get("groups"), bound.get("repeats")
    clusters = None
    if group is not None:
        refuse_one_group(group)
        inputs, clusters = replace(inputs, cluster=group.numbers), "groups"
    if stimulus is not None:
        repeats = find_repeats(stimulus, group)
        inputs = replace(inputs, cluster=repeats.cluster, repeats=repeats)
        clusters = "groups" if repeats.keeps_groups else "stimuli"
    for name, labels in inputs.labels.items():
        refuse_unscorable(labels, inputs.cluster, f"the feature {name!r}{left}", clusters=clusters)
        if inputs.repeats is not None:
            refuse_confounded(labels, inputs.repeats, f"the feature {name!r}")
    return inputs


def refuse_wrong_settings(seed: int, resamples: int, permutations: int, classifier: str) -> None:
    """Raise where one of the numbers of `audit_arrays` is out of range, or there is no such classifier."""
    for name, value, least, why in (
        ("seed", seed, 0, "seeds start at 0"),
        ("resamples", resamples, 100, "an interval's ends are not to be had from fewer"),
        ("permutations", permutations, 50, "a tail of 5 % is not to be had from fewer"),
    ):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}: {why}")
    if classifier not in CLASSIFIERS:
        raise ValueError(f"no classifier is called {classifier!r}; {did_you_mean(str(classifier), CLASSIFIERS)}")


def as_activity(values: ArrayLike, what: str) -> FloatArray:
    """Return activity as float64 `[stimulus, unit]`, finite."""
    _refuse_masked(values, what)
    if isinstance(values, pd.DataFrame):
        values = values.to_numpy()
    try:
        found = as_float64(as_representation(values, what))
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{what} must be an array [stimulus, unit], got rows of different lengths") from error
        raise
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(np.square(found).sum())
    if overflows:
        raise ValueError(f"{what} holds values so large that their squares overflow: divide it by a constant")
    return found


def _named(values: object, what: str, form: str) -> dict[str, Any]:
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
        repeated = features.columns[features.columns.duplicated()].tolist()
        if repeated:
            raise ValueError(f"features must have names that differ, got {repeated} more than once: rename the columns")
        features = {name: features[name] for name in features.columns}
    named = _named(features, "features", "{'feature': labels}")
    if ALL_FEATURES in named:
        raise ValueError(f"no feature may be called {ALL_FEATURES!r}, which stands for all together: rename it")
    return named


def _column(values: ArrayLike, what: str, n: int) -> pd.Series[Any]:
    """Return labels as a pandas series of `n`, with a fresh index."""
    _refuse_masked(values, what)
    if isinstance(values, str):
        raise TypeError(f"{what} must be one label for each of the {n} stimuli, got the text {values!r}")
    if isinstance(values, Tensor):
        values = as_numpy(values)
    if not isinstance(values, pd.Series | pd.Categorical):
        values = values if isinstance(values, np.ndarray) else _as_array(values, what)
        if values.ndim != 1:
            raise ValueError(
                f"{what} must be [stimulus], one label for each, got shape {values.shape}: "
                "give each column as a feature of its own"
            )
    if len(values) != n:
        raise ValueError(
            f"{what} must have one label for each of the {n} stimuli of the arrays, got {len(values)}: check that both "
            "are of the same stimuli, in the same order"
        )
    return pd.Series(values).reset_index(drop=True)


def _as_array(values: Any, what: str) -> npt.NDArray[Any]:
    """Return a list as an array of its own kinds: NumPy would turn [1, "a"] and ["a", None] into text."""
    if isinstance(values, (list, tuple)) and any(isinstance(value, str) or value is None for value in values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what} must be [stimulus], one label for each, got lists of different lengths") from error


def _refuse_masked(values: object, what: str) -> None:
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array, whose mask would be lost: drop or fill what is masked first")


def _kept(
    columns: dict[str, pd.Series[Any]], bound: dict[str, pd.Series[Any]], missing: Missing, n: int
) -> tuple[BoolArray, tuple[str, ...]]:
    """Return which stimuli have all their labels, `[stimulus]`, and what to note of the others."""
    asked = {f"the feature {name!r}": column for name, column in columns.items()} | bound
    absent = {what: is_missing(column) for what, column in asked.items()}
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


def _unit_notes(inputs: AuditInputs) -> tuple[str, ...]:
    notes = []
    for name, values in inputs.arrays.items():
        constant = np.ptp(values, axis=0) == 0
        zero = int((constant & (values[0] == 0)).sum())
        if constant.any():
            notes.append(
                f"{int(constant.sum())} of {len(constant)} units of {name!r} never change ({zero} are always 0); they "
                "are kept, and count as units that no feature explains."
            )
    return tuple(notes)


def _label_notes(labels: dict[str, Labels]) -> tuple[str, ...]:
    notes = []
    for name, of_feature in labels.items():
        counts = np.bincount(of_feature.numbers)
        if counts.max() >= 4 * counts.min():
            notes.append(
                f"The classes of {name!r} are unequal: from {counts.min()} to {counts.max()} stimuli "
                f"({of_feature.classes[int(counts.argmin())]!r} has the fewest)."
            )
    return tuple(notes)
