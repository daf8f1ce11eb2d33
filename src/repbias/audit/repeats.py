"""Repeated presentations of stimuli: what is kept together, what is permuted, and the noise ceiling.

A classifier that is fitted on one presentation of a stimulus and scored on another decodes the stimulus, not the
feature; so all presentations of a stimulus are in the same fold. With groups there are two designs:

    nested     Each stimulus is shown in one group. Folds keep groups whole, and the numbers hold for new groups. All
               presentations of a stimulus are repeats of one another. What the presentations of a group have in common
               (drift) is therefore reproduced, and is part of the noise ceiling.
    crossed    Some stimuli are shown in several groups. Folds keep stimuli whole but not groups, and the numbers hold
               for new stimuli in these groups. Repeats are presentations of a stimulus in different groups, about the
               mean of each group, so drift is not reproduced. A feature with one label per group is refused, because
               the same groups would be fitted and scored.

The noise ceiling is the share of a layer's variance that repeats of a stimulus reproduce. Let z and x be the activity
in two presentations of a stimulus. If their noise is independent, the mean of z.x is the variance between stimuli,
without bias and for any number of repeats. A feature that has one label in all presentations of a stimulus cannot
explain more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from repbias.audit.findings import Row, row
from repbias.audit.intervals import NO_INTERVAL, Contributions, Resamples, fieller_interval, group_sums
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.results import ALL_FEATURES
from repbias.features.labels import Labels
from repbias.features.permutations import Exchange, PermutedFeature, exchange, one_value_each
from repbias.features.values import Values
from repbias.measures.variance.predictions import FoldedActivity


@dataclass(frozen=True, eq=False)
class Repeats:
    """Presentations of stimuli, in groups or not."""

    stimulus: IntArray
    """The stimulus of each presentation, 0, 1, ..., `[presentation]`."""

    group: IntArray | None
    """The group of each presentation, 0, 1, ..., `[presentation]`."""

    crossed: bool
    """Whether some stimulus is shown in more than one group."""

    unit: str = "group"
    """What a group is called: "group" or "block"."""

    @property
    def keeps_groups(self) -> bool:
        """Whether folds keep groups whole, rather than stimuli."""
        return self.group is not None and not self.crossed

    @property
    def cluster(self) -> IntArray:
        """What is resampled together and kept in one fold, `[presentation]`."""
        return self.stimulus if self.group is None or self.crossed else self.group

    @property
    def cell(self) -> IntArray:
        """The combination of stimulus and group, 0, 1, ..., `[presentation]`."""
        return self.stimulus if self.group is None else pairs_of(self.stimulus, self.group)

    @property
    def n_others(self) -> IntArray:
        """Number of other presentations that are repeats of each one, `[presentation]`."""
        of_stimulus = np.bincount(self.stimulus)[self.stimulus]
        return of_stimulus - (np.bincount(self.cell)[self.cell] if self.crossed else 1)

    def bound(self, identity: IntArray) -> bool:
        """Return whether a feature has one value in all presentations of each stimulus."""
        return one_value_each(identity, self.stimulus)

    def exchange(self, identity: IntArray, fold_of: IntArray) -> Exchange:
        """Return how values `[presentation]` change places in permutations; see `repbias.features.permutations`.

        If each stimulus has one label, its presentations keep sharing one, and labels change places between stimuli: in
        a nested design between groups if each group has one label, or else between the stimuli of each group; otherwise
        between the stimuli of each fold. If not, labels change places among the presentations of a stimulus (in a
        group), so that what is common to a stimulus or a group stays.
        """
        if not self.bound(identity):
            return exchange(identity, self.cell, fold_of)
        first = np.unique(self.stimulus, return_index=True)[1]
        of_stimuli = exchange(identity[first], self.cluster[first], fold_of[first])
        return Exchange(of_stimuli.item[self.stimulus], of_stimuli.block)


def find_repeats(stimulus: Labels, group: Labels | None, unit: str = "group") -> Repeats:
    """Return the repeats, or raise where there are none or too few; `unit` says what a group is called."""
    numbers = stimulus.numbers
    if len(stimulus.classes) < 2:
        raise ValueError(
            f"repeats must name two stimuli or more, got only {stimulus.classes[0]!r}: give each presentation the name "
            "of its stimulus"
        )
    if len(stimulus.classes) == len(numbers):
        raise ValueError(
            f"repeats must name some stimulus twice or more, got {len(numbers)} presentations of as many stimuli: "
            "without repeats, give repeats=None"
        )
    n_groups = 1 if group is None else len(np.unique(pairs_of(numbers, group.numbers)))
    crossed = group is not None and n_groups > len(stimulus.classes)
    found = Repeats(numbers, None if group is None else group.numbers, crossed, unit)
    if group is not None and crossed:
        _refuse_lone_groups(numbers, group, unit)
    repeated = np.unique(found.cluster[found.n_others > 0])
    if len(repeated) < 2:
        what = f"{unit}s" if found.keeps_groups else "stimuli"
        raise ValueError(
            f"repeats must be found in two {what} or more, for intervals over {what}, got them in {len(repeated)}: "
            "record more repeats, or give repeats=None"
        )
    return found


def refuse_confounded(values: Values, repeats: Repeats, what: str) -> None:
    """Raise where, in a crossed design, the effect of a feature is confounded with that of the groups."""
    if repeats.group is None or not repeats.crossed:
        return
    unit = repeats.unit
    if one_value_each(values.identity, repeats.group):
        raise ValueError(
            f"{what} has one label in each {unit}, and stimuli are shown in several {unit}s, so that {unit}s would be "
            f"both fitted and scored: leave it out, or audit it without repeats, where {unit}s are kept whole"
        )
    if not repeats.bound(values.identity) and one_value_each(values.identity, repeats.cell):
        raise ValueError(
            f"{what} differs between presentations of a stimulus, but never within a {unit}, so that it cannot be "
            f"distinguished from the {unit}s: leave it out, or audit it without repeats"
        )


def design_note(repeats: Repeats) -> str:
    """Return in words how many repeats there are, and what the numbers generalise to."""
    unit = repeats.unit
    n_stimuli, n_once = int(repeats.stimulus.max()) + 1, int((repeats.n_others == 0).sum())
    text = f"{len(repeats.stimulus)} presentations of {n_stimuli} stimuli; elsewhere, each counts as one stimulus. "
    if repeats.group is None:
        text += "Intervals are over stimuli, each with all presentations."
    elif repeats.crossed:
        text += (
            f"Stimuli are shown in several {unit}s, so folds keep stimuli together and not {unit}s: the numbers hold "
            f"for new stimuli in these {unit}s, not for new {unit}s. The noise ceiling is what presentations of a "
            f"stimulus in different {unit}s share, about the mean of each {unit}."
        )
    else:
        text += (
            f"Each stimulus is shown in one {unit}, and folds keep {unit}s together: the numbers hold for new {unit}s. "
            f"The noise ceiling is what presentations of a stimulus within a {unit} share, including drift."
        )
    if n_once:
        text += f" {n_once} presentations have no repeat, and do not contribute to the ceiling."
    return text


def pairs_of(*numbers: IntArray) -> IntArray:
    """Return a number 0, 1, ... for each combination of numbers, `[presentation]`."""
    return np.unique(np.column_stack(numbers), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _refuse_lone_groups(stimulus: npt.NDArray[Any], group: Labels, unit: str) -> None:
    n_stimuli = np.bincount(np.unique(np.column_stack([group.numbers, stimulus]), axis=0)[:, 0])
    if n_stimuli.min() < 2:
        lone = group.classes[int(n_stimuli.argmin())]
        raise ValueError(
            f"where stimuli are shown in several {unit}s, each {unit} must hold two stimuli or more, to "
            f"distinguish a stimulus from its {unit}, got one in {unit} {lone!r}: drop or merge that {unit}"
        )


def ceiling_rows(
    activity: FoldedActivity,
    alone: Mapping[str, Contributions],
    features: tuple[PermutedFeature, ...],
    repeats: Repeats,
    draws: Resamples,
) -> Iterator[Row]:
    """Yield the noise ceiling, and the share of it that each feature with one label per stimulus explains.

    That share is the feature's `r2_unbiased` in the presentations that have repeats, divided by the ceiling. It is NaN
    where the ceiling cannot be distinguished from 0, because a ratio to a number that may be 0 has no bounds.

    Parameters
    ----------
    activity : of the layer, `[presentation, unit]`.
    alone : what each feature explains by itself.
    """
    _, _, total, _ = next(iter(alone.values())).parts
    ceiling = reproduced(activity, total, repeats)
    interval, (reproduction, *_) = ceiling.interval(draws), ceiling.parts
    yield row(ALL_FEATURES, "noise_ceiling", ceiling.r2_unbiased, interval)
    repeated = repeats.n_others > 0
    for feature in features:
        if not repeats.bound(feature.values.identity):
            continue
        cross, gain, *_ = alone[feature.name].parts * repeated
        part = float(cross.sum())
        low, high = fieller_interval(part, gain, reproduction, draws) if interval[0] > 0 else NO_INTERVAL
        share = part / float(reproduction.sum()) if np.isfinite(low) else float("nan")
        yield row(feature.name, "r2_of_ceiling", share, (low, max(min(high, 1.0), share)))


def reproduced(activity: FoldedActivity, total: FloatArray, repeats: Repeats) -> Contributions:
    """Return what each presentation adds to the noise ceiling: z.q, with q the mean of its repeats; 0 without repeats.

    q is taken about the mean of all presentations, and z about the mean of the other folds; in a crossed design both
    within the group. The errors of the two means then cancel, so the ceiling is unbiased with few stimuli too. As folds
    hold their share of each class, this also holds for what classes have in common. About the mean of all other
    stimuli, in which the class of the stimulus itself is rarer, the ceiling would be too high by 1 / stimuli.

    Parameters
    ----------
    activity : of the layer, `[presentation, unit]`.
    total : what each presentation adds to the variance, `[presentation]`.
    """
    centre = repeats.group if repeats.crossed and repeats.group is not None else np.zeros_like(repeats.stimulus)
    n_centre = np.bincount(centre)[centre]
    within = activity.x - _sums(activity.x, centre) / n_centre[:, None]
    own = pairs_of(activity.fold_of, centre)
    if (np.bincount(own)[own] == n_centre).any():  # a group whose presentations are all in one fold
        own = pairs_of(repeats.cluster, centre)
    deviations = within + _sums(within, own) / (n_centre - np.bincount(own)[own])[:, None]
    others = _sums(within, repeats.stimulus) - (_sums(within, repeats.cell) if repeats.crossed else within)
    repeated = repeats.n_others > 0
    cross = np.einsum("su,su->s", others, deviations) * repeated / np.maximum(repeats.n_others, 1)
    return Contributions.of(cross, cross, total * repeated, total * repeated)


def _sums(values: FloatArray, block: IntArray) -> FloatArray:
    """Return for each row the sum over the rows of its block, `[presentation, unit]`."""
    return np.asarray(group_sums(block) @ values)[block]
