"""The measures of one layer of a stream, of its units and of its principal axes, from sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from repbias.audit.findings import N_COMPONENTS, LayerAudit, LayerFindings, Share, Tests, UnitR2
from repbias.audit.intervals import Resamples, group_sums
from repbias.audit.spread import DENSITY, UnitSums, density_of_sums, participation_interval
from repbias.audit.stream.nulls import detectable_r2, false_positives, null_r2
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.readout import readouts
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.variance import Variation, regressions, stream_encodings, variation
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.labels import associated
from repbias.measures.variance.regression import Regression, ratio

BLOCKS_PER_FOLD = 20


def audit_sums(
    sums: LayerSums, plan: StreamPlan, resamples: int, permutations: int, on_feature: Callable[[int], None]
) -> LayerFindings:
    """Measure one layer from its sums; `resamples` and `permutations` are those of `audit_stream`.

    `on_feature` is called with the number of features that are done, first with 0.
    """
    layer = _Layer(sums, plan, resamples, permutations)
    on_feature(0)
    return layer.findings(on_feature)


class _Layer(LayerAudit):
    def __init__(self, sums: LayerSums, plan: StreamPlan, resamples: int, permutations: int) -> None:
        draws = Resamples(np.arange(len(plan.representative)), resamples, seed=plan.seed)
        self._plan, self._n_planted = plan, permutations
        self._false_positives = false_positives(sums, plan, permutations)
        self._found, self._varied = regressions(sums, plan), variation(sums, plan, N_COMPONENTS)
        variance, kernel = (
            stream_encodings(sums, self._found, self._varied, plan, kernel=of_kernel) for of_kernel in (False, True)
        )
        super().__init__(plan.labels, associated(plan.labels), draws, variance, kernel)
        self._readouts = dict(readouts(sums, self._found, self._varied, plan))
        self._units = UnitVariance(sums, self._found, self._varied, plan)
        self._axes = axis_r2(self._found, self._varied, plan)

    def tests(self, feature: str) -> Tests:
        plan, shares = self._plan, self._varied.shares
        counts = plan.counts[:, plan.columns_of[feature]]
        null = null_r2(counts, shares)
        generator = rng(plan.seed, "audit", "stream power", feature)
        return Tests(
            null.p_value(self.alone[feature].r2_unbiased),
            self._readouts[feature],
            detectable_r2(null, counts, shares, self._n_planted, generator),
            self._false_positives[feature],
        )

    def spread(self, feature: str) -> tuple[UnitR2, dict[str, Share]]:
        units = self._units
        return units.r2(feature), {DENSITY: units.density(feature), "participation": units.participation(feature)}

    def components(self, feature: str) -> tuple[FloatArray, *UnitR2]:
        return self._varied.shares[: self._varied.axes.shape[1]], *self._axes[feature]


class UnitVariance:
    """What each feature explains of each unit of a layer, and how many units carry it."""

    def __init__(self, sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan) -> None:
        self._sums, self._found, self._plan, self._mean = sums, found, plan, varied.mean
        self._cross, self._gain = found.cross().sum(0), found.gain().sum(0)
        self._totals, self._squares = found.unbiased_total().sum(0), found.total().sum(0)
        self._blocks = _Blocks(sums, found, varied, plan)

    def r2(self, feature: str) -> UnitR2:
        """Return both R2 of each unit; 0 for a unit that does not vary."""
        of = self._plan.columns_of[feature]
        return ratio(self._gain[of].sum(0), self._squares), ratio(self._cross[of].sum(0), self._totals)

    def participation(self, feature: str) -> Share:
        """Return the participation and its interval, by a jackknife over the parts of the folds."""
        of, n_units = self._plan.columns_of[feature], len(self._totals)
        counts = self._plan.part_counts[:, :, of].reshape(-1, of.stop - of.start)
        sums = self._sums.part_sums[:, :, of].reshape(*counts.shape, n_units)
        return participation_interval(sums - counts[:, :, None] * self._mean, counts)

    def density(self, feature: str) -> Share:
        """Return the density and its interval; see `density_of_sums`.

        The standard error of the `r2_unbiased` of each unit comes from blocks of the representative sample, times
        sqrt(m / n).
        """
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
    """Sums over blocks of the representative sample: of the activity of each class, and of squares."""

    def __init__(self, sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan) -> None:
        self._class_sums, self._counts, totals = [], [], []
        generator = rng(plan.seed, "audit", "stream blocks")
        for fold, rows in enumerate(plan.representative_by_fold):
            n = min(BLOCKS_PER_FOLD, len(rows))
            block = generator.permutation(np.arange(len(rows)) % n) if n else rows
            columns = plan.columns[plan.representative[rows]]
            z = sums.sample[plan.sample.representative[rows]] - found.mean[fold].astype(np.float32)
            x = z + (found.mean[fold] - varied.mean).astype(np.float32)
            gather = group_sums(block * plan.code.n_columns + columns.T, n * plan.code.n_columns, np.float32)
            self._class_sums.append((gather @ z).reshape(n, plan.code.n_columns, -1))
            self._counts.append(np.asarray(gather.sum(1)).reshape(n, -1))
            totals.append(group_sums(block, n, np.float32) @ (x * z))
        self.totals: FloatArray = np.concatenate(totals).astype(float)

    def gains(self, means: FloatArray, of: slice) -> FloatArray:
        """Return the sum of gains over each block, `[block, unit]`; `means` of the fit are `[fold, class, unit]`."""
        found = []
        for class_sums, counts, mean in zip(self._class_sums, self._counts, means, strict=True):
            found.append(2 * np.einsum("bcu,cu->bu", class_sums[:, of], mean) - counts[:, of] @ mean**2)
        return np.concatenate(found)


def axis_r2(found: Regression, varied: Variation, plan: StreamPlan) -> dict[str, UnitR2]:
    """Return both R2 of the leading principal axes by each feature."""
    axes = varied.axes
    moved = (found.mean - varied.mean) @ axes
    variance = varied.shares[: axes.shape[1]] * varied.total
    about_fits = (found.held.total - found.held.n[:, None] * varied.mean) @ axes
    totals = variance + found.fit.n @ moved**2
    squares = variance + found.held.n @ moved**2 - 2 * (moved * about_fits).sum(0)
    means, held = found.class_means @ axes, found.held_sums @ axes
    cross = (means * held).sum(0)
    gain = 2 * cross - np.einsum("fc,fca->ca", found.held.counts, means**2)
    return {
        feature: (ratio(gain[of].sum(0), squares), ratio(cross[of].sum(0), totals))
        for feature, of in plan.columns_of.items()
    }
