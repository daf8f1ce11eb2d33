"""Pairs of stimuli that differ in a single feature, for patching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from repbias.core.arrays import ArrayLike, as_labels, as_names, refuse_negative
from repbias.core.randomness import rng
from repbias.measures.interventions.site import feature_index


def pairs_differing_in(
    labels: ArrayLike, feature: int | str, seed: int, *, names: Sequence[str] | None = None
) -> npt.NDArray[np.int64]:
    """Pair each stimulus with a random one that differs in one feature and agrees in every other.

    Parameters
    ----------
    labels : class labels, `[stimulus]` or `[stimulus, feature]`.
    feature : name or index of the feature in which the pairs differ.
    seed : seed of the choice among several.
    names : the features' names; `feature_0`, ... by default.

    Returns
    -------
    Indices of stimuli `[pair, 2]`: one to be patched and its source. Each stimulus that has a counterpart is patched
    once, in order; a stimulus may be the source of several. Use as `patch(module, inputs[pairs[:, 0]],
    inputs[pairs[:, 1]], ...)`.

    Raises
    ------
    ValueError : no two stimuli form such a pair, an unknown feature, or labels that are negative or not whole.
    TypeError : labels that are no numbers.

    When not to use it: where stimuli can be made at will, make the counterpart itself. Pairs agree in the given
    labels, and may differ in anything else.
    """
    n_stimuli = np.shape(labels)[0] if np.ndim(labels) else 0
    if not n_stimuli:
        raise ValueError(f"labels must be [stimulus] or [stimulus, feature], got shape {np.shape(labels)}")
    y = as_labels(labels, torch.empty(n_stimuli), "labels")
    names = as_names(names, y.shape[1])
    own = feature_index(feature, names)
    refuse_negative(y, names, "labels")
    groups, classes = _numbered(np.delete(y.numpy(), own, axis=1)), _numbered(y.numpy()[:, [own]])
    order = np.lexsort((classes, groups))
    start, size = _runs(groups[order])
    class_start, class_size = _runs(groups[order] * n_stimuli + classes[order])
    n_partners = size - class_size
    able = n_partners > 0
    if not able.any():
        raise ValueError(
            f"no two of the {n_stimuli} stimuli differ in {names[own]!r} and agree in every other feature: give more "
            "stimuli, or fewer features that must agree"
        )
    partner = start + rng(seed, "pairs differing in", own).integers(0, np.maximum(n_partners, 1))
    partner += np.where(partner >= class_start, class_size, 0)
    pairs = np.stack([order[able], order[partner[able]]], axis=1)
    return np.asarray(pairs[pairs[:, 0].argsort()], dtype=np.int64)


def _numbered(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return a number for each row, the same for equal rows, from 0 to below the number of rows."""
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1]).reshape(-1)


def _runs(values: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for each element of a sorted array, where the run of equal values that holds it starts, and its size."""
    _, first, inverse, counts = np.unique(values, return_index=True, return_inverse=True, return_counts=True)
    return first[inverse], counts[inverse]
