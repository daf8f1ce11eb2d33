"""Variance explained: how much of a representation's variance a linear regression *from* each feature accounts for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    as_float64,
    as_labelled,
    as_labels,
    as_representation,
    class_numbers,
)
from repbias.core.frames import shared_index
from repbias.features.folds import running_folds
from repbias.features.inference import Features, given_features
from repbias.measures.variance.fitter import VarianceExplained, VarianceFitter, split_or_folds
from repbias.measures.variance.general import explained_by_features
from repbias.measures.variance.regression import ratio
from repbias.measures.variance.sums import OneHotCode, SumsByFold, near_mean, pieces

COLUMNS_PER_PASS = 512
VALUES_PER_PASS = 2**24
ROUNDING = 1e-12


def variance_explained(
    representation: ArrayLike,
    labels: Features,
    *,
    test_representation: ArrayLike | None = None,
    test_labels: Features | None = None,
    names: Sequence[str] | None = None,
    folds: int = 5,
    permutations: int = 0,
    seed: int = 0,
    joint: bool = False,
) -> VarianceExplained:
    """Measure how much of a representation's variance each feature explains, each feature alone.

    This is an encoding regression, not decoding accuracy. With phi the representation less its mean over the stimuli
    of the fit, and f a feature's one-hot code (the design matrix of other kinds),

        fit      W = argmin sum || W f - phi ||^2                        on `representation`, `labels`
        score    R2 = 1 - sum || W f - phi ||^2 / sum || phi ||^2        on the test arrays, about the mean of the fit

    pooled over units and stimuli (`r2`); also for each unit (`unit_r2`), and as the mean over stimuli of
    1 - || W f - phi ||^2 / || phi ||^2 (`r2_per_stimulus`). Pooled and per-stimulus forms differ: name the one you
    report. Without test arrays the score is cross-validated, each fold scored about the mean of the others.

    `r2` is the R2 of predicting new stimuli. The noise of the fit lowers it, by about (1 - R2) (classes - 1) / stimuli,
    so that it lies below 0 for a feature that explains nothing. `r2_unbiased`, sum W f . phi / sum || phi ||^2 from
    independent estimates, estimates the R2 of the population without that bias; the audit's intervals and tests are
    based on it.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device.
    labels : class labels 0, 1, 2, ..., `[stimulus]` or `[stimulus, feature]`; bool and whole floats are accepted. Or
        features of any kind: a mapping of names to labels (whole numbers, text) or to what `continuous`, `circular` and
        `columns` return; a data frame; or one such feature. Numbers that are not whole are taken as continuous.
    test_representation : `[stimulus, unit]`, other stimuli to score on. Give both test arrays or neither.
    test_labels : the same features of these stimuli, in the same form.
    names : the features' names; `feature_0`, ... by default.
    folds : number of cross-validation folds, where no test arrays are given. A stimulus's fold depends on its
        position only.
    permutations : number of random permutations of the labels across stimuli (separately in fit and test arrays) for
        `p_value`; 0 for none.
    seed : seed of the permutations.
    joint : also regress on all features together, for `joint_r2`, `unique` (the drop when a feature is left out)
        and `common`. For independent features unique is near r2 and common near 0.

    Returns
    -------
    A `VarianceExplained`. R2 is 0 for a unit or a feature that does not vary.

    Raises
    ------
    ValueError : for arrays that do not fit together, values that are not finite, labels that are negative, a class that
        is scored and was never fitted, or too few stimuli.
    TypeError : for arrays that do not hold numbers.

    When not to use it: to ask whether a feature *can be read out*, which is
    decoding and may be perfect at an R2 of 0.01; with stimuli the network was trained on.

    Results agree with float64 least squares to about 1e-7, also where a unit's mean is a thousand times its standard
    deviation; float32 matmuls that are set to lower precision (`torch.set_float32_matmul_precision`) lose that on CPUs.

    Source: Lampinen, Chan & Hermann (2024), arXiv 2405.05847.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.variance_explained(x, labels, names=["strong", "weak"])
    >>> dict(zip(found.names, found.r2.round(2).tolist()))
    {'strong': 0.5, 'weak': 0.06}
    """
    _refuse_unusable(test_representation, test_labels, permutations)
    shared_index({"representation": representation, "labels": labels})
    shared_index({"test_representation": test_representation, "test_labels": test_labels})
    x = as_representation(representation, "representation")
    test_x = None
    if test_representation is not None:
        test_x = as_representation(test_representation, "test_representation", n_units=x.shape[1])
    given = given_features(labels, test_labels, names, len(x), None if test_x is None else len(test_x))
    if given.split is not None:
        return explained_by_features(
            as_float64(x), None if test_x is None else as_float64(test_x), given.split,
            folds=folds, permutations=permutations, seed=seed, joint=joint,
        )  # fmt: skip
    x, y, names = as_labelled(x, given.labels, given.names)
    cross_validated = test_x is None
    fitter = VarianceFitter(
        class_numbers(y, names, "labels"), names=names, folds=folds if cross_validated else None, joint=joint
    )
    fitter.update(x, y)
    test = None
    if test_x is None:
        fitter.second_pass(x, y)
    else:
        test = (test_x, as_labels(given.test_labels, test_x, "test_labels"))
        fitter.update_test(*test)
    found = fitter.result()
    if permutations == 0:
        return found
    null = permuted_r2((x, y), test, fitter.n_classes, folds=fitter.folds, permutations=permutations, seed=seed)
    exceeding = (null >= found.r2 - ROUNDING).sum(0)
    return replace(found, p_value=(1 + exceeding) / (1 + permutations))


def _refuse_unusable(test_representation: ArrayLike | None, test_labels: Features | None, permutations: int) -> None:
    if (test_representation is None) != (test_labels is None):
        given, missing = ("test_labels", "test_representation")[:: 1 if test_representation is None else -1]
        raise ValueError(f"{given} was given without {missing}: give both, or neither for cross-validation")
    if permutations < 0:
        raise ValueError(f"permutations must be 0 or more, got {permutations}")


def permuted_r2(
    fit: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor] | None,
    n_classes: tuple[int, ...],
    *,
    folds: int | None,
    permutations: int,
    seed: int,
) -> FloatArray:
    """Return the pooled R2 under permuted labels, `[permutation, feature]`; many permutations share one pass.

    All features share a permutation; fit and test stimuli are permuted separately. A class that a permutation leaves
    without stimuli to fit on is predicted to be at the mean.
    """
    generator = np.random.default_rng(seed)
    most = min(COLUMNS_PER_PASS, VALUES_PER_PASS // (fit[0].shape[1] * (folds or 1)))
    size = max(1, most // sum(n_classes))
    null = []
    for done in range(0, permutations, size):
        n = min(size, permutations - done)
        code, reference = OneHotCode(n_classes * n), as_float64(fit[0][0])
        fit_sums = _sums(fit[0], _permuted(fit[1], n, generator), code, reference, folds)
        test_sums = None
        if test is not None:
            test_sums = _sums(test[0], _permuted(test[1], n, generator), code, reference, None)
        regression = split_or_folds(fit_sums, test_sums)
        explained = code.by_feature(regression.gain().sum((0, 2)))
        null.append(ratio(explained, regression.total().sum()).reshape(n, -1))
    return np.concatenate(null)


def _permuted(labels: Tensor, n: int, generator: np.random.Generator) -> Tensor:
    """Return `n` permutations of the labels side by side, `[stimulus, n * feature]`."""
    orders = [torch.from_numpy(generator.permutation(len(labels))).to(labels.device) for _ in range(n)]
    return torch.cat([labels[order] for order in orders], dim=1)


def _sums(
    representation: Tensor, labels: Tensor, code: OneHotCode, reference: FloatArray, folds: int | None
) -> SumsByFold:
    sums = SumsByFold(code, reference, folds=folds or 1, gram=False)
    columns = code.columns(labels)
    fold_of = running_folds(0, len(representation), folds) if folds else None
    for piece in pieces(representation, fold_of, near_mean):
        sums.add(piece, columns[piece.rows], squares=piece.squares())
    return sums
