"""What all layers of an audit share (features, folds, resamples), and the rows of its results."""

from __future__ import annotations

from dataclasses import dataclass

from repbias.audit.estimates import Contributions
from repbias.audit.intervals import Interval, Resamples, r2_interval
from repbias.audit.repeats import Repeats
from repbias.core.arrays import IntArray
from repbias.features.feature import Feature

Row = tuple[str, str, float, float, float, float]  # feature, measure, value, ci_low, ci_high, p


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


def r2_rows(feature: str, found: Contributions, draws: Resamples, p: float = float("nan")) -> tuple[Row, Row]:
    """Return the rows of both kinds of R2; a permutation test is a test of either."""
    held_out = found.held_out()
    return (
        row(feature, "r2", held_out.r2, r2_interval(held_out, draws), p),
        row(feature, "r2_unbiased", found.r2_unbiased, r2_interval(found, draws), p),
    )
