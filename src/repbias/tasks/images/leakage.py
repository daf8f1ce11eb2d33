"""Checks that nothing in an image but its factor gives a feature away; rows of `check_design` for images.

Nothing is trained. The statistics and their bounds are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from repbias.core.association import association_bound, cramers_v
from repbias.tasks.images.scenes import Scenes
from repbias.tasks.images.spec import ImageSpec
from repbias.tasks.task import UNLABELLED, Finding, Split

# What a factor itself changes: a star has less area than a square, and a position is a column and a row.
AREA_IS_INHERENT = {"shape", "texture", "size", "number"}
PLACE_IS_INHERENT = {"position": ("column", "row"), "rotation": ("angle",)}


def image_leakage(task: ImageSpec, splits: Mapping[str, Split], alpha: float) -> Iterator[Finding]:
    """Return up to three rows for each feature and split.

    - `other factors`: the largest Cramer's V of the feature with a varying factor that is not a feature; the bound of
      `independence`. It covers all classes of an image: background, texture, bins of rotation, cells of position.
    - `place`: the largest share of the variance of the first object's column, row or angle that lies between the
      feature's classes. What is inherent is left out: column and row of a position, the angle of a rotation.
    - `painted area`: the same for the painted area, measured in the picture. It is left out where it is inherent: for
      shape, texture, size, and number. For a relation it is not inherent, since both objects' shapes are uniform for
      either class.

    For an unrelated feature, shares of variance are beta distributed (a one-way analysis of variance, exact for normal
    values). Bounds are exceeded with probability `alpha` or less by all rows of one check together (Bonferroni). Where
    a feature agrees with another in training, what is inherent in one is treated as inherent in both.
    """
    level = alpha / (len(splits) * len(task.features))
    for split_name, split in splits.items():
        scenes = task.scenes(split)
        places, area = _places(scenes), _painted_area(split.inputs, scenes)
        for i, (name, classes) in enumerate(zip(task.feature_names, task.n_classes, strict=True)):
            labelled = split.labels[:, i] != UNLABELLED
            labels = split.labels[labelled, i]
            factors = _expressed_factors(task, name, split_name)
            others = {
                factor: index[labelled]
                for factor, index in scenes.classes.items()
                if factor not in task.feature_factors and len(task.levels(factor)) > 1
            }
            if others:
                yield _associated(name, split_name, labels, classes, others, level)
            inherent = {place for factor in factors for place in PLACE_IS_INHERENT.get(factor, ())}
            open_places = {place: values[labelled] for place, values in places.items() if place not in inherent}
            if open_places:
                yield _explained("place", name, split_name, labels, open_places, level)
            if not factors & AREA_IS_INHERENT:
                yield _explained("painted area", name, split_name, labels, {"area": area[labelled]}, level)


def _expressed_factors(task: ImageSpec, feature: str, split: str) -> set[str]:
    """Return the factors that a feature is declared to be associated with: its own, and that of one it agrees with."""
    names = {feature}
    for pair in task.agreements if split == "train" else ():
        names |= pair if feature in pair else set()
    return {task.features[name].factor for name in names}


def _places(scenes: Scenes) -> dict[str, NDArray[np.float64]]:
    first = np.flatnonzero(np.diff(scenes.objects.image, prepend=-1))
    column, row = scenes.objects.centre[first].T
    return {"column": column, "row": row, "angle": scenes.objects.angle[first]}


def _painted_area(pictures: NDArray[np.generic], scenes: Scenes, stack: int = 256) -> NDArray[np.float64]:
    """Return how many pixels are painted, `[image]`: the sum of their positions between background and colour."""
    first = np.flatnonzero(np.diff(scenes.objects.image, prepend=-1))
    ground = np.floor(255 * scenes.background + 0.5)
    towards = np.floor(255 * scenes.objects.colour[first] + 0.5) - ground
    towards /= (towards**2).sum(axis=1, keepdims=True)
    areas = []
    for start in range(0, len(pictures), stack):
        here = slice(start, start + stack)
        sums = pictures[here].sum(axis=(2, 3), dtype=np.int64) - ground[here] * np.prod(pictures.shape[2:])
        areas.append((sums * towards[here]).sum(axis=1))
    return np.concatenate(areas)


def _associated(
    feature: str, split: str, labels: NDArray[np.int64], classes: int, others: Mapping[str, NDArray], level: float
) -> Finding:
    found = {}
    for factor, index in others.items():
        bound = association_bound(len(labels), (classes, len(np.unique(index))), level / len(others))
        found[factor] = (cramers_v(labels, index), bound)
    return _nearest("other factors", feature, split, found)


def _explained(
    check: str, feature: str, split: str, labels: NDArray[np.int64], values: Mapping[str, NDArray], level: float
) -> Finding:
    used = len(np.unique(labels))
    left = len(labels) - used
    bound = float(beta.isf(level / len(values), (used - 1) / 2, left / 2)) if left > 0 and used > 1 else 1.0
    found = {name: (between_classes(labels, column), bound) for name, column in values.items()}
    return _nearest(check, feature, split, found)


def between_classes(labels: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Return the share of the variance of `values` that lies between classes, both `[stimulus]`; 0 where constant."""
    centred = values - values.mean()
    counts = np.bincount(labels)
    means = np.bincount(labels, centred) / np.maximum(counts, 1)
    total = float(centred @ centred)
    is_constant = total <= 1e-12 * float(values @ values)
    return 0.0 if is_constant else float(counts @ means**2) / total


def _nearest(check: str, feature: str, split: str, found: Mapping[str, tuple[float, float]]) -> Finding:
    """Return the row of the statistic that is nearest to its bound, or exceeds it most."""
    strongest, (value, bound) = max(found.items(), key=lambda named: named[1][0] / named[1][1])
    return Finding.of(check, feature, split, value, bound, f"strongest of {len(found)}: {strongest}")
