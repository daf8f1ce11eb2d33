"""`variance_explained` for data that arrive in batches: the same answers, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
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
from repbias.features.folds import running_folds
from repbias.measures.variance.regression import Regression, ratio
from repbias.measures.variance.result import VarianceExplained
from repbias.measures.variance.sums import OneHotCode, Piece, Sums, SumsByFold, near_mean, pieces, working_dtype


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
        self._models: list[_Fit] = []  # of each fold, once they are final
        self._score_sums = np.zeros(len(n_classes))
        self._n_fit = self._n_scored = 0

    def update(self, representation: ArrayLike, labels: ArrayLike) -> None:
        """Add stimuli to fit on (and to score, where cross-validated): `[stimulus, unit]`, `[stimulus, feature]`."""
        if self._models:
            raise ValueError("update came after update_test or second_pass, when the fit is final: update first")
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
            raise ValueError("update_test came after second_pass, which is for cross-validation: use one of the two")
        x, columns = self._checked(representation, labels, "test_", self._n_scored)
        if self._test is None:
            self._test = SumsByFold(self._code, fit.reference, folds=1, gram=self.joint)
            self._models = self._fits(fit.by_fold().whole())
        scorer = _StimulusScores(self._models[0], fit.reference, x)
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
        self._models = self._models or self._fits(self._regression(fit).fit)
        scorers = [_StimulusScores(model, fit.reference, x) for model in self._models]
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
        n_units = None if self._fit is None else len(self._fit.reference)
        x = as_representation(representation, f"{prefix}representation", first=first, n_units=n_units)
        y = as_labels(labels, x, f"{prefix}labels")
        refuse_wrong_classes(y, self.n_classes, self.names, f"{prefix}labels")
        return x, self._code.columns(y)

    def _folds_of(self, first: int, n: int) -> IntArray | None:
        return running_folds(first, first + n, self.folds) if self.folds else None

    def _regression(self, fit: SumsByFold) -> Regression:
        if self._test is None and self.folds is None:
            raise ValueError("folds is None and no test batches came: call update_test, or give a number of folds")
        if self._test is None and self.folds and self._n_fit < self.folds:
            raise ValueError(
                f"cross-validation over {self.folds} folds needs at least as many stimuli, got {self._n_fit}: "
                "bring more stimuli, or fewer folds"
            )
        found = split_or_folds(fit, self._test)
        found.refuse_unseen_classes(self.names, cross_validated=self._test is None)
        return found

    def _fits(self, sums: Sums) -> list[_Fit]:
        """Return the fit on each set of stimuli."""
        fitted = Regression(self._code, sums, sums)
        return [_Fit(*both) for both in zip(fitted.mean, fitted.class_means, strict=True)]


def split_or_folds(fit: SumsByFold, test: SumsByFold | None) -> Regression:
    """Return the regression that is scored on test stimuli, or without these the cross-validated ones of all folds."""
    if test is not None:
        return Regression(fit.code, fit.by_fold().whole(), test.by_fold())
    folds = fit.by_fold()
    return Regression(fit.code, folds.others(), folds)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fit: `mean` `[unit]`, from the sums' common point, and each class's distance from it `[column, unit]`."""

    mean: FloatArray
    class_means: FloatArray


class _StimulusScores:
    """Adds up each stimulus's 1 - ||W f - phi||^2 / ||phi||^2 under one fit; a stimulus with phi = 0 counts as 0.

    The fit mean m cannot be represented exactly in the representation's precision, so stimuli are measured from the
    nearest number, `mean`, and the rest `m - mean` enters as one more column of the product with the class means d:
    1 - ||d - phi||^2 / ||phi||^2 = (2 d.phi - ||d||^2) / ||phi||^2, with phi = (representation - mean) - (m - mean).
    """

    def __init__(self, model: _Fit, reference: FloatArray, like: Tensor) -> None:
        dtype = working_dtype(like)
        exact = reference + model.mean
        self.mean = torch.from_numpy(exact).to(like.device, dtype)
        rest = exact - as_float64(self.mean)
        self._directions = torch.from_numpy(np.vstack([model.class_means, rest])).to(like.device, dtype)
        self._offset = torch.from_numpy(2 * model.class_means @ rest + (model.class_means**2).sum(1))
        self._rest_squared = float(rest @ rest)

    def add_up(self, piece: Piece, columns: Tensor, *, squares: Tensor) -> FloatArray:
        """Return the sum of R2 over stimuli, `[feature]`; the piece's shift is `mean`."""
        products = (piece.centred @ self._directions.T).cpu().double()
        columns = columns.cpu()
        length = squares.sum(1).cpu().double() + self._rest_squared - 2 * products[:, -1]
        gained = 2 * products.gather(1, columns) - self._offset[columns]
        scores = torch.where(length[:, None] > 0, gained / length[:, None], 0.0)
        return as_float64(scores.sum(0))
