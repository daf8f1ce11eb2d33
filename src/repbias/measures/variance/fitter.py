"""`variance_explained` for data that arrive in batches: the same answers, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    IntArray,
    as_float64,
    as_labels,
    as_names,
    as_representation,
    refuse_wrong_classes,
)
from repbias.core.frames import shared_index
from repbias.core.results import ALL_FEATURES as ALL_FEATURES
from repbias.core.results import measures_table
from repbias.features.folds import running_folds
from repbias.figures.drawings import Bars
from repbias.measures.result import MeasureResult
from repbias.measures.variance.regression import Regression, ratio
from repbias.measures.variance.sums import OneHotCode, StimulusScores, Sums, SumsByFold, near_mean, pieces


@dataclass(frozen=True, eq=False, repr=False)
class VarianceExplained(MeasureResult):
    """The share of a representation's variance that each feature explains, on stimuli the fit never saw.

    A unit or a feature that does not vary has an R2 of 0, and so has a representation without variance: no value is
    NaN. R2 is negative where the fit predicts worse than the fit mean does.

    `plot` draws the share of the variance that each feature explains.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.variance_explained(x, labels)
    >>> (found.unit_r2.round(1) + 0).tolist()  # of each unit, for each feature
    [[0.7, 0.0], [0.0, 0.2]]
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    r2: FloatArray
    """Pooled held-out R2 = explained / total, `[feature]`."""

    r2_unbiased: FloatArray
    """Pooled R2 without the bias by the noise of the fit, `[feature]`; see `repbias.measures.variance`."""

    r2_per_stimulus: FloatArray | None
    """Mean over stimuli of 1 - ||Wf - phi||^2 / ||phi||^2, `[feature]`; a stimulus with phi = 0 counts as 0.
    None from a cross-validated `VarianceFitter` whose `second_pass` was not made."""

    unit_r2: FloatArray
    """R2 of each unit, `[feature, unit]`."""

    explained: FloatArray
    """Explained sum of squares, over all units, for each scored stimulus, `[feature]`; may be negative. For learning
    curves divide it by the last checkpoint's `total`."""

    total: float
    """Total sum of squares about the fit mean, over all units, for each scored stimulus."""

    unit_total: FloatArray
    """The same for each unit, `[unit]`; adds up to `total`."""

    n_stimuli: int
    """Number of scored stimuli: those of the test arrays, or all of them under cross-validation."""

    p_value: FloatArray | None = None
    """(1 + permutations with an r2 as high) / (1 + permutations), `[feature]`; None without permutations."""

    joint_r2: float | None = None
    """R2 of one regression on all features together; None unless `joint`."""

    unique: FloatArray | None = None
    """Drop in the joint R2 when a feature is left out, `[feature]`; None unless `joint`."""

    @property
    def common(self) -> FloatArray | None:
        """What a feature explains that the others explain too, r2 - unique, `[feature]`; None unless `joint`."""
        return None if self.unique is None else self.r2 - self.unique

    def grouped_r2(self, groups: npt.ArrayLike) -> FloatArray:
        """Return the R2 of groups of units, explained over total, each summed over the group, `[feature, group]`.

        The channels of a feature map `[stimulus, channel, row, column]`, flattened, are such groups:
        `np.repeat(np.arange(channels), rows * columns)`.

        Parameters
        ----------
        groups : the group of each unit, 0, 1, 2, ..., `[unit]`; a group without variance has an R2 of 0.

        Raises
        ------
        ValueError : not one whole number, 0 or more, for each unit.
        """
        of = np.asarray(groups)
        if of.shape != self.unit_total.shape or not np.issubdtype(of.dtype, np.integer) or of.min(initial=0) < 0:
            raise ValueError(
                f"groups must be one whole number, 0 or more, for each of the {len(self.unit_total)} units, got "
                f"{of.dtype} of shape {of.shape}"
            )
        totals = np.bincount(of, self.unit_total)
        explained = np.stack([np.bincount(of, unit_r2 * self.unit_total) for unit_r2 in self.unit_r2])
        return np.divide(explained, totals, out=np.zeros_like(explained), where=totals > 0)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures of each feature: `r2`, `r2_unbiased`, `explained`, and where computed `r2_per_stimulus`, `p_value`,
        `unique`, `common`. Measures of the whole representation, with the feature `(all)`: `total`, and where computed
        `joint_r2`. `unit_r2` is not in the table.
        """
        measures = ("r2", "r2_unbiased", "r2_per_stimulus", "explained", "p_value", "unique", "common")
        by_feature = {measure: getattr(self, measure) for measure in measures}
        return measures_table(self.names, by_feature, {"total": self.total, "joint_r2": self.joint_r2})

    def _drawing(self) -> Bars:
        return Bars(self.names, self.r2, "variance explained (R2)", references={"unique": self.unique})

    def _title(self) -> str:
        return f"Variance explained of {len(self.unit_total)} units, on {self.n_stimuli:,} stimuli"


class VarianceFitter:
    """Streaming form of `variance_explained`: `update` with each batch, then `result`.

    With test batches: `update(...)` with every fit batch, `update_test(...)` with every test batch, `result()`.
    Cross-validated: `update(...)` with every batch, `result()`. A stimulus's fold depends on its running index alone,
    so batches of any size give the same answer. The per-stimulus R2 needs the fits before it can be summed: pass the
    same batches once more, in the same order, through `second_pass`; without that it is None.

    A batch that is refused leaves the fitter as it was.

    Parameters
    ----------
    n_classes : number of classes of each feature, `[feature]`; labels run from 0 to one less.
    names : the features' names, `[feature]`; `feature_0`, ... by default.
    folds : number of cross-validation folds, or None where test batches will follow (which is faster).
    joint : also fit all features together, for `joint_r2`, `unique` and `common`.

    Raises
    ------
    ValueError : for a setting or a batch that cannot be measured.
    TypeError : for arrays that do not hold numbers.

    Source: Lampinen, Chan & Hermann (2024), arXiv 2405.05847; see `variance_explained` for the formulas.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> fitter = repbias.VarianceFitter(n_classes=[2, 2])
    >>> for rows in (slice(0, 300), slice(300, 400)):
    ...     fitter.update(x[rows], labels[rows])
    >>> fitter.result().r2.round(2).tolist()
    [0.5, 0.06]
    """

    def __init__(
        self,
        n_classes: Sequence[int],
        *,
        names: Sequence[str] | None = None,
        folds: int | None = 5,
        joint: bool = False,
    ) -> None:
        if len(n_classes) == 0 or min(n_classes) < 1:
            raise ValueError(
                f"n_classes must hold a number of classes, 1 or more, for each feature, got {list(n_classes)}"
            )
        if folds is not None and folds < 2:
            raise ValueError(f"folds must be 2 or more, or None where test batches will follow, got {folds}")
        self.names = as_names(names, len(n_classes))
        self.folds, self.joint = folds, joint
        self.n_classes = tuple(int(n) for n in n_classes)
        self._code = OneHotCode(self.n_classes)
        self._fit: SumsByFold | None = None
        self._test: SumsByFold | None = None
        self._models: list[tuple[FloatArray, FloatArray]] = []  # mean and class means of each fold, once they are final
        self._score_sums = np.zeros(len(n_classes))
        self._n_fit = self._n_scored = 0

    def update(self, representation: ArrayLike, labels: ArrayLike) -> None:
        """Add stimuli to fit on (and to score, where cross-validated): `[stimulus, unit]`, `[stimulus, feature]`."""
        if self._models:
            raise ValueError("update was called after update_test or second_pass made the fit final: call it first")
        x, columns = self._checked(representation, labels, "", self._n_fit)
        if self._fit is None:
            self._fit = SumsByFold(self._code, as_float64(x[0]), folds=self.folds or 1, gram=self.joint)
        for piece in pieces(x, self._folds_of(self._n_fit, len(x)), near_mean):
            self._fit.add(piece, columns[piece.rows], squares=piece.squares() if self.folds else None)
        self._n_fit += len(x)

    def update_test(self, representation: ArrayLike, labels: ArrayLike) -> None:
        """Add stimuli to score on. The first call makes the fit final."""
        fit = self._fitted("update_test")
        if self._models and self._test is None:
            raise ValueError("update_test was called after second_pass (for cross-validation): use one of the two")
        x, columns = self._checked(representation, labels, "test_", self._n_scored)
        if self._test is None:
            self._test = SumsByFold(self._code, fit.reference, folds=1, gram=self.joint)
            self._models = self._fits(fit, fit.by_fold().whole())
        scorer = StimulusScores(*self._models[0], x)
        for piece in pieces(x, None, lambda fold, rows: scorer.mean):
            squares = piece.squares()
            self._test.add(piece, columns[piece.rows], squares=squares)
            self._score_sums += scorer.add_up(piece, columns[piece.rows], squares=squares)
        self._n_scored += len(x)

    def second_pass(self, representation: ArrayLike, labels: ArrayLike) -> None:
        """Take a batch of `update` once more, in the same order, for the cross-validated per-stimulus R2."""
        fit = self._fitted("second_pass")
        if self.folds is None or self._test is not None:
            raise ValueError("second_pass is for cross-validation: with test batches r2_per_stimulus needs none")
        x, columns = self._checked(representation, labels, "", self._n_scored)
        if self._n_scored + len(x) > self._n_fit:
            raise ValueError(
                f"second_pass got {self._n_scored + len(x)} stimuli, update {self._n_fit}: pass the same batches once"
            )
        self._models = self._models or self._fits(fit, self._regression(fit).fit)
        scorers = [StimulusScores(*model, x) for model in self._models]
        for piece in pieces(x, self._folds_of(self._n_scored, len(x)), lambda fold, rows: scorers[fold].mean):
            self._score_sums += scorers[piece.fold].add_up(piece, columns[piece.rows], squares=piece.squares())
        self._n_scored += len(x)

    def result(self) -> VarianceExplained:
        """Return what was found so far."""
        regression = self._regression(self._fitted("result"))
        n = int(regression.held.n.sum())
        if 0 < self._n_scored < n:
            raise ValueError(
                f"second_pass saw {self._n_scored} of {n} stimuli: pass the same batches once more, all of them or none"
            )
        unit_explained = self._code.by_feature(regression.gain().sum(0))
        unit_total = regression.total().sum(0)
        explained, total = unit_explained.sum(1), float(unit_total.sum())
        cross = self._code.by_feature(regression.cross().sum((0, 2)))
        found = VarianceExplained(
            names=self.names,
            r2=ratio(explained, total),
            r2_unbiased=ratio(cross, regression.unbiased_total().sum()),
            r2_per_stimulus=self._score_sums / n if self._n_scored else None,
            unit_r2=ratio(unit_explained, unit_total),
            explained=explained / n,
            total=total / n,
            unit_total=unit_total / n,
            n_stimuli=n,
        )
        if not self.joint:
            return found
        designs, columns = regression.designs(), np.arange(self._code.n_columns)
        joint_r2 = float(ratio(designs.explained(columns)[1], total))
        without = [designs.explained(np.delete(columns, feature))[1] for feature in self._code.features]
        return replace(found, joint_r2=joint_r2, unique=joint_r2 - ratio(np.array(without), total))

    def _fitted(self, caller: str) -> SumsByFold:
        if self._fit is None:
            raise ValueError(f"{caller} needs stimuli to fit on, got none: call update first")
        return self._fit

    def _checked(self, representation: ArrayLike, labels: ArrayLike, prefix: str, first: int) -> tuple[Tensor, Tensor]:
        """Return a batch's representation and the columns of its labels."""
        shared_index({f"{prefix}representation": representation, f"{prefix}labels": labels})
        n_units = None if self._fit is None else len(self._fit.reference)
        x = as_representation(representation, f"{prefix}representation", first=first, n_units=n_units)
        y = as_labels(labels, x, f"{prefix}labels")
        refuse_wrong_classes(y, self.n_classes, self.names, f"{prefix}labels")
        return x, self._code.columns(y)

    def _folds_of(self, first: int, n: int) -> IntArray | None:
        return running_folds(first, first + n, self.folds) if self.folds else None

    def _regression(self, fit: SumsByFold) -> Regression:
        if self._test is None and self.folds is None:
            raise ValueError("folds is None and no test batches were given: call update_test, or set folds")
        if self._test is None and self.folds and self._n_fit < self.folds:
            raise ValueError(
                f"cross-validation over {self.folds} folds needs at least as many stimuli, got {self._n_fit}: "
                "add stimuli, or use fewer folds"
            )
        found = split_or_folds(fit, self._test)
        found.refuse_unseen_classes(self.names, cross_validated=self._test is None)
        return found

    def _fits(self, fit: SumsByFold, sums: Sums) -> list[tuple[FloatArray, FloatArray]]:
        """Return the mean and the class means of each set of stimuli."""
        fitted = Regression(self._code, sums, sums)
        return list(zip(fit.reference + fitted.mean, fitted.class_means, strict=True))


def split_or_folds(fit: SumsByFold, test: SumsByFold | None) -> Regression:
    """Return the regression that is scored on test stimuli, or without these the cross-validated ones of all folds."""
    if test is not None:
        return Regression(fit.code, fit.by_fold().whole(), test.by_fold())
    folds = fit.by_fold()
    return Regression(fit.code, folds.others(), folds)
