"""Features as columns of numbers, one or many for each feature, and the folds of their stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold
from torch import Tensor

from repbias.core.arrays import ArrayLike, FloatArray, IntArray, as_numpy
from repbias.features.folds import running_folds


def feature_columns(features: Mapping[str, ArrayLike], n_stimuli: int) -> dict[str, FloatArray]:
    """Return the columns of each feature, `[stimulus, column]`."""
    if not isinstance(features, Mapping):
        raise TypeError(
            f"features must be a mapping of names to arrays, got {type(features).__name__}: write "
            '{"name": array [stimulus, column]}'
        )
    if not features:
        raise ValueError("features must hold one feature or more, got none")
    return {name: _one_feature(name, values, n_stimuli) for name, values in features.items()}


def _one_feature(name: str, values: ArrayLike, n_stimuli: int) -> FloatArray:
    array = as_numpy(values) if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"feature {name!r} must hold numbers, got dtype {array.dtype}: give a category as its one-hot code, e.g. "
            "pd.get_dummies(values)"
        )
    column = array[:, None] if array.ndim == 1 else array
    if column.ndim != 2 or column.shape[1] == 0:
        raise ValueError(f"feature {name!r} must be [stimulus] or [stimulus, column], got shape {array.shape}")
    if len(column) != n_stimuli:
        raise ValueError(
            f"feature {name!r} must have one row for each of the {n_stimuli} stimuli of the representation, got "
            f"{len(column)}: check that both come from the same stimuli, in the same order"
        )
    found = column.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError(
            f"feature {name!r} must be finite, got {int((~np.isfinite(found)).sum())} values that are NaN or infinite: "
            f"drop the {int((~np.isfinite(found)).any(1).sum())} stimuli that have them"
        )
    return found


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
