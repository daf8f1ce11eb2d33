"""Features of every kind: their design matrices, what they refuse, and how kinds are inferred."""

import numpy as np
import pandas as pd
import pytest
import torch

from repbias import categorical, circular, columns, continuous
from repbias.features.inference import as_feature, inference_notes

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, 200)


def spans(columns, of):
    """Return whether `of` is a linear function of the columns, with an intercept."""
    design = np.column_stack([np.ones(len(columns)), columns])
    fitted = design @ np.linalg.lstsq(design, of, rcond=None)[0]
    return np.allclose(fitted, of, atol=1e-8)


def test_a_linear_feature_is_one_standardised_column():
    values = continuous(X).values()
    assert values.code[:, 0] == pytest.approx((X - X.mean()) / X.std())
    assert (values.freedom, values.n_columns, values.classes) == (1, 1, ())
    assert values.steps == pytest.approx(np.ones((200, 1)))


@pytest.mark.parametrize("knots", [2, 5, 8])
def test_splines_hold_straight_lines_and_cubics_and_one_column_more_than_knots(knots):
    values = continuous(X, basis="spline", knots=knots).values()
    assert values.n_columns == knots + 1
    assert spans(values.code, X)
    assert spans(values.code, X**3)
    assert values.targets[:, 0] == pytest.approx((X - X.mean()) / X.std())


@pytest.mark.parametrize("harmonics", [1, 3])
def test_an_angle_is_the_same_one_period_later(harmonics):
    angle = RNG.uniform(0, 180, 50)
    here, there = (circular(one, period=180, harmonics=harmonics).values() for one in (angle, angle + 360))
    assert here.code == pytest.approx(there.code, abs=1e-9)
    assert here.n_columns == 2 * harmonics
    assert spans(here.code, np.cos(2 * np.pi * harmonics * angle / 180))
    assert here.targets.shape == (50, 2)


def test_columns_are_standardised_and_their_penalty_is_chosen():
    matrix = RNG.normal(size=(40, 3)) * [1, 100, 0.01] + 5
    values = columns(np.column_stack([matrix, np.ones(40)])).values()
    assert values.code.std(0) == pytest.approx([1, 1, 1, 0])
    assert values.penalised
    assert not columns(matrix[:, :1]).values().penalised


@pytest.mark.parametrize("given", [continuous(X), circular(X, period=3), columns(RNG.normal(size=(200, 4)))])
def test_strata_are_as_large_as_one_another_and_equal_values_are_in_one(given):
    values = given.values()
    assert np.bincount(values.numbers).tolist() == pytest.approx([40] * 5, abs=1)
    tied = continuous(np.repeat([0.1, 0.5, 0.9], [150, 30, 20])).values()
    assert len(np.unique(np.column_stack([tied.numbers, tied.identity]), axis=0)) == 3


KINDS = {
    "text": (["a", "b"] * 20, "categorical"),
    "truth values": (np.arange(40) % 2 == 0, "categorical"),
    "pandas' categories": (pd.Categorical(["low", "high"] * 20), "categorical"),
    "intervals": (pd.cut(pd.Series(np.arange(40.0)), 4), "categorical"),
    "bytes": (np.array([b"a", b"b"] * 20), "categorical"),
    "few whole numbers": (np.arange(40) % 3, "categorical"),
    "many whole numbers, each twice": (np.arange(60) % 30, "categorical"),
    "many whole numbers, some once": (np.arange(40), "continuous"),
    "whole floats": (np.arange(40.0) % 3, "categorical"),
    "nullable whole numbers": (pd.Series([1, 2, None, 1] * 10, dtype="Int64"), "categorical"),
    "fractions": (X[:40], "continuous"),
    "nullable fractions": (pd.Series([0.5, None, 1.5, 2.5] * 10, dtype="Float64"), "continuous"),
    "bfloat16": (torch.randn(40).bfloat16(), "continuous"),
    "numbers as objects": (pd.Series([0.5, 1, 2.25, None] * 10, dtype=object), "continuous"),
}


@pytest.mark.parametrize("case", KINDS)
def test_the_kind_is_that_of_the_type(case):
    given, kind = KINDS[case]
    assert as_feature(given, "x").kind == kind


def test_only_numbers_of_more_than_two_values_have_a_note():
    given = {"a": ["x", "y"] * 20, "b": np.arange(40) % 2, "c": np.arange(40) % 3, "d": X[:40], "e": continuous(X[:40])}
    notes = inference_notes(given, {name: as_feature(values, name) for name, values in given.items()})
    assert len(notes) == 2
    assert "classes: c." in notes[0]
    assert "linear effect: d." in notes[1]


def test_missing_values_are_found_in_every_kind():
    gaps = np.where(np.arange(40) == 3, np.nan, X[:40])
    for feature in (continuous(gaps), circular(gaps, period=1), columns(np.column_stack([X[:40], gaps]))):
        assert np.flatnonzero(feature.missing()).tolist() == [3]
    assert np.flatnonzero(categorical(["a", None, "b"]).missing()).tolist() == [1]


def test_fractions_may_be_classes_where_the_user_says_so():
    values = categorical(np.array([0.5, 0.25, 0.5, 0.25])).values()
    assert (values.classes, values.numbers.tolist()) == (("0.25", "0.5"), [1, 0, 1, 0])


REFUSED = {
    "text as numbers": (lambda: continuous(["a", "b"]), TypeError, "categorical"),
    "two axes as one": (lambda: continuous(np.ones((4, 2))), ValueError, r"columns\(matrix\)"),
    "one axis as columns": (lambda: columns(X), ValueError, r"continuous\(x\)"),
    "an unknown basis": (lambda: continuous(X, basis="splines"), ValueError, "did you mean 'spline'"),
    "one knot": (lambda: continuous(X, basis="spline", knots=1), ValueError, "knots"),
    "a period of 0": (lambda: circular(X, period=0), ValueError, "period"),
    "no harmonics": (lambda: circular(X, period=1, harmonics=0), ValueError, "harmonics"),
    "a constant": (lambda: continuous(np.ones(5)).values(), ValueError, "must vary"),
    "splines of three values": (lambda: continuous([0.1, 0.2, 0.3] * 3, basis="spline").values(), ValueError, "linear"),
    "an infinite value": (lambda: continuous([0.5, np.inf]).values(), ValueError, "stimulus 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_to_do(case):
    make, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        make()
