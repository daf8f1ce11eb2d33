"""What measures need of the sums of a stream: the regression of each fold, and how the layer varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import eigsh

from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.measures.variance.regression import Regression
from repbias.measures.variance.sums import Sums

RESOLVED = 1e-6  # of the largest axis's variance; the error of float32 products is well below
FEW_UNITS = 512


def regressions(sums: LayerSums, plan: StreamPlan) -> Regression:
    """Return the regressions of each fold of one layer, fitted on the others."""
    total = sums.class_sums[:, : plan.code.n_classes[0]].sum(1)  # each stimulus has one class of the first feature
    squares = np.einsum("fuu->fu", sums.gram)
    folds = Sums(plan.sizes.astype(float), plan.counts, sums.class_sums, total, squares, plan.together)
    return Regression(plan.code, folds.others(), folds)


@dataclass(frozen=True, eq=False)
class Variation:
    """How a layer varies about its mean.

    scatter : sums of products of units about the mean of all, `[unit, unit]`.
    shares : share of the variance along each principal axis, from the largest, `[axis]`; axes with less than a
        millionth of the largest one's variance cannot be told from rounding errors, and are left out.
    axes : the leading principal axes, `[unit, axis]`.
    mean : of all stimuli, about the common point, `[unit]`.
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
    """Return how a layer varies, with up to `n_axes` of its leading axes; one without variance keeps one, of zeros."""
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
    """Add `times` the outer product of a vector with itself to a matrix, which is large, in place."""
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
