"""The measures of one layer of a stream, of its units and of its principal axes, from sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from repbias.audit.findings import N_COMPONENTS, LayerAudit, LayerFindings, Share, Tests, UnitR2
from repbias.audit.intervals import Resamples, group_sums
from repbias.audit.spread import DENSITY, UnitSums, density_of_sums, participation_interval
from repbias.audit.stream.nulls import detectable_r2, false_positives, null_of_sums
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.readout import readouts
from repbias.audit.stream.scaling import standardised
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.variance import StreamRegression, Variation, regressions, stream_encodings, variation
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.labels import associated
from repbias.measures.variance.regression import ratio
from repbias.measures.variance.sums import Sums

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
        super().__init__(plan.features, associated(plan.features), draws, variance, kernel)
        equal = standardised(sums, plan)  # as the classifiers of `audit_arrays`
        self._readouts = dict(readouts(equal, regressions(equal, plan), variation(equal, plan, 1), plan, draws))
        self._units = UnitVariance(sums, self._found, self._varied, plan)
        self._axes = axis_r2(self._found, self._varied, plan)

    def tests(self, feature: str) -> Tests:
        plan, shares = self._plan, self._varied.shares
        values = plan.features[feature]
        null = null_of_sums(self._found, plan.columns_of[feature], values, shares)
        generator = rng(plan.seed, "audit", "stream power", feature)
        return Tests(
            null.p_value(self.alone[feature].r2_unbiased),
            self._readouts[feature],
            detectable_r2(null, values.freedom, plan.n_stimuli, shares, self._n_planted, generator),
            self._false_positives[feature],
        )

    def spread(self, feature: str) -> tuple[UnitR2, dict[str, Share]]:
        units = self._units
        return units.r2(feature), {
            DENSITY: units.density(feature),
            "participation": units.participation(feature, self.penalty(feature)),
        }

    def components(self, feature: str) -> tuple[FloatArray, *UnitR2]:
        return self._varied.shares[: self._varied.axes.shape[1]], *self._axes[feature]


class UnitVariance:
    """What each feature explains of each unit of a layer, and how many units carry it."""

    def __init__(self, sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan) -> None:
        self._sums, self._found, self._plan, self._mean = sums, found, plan, varied.mean
        self._cross, self._gain = found.cross().sum(0), found.gain().sum(0)
        self._totals, self._squares = found.unbiased_total().sum(0), found.total().sum(0)
        self._blocks = _Blocks(sums, found, varied, plan)

    def r2(self, feature: str) -> UnitR2:
        """Return both R2 of each unit; 0 for a unit that does not vary."""
        of = self._plan.columns_of[feature]
        return ratio(self._gain[of].sum(0), self._squares), ratio(self._cross[of].sum(0), self._totals)

    def participation(self, feature: str, penalty: float) -> Share:
        """Return the participation and its interval, by a jackknife over the parts of the folds."""
        plan, values = self._plan, self._plan.features[feature]
        of, mean = plan.columns_of[feature], self._mean
        stimuli = [plan.stimuli_of_part(fold, part) for fold in range(plan.n_folds) for part in range(plan.n_parts)]
        n, counts = (
            np.array([len(some) for some in stimuli], float),
            np.stack([*map(plan.code.counts, stimuli)])[:, of],
        )
        sums = self._sums.part_sums[:, :, of].reshape(*counts.shape, -1) - counts[:, :, None] * mean
        total = self._sums.part_totals.reshape(len(n), -1) - n[:, None] * mean
        gram = None if values.categorical else np.stack([plan.code.gram(some)[of, of] for some in stimuli])
        return participation_interval(Sums(n, counts, sums, total, gram=gram), values, penalty)

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
            noise=(1 - 1 / plan.n_folds) / plan.features[feature].freedom,
            narrower=float(np.sqrt(plan.n_stimuli / len(plan.representative))),
        )
        return density_of_sums(sums)


class _Blocks:
    """Sums over blocks of the representative sample, of products of codes and activity, and of squares."""

    def __init__(self, sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan) -> None:
        self._code, totals = plan.code, []
        self._blocks: list[tuple[int, FloatArray, FloatArray]] = []  # fold, codes and their products with activity
        generator = rng(plan.seed, "audit", "stream blocks")
        for fold, rows in enumerate(plan.representative_by_fold):
            n = min(BLOCKS_PER_FOLD, len(rows))
            block = generator.permutation(np.arange(len(rows)) % n) if n else rows
            z = sums.sample[plan.sample.representative[rows]] - found.mean[fold].astype(np.float32)
            x = z + (found.mean[fold] - varied.mean).astype(np.float32)
            codes = plan.code.matrix(plan.representative[rows]) - plan.code.dense_part(found.code_mean[fold])
            for one in range(n):
                here = codes[block == one]
                self._blocks.append((fold, here, (here.T.astype(np.float32) @ z[block == one]).astype(float)))
            totals.append(group_sums(block, n, np.float32) @ (x * z))
        self.totals: FloatArray = np.concatenate(totals).astype(float)

    def gains(self, weights: FloatArray, of: slice) -> FloatArray:
        """Return the sum of gains over each block, `[block, unit]`; `weights` of the fit are `[fold, column, unit]`."""
        found = []
        for fold, codes, products in self._blocks:
            predicted = (codes[:, of].T @ codes[:, of]) @ weights[fold]
            found.append(np.einsum("cu,cu->u", weights[fold], 2 * products[of] - predicted))
        return np.stack(found)


def axis_r2(found: StreamRegression, varied: Variation, plan: StreamPlan) -> dict[str, UnitR2]:
    """Return both R2 of the leading principal axes by each feature."""
    axes = varied.axes
    moved = (found.mean - varied.mean) @ axes
    variance = varied.shares[: axes.shape[1]] * varied.total
    about_fits = (found.held.total - found.held.n[:, None] * varied.mean) @ axes
    totals = variance + found.fit.n @ moved**2
    squares = variance + found.held.n @ moved**2 - 2 * (moved * about_fits).sum(0)
    weights, held = found.class_means @ axes, found.products @ axes
    rows = {}
    for (feature, of), values in zip(plan.columns_of.items(), plan.code.values, strict=True):
        cross = (weights[:, of] * held[:, of]).sum((0, 1))
        if values.categorical:
            predicted = np.einsum("fc,fca->a", found.held.counts[:, of], weights[:, of] ** 2)
        else:
            predicted = (weights[:, of] * (found.held_gram(of) @ weights[:, of])).sum((0, 1))
        rows[feature] = ratio(2 * cross - predicted, squares), ratio(cross, totals)
    return rows
