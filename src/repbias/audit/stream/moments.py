"""From the sums of a stream to what measures ask for: the regression of each fold, and how the layer varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import eigsh

from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng

RESOLVED = 1e-6  # of the largest axis's variance; the error of float32 products is well below
FEW_UNITS = 512


@dataclass(frozen=True, eq=False)
class Regressions:
    """What the regressions on one-hot codes are made of, `[fold, ...]`: "fitted" of all folds but this one, "held" of
    this one, both about the means of the former.

    n_fitted : number of stimuli, `[fold]`.
    means : mean activity of the fit, about the common point, `[fold, unit]`.
    code_means : mean code of the fit, `[fold, column]`.
    fitted_counts, held_counts : stimuli of each class, `[fold, column]`.
    covariance : sums of products of the codes of the fit, `[fold, column, column]`.
    fitted : sums of products of code and activity of the fit, which here are sums of classes, `[fold, column, unit]`.
    held : sums of activity of each class, `[fold, column, unit]`.
    held_total : the same over all stimuli, `[fold, unit]`.
    """

    n_fitted: FloatArray
    means: FloatArray
    code_means: FloatArray
    fitted_counts: FloatArray
    held_counts: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    held: FloatArray
    held_total: FloatArray

    def class_means(self) -> FloatArray:
        """Return the mean of each class of the fit, `[fold, column, unit]`; 0 of one without stimuli."""
        return self.fitted / np.maximum(self.fitted_counts, 1)[:, :, None]


def regressions(sums: LayerSums, plan: StreamPlan) -> Regressions:
    """Return the regressions of one layer."""
    counts, sizes = plan.counts, plan.sizes.astype(float)
    fold_sums = sums.class_sums[:, : plan.code.n_classes[0]].sum(1)  # each stimulus has one class of the first feature
    n_fitted = sizes.sum() - sizes
    means = (fold_sums.sum(0) - fold_sums) / n_fitted[:, None]
    fitted_counts = counts.sum(0) - counts
    code_means = fitted_counts / n_fitted[:, None]
    together = plan.together.sum(0) - plan.together
    return Regressions(
        n_fitted,
        means,
        code_means,
        fitted_counts,
        counts,
        together - np.einsum("fc,fd->fcd", fitted_counts, code_means),
        sums.class_sums.sum(0) - sums.class_sums - np.einsum("fc,fu->fcu", fitted_counts, means),
        sums.class_sums - np.einsum("fc,fu->fcu", counts, means),
        fold_sums - sizes[:, None] * means,
    )


@dataclass(frozen=True, eq=False)
class Variation:
    """How a layer varies about its mean.

    scatter : sums of products of units about the mean of all, `[unit, unit]`.
    shares : share of the variance along each principal axis, from the largest, `[axis]`; axes with less than a
        millionth of the largest one's variance are not told from none and left out.
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
