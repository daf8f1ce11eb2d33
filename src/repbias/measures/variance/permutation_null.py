"""The pooled R2 under labels that are permuted across stimuli, many permutations in one pass over the stimuli."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repbias.core.arrays import FloatArray
from repbias.features.hashed_folds import assign_folds
from repbias.measures.variance.class_means import explained_by_unit, ratio, splits
from repbias.measures.variance.sums import OneHotCode, SumsByFold, as_float64, near_mean, pieces

COLUMNS_A_PASS = 512
ROUNDING = 1e-12


def permuted_r2(
    fit: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor] | None,
    n_classes: tuple[int, ...],
    *,
    folds: int | None,
    permutations: int,
    seed: int,
) -> FloatArray:
    """Return the pooled R2 of each permutation, `[permutation, feature]`.

    All features share a permutation; fit and test stimuli are permuted apart. A class that a permutation leaves
    without stimuli to fit on is predicted to be at the mean.
    """
    generator = np.random.default_rng(seed)
    size = max(1, COLUMNS_A_PASS // sum(n_classes))
    null = []
    for done in range(0, permutations, size):
        n = min(size, permutations - done)
        code = OneHotCode(n_classes * n)
        reference = as_float64(fit[0][0])
        fit_sums = _sums(fit[0], _permuted(fit[1], n, generator), code, reference, folds)
        test_sums = None
        if test is not None:
            test_sums = _sums(test[0], _permuted(test[1], n, generator), code, reference, None)
        explained, total = explained_by_unit(code, splits(fit_sums, test_sums))
        null.append(ratio(explained.sum(1), total.sum()).reshape(n, -1))
    return np.concatenate(null)


def permutation_p_value(observed: FloatArray, null: FloatArray) -> FloatArray:
    """Return (1 + number of permutations with an R2 as high as observed) / (1 + permutations), `[feature]`."""
    return (1 + (null >= observed - ROUNDING).sum(0)) / (1 + len(null))


def _permuted(labels: Tensor, n: int, generator: np.random.Generator) -> Tensor:
    """Return `n` permutations of the labels side by side, `[stimulus, n * feature]`."""
    orders = [torch.from_numpy(generator.permutation(len(labels))).to(labels.device) for _ in range(n)]
    return torch.cat([labels[order] for order in orders], dim=1)


def _sums(
    representation: Tensor, labels: Tensor, code: OneHotCode, reference: FloatArray, folds: int | None
) -> SumsByFold:
    sums = SumsByFold(code, reference, folds=folds or 1, gram=False)
    columns = code.columns(labels)
    fold_of = assign_folds(0, len(representation), folds) if folds else None
    for piece in pieces(representation, fold_of, near_mean):
        sums.add(piece, columns[piece.rows], squares=piece.squares())
    return sums
