"""What all layers of an audit share: features with the labellings of their tests, folds, resamples; and a row."""

from __future__ import annotations

from dataclasses import dataclass

from repbias.audit.intervals import Interval, Resamples
from repbias.audit.repeats import Repeats
from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray, Labellings, Labels

Row = tuple[str, str, float, float, float, float]  # feature, measure, value, ci_low, ci_high, p


@dataclass(frozen=True, eq=False)
class Feature:
    """A feature and the labellings that its tests use, the same in every layer."""

    name: str
    labels: Labels
    code: FloatArray
    """One-hot code, `[stimulus, class]`."""

    permuted: Labellings
    """Labellings of the permutation test, `[permutation, stimulus]`."""

    planted: Labellings
    """Labels of the features that are planted, `[planted, stimulus]`."""

    n_exchanged: int
    """Number of stimuli, or of groups, that change places in a permutation."""

    @property
    def n_classes(self) -> int:
        return len(self.labels.classes)


@dataclass(frozen=True, eq=False)
class Plan:
    """What all layers share."""

    features: tuple[Feature, ...]
    cluster: IntArray
    """What is resampled and kept in one fold, `[stimulus]`."""
    fold_of: IntArray
    draws: Resamples
    pairs: tuple[tuple[str, str], ...]
    """Pairs of features whose labels are associated."""
    classifier: str
    seed: int
    repeats: Repeats | None = None


def row(feature: str, measure: str, value: float, interval: Interval, p: float = float("nan")) -> Row:
    """Return one row of a layer's results."""
    return (feature, measure, value, *interval, p)
