"""Variance partitioning: what features of any number of columns explain together, each alone, uniquely, and shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray, IntArray, about_mean, as_float64, as_representation
from repbias.core.frames import shared_index
from repbias.core.results import measures_table
from repbias.core.specs import refuse_unknown
from repbias.features.kinds import Feature
from repbias.figures.drawings import Bars
from repbias.measures.result import MeasureResult
from repbias.measures.variance.feature_columns import feature_columns, grouped_folds
from repbias.measures.variance.penalties import GRID, choose_penalties
from repbias.measures.variance.regression import ratio
from repbias.measures.variance.ridge import (
    RidgeFits,
    leave_one_fold_out,
    some_columns,
    standardised,
    sums_by_fold,
    without_fold,
)
from repbias.measures.variance.sums import Sums

Penalty: TypeAlias = Literal["banded", "ridge", "none"] | Mapping[str, float]
Features: TypeAlias = tuple[int, ...]  # those of one regression
CHOSEN = ("banded", "ridge")


@dataclass(frozen=True, eq=False, repr=False)
class VariancePartition(MeasureResult):
    """How the variance that several features explain together is divided between them, on stimuli the fit never saw.

    R2 is 0 for a unit or a feature that does not vary, and negative where the fit predicts worse than its mean does.

    `plot` draws the R2 of each feature alone, with marks for its unique part and for the product measure.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    joint_r2: float
    """R2 of the regression on all features together, pooled over units."""

    r2: FloatArray
    """Pooled R2 of each feature alone, `[feature]`."""

    unique: FloatArray
    """Drop in the joint R2 when a feature is left out, `[feature]`."""

    product_r2: FloatArray | None
    """Each feature's part of the joint R2 by the product measure, `[feature]`; adds up to `joint_r2`. None unless
    `product_measure`."""

    unit_joint_r2: FloatArray
    """Joint R2 of each unit, `[unit]`."""

    unit_r2: FloatArray
    """R2 of each unit by each feature alone, `[feature, unit]`."""

    unit_unique: FloatArray
    """Unique part of each unit, `[feature, unit]`."""

    unit_product_r2: FloatArray | None
    """Product measure of each unit, `[feature, unit]`; adds up to `unit_joint_r2`. None unless `product_measure`."""

    penalties: FloatArray
    """Penalties of the joint regression, `[fold, feature]`."""

    n_stimuli: int
    """Number of stimuli, each of which is scored once."""

    @property
    def shared(self) -> FloatArray:
        """What a feature explains that the others explain too, r2 - unique, `[feature]`."""
        return self.r2 - self.unique

    @property
    def unit_shared(self) -> FloatArray:
        """The same of each unit, `[feature, unit]`."""
        return self.unit_r2 - self.unit_unique

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures of each feature: `r2`, `unique`, `shared`, where computed `product_r2`, and `penalty`, the median over
        folds. Measure of all features, `(all)`: `joint_r2`.
        """
        by_feature = {name: getattr(self, name) for name in ("r2", "unique", "shared", "product_r2")}
        by_feature["penalty"] = np.median(self.penalties, axis=0)
        return measures_table(self.names, by_feature, {"joint_r2": self.joint_r2})

    def _drawing(self) -> Bars:
        references = {"unique": self.unique, "product measure": self.product_r2}
        title = f"joint R2 {self.joint_r2:.2f}"
        return Bars(self.names, self.r2, "variance explained (R2)", references=references, title=title)

    def _title(self) -> str:
        units = len(self.unit_joint_r2)
        return f"Variance of {units} units by {len(self.names)} features, on {self.n_stimuli:,} stimuli"


def variance_partitioning(
    representation: ArrayLike,
    features: Mapping[str, ArrayLike | Feature],
    *,
    groups: npt.ArrayLike | None = None,
    folds: int = 5,
    penalty: Penalty = "banded",
    product_measure: bool = False,
) -> VariancePartition:
    """Divide the variance that features of one or many columns explain into unique and shared parts.

    With X the activity and D_f the columns of feature f, standardised, both about their means over the stimuli of the
    fit, a regression on a set of features S minimises

        || sum_f D_f W_f - X ||^2 + sum_f penalty_f || W_f ||^2              with sums over the features f of S

    and each fold is scored by the regression that is fitted on the other folds. With Q the prediction,

        R2(S) = 1 - || Q - X ||^2 / || X ||^2                                 over the stimuli of all folds

    which is `r2` of `variance_explained` where there are no penalties. Then

        joint_r2    R2(all features)
        r2          R2(f)
        unique      R2(all features) - R2(all but f)
        shared      r2 - unique
        product_r2  sum Q_f * (2 X - Q) / || X ||^2, with Q_f = D_f W_f the part of f in the joint prediction Q

    pooled over units and for each unit.

    The noise of the fit lowers R2, the more so the more columns there are for each stimulus, and the less they explain.
    So it lowers the R2 of a feature alone by more than the joint R2: `unique` tends to lie above that of the
    population and `shared` below it, and below 0 for independent features. With many stimuli for each column both
    biases vanish.

    Penalties are chosen anew for each set of features and each fold, on the other folds: each of these is predicted
    from the rest of them, and the penalties with the least squared error over all stimuli and units are taken from a
    grid. Ridge has one penalty for all columns. Banded ridge has one for each feature: it begins with that of ridge,
    and then improves the penalty of each feature in turn until none changes. Nothing in the search is random. The
    penalties of the joint regression would not do for the others: of two features that are nearly the same, it may
    suppress one, which then seems to explain nothing, while the other seems unique.

    There is no unbiased R2 here as in `variance_explained`. A penalty shrinks the prediction on purpose, so that its
    products with the activity fall short of the explained variance by an unknown amount.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device.
    features : by name, features of any kind: what `continuous`, `circular` and `columns` return, labels `[stimulus]` of
        which whole numbers and text are classes, or numbers `[stimulus, column]`, such as an embedding.
    groups : what is kept in one fold, such as sessions, `[stimulus]`, of any type. Without groups a stimulus's fold
        depends on its position only.
    folds : number of cross-validation folds; 3 or more where penalties are chosen.
    penalty : "banded", "ridge", "none", or a penalty for each feature, 0 or more, as `alpha` in scikit-learn's `Ridge`
        on standardised columns. "none" takes the shortest least-squares solution.
    product_measure : also split the joint R2 over features so that the parts add up to it.

    Returns
    -------
    A `VariancePartition`. R2 is 0 for a unit or a feature that does not vary.

    Raises
    ------
    ValueError : for arrays that do not fit together, values that are not finite, fewer stimuli or groups than folds,
        an unknown penalty, or penalties that are not of these features.
    TypeError : for features that are no mapping, and arrays that do not hold numbers.

    When not to use it: for a few features of a few classes and many stimuli, where penalties gain nothing and
    `variance_explained(joint=True)` is faster. With more than a few thousand columns in all, as the time grows with
    the cube of their number: reduce each feature to its principal components first. To call a feature irrelevant
    because its unique part is small: features that go together share what they explain.

    Source: Hoerl & Kennard (1970) for ridge; Nunez-Elizalde, Huth & Gallant (2019) and Dupré la Tour et al. (2022) for
    banded ridge and the product measure; Borcard, Legendre & Drapeau (1992) for variance partitioning. The search for
    penalties is this project's.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> speed, image = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 20))
    >>> x = 2 * speed + image @ rng.normal(size=(20, 5)) / 4 + rng.normal(size=(1000, 5))
    >>> found = repbias.variance_partitioning(x, {"speed": speed, "image": image})
    >>> found.unique.round(1).tolist(), round(found.joint_r2, 1)
    ([0.6, 0.2], 0.8)
    """
    shared_index({"representation": representation, "features": features, "groups": groups})
    x = as_representation(representation, "representation")
    columns = feature_columns(features, len(x))
    names = tuple(columns)
    _refuse_unusable(penalty, names)
    fold_of = grouped_folds(groups, len(x), folds, least=3 if penalty in CHOSEN else 2)
    feature_of = np.repeat(np.arange(len(names)), [one.shape[1] for one in columns.values()])
    design = _scaled(np.hstack(list(columns.values())), axis=0)
    sums = sums_by_fold(_scaled(as_float64(x), axis=None), design, fold_of)
    joint = tuple(range(len(names)))
    without = [tuple(other for other in joint if other != one) for one in joint]
    sets = [one for one in dict.fromkeys([joint, *without, *((one,) for one in joint)]) if one]
    if penalty in CHOSEN:
        penalties = _chosen(sums, feature_of, sets, banded=penalty == "banded")
    else:
        fixed = [float(penalty[name]) if isinstance(penalty, Mapping) else 0.0 for name in names]
        penalties = dict.fromkeys(sets, np.tile(fixed, (len(sums.n), 1)))
    fits = RidgeFits.of(sums)
    gains = {one: fits.gains(rows := _columns_of(one, feature_of), penalties[one][:, feature_of[rows]]) for one in sets}
    explained = {one: gain.sum(0) for one, gain in gains.items()} | {(): np.zeros(x.shape[1])}
    parts = np.stack([gains[joint][feature_of == one].sum(0) for one in joint]) if product_measure else None
    unit_r2 = np.stack([explained[one,] for one in joint])
    unit_unique = explained[joint] - np.stack([explained[rest] for rest in without])
    total = fits.total
    return VariancePartition(
        names=names,
        joint_r2=float(ratio(explained[joint].sum(), total.sum())),
        r2=ratio(unit_r2.sum(1), total.sum()),
        unique=ratio(unit_unique.sum(1), total.sum()),
        product_r2=None if parts is None else ratio(parts.sum(1), total.sum()),
        unit_joint_r2=ratio(explained[joint], total),
        unit_r2=ratio(unit_r2, total),
        unit_unique=ratio(unit_unique, total),
        unit_product_r2=None if parts is None else ratio(parts, total),
        penalties=penalties[joint],
        n_stimuli=len(x),
    )


def _chosen(sums: Sums, feature_of: IntArray, sets: Sequence[Features], *, banded: bool) -> dict[Features, FloatArray]:
    """Return for each set of features the penalties chosen for each fold, `[fold, feature]`; the first set has all."""
    n_folds, n_features = len(sums.n), len(sets[0])
    grid = GRID * sums.n.sum()
    found = {one: np.zeros((n_folds, n_features)) for one in sets}
    for fold in range(n_folds):
        inner = standardised(leave_one_fold_out(without_fold(sums, fold)))
        for one in sets:
            columns = _columns_of(one, feature_of)
            bands = np.searchsorted(one, feature_of[columns]) if banded else np.zeros(len(columns), dtype=np.int64)
            start = found[sets[0]][fold, list(one)] if banded and 1 < len(one) < n_features else None
            found[one][fold, list(one)] = choose_penalties(some_columns(inner, columns), bands, grid, start)
    return found


def _columns_of(features: Features, feature_of: IntArray) -> IntArray:
    return np.flatnonzero(np.isin(feature_of, features))


def _scaled(values: FloatArray, axis: int | None) -> FloatArray:
    """Return columns about their means, divided by the largest value, so that no square overflows."""
    centred, _ = about_mean(values)
    largest = np.abs(centred).max(axis=axis)
    return centred / np.where(largest > 0, largest, 1.0)


def _refuse_unusable(penalty: Penalty, names: Sequence[str]) -> None:
    if not isinstance(penalty, Mapping):
        refuse_unknown(penalty, (*CHOSEN, "none"), "penalty")
        return
    for name in penalty:
        refuse_unknown(name, names, "feature")
    if missing := [name for name in names if name not in penalty]:
        raise ValueError(f"penalty must hold a number for each feature, got none for {missing}")
    if wrong := {name: one for name, one in penalty.items() if not 0 <= one < np.inf}:
        raise ValueError(f"penalties must be 0 or more, and finite, got {wrong}")
