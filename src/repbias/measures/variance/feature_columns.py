"""Features as columns of numbers, one or many for each feature, and the folds of their stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from repbias.core.arrays import ArrayLike, FloatArray, IntArray
from repbias.features.codes import as_number_columns
from repbias.features.folds import running_folds
from repbias.features.inference import as_feature
from repbias.features.kinds import Feature


def feature_columns(features: Mapping[str, ArrayLike | Feature], n_stimuli: int) -> dict[str, FloatArray]:
    """Return the columns of each feature, `[stimulus, column]`: its design matrix, or the columns of an array."""
    if not isinstance(features, Mapping):
        raise TypeError(
            f"features must be a mapping of names to arrays, got {type(features).__name__}: write "
            '{"name": array [stimulus, column]}'
        )
    if not features:
        raise ValueError("features must hold one feature or more, got none")
    return {name: _one_feature(name, values, n_stimuli) for name, values in features.items()}


def _one_feature(name: str, values: ArrayLike | Feature, n_stimuli: int) -> FloatArray:
    what = f"the feature {name!r}"
    if isinstance(values, Feature) or np.ndim(values) == 1:
        feature = as_feature(values, what)
    else:
        feature = Feature("columns", values, as_number_columns(values, what, one=False))
    if len(feature) != n_stimuli:
        raise ValueError(
            f"{what} must have one row for each of the {n_stimuli} stimuli of the representation, got {len(feature)}: "
            "check that both come from the same stimuli, in the same order"
        )
    if (absent := feature.missing()).any():
        raise ValueError(f"{what} is missing for {absent.sum()} stimuli: drop the {absent.sum()} stimuli that lack it")
    return feature.values(what=what).code


def grouped_folds(groups: npt.ArrayLike | None, n_stimuli: int, folds: int, *, least: int) -> IntArray:
    """Return the fold of each stimulus, `[stimulus]`."""
    if folds < least:
        why = "" if least == 2 else " where penalties are chosen, which takes two folds beside the one that is scored"
        raise ValueError(f"folds must be {least} or more{why}, got {folds}")
    if groups is None:
        if n_stimuli < folds:
            raise ValueError(
                f"cross-validation over {folds} folds needs at least as many stimuli, got {n_stimuli}: add stimuli, or "
                "use fewer folds"
            )
        return running_folds(0, n_stimuli, folds)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if group.shape != (n_stimuli,):
        raise ValueError(
            f"groups must have one entry for each of the {n_stimuli} stimuli, got shape {np.shape(groups)}"
        )
    if len(names) < folds:
        raise ValueError(f"groups must be {folds} or more, one for each fold, got {len(names)}: use fewer folds")
    fold_of = np.empty(n_stimuli, dtype=np.int64)
    for fold, (_, held) in enumerate(GroupKFold(folds).split(group, groups=group)):
        fold_of[held] = fold
    return fold_of
