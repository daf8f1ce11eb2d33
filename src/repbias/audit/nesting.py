"""Notes on features of which one determines another, and on features that tell presentations of stimuli apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations

import numpy as np

from repbias.audit.inputs import Stimuli
from repbias.audit.intervals import group_sums
from repbias.audit.runs import residual_parts
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.association import determines

LEAST_IDENTITIES = 10  # classes of a feature that may identify stimuli
FEW_PRESENTATIONS = 20  # rows in each of its classes, on average
FAR_MORE_ALIKE = 0.4  # share of the variance that is common to the rows of a class


def nesting_notes(layers: Mapping[str, FloatArray], stimuli: Stimuli) -> Iterator[str]:
    """Yield a note on each nested feature, and on each feature that may identify stimuli that are shown repeatedly.

    Parameters
    ----------
    layers : activity by layer, `[stimulus, unit]`.
    """
    features = {name: values for name, values in stimuli.features.items() if values.categorical}
    nested: dict[str, list[str]] = {}
    for finer, coarser in permutations(features, 2):
        if determines(features[finer].numbers, features[coarser].numbers):
            if not determines(features[coarser].numbers, features[finer].numbers):
                nested.setdefault(finer, []).append(coarser)
            elif finer < coarser:
                yield (
                    f"{finer!r} and {coarser!r} divide the stimuli into the same classes, so that their effects cannot "
                    "be separated: leave one of them out."
                )
    for finer, coarser_ones in nested.items():
        yield (
            f"{finer!r} determines {', '.join(map(repr, coarser_ones))} (nested), so that the coarser feature has no "
            f"unique variance: {finer!r} explains all that it does."
        )
    if stimuli.repeats is None:
        for name in features:
            yield from _identity_note(name, layers, stimuli)


def _identity_note(name: str, layers: Mapping[str, FloatArray], stimuli: Stimuli) -> Iterator[str]:
    """Yield a note if the classes of a feature look like stimuli that were presented several times."""
    values = stimuli.features[name]
    n_classes = len(values.classes)
    if n_classes < LEAST_IDENTITIES or values.n > FEW_PRESENTATIONS * n_classes:
        return
    others = [other for one, other in stimuli.features.items() if one != name]
    all_determined = bool(others) and all(determines(values.numbers, other.identity) for other in others)
    alike = {layer: within_class(residual_parts(x, others), values.numbers) for layer, x in layers.items()}
    layer, share = max(alike.items(), key=lambda one: one[1])
    if share < FAR_MORE_ALIKE and not (all_determined and share > 0.0):
        return
    why = f"rows of one class share {share:.0%} of the variance in {layer!r} beyond the other features"
    if all_determined:
        why += ", and it determines all other features"
    yield (
        f"{name!r} may identify stimuli that are presented repeatedly: its {n_classes} classes have "
        f"{values.n / n_classes:.1f} rows each on average; {why}. If so, give it as repeats= instead of as a feature: "
        "otherwise any grouping of the stimuli is detected, because a classifier recognises each stimulus by its "
        "other presentations."
    )


def within_class(parts: Iterable[FloatArray], numbers: IntArray) -> float:
    """Return the intraclass correlation: the share of variance that rows of a class have in common.

    With MSB and MSW the mean squares between and within classes and k the mean number of rows per class, corrected for
    unequal numbers, it is (MSB - MSW) / (MSB + (k - 1) MSW); 0 if it is not three standard errors above 0.

    Parameters
    ----------
    parts : some units each, `[stimulus, unit]`, about their means.
    numbers : classes, `[stimulus]`.

    Source: Donner (1986), International Statistical Review 54, 67-82.
    """
    counts = np.bincount(numbers)
    n, n_classes = len(numbers), len(counts)
    whole, explained = 0.0, np.zeros(n_classes)
    for part in parts:
        sums = np.asarray(group_sums(numbers) @ part)
        explained += np.einsum("cu,cu->c", sums, sums) / counts
        whole += float(np.vdot(part, part))
    between, within = explained.sum() / (n_classes - 1), (whole - explained.sum()) / max(n - n_classes, 1)
    k = (n - (counts**2).sum() / n) / (n_classes - 1)
    denominator = between + (k - 1) * within
    if denominator <= 0:
        return 0.0
    error = float(np.std(explained, ddof=1)) / np.sqrt(n_classes) / denominator
    share = float((between - within) / denominator)
    return share if share > 3 * error else 0.0
