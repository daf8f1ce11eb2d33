"""The variance of a layer, and how much of it features explain, from the sums of a stream.

The estimates are those of `repbias.audit.estimates` over all n stimuli. Stimuli are independent, so an interval has the
width over the m stimuli of the sample, times sqrt(m / n).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse.linalg import eigsh

from repbias.audit.estimates import Encodings, Loads
from repbias.audit.stream.codes import Codes
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.values import Values
from repbias.measures.variance.predictions import Penalties, choose_penalties, few_columns
from repbias.measures.variance.regression import SINGULAR, Regression
from repbias.measures.variance.sums import Sums

RESOLVED = 1e-6  # of the variance of the largest axis; the error of float32 products is well below
FEW_UNITS = 512


@dataclass(frozen=True, eq=False)
class StreamRegression(Regression):
    """The regressions on each feature of a stream, of any kind; see `Regression`."""

    code: Codes

    @cached_property
    def penalties(self) -> Penalties | None:
        """The penalties of features with many columns; None without any."""
        bands = [np.arange(of.start, of.stop) for of, one in self._features() if one.penalised]
        return choose_penalties(self, self.designs(), bands) if bands else None

    @cached_property
    def class_means(self) -> FloatArray:
        """The weights of each feature alone, `[fold, column, unit]`: class means, or slopes of other kinds."""
        found = np.array(super().class_means)
        for of, one in self._features():
            if not one.categorical:
                found[:, of] = self.inverse(of) @ self.fitted[:, of]
        return found

    @cached_property
    def products(self) -> FloatArray:
        """Sums of products of codes and activity of the scored stimuli, `[fold, column, unit]`; codes of classes are as
        they are, others about the mean of the fit."""
        found = np.array(self.held_sums)
        moved = self.held.total - self.held.n[:, None] * self.mean
        for of, one in self._features():
            if not one.categorical:
                found[:, of] -= self.code_mean[:, of, None] * moved[:, None]
        return found

    def cross(self) -> FloatArray:
        """Return sums of products of prediction and activity, `[fold, column, unit]`."""
        return np.asarray(self.class_means * self.products)

    def gain(self) -> FloatArray:
        """Return by how much the prediction lowers the sum of squares, `[fold, column, unit]`."""
        found = np.array(super().gain())
        for of, one in self._features():
            if not one.categorical:
                weights = self.class_means[:, of]
                found[:, of] = weights * (2 * self.products[:, of] - self.held_gram(of) @ weights)
        return found

    def inverse(self, of: slice) -> FloatArray:
        """Return the inverse of the codes' covariance of one feature over each fit, `[fold, column, column]`."""
        assert self.fit.gram is not None
        means = self.code_mean[:, of]
        covariance = self.fit.gram[:, of, of] - self.fit.counts[:, of, None] * means[:, None]
        if self.penalties is not None and not few_columns(of.stop - of.start, self.fit.n):
            covariance = covariance + self.penalties.alone[:, of, None] * np.eye(of.stop - of.start)
        return np.asarray(np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True))

    def held_gram(self, of: slice) -> FloatArray:
        """Return the sums of products of codes of one feature about the mean of the fit, of the scored stimuli."""
        assert self.held.gram is not None
        means, counts = self.code_mean[:, of], self.held.counts[:, of]
        crossed = counts[:, :, None] * means[:, None]
        squares = self.held.n[:, None, None] * means[:, :, None] * means[:, None]
        return np.asarray(self.held.gram[:, of, of] - crossed - crossed.swapaxes(1, 2) + squares)

    def _features(self) -> Iterator[tuple[slice, Values]]:
        return zip(self.code.features, self.code.values, strict=True)


def regressions(sums: LayerSums, plan: StreamPlan) -> StreamRegression:
    """Return for each fold of one layer the regressions that are fitted on the other folds."""
    squares = np.einsum("fuu->fu", sums.gram)
    folds = Sums(plan.sizes.astype(float), plan.counts, sums.code_sums, sums.totals, squares, plan.together)
    return StreamRegression(plan.code, folds.others(), folds)


@dataclass(frozen=True, eq=False)
class Variation:
    """How a layer varies about its mean.

    scatter : sums of products of units about the mean, `[unit, unit]`.
    shares : share of the variance along each principal axis, largest first, `[axis]`. Axes with less than a millionth
        of the variance of the largest cannot be distinguished from rounding errors, and are left out.
    axes : the leading principal axes, `[unit, axis]`.
    mean : of all stimuli, from the common point of the sums, `[unit]`.
    """

    scatter: FloatArray
    shares: FloatArray
    axes: FloatArray
    mean: FloatArray

    @property
    def total(self) -> float:
        """Sum of squares about the mean, over all units."""
        return float(np.trace(self.scatter))


def variation(sums: LayerSums, plan: StreamPlan, n_axes: int) -> Variation:
    """Return how a layer varies, with up to `n_axes` leading axes; a layer without variance has one axis, of zeros."""
    mean = sums.totals.sum(0) / plan.n_stimuli
    scatter = sums.gram.sum(0)
    add_outer(scatter, mean, -plan.n_stimuli)
    if not sums.varies.any():
        return Variation(scatter, np.zeros(1), np.zeros((len(mean), 1)), mean)
    variances = np.linalg.eigvalsh(scatter) if len(mean) <= FEW_UNITS else _eigenvalues(scatter)
    variances = variances[::-1][variances[::-1] > RESOLVED * variances[-1]]
    axes = _leading(scatter, min(n_axes, len(variances)), plan.seed)
    return Variation(scatter, variances / variances.sum(), axes, mean)


def add_outer(matrix: FloatArray, vector: FloatArray, times: float) -> None:
    """Add `times` the outer product of a vector with itself to a large matrix, in place."""
    torch.from_numpy(matrix).addr_(torch.from_numpy(vector), torch.from_numpy(vector), alpha=times)


def _eigenvalues(scatter: FloatArray) -> FloatArray:
    return np.asarray(torch.linalg.eigvalsh(torch.from_numpy(scatter)).numpy())  # in half the time of NumPy's


def _leading(scatter: FloatArray, n_axes: int, seed: int) -> FloatArray:
    """Return the eigenvectors of the largest eigenvalues, `[unit, axis]`."""
    if len(scatter) <= FEW_UNITS:
        return np.asarray(np.linalg.eigh(scatter)[1][:, ::-1][:, :n_axes])
    start = rng(seed, "audit", "stream axes").normal(size=len(scatter))
    values, vectors = eigsh(scatter, k=n_axes, v0=start, tol=1e-6)
    return np.asarray(vectors[:, np.argsort(-values)])


def stream_encodings(
    sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan, *, kernel: bool = False
) -> Encodings:
    """Return the encodings of a layer, or of its linear kernel, where each axis is weighted by its variance.

    The squares of the kernel are NaN, because only `r2_unbiased` is reported of it.
    """
    metric = varied.scatter / (varied.total or 1.0) if kernel else None
    single = None if metric is None else metric.astype(np.float32)
    designs, loads = found.designs(metric), []
    for fold, rows in enumerate(plan.representative_by_fold):
        x = sums.sample[plan.sample.representative[rows]]
        z = x - found.mean[fold].astype(np.float32)
        measured = z if single is None else z @ single
        code = plan.code.matrix(plan.representative[rows])
        activity = (z @ designs.measured[fold].T.astype(np.float32)).astype(float)
        totals = np.stack([np.einsum("su,su->s", one, measured) for one in (x - varied.mean.astype(np.float32), z)])
        loads.append(Loads(rows, code - found.code_mean[fold], activity, totals.astype(float)))
    if metric is None:
        total, squares = float(found.unbiased_total().sum()), float(found.total().sum())
    else:
        moved = found.mean - varied.mean
        total = float(np.vdot(metric, varied.scatter) + found.fit.n @ ((moved @ metric) * moved).sum(1))
        squares = float("nan")
    columns = np.arange(plan.code.n_columns)
    columns_of = {feature: columns[of] for feature, of in plan.columns_of.items()}
    return Encodings(designs, loads, columns_of, (total, squares, plan.n_stimuli), found.penalties)
