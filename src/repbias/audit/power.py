"""Power: the smallest R2 of a feature that the permutation test would find in the user's data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from repbias.audit.estimates import FoldedActivity
from repbias.audit.intervals import CONFIDENCE, Interval
from repbias.audit.nulls import batches, class_sums, explained
from repbias.core.arrays import FloatArray
from repbias.features.labels import Labellings

BoolArray = npt.NDArray[np.bool_]
Share = tuple[float, Interval]

POWER = 0.8
LEVEL = 0.05
STRENGTHS: FloatArray = np.geomspace(1e-6, 0.99, 600)  # R2 in steps of 2.3 %


def planted_power(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[Share, Share]:
    """Return the smallest R2 of planted features that is found with 80 % power, and the rate of false positives.

    A feature with labels `y` (a permutation of the real feature's labels, so that classes have the same sizes) is
    planted by adding s D_y to the activity, with D a random direction for each class, isotropic over the axes along
    which activity varies, about their weighted mean; s sets its share of the variance. It is found where its R2 is
    above `critical`, the 5 % point of the permutation test. A planted feature of strength 0 that is found is a false
    positive.

    Both sums of squares are quadratic in s, so that all strengths cost no more than one. So the smallest strength from
    which on a planted feature is found is known for each, and the detectable R2 is its 80 % quantile.

    Parameters
    ----------
    activity : `[stimulus, unit]`, and its folds.
    labels : labels of the planted features, `[planted, stimulus]`.
    n_classes : number of classes.
    critical : R2 above which the test finds a feature.
    generator : of the directions.
    """
    found = [_found(activity, some, n_classes, critical, generator) for some in batches(activity, labels, n_classes)]
    at_zero = np.concatenate([zero for zero, _ in found])
    hits = np.concatenate([by_strength for _, by_strength in found])
    return found_with_power(_smallest(hits)), rate(int(at_zero.sum()), len(at_zero))


def found_with_power(smallest: FloatArray) -> Share:
    """Return the 80 % quantile of the R2 from which on planted features are found, `[planted]`, and its exact 95 %
    interval; NaN stands for a feature that is never found, and is returned where more than a fifth are."""
    smallest, n = np.sort(smallest), len(smallest)
    rank = int(np.ceil(POWER * n)) - 1
    low, high = stats.binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], n, POWER).astype(int)
    return float(smallest[rank]), (float(smallest[max(low - 1, 0)]), float(smallest[min(high, n - 1)]))


def rate(found: int, n: int) -> Share:
    """Return the share of `n` tests that found something, and its exact 95 % interval."""
    exact = stats.binomtest(found, n).proportion_ci(CONFIDENCE)
    return found / n, (float(exact.low), float(exact.high))


def _smallest(hits: BoolArray) -> FloatArray:
    """Return the R2 from which on a planted feature is found, `[planted]`; NaN (sorted last) where it never is."""
    lasting = np.logical_and.accumulate(hits[:, ::-1], axis=1)[:, ::-1]
    return np.where(lasting.any(1), STRENGTHS[lasting.argmax(1)], np.nan)


def _found(
    activity: FoldedActivity, labels: Labellings, n_classes: int, critical: float, generator: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return whether features of strength zero are found, `[planted]`, and of each strength, `[planted, strength]`."""
    sums = class_sums(activity, labels, n_classes)
    shares = sums.held.counts.sum(0) / labels.shape[1]
    directions = generator.normal(size=(len(labels), n_classes, activity.x.shape[1]))
    directions -= np.einsum("pc,pcu->pu", shares, directions)[:, None]
    directions /= np.sqrt(np.einsum("pc,pcu->p", shares, directions**2))[:, None, None]
    linear = np.zeros(len(labels))
    drift, squares = np.zeros(len(labels)), np.zeros(len(labels))
    for counts, fitted_counts, fitted, scored in zip(
        sums.held.counts, sums.fit.counts, sums.class_means, sums.held_sums, strict=True
    ):
        weights = fitted_counts / fitted_counts.sum(1, keepdims=True)
        moved = directions - np.einsum("pc,pcu->pu", weights, directions)[:, None]
        drift += np.einsum("pcu,pcu->p", moved, scored)
        linear += np.einsum("pc,pcu,pcu->p", counts, fitted, moved)
        squares += np.einsum("pc,pcu->p", counts, moved**2)
    at_zero, total = explained(sums), activity.total
    variance = total / labels.shape[1]
    s = np.sqrt(variance * STRENGTHS / (1 - STRENGTHS))
    numerator = at_zero[:, None] + (drift + linear)[:, None] * s + squares[:, None] * s**2
    denominator = total + 2 * drift[:, None] * s + squares[:, None] * s**2
    return at_zero > critical * total, numerator > critical * denominator
