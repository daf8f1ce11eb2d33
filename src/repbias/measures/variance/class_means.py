"""The regression of a representation on one-hot codes, and its score on other stimuli, from sums alone.

With phi the representation about the fit mean, f one feature and c its classes, the least-squares fit with an
intercept is d_c = (mean of class c) - (mean of all), and over the scored stimuli

    explained = sum ||phi||^2 - sum ||W f - phi||^2 = sum_c ( 2 d_c . sum_{i in c} phi_i  -  n_c ||d_c||^2 ).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repbias.core.arrays import FloatArray
from repbias.measures.variance.sums import OneHotCode, Sums, SumsByFold


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """A fit: `mean` `[unit]`, measured from the sums' reference point, and each class's distance from it
    `deviations` `[column, unit]`; 0 for a class that was never seen."""

    mean: FloatArray
    deviations: FloatArray


def fit_class_means(code: OneHotCode, fit: Sums) -> ClassMeans:
    """Return the regression on each feature alone."""
    # each feature's own sums, so that rounding leaves a feature of one class with deviations of exactly 0
    means = np.repeat(code.by_feature(fit.sums) / fit.n, code.n_classes, axis=0)
    deviations = fit.sums / np.maximum(fit.counts, 1)[:, None] - means
    deviations[fit.counts == 0] = 0
    return ClassMeans(fit.total / fit.n, deviations)


def splits(fit: SumsByFold, test: SumsByFold | None) -> list[tuple[Sums, Sums]]:
    """Return the pairs (sums to fit on, sums to score on): one with test stimuli, else one for each fold."""
    if test is not None:
        return [(fit.all(), test.all())]
    whole = fit.all()
    return [(whole - held_out, held_out) for held_out in map(fit.of, range(fit.folds))]


def explained_by_unit(code: OneHotCode, pairs: list[tuple[Sums, Sums]]) -> tuple[FloatArray, FloatArray]:
    """Return the explained `[feature, unit]` and the total `[unit]` sum of squares, added up over the pairs."""
    n_units = len(pairs[0][1].total)
    explained, total = np.zeros((len(code.n_classes), n_units)), np.zeros(n_units)
    for fit, test in pairs:
        model = fit_class_means(code, fit)
        d = model.deviations
        centred = test.sums - test.counts[:, None] * model.mean
        explained += code.by_feature(d * (2 * centred - test.counts[:, None] * d))
        total += test.squares - 2 * model.mean * test.total + test.n * model.mean**2
    return explained, np.maximum(total, 0)


def explained_jointly(code: OneHotCode, pairs: list[tuple[Sums, Sums]], without: int | None = None) -> float:
    """Return the sum of squares that one regression on all features' codes explains, but for one feature's.

    Where codes are linearly dependent (each feature's classes add up to 1, or one feature follows from others), the
    shortest of the least-squares solutions is taken, as `numpy.linalg.lstsq` does.
    """
    kept = np.ones(code.n_columns, dtype=bool)
    if without is not None:
        kept[code.starts[without] :][: code.n_classes[without]] = False
    return sum(_explained_by(fit, test, kept) for fit, test in pairs)


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Return part / whole, and 0 where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def refuse_unseen_classes(
    code: OneHotCode, pairs: list[tuple[Sums, Sums]], names: Sequence[str], *, cross_validated: bool
) -> None:
    """Raise where stimuli of a class are to be scored that the fit has never seen."""
    for fold, (fit, test) in enumerate(pairs):
        unseen = np.flatnonzero((fit.counts == 0) & (test.counts > 0))
        if not len(unseen):
            continue
        feature = int(np.searchsorted(code.starts, unseen[0], side="right")) - 1
        which = f"class {unseen[0] - code.starts[feature]} of feature {names[feature]!r}"
        stimuli = f"{int(test.counts[unseen[0]])} stimuli"
        if cross_validated:
            raise ValueError(
                f"{which} occurs in {stimuli} only, all of them in fold {fold} of {len(pairs)}, so that nothing is "
                "left to fit it on: bring more stimuli of that class, merge it with another, or drop it"
            )
        raise ValueError(
            f"{which} occurs in {stimuli} of test_labels but never in labels: every class that is scored must be "
            "among the stimuli of the fit"
        )


def _explained_by(fit: Sums, test: Sums, kept: npt.NDArray[np.bool_]) -> float:
    mean, frequency = fit.total / fit.n, fit.counts / fit.n
    gram, moments = _about(fit, mean, frequency)
    inverse = np.linalg.pinv(gram[np.ix_(kept, kept)], rcond=1e-10, hermitian=True)
    weights = inverse @ moments[kept]
    test_gram, test_moments = _about(test, mean, frequency)
    fitted = test_gram[np.ix_(kept, kept)] @ weights
    return float(np.sum(weights * (2 * test_moments[kept] - fitted)))


def _about(sums: Sums, mean: FloatArray, frequency: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the codes' products with each other and with the units, both about the means of the fit."""
    assert sums.gram is not None  # the fitter asks for it when joint
    cross = np.outer(sums.counts, frequency)
    gram = sums.gram - cross - cross.T + sums.n * np.outer(frequency, frequency)
    moments = sums.sums - np.outer(sums.counts, mean) - np.outer(frequency, sums.total - sums.n * mean)
    return gram, moments
