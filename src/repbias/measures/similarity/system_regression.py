"""Regression of one system's representation on another's, and which features what is explained consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge, RidgeCV
from torch import Tensor

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_labels, as_names, class_numbers
from repbias.core.frames import shared_index
from repbias.core.results import measures_table
from repbias.features.values import of_labels
from repbias.figures.drawings import Bars
from repbias.measures.result import MeasureResult
from repbias.measures.similarity.alignment import as_float64_pair
from repbias.measures.variance.explained import variance_explained
from repbias.measures.variance.regression import JointEncoding, fit_joint_encoding, ratio

ALPHAS = tuple(10.0**power for power in range(-8, 4))
REMAINDER = "(remainder)"
NORMAL_QUANTILE = 1.96  # of 97.5 %


@dataclass(frozen=True, eq=False, repr=False)
class SystemRegression(MeasureResult):
    """How much of system B a ridge regression from system A explains, and which features that part consists of.

    Without labels there are no features, and the remainder is everything.

    `plot` draws the part of R2 that consists of each feature, and the remainder.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    r2: float
    """Pooled R2 of B on the test stimuli."""

    r2_error: float
    """Standard error of `r2` over the test stimuli, for the map that was fitted."""

    unit_r2: FloatArray
    """R2 of each of B's units, `[unit of B]`; 0 for a unit that does not vary."""

    feature_contribution: FloatArray
    """Part of `r2` that consists of each feature, `[feature]`; may be negative."""

    remainder_contribution: float
    """Part of `r2` that no feature accounts for. With `feature_contribution` it adds up to `r2`."""

    feature_variance: FloatArray
    """Sum of squares of B's part for each feature, as a share of B's total, `[feature]`."""

    feature_r2: FloatArray
    """`feature_contribution` / `feature_variance`, the R2 of B's part for each feature, `[feature]`; 0 where B has no
    such part. Uncertain where that part is small."""

    remainder_r2: float
    """R2 of the part of B that no feature accounts for, in the same way."""

    alpha: float
    """The ridge penalty that cross-validation chose, in scikit-learn's units."""

    relative_alpha: float
    """The same in the sums of squares of a mean unit of A: the one of `alphas` that was chosen."""

    n_stimuli: int
    """Number of test stimuli."""

    @property
    def is_explained(self) -> bool:
        """Whether the 95 % interval of `r2` lies above 0."""
        return self.r2 > NORMAL_QUANTILE * self.r2_error

    @property
    def feature_share(self) -> FloatArray:
        """Share of what is explained that consists of each feature, `[feature]`.

        It is NaN if the 95 % interval of `r2` includes 0, because parts of nothing are not defined.
        """
        return self.feature_contribution / (self.r2 if self.is_explained else np.nan)

    @property
    def remainder_share(self) -> float:
        """Share of what is explained that no feature accounts for; NaN in the same case."""
        return self.remainder_contribution / (self.r2 if self.is_explained else np.nan)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures of each feature: `contribution`, `share`, `r2`, `variance`; of the remainder, `(remainder)`:
        `contribution`, `share`, `r2`; of everything, `(all)`: `r2`, `r2_error`, `alpha`, `relative_alpha`.
        """
        by_part = {
            "contribution": [*self.feature_contribution, self.remainder_contribution],
            "share": [*self.feature_share, self.remainder_share],
            "r2": [*self.feature_r2, self.remainder_r2],
        }
        whole = {"r2": self.r2, "r2_error": self.r2_error, "alpha": self.alpha, "relative_alpha": self.relative_alpha}
        variance = measures_table(self.names, {"variance": self.feature_variance}, whole)
        return pd.concat([measures_table((*self.names, REMAINDER), by_part), variance], ignore_index=True)

    def _drawing(self) -> Bars:
        names, parts = (*self.names, REMAINDER), [*self.feature_contribution, self.remainder_contribution]
        return Bars(names, parts, "part of R2", title=f"R2 {self.r2:.2f}")

    def _title(self) -> str:
        title = f"Regression of B on A, R2 {self.r2:.3f} on {self.n_stimuli:,} test stimuli"
        return title if self.is_explained else f"{title}; its interval includes 0, so shares of it are not defined"


def system_regression(
    a: ArrayLike,
    b: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    test_a: ArrayLike,
    test_b: ArrayLike,
    test_labels: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    alphas: Sequence[float] = ALPHAS,
) -> SystemRegression:
    """Explain system B's representation by a ridge regression from system A's: a model from a brain, or the reverse.

    With a and b the representations about their means on the stimuli of the fit, and H the map that is fitted there,

        fit      H = argmin sum || H a - b ||^2 + alpha || H ||^2
        score    r2 = 1 - sum || H a - b ||^2 / sum || b ||^2             on the test stimuli, pooled over B's units

    One alpha for all of B's units (global): the one of least squared error, pooled over units, in leave-one-out
    cross-validation within the stimuli of the fit (scikit-learn's `RidgeCV`).

    With labels, b = sum_f b_f + b_rest: b_f is what a least-squares regression of b on all features' one-hot codes,
    fitted on the stimuli of the fit, attributes to feature f. Ridge is linear in its target, so that with H_f fitted
    to b_f at the same alpha, H a = sum_f H_f a + H_rest a, and

        feature_contribution    sum (2 b_f - H_f a) . H a / sum || b ||^2
        feature_variance        sum || b_f ||^2 / sum || b ||^2
        feature_r2              feature_contribution / feature_variance

    Contributions and the remainder's add up to r2 exactly, whatever the features. Where features are independent and
    balanced, b_f is what each feature explains alone, and where B encodes each in directions orthogonal to those of
    the others and of the rest, feature_r2 is 1 - sum || H_f a - b_f ||^2 / sum || b_f ||^2, and no part depends on
    another. Where directions overlap, what one part's prediction adds to another's is split between the two. Correlated
    features share variance that belongs to neither alone. Their b_f follow the coefficients of the joint regression:
    contributions still add up, but they change when a feature is added or left out.

    Parameters
    ----------
    a : `[stimulus, unit of A]`, the predicting system on the stimuli of the fit.
    b : `[stimulus, unit of B]`, the predicted system on the same stimuli in the same order.
    labels : class labels 0, 1, 2, ... of those stimuli, `[stimulus]` or `[stimulus, feature]`; None for r2 alone.
    test_a : `[stimulus, unit of A]`, on other stimuli.
    test_b : `[stimulus, unit of B]`, on the same other stimuli.
    test_labels : `[stimulus]` or `[stimulus, feature]`; where there are labels.
    names : the features' names.
    alphas : penalties to choose from, above 0, in units of A's sum of squares for a mean unit, so that the result does
        not depend on A's scale.

    Returns
    -------
    A `SystemRegression`.

    Raises
    ------
    ValueError, TypeError : as `variance_explained`; ValueError for penalties that are not above 0.

    When not to use it: with stimuli that occur more than once in the fit; leave-one-out then chooses too small a
    penalty (average repeats first). To infer from r2 alone that two systems compute the same: a single feature may
    account for all of it.

    Source: Hoerl & Kennard (1970); the question is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; the split over
    features is this project's.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> fit, test = slice(0, 200), slice(200, None)
    >>> found = repbias.system_regression(
    ...     x[fit], x[fit, :1], labels[fit], test_a=x[test], test_b=x[test, :1], test_labels=labels[test]
    ... )
    >>> round(found.r2, 2), (found.feature_share.round(1) + 0).tolist()  # what both share is the first feature
    (1.0, [0.7, 0.0])
    """
    if len(alphas) == 0 or not all(0 < alpha < np.inf for alpha in alphas):
        raise ValueError(f"alphas must be one or more penalties above 0, got {list(alphas)}")
    shared_index({"a": a, "labels": labels})
    shared_index({"test_a": test_a, "test_labels": test_labels})
    fit_a, fit_b = as_float64_pair(a, b)
    n_units = fit_a.shape[1], fit_b.shape[1]
    new_a, new_b = as_float64_pair(test_a, test_b, names=("test_a", "test_b"), n_units=n_units)
    names, fit_y, new_y = _labels(torch.from_numpy(fit_b), labels, torch.from_numpy(new_b), test_labels, names)
    (x, mean_a), (y, mean_b) = about_mean(fit_a), about_mean(fit_b)
    new_x, held = new_a - mean_a, new_b - mean_b
    n_classes = class_numbers(fit_y, names, "labels") if names else ()
    features, test_features = (of_labels(labels.cpu().numpy(), n_classes) for labels in (fit_y, new_y))
    encoding = fit_joint_encoding(y, features) if names else None
    alpha, scale = _choose_alpha(x, y, alphas)
    codes = np.empty((len(x), 0)) if encoding is None else encoding.centred(features)
    ridge = Ridge(alpha=alpha, solver="svd", fit_intercept=False).fit(x, np.hstack([y, codes]))
    predicted = ridge.predict(new_x).reshape(len(new_x), -1)
    prediction, predicted_codes = predicted[:, : y.shape[1]], predicted[:, y.shape[1] :]
    parts = [] if encoding is None else _parts(encoding, encoding.centred(test_features), predicted_codes)
    rest = held - sum(part for part, _ in parts), prediction - sum(guess for _, guess in parts)
    total = (held**2).sum()
    contribution = ratio([((2 * part - guess) * prediction).sum() for part, guess in (*parts, rest)], total)
    variance = ratio([(part**2).sum() for part, _ in (*parts, rest)], total)
    part_r2 = ratio(contribution, variance)
    r2 = float(ratio(((2 * held - prediction) * prediction).sum(), total))
    return SystemRegression(
        names=names,
        r2=r2,
        r2_error=_error_of_r2(r2, held, prediction),
        unit_r2=ratio(((2 * held - prediction) * prediction).sum(0), (held**2).sum(0)),
        feature_contribution=contribution[:-1],
        remainder_contribution=float(contribution[-1]),
        feature_variance=variance[:-1],
        feature_r2=part_r2[:-1],
        remainder_r2=float(part_r2[-1]),
        alpha=alpha,
        relative_alpha=alpha / scale,
        n_stimuli=len(held),
    )


def _labels(
    b: Tensor, labels: ArrayLike | None, test_b: Tensor, test_labels: ArrayLike | None, names: Sequence[str] | None
) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """Return the features' names and the checked labels; no feature where there are none."""
    if labels is None or test_labels is None:
        given = {"labels": labels, "test_labels": test_labels, "names": names}
        if alone := [name for name, value in given.items() if value is not None]:
            raise ValueError(
                f"{' and '.join(alone)} must not be given alone: give labels and test_labels to split r2 over "
                "features, or neither"
            )
        return (), torch.empty(len(b), 0), torch.empty(len(test_b), 0)
    y, test_y = as_labels(labels, b, "labels"), as_labels(test_labels, test_b, "test_labels")
    names = as_names(names, y.shape[1])
    variance_explained(b, y, test_representation=test_b, test_labels=test_y, names=names)  # refuses what does not fit
    return names, y, test_y


def _choose_alpha(x: FloatArray, y: FloatArray, alphas: Sequence[float]) -> tuple[float, float]:
    """Return the chosen penalty, and the unit in which `alphas` are counted."""
    scale = float((x**2).sum()) / x.shape[1] or 1.0
    if len(alphas) == 1 or len(x) == 1:
        return alphas[0] * scale, scale
    chosen = RidgeCV([alpha * scale for alpha in alphas], gcv_mode="svd").fit(x, y)
    return float(chosen.alpha_), scale


def _error_of_r2(r2: float, held: FloatArray, prediction: FloatArray) -> float:
    """Return the standard error of a pooled R2 over independent stimuli, by linearisation of the ratio."""
    squares = (held**2).sum(1)
    residuals = ((2 * held - prediction) * prediction).sum(1) - r2 * squares
    n = len(held)
    return float(ratio(np.sqrt(n / max(n - 1, 1) * (residuals**2).sum()), squares.sum()))


def _parts(
    encoding: JointEncoding, code: FloatArray, predicted_code: FloatArray
) -> list[tuple[FloatArray, FloatArray]]:
    """Return each feature's part of B and its prediction, `[stimulus, unit of B]`."""
    return [
        (code[:, columns] @ encoding.weights[columns], predicted_code[:, columns] @ encoding.weights[columns])
        for columns in encoding.columns
    ]
