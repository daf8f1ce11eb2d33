"""Pairs of stimuli that differ in one feature alone, for patching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from repbias.core.arrays import ArrayLike, IntArray, as_labels, as_names, feature_index, refuse_negative
from repbias.core.randomness import rng


def pairs_differing_in(
    labels: ArrayLike, feature: int | str, seed: int, *, names: Sequence[str] | None = None
) -> IntArray:
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
    once, in order; a stimulus may be the source of several. Use as `patch(model, inputs[pairs[:, 0]],
    inputs[pairs[:, 1]], ...)`.

    Raises
    ------
    ValueError : no two stimuli form such a pair, an unknown feature, or labels that are negative or not whole.
    TypeError : labels that are no numbers.

    When not to use it: where stimuli can be made at will, make the counterpart itself. Pairs agree in the given
    labels, and may differ in anything else.

    Examples
    --------
    >>> import repbias
    >>> repbias.pairs_differing_in([[0, 0], [1, 0], [0, 1], [1, 1]], feature=0, seed=0).tolist()
    [[0, 1], [1, 0], [2, 3], [3, 2]]
    """
    n_stimuli = np.shape(labels)[0] if np.ndim(labels) else 0
    if not n_stimuli:
        raise ValueError(f"labels must be [stimulus] or [stimulus, feature], got shape {np.shape(labels)}")
    y = as_labels(labels, torch.empty(n_stimuli), "labels")
    names = as_names(names, y.shape[1])
    own = feature_index(feature, names)
    refuse_negative(y, names, "labels")
    drawn = _partners(y.numpy(), own, rng(seed, "pairs differing in", own))
    if not drawn:
        raise ValueError(
            f"no two of the {n_stimuli} stimuli differ in {names[own]!r} and agree in every other feature: give more "
            "stimuli, or fewer features that must agree"
        )
    pairs = np.concatenate(drawn)
    return np.asarray(pairs[pairs[:, 0].argsort()], dtype=np.int64)


def _partners(labels: IntArray, own: int, generator: np.random.Generator) -> list[IntArray]:
    """Return pairs of a stimulus and a random one that differs in feature `own` alone, `[pair, 2]` for each class."""
    group_of = np.unique(np.delete(labels, own, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    pairs = []
    for group in np.split(group_of.argsort(kind="stable"), np.bincount(group_of).cumsum()[:-1]):
        classes = labels[group, own]
        for label in np.unique(classes):
            patched, others = group[classes == label], group[classes != label]
            if len(others):
                pairs.append(np.stack([patched, generator.choice(others, len(patched))], axis=1))
    return pairs
