"""What features explain of each unit and of each principal axis, from the sums of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from repbias.audit.intervals import Interval
from repbias.audit.spread import UnitSums, density_of_sums, participation_interval
from repbias.audit.stream.moments import Variation
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng
from repbias.measures.variance.regression import Regression, ratio

BLOCKS_PER_FOLD = 20


class UnitVariance:
    """What each feature explains of each unit of a layer, and over how many units that is spread."""

    def __init__(self, sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan) -> None:
        self._sums, self._found, self._plan, self._mean = sums, found, plan, varied.mean
        self._cross, self._gain = found.cross().sum(0), found.gain().sum(0)
        self._totals, self._squares = found.unbiased_total().sum(0), found.total().sum(0)
        self._blocks = _Blocks(sums, found, varied, plan)

    def r2(self, feature: str) -> tuple[FloatArray, FloatArray]:
        """Return `r2` and `r2_unbiased` of each unit, `[unit]` each; 0 where it does not vary."""
        of = self._plan.columns_of[feature]
        return ratio(self._gain[of].sum(0), self._squares), ratio(self._cross[of].sum(0), self._totals)

    def participation(self, feature: str) -> tuple[float, Interval]:
        """Return the participation and its interval; the blocks of its jackknife are the parts of the folds."""
        of, n_units = self._plan.columns_of[feature], len(self._totals)
        counts = self._plan.part_counts[:, :, of].reshape(-1, of.stop - of.start)
        sums = self._sums.part_sums[:, :, of].reshape(*counts.shape, n_units)
        return participation_interval(sums - counts[:, :, None] * self._mean, counts)

    def density(self, feature: str) -> tuple[float, Interval]:
        """Return the density and its interval, with the standard error of each unit's R2 from blocks of the
        representative sample, times sqrt(m / n); see `density_of_sums`."""
        plan, of = self._plan, self._plan.columns_of[feature]
        cross = self._cross[of].sum(0)
        sums = UnitSums(
            cross,
            2 * cross - self._gain[of].sum(0),
            self._totals,
            self._blocks.gains(self._found.class_means[:, of], of),
            self._blocks.totals,
            noise=(1 - 1 / plan.n_folds) / (of.stop - of.start - 1),
            narrower=float(np.sqrt(plan.n_stimuli / len(plan.representative))),
        )
        return density_of_sums(sums)


class _Blocks:
    """The representative sample in blocks: sums of each class, of the stimuli and of their squares."""

    def __init__(self, sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan) -> None:
        self._class_sums, self._counts, totals = [], [], []
        generator = rng(plan.seed, "audit", "stream blocks")
        for fold, rows in enumerate(plan.representative_by_fold):
            n = min(BLOCKS_PER_FOLD, len(rows))
            block = generator.permutation(np.arange(len(rows)) % n) if n else rows
            columns = plan.columns[plan.representative[rows]]
            z = sums.sample[plan.sample.representative[rows]] - found.mean[fold].astype(np.float32)
            x = z + (found.mean[fold] - varied.mean).astype(np.float32)
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


def axis_rows(found: Regression, varied: Variation, plan: StreamPlan) -> Iterator[tuple[str, int, float, float, float]]:
    """Yield what each feature explains of the leading principal axes: feature, axis, the axis's share, `r2` and
    `r2_unbiased`."""
    axes = varied.axes
    n_axes = axes.shape[1]
    moved = (found.mean - varied.mean) @ axes
    variance = varied.shares[:n_axes] * varied.total
    about_fits = (found.held.total - found.held.n[:, None] * varied.mean) @ axes
    totals = variance + found.fit.n @ moved**2
    squares = variance + found.held.n @ moved**2 - 2 * (moved * about_fits).sum(0)
    means, held = found.class_means @ axes, found.held_sums @ axes
    cross = (means * held).sum(0)
    gain = 2 * cross - np.einsum("fc,fca->ca", found.held.counts, means**2)
    for feature, of in plan.columns_of.items():
        values = varied.shares[:n_axes], ratio(gain[of].sum(0), squares), ratio(cross[of].sum(0), totals)
        for axis, numbers in enumerate(zip(*values, strict=True)):
            share, r2, unbiased = map(float, numbers)
            yield feature, axis, share, r2, unbiased


def _gather(group: IntArray, n: int) -> csr_array:
    """Return the matrix `[group, stimulus]` that adds up the stimuli of each group, `group` being `[of, stimulus]`."""
    stimulus = np.broadcast_to(np.arange(group.shape[1]), group.shape).ravel()
    ones = np.ones(group.size, np.float32)
    return csr_array((ones, (group.ravel(), stimulus)), shape=(n, group.shape[1]))
