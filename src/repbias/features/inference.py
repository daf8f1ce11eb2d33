"""Which kind of feature values are, where the user does not say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from repbias.core.arrays import ArrayLike, as_names, as_numpy
from repbias.features.columns import as_column
from repbias.features.kinds import Feature, categorical, continuous
from repbias.features.values import Values

Features: TypeAlias = ArrayLike | Feature | Mapping[str, ArrayLike | Feature] | pd.DataFrame
BINARY = 2
FEW = 20
"""Different whole numbers up to which they are taken as classes, though some occur once."""


def as_feature(values: Any, what: str) -> Feature:
    """Return values as a feature of the kind that their type implies.

    Text, truth values and pandas' categories are classes. Whole numbers are classes where there are at most 20
    different ones or each occurs twice or more, and otherwise continuous. Other numbers are continuous.
    """
    if isinstance(values, Feature):
        return values
    column = as_column(values, what)
    if not _numeric(column) or pd.api.types.is_complex_dtype(column.dtype):
        return categorical(values)
    numbers = column.astype("Float64").to_numpy(float, na_value=np.nan)
    numbers = numbers[~np.isnan(numbers)]
    counts = np.unique(numbers, return_counts=True)[1]
    if (np.isfinite(numbers).all() and (numbers % 1 == 0).all()) and (len(counts) <= FEW or counts.min() > 1):
        return categorical(values)
    return continuous(values)


def inference_notes(given: Mapping[str, Any], features: Mapping[str, Feature]) -> tuple[str, ...]:
    """Return in words how numbers were taken whose kind the user did not say; of two values, all kinds are the same."""
    taken: dict[str, list[str]] = {"categorical": [], "continuous": []}
    for name, feature in features.items():
        column = feature.columns
        if isinstance(given[name], Feature):
            continue
        if not isinstance(column, pd.Series) or (_numeric(column) and column.nunique() > BINARY):
            taken[feature.kind].append(name)
    notes = []
    if taken["categorical"]:
        notes.append(
            f"Whole numbers are taken as classes: {', '.join(taken['categorical'])}. Where their order and distance "
            "matter, give them as repbias.continuous(values)."
        )
    if taken["continuous"]:
        notes.append(
            f"Taken as continuous, with a linear effect: {', '.join(taken['continuous'])}. For other effects see "
            "repbias.continuous and repbias.circular; for classes give them as repbias.categorical(values)."
        )
    return tuple(notes)


def named_features(labels: Any, names: Sequence[str] | None = None) -> dict[str, Feature] | None:
    """Return the features that measures take beside arrays of class labels, by name; None for such arrays.

    Parameters
    ----------
    labels : one `Feature`, a mapping of names to features or labels, a data frame of labels, or an array of numbers
        `[stimulus]` or `[stimulus, feature]`, of which some are not whole.
    names : names of the features, where they have none.
    """
    if isinstance(labels, Feature):
        given: dict[str, Any] = {"feature_0": labels}
    elif isinstance(labels, Mapping | pd.DataFrame):
        given = {str(name): labels[name] for name in labels}
    else:
        values = as_numpy(labels) if isinstance(labels, Tensor) else np.asarray(labels)
        if values.dtype.kind != "f" or values.ndim not in (1, 2) or not (np.isfinite(values) & (values % 1 != 0)).any():
            return None
        given = {f"feature_{k}": column for k, column in enumerate(values.reshape(len(values), -1).T)}
    if names is not None:
        given = dict(zip(as_names(names, len(given)), given.values(), strict=True))
    return {name: as_feature(values, f"the feature {name!r}") for name, values in given.items()}


@dataclass(frozen=True, eq=False)
class Given:
    """The features that a measure was given: class labels, or values of any kind."""

    labels: Any
    """Class labels `[stimulus, feature]`; None where `split` is given."""

    test_labels: Any
    names: Sequence[str] | None
    split: tuple[dict[str, Values], dict[str, Values]] | None = None
    """The values of each feature for the stimuli of the fit, and for the test stimuli."""


def given_features(
    labels: Any, test_labels: Any, names: Sequence[str] | None, n: int, n_test: int | None = None
) -> Given:
    """Return the features of a measure; `n` and `n_test` are as in `fitted_and_scored`."""
    features = named_features(labels, names)
    if features is None:
        return Given(labels, test_labels, names)
    split = fitted_and_scored(features, test_labels, n, n_test)
    if not all(values.categorical for values in split[0].values()):
        return Given(None, None, tuple(features), split)
    fit, test = (np.stack([values.numbers for values in one.values()], axis=1) for one in split)
    return Given(fit, None if n_test is None else test, tuple(features))


def fitted_and_scored(
    features: Mapping[str, Feature], test_labels: Any, n: int, n_test: int | None
) -> tuple[dict[str, Values], dict[str, Values]]:
    """Return the values of features on the stimuli of a fit and on test stimuli, of none where there are none.

    Both are coded together, so that classes have the same numbers, and splines the same knots.

    Parameters
    ----------
    test_labels : the same features of the test stimuli, in the form in which those of the fit were given.
    n, n_test : number of stimuli of the fit, and of the test, None without a test.
    """
    _refuse_other_counts(features, n, "labels")
    if n_test is None:
        values = {name: _complete(feature, name) for name, feature in features.items()}
        return values, {name: one.take(slice(0)) for name, one in values.items()}
    tests = named_features(test_labels, tuple(features)) or {}
    if tests.keys() != features.keys():
        raise ValueError(
            f"test_labels must hold the features of labels in the same form, {', '.join(features)}, got "
            f"{', '.join(tests) or 'an array of class labels'}"
        )
    _refuse_other_counts(tests, n_test, "test_labels")
    both = {name: _complete(feature.joined(tests[name]), name) for name, feature in features.items()}
    return (
        {name: values.take(slice(n)) for name, values in both.items()},
        {name: values.take(slice(n, None)) for name, values in both.items()},
    )


def _refuse_other_counts(features: Mapping[str, Feature], n: int, what: str) -> None:
    for name, feature in features.items():
        if len(feature) != n:
            raise ValueError(
                f"{what} must have one value of {name!r} for each of the {n} stimuli of the representation, got "
                f"{len(feature)}: check that both come from the same stimuli, in the same order"
            )


def _complete(feature: Feature, name: str) -> Values:
    if (absent := feature.missing()).any():
        raise ValueError(
            f"the feature {name!r} lacks {absent.sum()} values, the first at stimulus {int(absent.argmax())}: drop "
            "those stimuli from the representation and from the features"
        )
    return feature.values(what=f"the feature {name!r}")


def _numeric(column: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers that are not truth values."""
    if column.dtype == object:
        column = column.dropna().infer_objects()
        if column.dtype == object:
            return False
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(column.dtype) and not kinds.is_bool_dtype(column.dtype))
