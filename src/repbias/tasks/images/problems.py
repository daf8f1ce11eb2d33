"""The reasons why an image task cannot be made, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from repbias.core.specs import did_you_mean
from repbias.tasks.generated import MIN_ITEMS, class_counts
from repbias.tasks.images.factors import FACTORS, TRIFEATURE, find_factor
from repbias.tasks.images.scenes import BOX, PAIR_BOXES, SEVERAL_BOX
from repbias.tasks.images.shapes import SHAPES_WITHOUT_ROTATION
from repbias.tasks.images.spec import ImageSpec

MIN_BOX = 8  # px; in smaller boxes shapes cannot be distinguished


def problems(task: ImageSpec) -> Iterator[str]:
    """Yield every reason why a task cannot be made; each feature by itself is valid."""
    unusable = list(_unusable_factors(task))
    yield from unusable
    if unusable:
        return
    yield from _excluding_factors(task)
    yield from _unusable_measured(task)
    yield from _too_small(task)
    yield from _too_rare(task)
    yield from _agreement(task)
    yield from _held_out(task)


def _unusable_factors(task: ImageSpec) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, feature in task.features.items():
        if feature.factor in owner:
            yield f"features {owner[feature.factor]!r} and {name!r} are both {feature.factor}; drop one"
        owner[feature.factor] = name
    for factor, value in task.fixed.items():
        try:
            find_factor(factor).levels((value,))
        except ValueError as error:
            yield f"fixed: {factor}: {error}" if factor in FACTORS else f"fixed: {error}"
        if factor in owner:
            yield f"{factor} is fixed, and feature {owner[factor]!r} is this factor; drop one of them"


def _excluding_factors(task: ImageSpec) -> Iterator[str]:
    labelled = set(task.reported_factors)
    if "relation" in task.fixed:
        yield "fixed: a relation can be a feature but cannot be fixed; drop it, or fix number at 2 for two objects"
    if "relation" in labelled:
        if "number" in labelled and task.fixed.get("number") != "2":
            yield "a relation needs two objects; drop number, or fix it at 2"
        if "shape" in task.fixed:
            yield "shape is fixed, and a relation needs shapes that differ; drop it from `fixed`"
    if task.has_several_objects:
        for factor in sorted(labelled & {"size", "position"}):
            yield f"{factor} cannot be chosen where there are several objects: each has a quarter of the image; drop it"
    unturned = [shape for shape in SHAPES_WITHOUT_ROTATION if shape in task.levels("shape")]
    if "rotation" in task.feature_factors and unturned:
        yield (
            f"rotation cannot be read from {', '.join(unturned)}; leave them out: fix shape at another one, or make it "
            "a feature with its classes named"
        )


def _unusable_measured(task: ImageSpec) -> Iterator[str]:
    if len(set(task.measured)) < len(task.measured):
        yield f"measured names a factor twice: {', '.join(task.measured)}"
    for factor in dict.fromkeys(task.measured):
        if factor not in FACTORS:
            yield f"measured: unknown factor {factor!r}; {did_you_mean(factor, FACTORS)}"
        elif factor in task.feature_factors:
            yield f"measured: {factor} is a feature and measured anyway; drop it from `measured`"
        elif factor in task.features:
            yield f"measured: {factor} is also the name of a feature of another factor; rename the feature"
        elif factor == "relation" or len(task.levels(factor)) < 2:
            yield f"measured: {factor} is the same in all images; drop it from `measured`"
        elif factor == "position" and task.has_several_objects:
            yield "measured: several objects have no single position; drop it from `measured`"


def _too_small(task: ImageSpec) -> Iterator[str]:
    if "relation" in task.reported_factors:
        box = min(PAIR_BOXES)
    elif task.has_several_objects:
        box = SEVERAL_BOX
    else:
        box = BOX * min(scale for (scale,) in task.levels("size").values())
    smallest = ceil(round(MIN_BOX / box, 6))
    if task.size < smallest:
        yield (
            f"in {task.size} px the smallest shape has a box of {box * task.size:.3g} px, but {MIN_BOX} are needed; "
            f"set size to {smallest} or more"
        )


def _too_rare(task: ImageSpec) -> Iterator[str]:
    for name, manipulation in task.manipulations.items():
        counts = class_counts(round(manipulation.labelled * task.train), manipulation.class_shares)
        rare = [f"{label!r} {n}" for label, n in zip(task.features[name].levels, counts, strict=False) if n < MIN_ITEMS]
        if rare:
            yield (
                f"{name}: shares and labelled={manipulation.labelled:g} of {task.train} training items leave "
                f"{', '.join(rare)}; {MIN_ITEMS} of each class are needed"
            )


def _agreement(task: ImageSpec) -> Iterator[str]:
    if task.agreement is None:
        return
    if len(task.features) != 2:
        yield f"agreement is between two features, and there are {len(task.features)}"
    elif len(set(task.n_classes)) > 1:
        numbers = ", ".join(f"{name} {n}" for name, n in zip(task.features, task.n_classes, strict=True))
        yield f"features that agree must have equal numbers of classes ({numbers}); set `classes` of one of them"
    if task.manipulations:
        yield "features that agree must have equal shares and labelled=1; drop agreement, or shares and labelled"


def _held_out(task: ImageSpec) -> Iterator[str]:
    if task.held_out is None:
        return
    for factor in TRIFEATURE:
        n = len(task.levels(factor))
        if n - task.held_out < 2:
            yield (
                f"held_out={task.held_out} of {n} classes of {factor} leaves {max(n - task.held_out, 0)}, and training "
                f"needs 2; {'let it vary' if factor in task.fixed else 'hold out fewer'}"
            )
    if set(TRIFEATURE) <= set(task.feature_factors):
        yield "held_out needs one of shape, texture and colour that is not a feature, whose classes can be held out"
    if any(feature.shares is not None for feature in task.features.values()):
        yield "with held_out the seed decides which classes occur, but shares are given per class; drop one of them"
    if "relation" in task.reported_factors:
        yield "held_out needs images with one shape each; drop it, or the relation"
