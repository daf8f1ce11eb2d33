"""Variance explained by features of any kind, for data that fit in memory; `variance_explained` with class labels takes
the sums of `VarianceFitter` instead, which give the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import running_folds
from repbias.features.values import Values
from repbias.measures.variance.fitter import VarianceExplained
from repbias.measures.variance.predictions import (
    choose_penalties,
    cross_validated,
    folded,
    held_out_predictions,
    side_by_side,
)
from repbias.measures.variance.regression import ratio

ROUNDING = 1e-12
Split = tuple[dict[str, Values], dict[str, Values]]


def explained_by_features(
    x: FloatArray, test_x: FloatArray | None, features: Split, *, folds: int, permutations: int, seed: int, joint: bool
) -> VarianceExplained:
    """Return the variance that features explain; see `variance_explained`.

    Parameters
    ----------
    x, test_x : float64 `[stimulus, unit]`; None without test stimuli.
    features : the values of each feature for the stimuli of the fit and for the test stimuli.
    """
    data = _Data(x, test_x, folds)
    values = {name: data.joined(features, name) for name in features[0]}
    found = data.explained(values)
    if joint:
        found = data.with_joint(found, values)
    if permutations == 0:
        return found
    generator = np.random.default_rng(seed)
    null = [data.r2(data.permuted(values, generator)) for _ in range(permutations)]
    exceeding = (np.stack(null) >= found.r2 - ROUNDING).sum(0)
    return replace(found, p_value=(1 + exceeding) / (1 + permutations))


class _Data:
    """The stimuli of the fit and the test, which are two folds of which one is scored, or folds that all are."""

    def __init__(self, x: FloatArray, test_x: FloatArray | None, folds: int) -> None:
        self._n_fit = len(x)
        if test_x is None:
            if len(x) < folds:
                raise ValueError(
                    f"cross-validation over {folds} folds needs at least as many stimuli, got {len(x)}: add stimuli, "
                    "or use fewer folds"
                )
            both, fold_of = x, running_folds(0, len(x), folds)
        else:
            both = np.concatenate([x, test_x])
            fold_of = (np.arange(len(both)) >= len(x)).astype(np.int64)
        shifted = both - both[0]
        shifted[:, np.ptp(both, axis=0) == 0] = 0.0
        self._activity = folded(shifted - shifted.mean(0), fold_of)
        self._scored = np.ones(len(both), dtype=bool) if test_x is None else fold_of == 1

    def joined(self, features: Split, name: str) -> Values:
        """Return the values of a feature for all stimuli."""
        fit, test = (one[name] for one in features)
        return fit.joined(test) if test.n else fit

    def permuted(self, values: Mapping[str, Values], generator: np.random.Generator) -> dict[str, Values]:
        """Return the features with their values permuted, all alike, separately over fit and test stimuli."""
        n, n_fit = len(self._scored), self._n_fit
        order = np.r_[generator.permutation(n_fit), n_fit + generator.permutation(n - n_fit)].astype(np.int64)
        return {name: one.take(order) for name, one in values.items()}

    def r2(self, values: Mapping[str, Values]) -> FloatArray:
        """Return the pooled R2, `[feature]`."""
        z = self._activity.deviations[self._scored]
        gains = [((2 * z - q) * q).sum() for q in map(self._predictions, values.values())]
        return ratio(np.array(gains), (z**2).sum())

    def explained(self, values: Mapping[str, Values]) -> VarianceExplained:
        """Return what each feature explains alone."""
        x, z, n = self._activity.x[self._scored], self._activity.deviations[self._scored], int(self._scored.sum())
        squares, length = (z**2).sum(0), (z**2).sum(1)
        gains, crosses, per_stimulus = [], [], []
        for one in values.values():
            q = self._predictions(one)
            gain = (2 * z - q) * q
            gains.append(gain.sum(0))
            unbiased = q if not one.penalised else self._predictions(one, unbiased=True)
            crosses.append((z * unbiased).sum())
            per_stimulus.append(ratio(gain.sum(1), length).mean())
        explained = np.stack(gains)
        return VarianceExplained(
            names=tuple(values),
            r2=ratio(explained.sum(1), squares.sum()),
            r2_unbiased=ratio(np.array(crosses), (x * z).sum()),
            r2_per_stimulus=np.array(per_stimulus),
            unit_r2=ratio(explained, squares),
            explained=explained.sum(1) / n,
            total=float(squares.sum()) / n,
            unit_total=squares / n,
            n_stimuli=n,
        )

    def with_joint(self, found: VarianceExplained, values: Mapping[str, Values]) -> VarianceExplained:
        """Return what was found with the R2 of one regression on all features, and the unique part of each."""
        design = np.hstack([one.code for one in values.values()])
        fits = cross_validated(self._activity.x, design, self._activity.fold_of, scored=self._scored)
        designs, columns_of = fits.designs(), side_by_side(values)
        bands = [columns_of[name] for name, one in values.items() if one.penalised]
        penalties = choose_penalties(fits, designs, bands)
        joint = None if penalties is None else penalties.joint
        total = found.total * found.n_stimuli

        def r2(columns: IntArray) -> float:
            return float(ratio(designs.explained(columns, joint)[1], total)) if len(columns) else 0.0

        every = np.arange(design.shape[1])
        joint_r2 = r2(every)
        unique = np.array([joint_r2 - r2(np.setdiff1d(every, columns)) for columns in columns_of.values()])
        return replace(found, joint_r2=joint_r2, unique=unique)

    def _predictions(self, values: Values, *, unbiased: bool = False) -> FloatArray:
        found = held_out_predictions(self._activity.x, values, self._activity.fold_of, unbiased=unbiased)
        return found[self._scored]
