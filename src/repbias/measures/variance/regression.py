"""Regressions of a representation on one-hot codes, and how well they predict other stimuli, from sums alone.

With phi a representation about the mean of the stimuli of the fit, f one feature and c its classes, the least-squares
fit with an intercept predicts d_c = (mean of class c) - (mean of all), and over the scored stimuli

    cross = sum_c d_c . sum_{i in c} phi_i
    gain  = sum ||phi||^2 - sum ||W f - phi||^2 = 2 cross - sum_c n_c ||d_c||^2.

`repbias.measures.variance` defines both kinds of R2 in these terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.values import Values
from repbias.measures.variance.sums import SideBySide, Sums

SINGULAR = 1e-10  # of the largest singular value; smaller ones count as 0


@dataclass(frozen=True, eq=False)
class Regression:
    """Regressions fitted on some sets of stimuli and scored on others; leading axes `...` are those of the sums.

    All that follows is about the means of the fit, of the representation and of the codes.
    """

    code: SideBySide
    fit: Sums
    held: Sums
    """Sums over the stimuli to score, from the same point as `fit`."""

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of the fit, from the sums' common point, `[..., unit]`."""
        return np.asarray(self.fit.total / self.fit.n[..., None])

    @cached_property
    def class_means(self) -> FloatArray:
        """What each feature alone predicts: class means of the fit, `[..., column, unit]`; 0 for a class without
        stimuli."""
        # about each feature's own sums, so that rounding leaves a feature of one class with exactly 0
        sums, n_classes = self.fit.sums, np.array(self.code.widths)
        means = self.code.by_feature(sums, axis=-2) / self.fit.n[..., None, None]
        found = sums / np.maximum(self.fit.counts, 1)[..., None] - np.repeat(means, n_classes, axis=-2)
        found[self.fit.counts == 0] = 0
        return found

    @cached_property
    def held_sums(self) -> FloatArray:
        """Sum of the scored stimuli of each class, `[..., column, unit]`."""
        return np.asarray(self.held.sums - self.held.counts[..., None] * self.mean[..., None, :])

    def cross(self) -> FloatArray:
        """Return sums of products of prediction and representation, `[..., column, unit]`."""
        return np.asarray(self.class_means * self.held_sums)

    def gain(self) -> FloatArray:
        """Return by how much the prediction lowers the sum of squares, `[..., column, unit]`."""
        d = self.class_means
        return np.asarray(d * (2 * self.held_sums - self.held.counts[..., None] * d))

    def total(self) -> FloatArray:
        """Return the sum of squares of the scored stimuli, `[..., unit]`."""
        return self._squares(self.mean)

    def unbiased_total(self) -> FloatArray:
        """Return the same without the noise of the mean, `[..., unit]`: products with the activity about the mean of
        fitted and scored stimuli together."""
        n = self.fit.n + self.held.n
        return self._squares((self.fit.total + self.held.total) / n[..., None])

    def _squares(self, point: FloatArray) -> FloatArray:
        """Return the sums of products of activity about a point, and about the mean of the fit."""
        held = self.held
        assert held.squares is not None  # kept wherever stimuli are scored
        found = held.squares - (self.mean + point) * held.total + held.n[..., None] * self.mean * point
        return np.maximum(found, 0)

    @cached_property
    def code_mean(self) -> FloatArray:
        """Mean code of the fit, `[..., column]`."""
        return np.asarray(self.fit.counts / self.fit.n[..., None])

    @cached_property
    def fitted(self) -> FloatArray:
        """Sums of products of code and representation over the fit, `[..., column, unit]`."""
        return np.asarray(self.fit.sums - self.fit.counts[..., None] * self.mean[..., None, :])

    def designs(self, metric: FloatArray | None = None) -> Designs:
        """Return what regressions on several features explain; `metric` `[unit, unit]` measures the representation, by
        default the identity."""
        measured = self.fitted if metric is None else self.fitted @ metric
        f, fit, held = self.code_mean, self.fit, self.held
        assert fit.gram is not None  # kept for joint regressions
        assert held.gram is not None
        crossed = held.counts[..., None] * f[..., None, :]
        products = self.held_sums - f[..., None] * (held.total - held.n[..., None] * self.mean)[..., None, :]
        return Designs(
            covariance=fit.gram - fit.counts[..., None] * f[..., None, :],
            held_covariance=held.gram
            - crossed
            - crossed.swapaxes(-1, -2)
            + held.n[..., None, None] * f[..., None] * f[..., None, :],
            held_fitted=products @ measured.swapaxes(-1, -2),
            fitted_fitted=self.fitted @ measured.swapaxes(-1, -2),
            measured=measured,
        )

    def refuse_unseen_classes(self, names: Sequence[str], *, cross_validated: bool) -> None:
        """Raise where stimuli of a class are to be scored and none was fitted."""
        unseen = np.argwhere((self.fit.counts == 0) & (self.held.counts > 0))
        if not len(unseen):
            return
        fold, column = unseen[0]
        feature = int(np.searchsorted(self.code.starts, column, side="right")) - 1
        which = f"class {column - self.code.starts[feature]} of feature {names[feature]!r}"
        stimuli = f"{int(self.held.counts[fold, column])} stimuli"
        where, cause = f"{stimuli} of test_labels but never in labels", "every class that is scored must be fitted"
        if cross_validated:
            where = f"{stimuli} only, all of them in fold {fold} of {len(self.fit.n)}"
            cause = "nothing is left to fit it on"
        raise ValueError(
            f"{which} occurs in {where}: {cause}; add stimuli of that class, merge it with another, or drop it"
        )


@dataclass(frozen=True, eq=False)
class Designs:
    """What regressions on any of the features side by side explain.

    With F the sums of products of codes and representation over the fit, and P the inverse of the codes' covariance,
    such a regression has the weights P F, and its sums of squares follow from products of F with the same sums over
    the scored stimuli. So every choice of features is a few small matrices. Where codes are linearly dependent (each
    feature's classes add up to 1, or one feature follows from others), the shortest solution is taken.
    """

    covariance: FloatArray
    """Of the codes of the fit, times their number, `[fold, column, column]`."""

    held_covariance: FloatArray
    """The same of the scored stimuli."""

    held_fitted: FloatArray
    """F of the scored stimuli times F', `[fold, column, column]`."""

    fitted_fitted: FloatArray
    """F F', `[fold, column, column]`."""

    measured: FloatArray
    """F in the metric of the representation, `[fold, column, unit]`."""

    def inverse(self, columns: IntArray, penalty: FloatArray | None = None) -> FloatArray:
        """Return P of some columns, `[fold, column, column]`; a ridge penalty `[fold, column]` is added to the diagonal
        of the covariance first."""
        covariance = block(self.covariance, columns)
        if penalty is not None:
            covariance = covariance + penalty[:, columns, None] * np.eye(len(columns))
        return np.asarray(np.linalg.pinv(covariance, rcond=SINGULAR, hermitian=True), float)

    def explained(self, columns: IntArray, penalty: FloatArray | None = None) -> tuple[float, float]:
        """Return cross and gain of a regression on some columns, over all folds."""
        inverse = self.inverse(columns, penalty)
        cross = float((inverse * block(self.held_fitted, columns)).sum())
        loaded = inverse @ block(self.held_covariance, columns) @ inverse
        return cross, 2 * cross - float((loaded * block(self.fitted_fitted, columns)).sum())


def block(matrices: FloatArray, columns: IntArray) -> FloatArray:
    """Return the rows and columns of some features, `[..., column, column]`."""
    return matrices[..., columns[:, None], columns]


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Return part / whole, and 0 where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


@dataclass(frozen=True, eq=False)
class JointEncoding:
    """A fit: what a feature contributes to a stimulus is its code about the mean, times its rows of `weights`."""

    features: tuple[Values, ...]

    means: FloatArray
    """Mean of the codes over the stimuli of the fit, `[column]`; those of all features are side by side."""

    weights: FloatArray
    """`[column, unit]`; the shortest least-squares solution, for classes about each feature's mean over the fit."""

    @property
    def columns(self) -> list[slice]:
        """The columns of each feature."""
        ends = accumulate(one.n_columns for one in self.features)
        return [slice(end - one.n_columns, end) for one, end in zip(self.features, ends, strict=True)]

    def centred(self, features: Sequence[Values]) -> FloatArray:
        """Return the codes of some stimuli less their mean over the stimuli of the fit, `[stimulus, column]`."""
        return np.asarray(np.hstack([one.code for one in features]) - self.means)

    def directions(self) -> list[FloatArray]:
        """Return each feature's encoding directions, `[column, unit]`: the sum of their squares is the variance of the
        feature's part over the stimuli of the fit."""
        return [
            _root(one, self.means[columns]) @ self.weights[columns]
            for one, columns in zip(self.features, self.columns, strict=True)
        ]

    def freedom(self) -> FloatArray:
        """Return the degrees of freedom of each feature, `[feature]`; a class without stimuli has none."""
        return np.array([(self.means[columns] > 0).sum() - 1.0 if one.categorical else float(one.freedom)
                         for one, columns in zip(self.features, self.columns, strict=True)])  # fmt: skip


def _root(feature: Values, means: FloatArray) -> FloatArray:
    """Return a root of the covariance of a feature's columns, of frequencies for classes, `[column, column]`."""
    if feature.categorical:
        return np.diag(np.sqrt(means))
    code = feature.code - means
    spectrum, axes = np.linalg.eigh(code.T @ code / len(code))
    return np.asarray(np.sqrt(np.maximum(spectrum, 0))[:, None] * axes.T)


def fit_joint_encoding(centred: FloatArray, features: Sequence[Values]) -> JointEncoding:
    """Return the regression of `centred` `[stimulus, unit]`, whose mean is 0, on all features.

    Where codes are linearly dependent (a feature that follows from others), the shortest solution splits what they
    share.
    """
    code = np.hstack([one.code for one in features])
    means = code.mean(0)
    weights = np.linalg.lstsq(code - means, centred, rcond=SINGULAR)[0]
    found = JointEncoding(tuple(features), means, weights)
    for one, columns in zip(features, found.columns, strict=True):
        if one.categorical:
            weights[columns] -= means[columns] @ weights[columns]
    return found
