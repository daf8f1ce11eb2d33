"""How much variance features explain, from the sums of a stream; its spread, from the stimuli that were kept.

The estimates are those of `estimates`, over all stimuli: with W = P C the regression of a design, P the inverse of the
covariance of its codes and C the products of codes and activity, all that a pooled R2 asks for is C C' and C D', D the
held-out class sums. So every design, of any of the features side by side, is a few small matrices.

Stimuli being independent, an interval is as wide as that over the m that were kept times sqrt(m / n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repbias.audit.estimates import SINGULAR, Contributions
from repbias.audit.intervals import Interval, Resamples, ratio_interval, up_to_one
from repbias.audit.stream.moments import Regressions, Variation
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import Float32Array, LayerSums
from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray

Product = Callable[[Float32Array, Float32Array], Float32Array]


@dataclass(frozen=True, eq=False)
class Explained:
    """What a design explains: the sums over all stimuli, and what each that was kept adds to them."""

    cross: float
    total: float
    kept: Contributions
    n: int
    """Number of all stimuli."""

    @property
    def r2(self) -> float:
        return self.cross / self.total if self.total > 0 else 0.0

    def __sub__(self, other: Explained) -> Explained:
        return Explained(self.cross - other.cross, self.total, self.kept - other.kept, self.n)

    def interval(self, draws: Resamples) -> Interval:
        """Return the 95 % interval of `r2`."""
        narrower = float(np.sqrt(len(self.kept.total) / self.n))
        low, high = (self.r2 + (end - self.kept.r2) * narrower for end in ratio_interval(self.kept, draws))
        return up_to_one((low, high), self.r2)


class Designs:
    """What any of the features explain together, in one layer and one metric of it."""

    def __init__(self, parts: list[_FoldParts], total: float, n: int) -> None:
        self._parts, self._total, self._n = parts, total, n
        self._order = np.argsort(np.concatenate([part.rows for part in parts]))

    def explained(self, columns: IntArray) -> Explained:
        """Return what a regression on these columns of the codes explains."""
        cross, products, gains = 0.0, [], []
        block = np.ix_(columns, columns)
        for part in self._parts:
            inverse = np.linalg.pinv(part.covariance[block], rcond=SINGULAR, hermitian=True)
            cross += float((inverse * part.held_fitted[block]).sum())
            loads = part.code[:, columns] @ inverse
            product = (loads * part.activity[:, columns]).sum(1)
            products.append(product)
            gains.append(2 * product - ((loads @ part.fitted_fitted[block]) * loads).sum(1))
        totals = [part.totals for part in self._parts]
        kept = Contributions(*(np.concatenate(values)[self._order] for values in (products, gains, totals)))
        return Explained(cross, self._total, kept, self._n)


@dataclass(frozen=True, eq=False)
class _FoldParts:
    """One fold.

    covariance : of the codes of its fit, `[column, column]`.
    held_fitted, fitted_fitted : the sums of products of code and activity, of the fold itself and of its fit, times
        those of its fit, `[column, column]`.
    rows : which of the representative stimuli are in it.
    code, activity : of those, the codes about the fit's mean, and the activity times the fit's sums of products of code
        and activity, `[stimulus, column]`.
    totals : of those, the sums of squares, `[stimulus]`.
    """

    covariance: FloatArray
    held_fitted: FloatArray
    fitted_fitted: FloatArray
    rows: IntArray
    code: FloatArray
    activity: FloatArray
    totals: FloatArray


def variance_designs(sums: LayerSums, found: Regressions, varied: Variation, plan: StreamPlan) -> Designs:
    """Return the designs of a layer's variance."""
    moved = found.means - varied.mean
    total = varied.total + float(found.n_fitted @ (moved**2).sum(1))
    parts = _parts(sums, found, varied, plan, found.fitted, lambda x, z: np.einsum("su,su->s", x, z))
    return Designs(parts, total, plan.n_stimuli)


def kernel_designs(sums: LayerSums, found: Regressions, varied: Variation, plan: StreamPlan) -> Designs:
    """Return the designs of the variance of a layer's linear kernel, in which axes count by their variance."""
    metric = varied.scatter / (varied.total or 1.0)
    single = metric.astype(np.float32)
    moved = found.means - varied.mean
    total = float(np.vdot(metric, varied.scatter) + found.n_fitted @ ((moved @ metric) * moved).sum(1))
    parts = _parts(sums, found, varied, plan, found.fitted @ metric, lambda x, z: np.einsum("su,su->s", x @ single, z))
    return Designs(parts, total, plan.n_stimuli)


def _parts(
    sums: LayerSums, found: Regressions, varied: Variation, plan: StreamPlan, measured: FloatArray, product: Product
) -> list[_FoldParts]:
    """Return the parts of a layer's designs; `measured` is `found.fitted` in the metric, in which `product` is too."""
    parts = []
    for fold, rows in enumerate(plan.representative_by_fold):
        x = sums.sample[plan.sample.representative[rows]]
        deviations = x - found.means[fold].astype(np.float32)
        held = found.held[fold] - np.outer(found.code_means[fold], found.held_total[fold])
        code = np.zeros((len(rows), plan.code.n_columns))
        np.put_along_axis(code, plan.columns[plan.representative[rows]], 1.0, axis=1)
        parts.append(
            _FoldParts(
                found.covariance[fold],
                held @ measured[fold].T,
                found.fitted[fold] @ measured[fold].T,
                rows,
                code - found.code_means[fold],
                (deviations @ measured[fold].T.astype(np.float32)).astype(float),
                product(x - varied.mean.astype(np.float32), deviations).astype(float),
            )
        )
    return parts
