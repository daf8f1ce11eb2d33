"""Ridge and banded ridge from sums by fold: equal to fits on the data, with the penalties that predict best."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from repbias.features.folds import running_folds
from repbias.measures.variance.penalties import choose_penalties
from repbias.measures.variance.ridge import (
    RidgeFits,
    leave_one_fold_out,
    penalised_inverse,
    standardised,
    sums_by_fold,
    without_fold,
)

Array = NDArray[np.float64]
FOLDS = 4


def data(n: int = 120, columns: tuple[int, ...] = (2, 5), units: int = 4, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return centred activity and columns of several bands, of which the first has most of the signal, and folds."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(n, sum(columns))) @ rng.normal(size=(sum(columns),) * 2)
    x = rng.normal(size=(n, units)) * 3 + design[:, : columns[0]] @ rng.normal(size=(columns[0], units))
    return x - x.mean(0), design - design.mean(0), running_folds(0, n, FOLDS)


def fitted(x: Array, design: Array, fit: Array, penalties: Array) -> tuple[Array, Array]:
    """Return the weights and what they predict for the other stimuli, from the data, by the definition."""
    mean, sd = design[fit].mean(0), design[fit].std(0)
    columns = (design - mean) / sd
    gram = columns[fit].T @ columns[fit] + np.diag(penalties)
    weights = np.linalg.solve(gram, columns[fit].T @ (x[fit] - x[fit].mean(0)))
    return weights, columns[~fit] @ weights


def test_weights_and_explained_variance_are_those_of_fits_on_the_data() -> None:
    x, design, fold_of = data()
    penalties = np.array([1.0, 1, 30, 30, 30, 30, 30])
    fits = RidgeFits.of(sums_by_fold(x, design, fold_of))
    everything, gain = np.arange(7), np.zeros(4)
    for fold in range(FOLDS):
        fit = fold_of != fold
        weights, predicted = fitted(x, design, fit, penalties)
        assert fits.weights(everything, penalties)[fold] == pytest.approx(weights)
        z = x[~fit] - x[fit].mean(0)
        gain += (z**2).sum(0) - ((z - predicted) ** 2).sum(0)
    assert fits.gains(everything, penalties).sum(0) == pytest.approx(gain)


def test_predictions_are_himalayas_at_equal_penalties() -> None:
    ridge = pytest.importorskip("himalaya.ridge")
    x, design, fold_of = data(columns=(3, 20), units=6)
    penalty = np.array([5.0, 80.0])
    weights = RidgeFits.of(sums_by_fold(x, design, fold_of)).weights(np.arange(23), np.repeat(penalty, (3, 20)))
    for fold in range(FOLDS):
        fit = fold_of != fold
        columns = (design - design[fit].mean(0)) / design[fit].std(0)
        alpha = 1 / (1 / penalty).sum()
        _, theirs, _, intercept = ridge.solve_group_ridge_random_search(
            [columns[fit, :3], columns[fit, 3:]], x[fit], n_iter=(alpha / penalty)[None], alphas=alpha, cv=2,
            return_weights=True, fit_intercept=True, progress_bar=False,
        )  # fmt: skip
        expected = columns[~fit] @ theirs + intercept
        assert columns[~fit] @ weights[fold] + x[fit].mean(0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_no_penalties_of_the_grid_predict_better_than_those_chosen(seed: int) -> None:
    x, design, fold_of = data(60, seed=seed)
    kept, grid, bands = fold_of != 0, 10.0 ** np.arange(-2, 5), np.array([0, 0, 1, 1, 1, 1, 1])
    designs = standardised(leave_one_fold_out(without_fold(sums_by_fold(x, design, fold_of), 0)))

    def error(penalties: Array) -> float:
        """Squared error of predicting each other fold from the rest of them, from the data."""
        total = 0.0
        for fold in range(1, FOLDS):
            fit = fold_of[kept] != fold
            _, predicted = fitted(x[kept], design[kept], fit, penalties[bands])
            total += ((x[kept][~fit] - x[kept][fit].mean(0) - predicted) ** 2).sum()
        return total

    assert error(choose_penalties(designs, bands, grid)) == pytest.approx(
        min(error(np.array(both)) for both in product(grid, grid))
    )
    shared = choose_penalties(designs, np.zeros(7, dtype=int), grid)
    assert shared.shape == (1,)
    assert error(shared.repeat(2)) == pytest.approx(min(error(np.full(2, one)) for one in grid))


def test_penalties_do_not_depend_on_the_fold_that_they_are_used_for() -> None:
    x, design, fold_of = data()
    changed, other = x.copy(), design.copy()
    changed[fold_of == 0], other[fold_of == 0] = 50.0, 7.0
    grid, bands = 10.0 ** np.arange(-2, 5), np.array([0, 0, 1, 1, 1, 1, 1])
    found = [
        choose_penalties(standardised(leave_one_fold_out(without_fold(sums, 0))), bands, grid)
        for sums in (sums_by_fold(x, design, fold_of), sums_by_fold(changed, other, fold_of))
    ]
    assert found[0].tolist() == found[1].tolist()


def test_the_start_of_the_search_does_not_matter_where_bands_are_independent() -> None:
    x, design, fold_of = data(400, columns=(2, 2, 2))
    designs = standardised(leave_one_fold_out(sums_by_fold(x, design, fold_of)))
    grid, bands = 10.0 ** np.arange(-2, 5), np.array([0, 0, 1, 1, 2, 2])
    found = [choose_penalties(designs, bands, grid, np.full(3, one)).tolist() for one in (grid[0], grid[-1])]
    assert found[0] == found[1]


def test_an_inverse_that_does_not_exist_is_the_shortest_solution() -> None:
    gram = np.array([[[2.0, 2.0], [2.0, 2.0]]])
    assert penalised_inverse(gram, np.zeros(2)) == pytest.approx(np.full((1, 2, 2), 1 / 8))
    assert penalised_inverse(gram, np.ones(2)) == pytest.approx(np.linalg.inv(gram + np.eye(2)))
    assert penalised_inverse(gram, np.array([0.0, 1e15])) == pytest.approx(np.array([[[0.5, 0], [0, 0]]]))
    assert penalised_inverse(gram, np.array([[1.0, 0.0]])) == pytest.approx(np.array([[[1.0, -1], [-1, 1.5]]]))
