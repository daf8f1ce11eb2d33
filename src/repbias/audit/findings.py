"""The results of one layer, assembled in the same way from activity in memory and from the sums of a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from repbias.audit.estimates import Encodings
from repbias.audit.intervals import NO_INTERVAL, Contributions, Interval, Resamples
from repbias.core.arrays import FloatArray
from repbias.core.results import ALL_FEATURES
from repbias.features.values import Values
from repbias.measures.variance.predictions import few_columns

N_COMPONENTS = 10

Row = tuple[str, str, float, float, float, float]  # feature, measure, value, ci_low, ci_high, p
Share = tuple[float, Interval]
UnitR2 = tuple[FloatArray, FloatArray]  # `r2` and `r2_unbiased`, `[unit]` or `[component]` each
Shared = list[tuple[str, str, float, float, float]]  # two features, their shared `r2_unbiased`, and its interval


class Decodability(NamedTuple):
    """How well a feature is decoded."""

    score: float
    """Balanced accuracy of classes, held-out R2 of other kinds."""
    interval: Interval
    p: float


@dataclass(frozen=True)
class Tests:
    """The tests of one feature: p of its `r2_unbiased`, the power of that test, and decodability."""

    p: float
    decodability: Decodability
    detectable: Share
    false_positives: Share


@dataclass(frozen=True, eq=False)
class LayerFindings:
    """The results of one layer, as rows of the tables of an `AuditReport` without the column of the layer."""

    rows: list[Row]
    units: list[tuple[object, ...]]
    components: list[tuple[object, ...]]
    shared: Shared
    equalised: tuple[str, ...] = ()
    """The features whose shares were made equal for the scores."""


def row(feature: str, measure: str, value: float, interval: Interval, p: float = float("nan")) -> Row:
    """Return one row of the results of a layer."""
    return (feature, measure, value, *interval, p)


class LayerAudit(ABC):
    """The measures of one layer.

    Parameters
    ----------
    values : by feature.
    pairs : features that are associated, in pairs.
    draws : resamples of the stimuli.
    variance, kernel : what regressions explain of the layer, and of its linear kernel.
    """

    def __init__(
        self,
        values: dict[str, Values],
        pairs: Sequence[tuple[str, str]],
        draws: Resamples,
        variance: Encodings,
        kernel: Encodings,
    ) -> None:
        self._values, self._pairs, self._draws, self._variance, self._kernel = values, pairs, draws, variance, kernel

    @abstractmethod
    def tests(self, feature: str) -> Tests:
        """Return the tests of a feature."""

    @abstractmethod
    def spread(self, feature: str) -> tuple[UnitR2, dict[str, Share]]:
        """Return both R2 of each unit, and the measures of how many units carry the feature, by name."""

    @abstractmethod
    def components(self, feature: str) -> tuple[FloatArray, *UnitR2]:
        """Return the shares of variance of the leading principal components, and both R2 of each by the feature."""

    def penalty(self, feature: str) -> float:
        """Return the mean penalty over folds of a regression on a feature; 0 where it needs none."""
        penalties, columns = self._variance.penalties, self._variance.columns_of[feature]
        if penalties is None or few_columns(len(columns), self._variance.n_fit):
            return 0.0
        return float(penalties.alone[:, columns[0]].mean())

    @cached_property
    def alone(self) -> dict[str, Contributions]:
        """What each feature explains by itself."""
        return {name: self._variance.explained([name]) for name in self._values}

    @cached_property
    def joint(self) -> Contributions:
        """What all features explain together."""
        return self._variance.explained(list(self._values))

    @cached_property
    def unique(self) -> dict[str, Contributions]:
        """What each feature adds to all others: what all explain together, less what the others explain."""
        others = {name: [other for other in self._values if other != name] for name in self._values}
        return {
            name: self.joint - self._variance.explained(rest) if rest else self.joint for name, rest in others.items()
        }

    def findings(self, on_feature: Callable[[int], None] | None = None) -> LayerFindings:
        """Return the results that every audit has; `on_feature` is called with the number of features that are done."""
        whole = self._r2(ALL_FEATURES, list(self._values), self.joint)
        found = LayerFindings([*whole], [], [], list(self._shared()))
        for done, feature in enumerate(self._values, start=1):
            found.rows.extend((*self._tested(feature), *self._parts(feature)))
            unit_r2, spread = self.spread(feature)
            found.rows.extend(row(feature, measure, *share) for measure, share in spread.items())
            found.units.extend(
                (unit, feature, *map(float, both)) for unit, both in enumerate(zip(*unit_r2, strict=True))
            )
            of_components = zip(*self.components(feature), strict=True)
            found.components.extend((feature, number, *map(float, one)) for number, one in enumerate(of_components))
            if on_feature is not None:
                on_feature(done)
        found.rows.extend(self._leads())
        return found

    def _r2(self, name: str, features: Sequence[str], found: Contributions, p: float = float("nan")) -> Iterator[Row]:
        """Yield the rows of both kinds of R2; the permutation test is the same for both."""
        if self._variance.penalties is not None:
            predicted = self._variance.explained(features, predicting=True)
        else:
            predicted = found
        for measure, one in (("r2", predicted.held_out()), ("r2_unbiased", found)):
            yield row(name, measure, one.r2_unbiased, one.interval(self._draws), p)

    def _tested(self, feature: str) -> Iterator[Row]:
        """Yield R2, decodability and chance, and the power and false positives of the test of R2."""
        tests = self.tests(feature)
        yield from self._r2(feature, [feature], self.alone[feature], tests.p)
        yield row(feature, "decodability", *tests.decodability)
        classes = self._values[feature].classes
        yield row(feature, "chance", 1 / len(classes) if classes else 0.0, NO_INTERVAL)
        yield row(feature, "detectable_r2", *tests.detectable)
        yield row(feature, "false_positives", *tests.false_positives)

    def _parts(self, feature: str) -> Iterator[Row]:
        """Yield the unique and the shared part of what a feature explains, and its share of the kernel."""
        parts = {
            "r2_unique": self.unique[feature],
            "r2_common": self.alone[feature] - self.unique[feature],
            "rdm_share": self._kernel.explained([feature]),
        }
        for measure, part in parts.items():
            yield row(feature, measure, part.r2_unbiased, part.interval(self._draws))

    def _leads(self) -> Iterator[Row]:
        """Yield for each feature its `r2_unbiased` less the largest of all others; nothing if there is one feature."""
        for feature, own in self.alone.items():
            others = [one for name, one in self.alone.items() if name != feature]
            if others:
                lead = own - max(others, key=lambda one: one.r2_unbiased)
                yield row(feature, "r2_lead", lead.r2_unbiased, lead.interval(self._draws))

    def _shared(self) -> Iterator[tuple[str, str, float, float, float]]:
        """Yield what two associated features share: R2 of one + R2 of the other - R2 of both together."""
        for first, second in self._pairs:
            both = self.alone[first] - (self._variance.explained([first, second]) - self.alone[second])
            yield first, second, both.r2_unbiased, *both.interval(self._draws)
