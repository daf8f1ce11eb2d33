"""Features of simulated stimuli, of which the covariance of the design matrix is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import repbias
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.kinds import Feature

Draw = Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, eq=False)
class Source:
    """Features of one kind, drawn for independent items.

    draw : returns for a number of items the numbers that `features` takes, and the design matrix `[item, column]`,
        whose columns have a mean of 0 in the population.
    features : returns the features by name, from these numbers.
    covariance : of the design matrix in the population, `[column, column]`.
    columns : the columns of each feature, by name.
    """

    draw: Draw
    features: Callable[[FloatArray], dict[str, Feature]]
    covariance: FloatArray
    columns: Mapping[str, IntArray]


def classes(*probabilities: float) -> Source:
    """Return a categorical feature whose classes have these probabilities."""
    return labelled({"planted": range(len(probabilities))}, probabilities)


def labelled(cells: Mapping[str, Sequence[int]], probabilities: Sequence[float]) -> Source:
    """Return categorical features that may be associated.

    Parameters
    ----------
    cells : the class of each feature in each combination of classes, by name, `[cell]`.
    probabilities : of the cells.
    """
    table, p = np.array(list(cells.values())).T, np.asarray(probabilities)
    codes = [np.eye(max(of_cell) + 1)[list(of_cell)] for of_cell in cells.values()]
    code = np.hstack(codes) - p @ np.hstack(codes)
    ends = np.cumsum([one.shape[1] for one in codes])

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        while True:
            cell = rng.choice(len(p), p=p, size=n)
            if all(np.bincount(one[cell], minlength=one.max() + 1).min() > 1 for one in table.T):
                return table[cell].astype(float), code[cell]

    def features(numbers: FloatArray) -> dict[str, Feature]:
        labels = numbers.astype(int)
        return {name: repbias.categorical(one) for name, one in zip(cells, labels.T, strict=True)}

    columns = {name: np.arange(end - one.shape[1], end) for name, one, end in zip(cells, codes, ends, strict=True)}
    return Source(draw, features, code.T @ (p[:, None] * code), columns)


def alternating() -> Source:
    """Return a feature with two classes that takes turns from item to item; which comes first is random."""

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        label = (np.arange(n) + rng.integers(2)) % 2
        return label[:, None].astype(float), label[:, None] - 0.5

    return Source(
        draw,
        lambda numbers: {"planted": repbias.categorical(numbers[:, 0].astype(int))},
        np.array([[0.25]]),
        {"planted": np.array([0])},
    )


def linear() -> Source:
    """Return a normal number, on which activity depends linearly."""
    return _numbers(lambda rng, n: _same(rng.normal(size=(n, 1))), lambda x: repbias.continuous(x[:, 0]), 1)


def spline() -> Source:
    """Return an even number on which activity depends by a parabola, which cubic splines describe without error."""

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        x = rng.uniform(-1, 1, size=(n, 1))
        return x, np.hstack([np.sqrt(3) * x, np.sqrt(5) * (3 * x**2 - 1) / 2])

    return _numbers(draw, lambda x: repbias.continuous(x[:, 0], basis="spline"), 2)


def circular() -> Source:
    """Return an angle in degrees, on which activity depends by its sine and cosine."""

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        degrees = rng.uniform(0, 360, size=(n, 1))
        return degrees, np.sqrt(2) * np.hstack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])

    return _numbers(draw, lambda degrees: repbias.circular(degrees[:, 0], period=360), 2)


def many_columns(number: int) -> Source:
    """Return independent normal columns that are one feature."""
    return _numbers(lambda rng, n: _same(rng.normal(size=(n, number))), repbias.columns, number)


def _numbers(draw: Draw, feature: Callable[[FloatArray], Any], n_columns: int) -> Source:
    """Return a source of one feature whose columns are independent, with a variance of 1."""
    return Source(draw, lambda x: {"planted": feature(x)}, np.eye(n_columns), {"planted": np.arange(n_columns)})


def _same(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    return x, x
