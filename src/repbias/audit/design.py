"""What the stimuli of an audit share (groups, blocks, repeats, their order), and what follows for folds and tests.

groups     are independent of one another. Folds and intervals keep them whole.
blocks     are stretches of stimuli that follow one another, such as the blocks of an experiment. Without groups they
           are treated as groups. Within groups, values change places between the blocks of a group if each block
           has one value, or within blocks.
order      Values are shifted circularly along the sequence of the stimuli, or of each group. Without groups, folds
           are contiguous fifths of the sequence, and intervals are over 20 stretches of it.
repeats    see `repbias.audit.repeats`; blocks then take the place of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from repbias.audit.repeats import Repeats, design_note, find_repeats, pairs_of, refuse_confounded
from repbias.core.arrays import IntArray
from repbias.core.association import determines
from repbias.features.folds import FOLDS, assign_folds
from repbias.features.labels import Labels, refuse_one_group, refuse_unscorable
from repbias.features.permutations import FEW_CLUSTERS, Exchange, Rule, Shifts, exchange, one_value_each
from repbias.features.values import Values

STRETCHES = 20
LEAST_LABELLINGS = 20  # fewer cannot give a p value of 5 %
LEAST_CYCLES = 3  # of one sequence; with fewer, simulated false-positive rates exceed 7 %
LEAST_CYCLES_EACH = 2  # of each of several sequences


@dataclass(frozen=True, eq=False)
class Design:
    """What stimuli share, and what is kept together, resampled and permuted because of it."""

    cluster: IntArray
    """What is resampled together and kept in one fold, 0, 1, ..., `[stimulus]`."""

    kind: str
    """What the clusters are called: "stimulus", "group", "block" or "stretch"."""

    repeats: Repeats | None = None

    block: IntArray | None = None
    """The block of each stimulus where blocks lie within groups, 0, 1, ..., `[stimulus]`."""

    shifts: Shifts | None = None
    """The sequences of the stimuli, where their order was given."""

    @property
    def grouped(self) -> bool:
        """Whether groups were given."""
        return self.kind == "group" or (
            self.repeats is not None and self.repeats.group is not None and not self.blocked
        )

    @property
    def blocked(self) -> bool:
        """Whether blocks were given."""
        in_repeats = self.repeats is not None and self.repeats.unit == "block"
        return self.kind == "block" or self.block is not None or in_repeats

    def folds(self, strata: IntArray, seed: int) -> IntArray:
        """Return the fold of each stimulus, `[stimulus]`; `strata` `[stimulus, feature]` are the classes to balance."""
        if self.kind == "stretch":
            return self.cluster * FOLDS // STRETCHES
        return assign_folds(strata, self.cluster, seed=seed)

    def rule(self, identity: IntArray, fold_of: IntArray) -> Rule:
        """Return how values change places in permutations; see `repbias.features.permutations`."""
        if self.repeats is not None:
            return self.repeats.exchange(identity, fold_of)
        if self.kind in ("group", "block") and one_value_each(identity, self.cluster):
            return exchange(identity, self.cluster, fold_of)
        if self.shifts is not None:
            return self.shifts
        if self.block is not None and one_value_each(identity, self.block):
            return Exchange(self.block, self.cluster[np.unique(self.block, return_index=True)[1]])
        if self.block is not None:
            return Exchange(np.arange(len(identity)), self.block)
        return exchange(identity, self.cluster, fold_of)

    def refuse_untestable(self, values: Values, what: str, left: str) -> None:
        """Raise where a feature cannot be fitted, scored or tested in this design.

        Parameters
        ----------
        what : the feature, in words. left : how many stimuli were dropped, in words; "" for none.
        """
        if self.repeats is not None:
            _refuse_identity(values, self.repeats, what)
            refuse_confounded(values, self.repeats, what)
        if values.categorical:
            kept = self.folds(self.cluster, 0) if self.kind == "stretch" else self.cluster
            refuse_unscorable(values, kept, f"{what}{left}", cluster_name=self.kind)
        if self.shifts is not None or self.block is not None or self.kind == "block":
            self._refuse_few_labellings(values, what)

    def _refuse_few_labellings(self, values: Values, what: str) -> None:
        rule = self.rule(values.identity, np.zeros_like(self.cluster))
        least = LEAST_CYCLES if rule.n == 1 else LEAST_CYCLES_EACH
        if isinstance(rule, Shifts) and (cycles := _cycles(values.numbers, rule)) < least:
            raise ValueError(
                f"{what} must have {least} runs of each of its classes or more along the order of the stimuli, to be "
                f"distinguished from a drift, got {cycles:.1f}: give blocks= instead of order=, "
                "with groups= if there are several sessions, or record more and shorter runs"
            )
        found = rule.labellings(values.identity)
        if found < LEAST_LABELLINGS:
            how = "circular shifts of it" if isinstance(rule, Shifts) else "exchanges of whole blocks or groups"
            raise ValueError(
                f"{what} cannot be tested: {how} give {found:.0f} different labellings, and a p value of .05 needs "
                f"{LEAST_LABELLINGS} or more: leave it out, or record more and shorter blocks, in which its values "
                "come in random order"
            )

    def notes(self, features: Mapping[str, Values], n_folds: int) -> Iterator[str]:
        """Yield in words how folds, intervals and permutations treat the stimuli."""
        n = int(self.cluster.max()) + 1
        if self.repeats is not None:
            yield f"{n_folds} cross-validation folds."
            yield design_note(self.repeats)
        elif self.kind == "stimulus":
            yield f"{n_folds} cross-validation folds; stimuli are taken to be independent, as no groups were given."
            return
        elif self.kind == "stretch":
            yield (
                f"{n_folds} cross-validation folds, each a contiguous part of the sequence; intervals are over {n} "
                "stretches of the sequence."
            )
        else:
            yield (
                f"{n_folds} cross-validation folds, which keep {n} {self.kind}s whole; intervals are over {self.kind}s."
            )
        permuted: dict[str, list[str]] = {}
        for name, values in features.items():
            permuted.setdefault(self._how_permuted(values.identity), []).append(name)
        for how, names in permuted.items():
            yield f"Permuted {how}: {', '.join(names)}."
        yield from self._few(features)

    def _few(self, features: Mapping[str, Values]) -> Iterator[str]:
        """Yield a note on each feature whose p values cannot be small, because few labellings are possible."""
        for name, values in features.items():
            rule = self.rule(values.identity, np.zeros_like(self.cluster))
            if isinstance(rule, Shifts) and rule.n < FEW_CLUSTERS:
                yield (
                    f"p values of {name!r} are counted over the shifts, so none is below 1 / (1 + permutations); give "
                    "more permutations if many tests are corrected for."
                )
            elif isinstance(rule, Exchange) and rule.n < FEW_CLUSTERS:
                found = rule.labellings(values.identity)
                if found < LEAST_LABELLINGS:
                    yield (
                        f"The permutations of {name!r} give {found:.0f} different labellings, so that p cannot be "
                        f"below {1 / found:.2f}."
                    )

    def _how_permuted(self, identity: IntArray) -> str:
        repeats = self.repeats
        if self.kind in ("group", "block") and one_value_each(identity, self.cluster):
            return f"between {self.kind}s, as each {self.kind} has one label"
        if repeats is not None:
            unit = repeats.unit
            if repeats.bound(identity):
                of_group = f" of a {unit}" if repeats.keeps_groups else ""
                return f"between stimuli{of_group}, as each has one label in all presentations"
            return f"between the presentations of a stimulus{f' in a {unit}' if repeats.crossed else ''}"
        if self.shifts is not None:
            return f"by circular shifts along the order of the stimuli{' of a group' * self.grouped}"
        if self.block is not None:
            bound = one_value_each(identity, self.block)
            return "between the blocks of a group, as each has one label" if bound else "within blocks"
        return f"within {self.kind}s"


def find_design(
    n: int, group: Labels | None, block: Labels | None, stimulus: Labels | None, place: IntArray | None
) -> Design:
    """Return the design of `n` stimuli, or raise where what was given contradicts itself.

    Parameters
    ----------
    group, block, stimulus : of each stimulus; None if not given.
    place : the order of the stimuli, any numbers that differ, `[stimulus]`; None if not given.
    """
    _refuse_combinations(group, block, stimulus, place)
    if group is not None:
        refuse_one_group(group)
    if block is not None:
        refuse_one_group(block, "block")
    unit, outer = ("block", block) if group is None and block is not None else ("group", group)
    if stimulus is not None:
        repeats = find_repeats(stimulus, outer, unit)
        return Design(repeats.cluster, unit if repeats.keeps_groups else "stimulus", repeats)
    if place is not None:
        return _ordered(np.zeros(n, dtype=np.int64) if group is None else group.numbers, place, group is not None)
    if outer is None:
        return Design(np.arange(n), "stimulus")
    within = pairs_of(group.numbers, block.numbers) if group is not None and block is not None else None
    return Design(outer.numbers, unit, block=within)


def _refuse_identity(values: Values, repeats: Repeats, what: str) -> None:
    """Raise for classes that each belong to one stimulus, which are never both fitted and scored."""
    if values.categorical and determines(values.numbers, repeats.stimulus):
        raise ValueError(
            f"{what} tells the stimuli of repeats apart, and all presentations of a stimulus are in one fold, so that "
            "no class could be both fitted and scored: leave it out, as the noise ceiling is the variance that the "
            "identity of stimuli explains; or audit it alone, without repeats=, where it is fitted on some "
            "presentations and scored on others"
        )


def _refuse_combinations(
    group: Labels | None, block: Labels | None, stimulus: Labels | None, place: IntArray | None
) -> None:
    if place is not None and block is not None:
        raise ValueError("blocks and order are two ways to permute stimuli that follow one another: give one of them")
    if place is not None and stimulus is not None:
        raise ValueError(
            "order cannot be given with repeats, because a shift gives the presentations of a stimulus different "
            "labels: give blocks= with repeats="
        )
    if group is not None and block is not None and stimulus is not None:
        raise ValueError(
            "repeats can be given with groups or with blocks, got both: give groups= if stimuli differ between "
            "groups, or blocks= if the same stimuli are shown in several blocks"
        )


def _ordered(sequence: IntArray, place: IntArray, grouped: bool) -> Design:
    n = len(place)
    if n < 2 * STRETCHES:
        raise ValueError(f"order needs {2 * STRETCHES} stimuli or more, got {n}: give blocks=, or record more")
    by_place = np.lexsort([place, sequence])
    sizes = np.bincount(sequence)
    rank = np.empty(n, dtype=np.int64)
    rank[by_place] = np.arange(n) - (np.cumsum(sizes) - sizes)[sequence[by_place]]
    shifts = Shifts(sequence, rank)
    if grouped:
        return Design(sequence, "group", shifts=shifts)
    return Design(rank * STRETCHES // n, "stretch", shifts=shifts)


def _cycles(numbers: IntArray, rule: Shifts) -> float:
    """Return how often a feature comes back to each of its classes or strata in a sequence.

    It is the number of runs, divided by the number of classes of each sequence, over sequences with several classes.
    """
    by_place = np.lexsort([rule.place, rule.sequence])
    runs = n_classes = 0
    for ordered in np.split(numbers[by_place], np.cumsum(np.bincount(rule.sequence))[:-1]):
        if len(classes := np.unique(ordered)) > 1:
            runs += 1 + int((ordered[1:] != ordered[:-1]).sum())
            n_classes += len(classes)
    return runs / max(n_classes, 1)
