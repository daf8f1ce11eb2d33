"""The variance of a layer, and how much of it features explain, from the sums of a stream.

The estimates are those of `repbias.audit.estimates` over all n stimuli. Stimuli are independent, so an interval has the
width over the m stimuli of the sample, times sqrt(m / n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import eigsh

from repbias.audit.estimates import Encodings, Loads
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.measures.variance.regression import Regression
from repbias.measures.variance.sums import Sums

RESOLVED = 1e-6  # of the variance of the largest axis; the error of float32 products is well below
FEW_UNITS = 512


def regressions(sums: LayerSums, plan: StreamPlan) -> Regression:
    """Return for each fold of one layer the regressions that are fitted on the other folds."""
    total = sums.class_sums[:, : plan.code.n_classes[0]].sum(1)  # each stimulus has one class of the first feature
    squares = np.einsum("fuu->fu", sums.gram)
    folds = Sums(plan.sizes.astype(float), plan.counts, sums.class_sums, total, squares, plan.together)
    return Regression(plan.code, folds.others(), folds)


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
    mean = sums.class_sums[:, : plan.code.n_classes[0]].sum((0, 1)) / plan.n_stimuli
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
    sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan, *, kernel: bool = False
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
        code = np.zeros((len(rows), plan.code.n_columns))
        np.put_along_axis(code, plan.columns[plan.representative[rows]], 1.0, axis=1)
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
    return Encodings(designs, loads, columns_of, (total, squares, plan.n_stimuli))
