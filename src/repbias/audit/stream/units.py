"""What features explain of each unit and of each principal axis, from the sums of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats
from scipy.sparse import csr_array

from repbias.audit.intervals import Interval
from repbias.audit.measures import DENSE
from repbias.audit.spread import largest_tenable, participation_interval
from repbias.audit.stream.moments import Regressions, Variation
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.labels import IntArray

BLOCKS_A_FOLD = 20


class UnitVariance:
    """What each feature explains of each unit of a layer, and over how many units that is spread."""

    def __init__(self, sums: LayerSums, found: Regressions, varied: Variation, plan: StreamPlan) -> None:
        self._sums, self._found, self._plan, self._mean = sums, found, plan, varied.mean
        moved = found.means - varied.mean
        self._totals = np.diag(varied.scatter) + np.einsum("f,fu->u", found.n_fitted, moved**2)
        self._means = found.class_means()
        self._blocks = _Blocks(sums, found, varied, plan)

    def r2(self, feature: str) -> FloatArray:
        """Return the R2 of each unit, `[unit]`; 0 where it does not vary."""
        return _ratio(self._cross(feature), self._totals)

    def participation(self, feature: str) -> tuple[float, Interval]:
        """Return the participation and its interval; the blocks of its jackknife are the parts of the folds."""
        of, n_units = self._plan.columns_of[feature], len(self._totals)
        counts = self._plan.part_counts[:, :, of].reshape(-1, of.stop - of.start)
        sums = self._sums.part_sums[:, :, of].reshape(*counts.shape, n_units)
        return participation_interval(sums - counts[:, :, None] * self._mean, counts)

    def density(self, feature: str) -> tuple[float, Interval]:
        """Return the share of the units with an R2 above 0.1, and its interval: that of `density_interval`, with the
        standard error of each unit's R2 from blocks of the representative sample, times sqrt(m / n)."""
        dense = float((self.r2(feature) > DENSE).mean())
        scores, errors = self._scores(feature)
        n, freedom = len(scores), len(errors) - 1
        not_above = largest_tenable(stats.t.sf(scores, freedom), errors)
        not_below = largest_tenable(stats.t.cdf(scores, freedom), errors)
        return dense, (min((n - not_above) / n, dense), max(not_below / n, dense))

    def _scores(self, feature: str) -> tuple[FloatArray, FloatArray]:
        """Return how many standard errors each unit's R2 is above 0.1, `[unit]`, and what each block adds to its
        error, of length 1, `[block, unit]`; see `_unit_scores` in `spread`, whose scale and whose noise this takes."""
        of = self._plan.columns_of[feature]
        cross = self._cross(feature)
        squares = np.einsum("fc,fcu->u", self._found.held_counts[:, of], self._means[:, of] ** 2)
        varies = (self._totals > 0) & (squares > 0)
        noise = (1 - 1 / self._plan.n_folds) * (squares - cross) / (of.stop - of.start - 1)
        r2 = np.clip(np.where(varies, _ratio(cross + noise, self._totals), 0.0), 0, 1 - 1e-9)
        influence = self._blocks.gains(self._means[:, of], of)
        influence -= _ratio(2 * cross - squares, self._totals) * self._blocks.totals
        influence -= influence.mean(0)
        length = np.sqrt((influence**2).sum(0))
        n, m, blocks = self._plan.n_stimuli, len(self._plan.representative), len(influence)
        slope = 2 * np.sqrt(_ratio(squares, self._totals)) * (1 - r2)
        error = _ratio(_ratio(length * np.sqrt(blocks / (blocks - 1) * n / m), self._totals), slope)
        above = np.arctanh(np.sqrt(r2)) - np.arctanh(np.sqrt(DENSE))
        scores = np.divide(above, error, out=np.copysign(np.inf, above), where=error > 0)
        return scores, _ratio(influence, np.broadcast_to(length, influence.shape))

    def _cross(self, feature: str) -> FloatArray:
        of = self._plan.columns_of[feature]
        return np.einsum("fcu,fcu->u", self._means[:, of], self._found.held[:, of])


class _Blocks:
    """The representative sample in blocks: sums of each class, of the stimuli and of their squares."""

    def __init__(self, sums: LayerSums, found: Regressions, varied: Variation, plan: StreamPlan) -> None:
        self._class_sums, self._counts, totals = [], [], []
        generator = rng(plan.seed, "audit", "stream blocks")
        for fold, rows in enumerate(plan.representative_by_fold):
            n = min(BLOCKS_A_FOLD, len(rows))
            block = generator.permutation(np.arange(len(rows)) % n) if n else rows
            columns = plan.columns[plan.representative[rows]]
            z = sums.sample[plan.sample.representative[rows]] - found.means[fold].astype(np.float32)
            x = z + (found.means[fold] - varied.mean).astype(np.float32)
            gather = _gather(block * plan.code.n_columns + columns.T, n * plan.code.n_columns)
            self._class_sums.append((gather @ z).reshape(n, plan.code.n_columns, -1))
            self._counts.append(np.asarray(gather.sum(1)).reshape(n, -1))
            totals.append(_gather(block[None], n) @ (x * z))
        self.totals: FloatArray = np.concatenate(totals).astype(float)

    def gains(self, means: FloatArray, of: slice) -> FloatArray:
        """Return the sums of gains over each block, `[block, unit]`; `means` `[fold, class, unit]` are of the fit."""
        found = []
        for class_sums, counts, mean in zip(self._class_sums, self._counts, means, strict=True):
            found.append(2 * np.einsum("bcu,cu->bu", class_sums[:, of], mean) - counts[:, of] @ mean**2)
        return np.concatenate(found)


def axis_rows(found: Regressions, varied: Variation, plan: StreamPlan) -> Iterator[tuple[str, int, float, float]]:
    """Yield what each feature explains of the leading principal axes: feature, axis, the axis's share, R2."""
    axes, moved = varied.axes, (found.means - varied.mean) @ varied.axes
    totals = varied.shares[: axes.shape[1]] * varied.total + found.n_fitted @ moved**2
    means, held = found.class_means() @ axes, found.held @ axes
    for feature, of in plan.columns_of.items():
        r2 = _ratio(np.einsum("fcu,fcu->u", means[:, of], held[:, of]), totals)
        for axis, (share, value) in enumerate(zip(varied.shares, r2, strict=False)):
            yield feature, axis, float(share), float(value)


def _gather(group: IntArray, n: int) -> csr_array:
    """Return the matrix `[group, stimulus]` that adds up the stimuli of each group, `group` being `[of, stimulus]`."""
    stimulus = np.broadcast_to(np.arange(group.shape[1]), group.shape).ravel()
    ones = np.ones(group.size, np.float32)
    return csr_array((ones, (group.ravel(), stimulus)), shape=(n, group.shape[1]))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)
