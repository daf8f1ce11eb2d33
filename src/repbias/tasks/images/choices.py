"""The class of each factor in each image of a split: balanced, and independent but for declared agreements.

Held-out classes, and sets in which two features agree, are those of Hermann & Lampinen (2020).
"""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repbias.core.randomness import rng
from repbias.tasks.images.factors import FACTORS, TRIFEATURE
from repbias.tasks.images.scenes import Choice
from repbias.tasks.images.spec import ImageSpec
from repbias.tasks.sampling import Labels, agreeing, balanced_classes, drawn_alike, labels_with_shares
from repbias.tasks.task import UNLABELLED

SplitName = Literal["train", "validation", "test"]


def train_labels(task: ImageSpec, seed: int) -> tuple[Labels, Labels]:
    """Return the class of every feature in the training images, and the labels, which are -1 where one is missing.

    Both are `[stimulus, feature]`.
    """
    values, masks = [], []
    for (name, feature), classes in zip(task.features.items(), task.n_classes, strict=True):
        random = rng(seed, "data", "train", "labels", name)
        values.append(labels_with_shares(random, task.train, feature.shares or (1 / classes,) * classes))
        if task.agreement is not None and len(values) == 2:
            random = rng(seed, "data", "train", "agreement")
            values[1] = agreeing(random, values[0], classes, task.agreement)
        random = rng(seed, "data", "train", "asked", name)
        masks.append(drawn_alike(random, values[-1], round(feature.labelled * task.train)))
    stacked = np.stack(values, axis=1)
    return stacked, np.where(np.stack(masks, axis=1), stacked, UNLABELLED)


def clean_labels(task: ImageSpec, seed: int, split: str, n: int) -> Labels:
    """Return the labels of validation or test images, `[stimulus, feature]`."""
    columns = [
        balanced_classes(rng(seed, "data", split, "labels", name), n, classes)
        for name, classes in zip(task.features, task.n_classes, strict=True)
    ]
    return np.stack(columns, axis=1)


def choices(task: ImageSpec, seed: int, split: str, values: Labels) -> dict[str, Choice]:
    """Return the class of every factor in images whose features have the classes `values`, `[stimulus, feature]`.

    A relation is among the factors only if it is a feature, and a position only where there is one object. `split`
    names the stream of random numbers; where classes are held out, all splits but "train" have them.
    """
    index = {
        feature.factor: seen_classes(task, feature.factor, seed)[values[:, i]]
        for i, feature in enumerate(task.features.values())
    }
    n = len(values)
    if task.held_out is not None:
        together = other_combinations(task, seed, split)
        which = balanced_classes(rng(seed, "data", split, "combinations"), n, len(together))
        index |= dict(zip(other_factors(task), together[which].T, strict=True))
    absent = {"position"} if task.has_several_objects else set()
    absent |= {"relation"} - set(task.reported_factors)
    chosen = {}
    for factor in FACTORS:
        if factor not in absent:
            levels = task.levels(factor)
            if factor not in index:
                index[factor] = balanced_classes(rng(seed, "data", split, factor), n, len(levels))
            chosen[factor] = Choice(levels, index[factor], factor in task.reported_factors)
    return chosen


def seen_classes(task: ImageSpec, factor: str, seed: int) -> NDArray[np.int64]:
    """Return the numbers of a factor's classes that occur in training, in order: all, where none is held out."""
    n = len(task.levels(factor))
    held_out = (task.held_out or 0) if factor in TRIFEATURE else 0
    return np.sort(rng(seed, "data", "held out", factor).permutation(n)[held_out:])


def other_factors(task: ImageSpec) -> list[str]:
    """Return those of shape, texture and colour that are not features."""
    features = {feature.factor for feature in task.features.values()}
    return [factor for factor in TRIFEATURE if factor not in features]


def other_combinations(task: ImageSpec, seed: int, split: str) -> NDArray[np.int64]:
    """Return the combinations of classes that those factors can have, `[combination, factor]`.

    In training, no class of a combination is held out; in validation and test, at least one is.
    """
    others = other_factors(task)
    every = np.array(list(product(*(range(len(task.levels(factor))) for factor in others))), dtype=np.int64)
    if task.held_out is None:
        return every
    is_seen = [np.isin(every[:, i], seen_classes(task, factor, seed)) for i, factor in enumerate(others)]
    return every[np.all(is_seen, axis=0) == (split == "train")]


def all_combinations(task: ImageSpec, seed: int, split: SplitName) -> NDArray[np.int64]:
    """Return the combinations of classes that shape, texture and colour can have, `[combination, 3]`."""
    others = other_factors(task)
    labelled = [factor for factor in TRIFEATURE if factor not in others]
    seen = product(*(seen_classes(task, factor, seed).tolist() for factor in labelled))
    rows = np.array([(*one, *other) for one, other in product(seen, other_combinations(task, seed, split).tolist())])
    columns = [*labelled, *others]
    return rows[:, [columns.index(factor) for factor in TRIFEATURE]]
