"""Density tells a feature that many units carry from one that few carry."""

import numpy as np
import pytest

from repbias.measures import Density, density, variance_explained


def planted(n=20_000, n_units=40):
    """Return a representation where feature 0 moves every unit, feature 1 four of them, and feature 2 none."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (n, 3))
    x = rng.normal(size=(n, n_units)) + (2 * labels[:, :1] - 1)
    x[:, :4] += 2 * labels[:, 1:2] - 1
    return x, labels


def test_dense_and_sparse_codes_are_told_apart():
    found = density(*planted(), thresholds=(0.1, 0.25, 0.45))
    assert found.participation[:2] == pytest.approx([40, 4], rel=0.02)
    assert found.participation_fraction == pytest.approx(found.participation / 40)
    # units of feature 0: R2 1/2 where alone, 1/3 in the four that feature 1 moves too
    assert found.fraction_above.tolist() == [[1, 1, 0.9], [0.1, 0.1, 0], [0, 0, 0]]
    assert found.curve[0] == pytest.approx([1 / 2] * 36 + [1 / 3] * 4, abs=0.02)
    assert (np.diff(found.curve, axis=1) <= 0).all()


def test_participation_weighs_units_by_their_explained_variance():
    x, labels = planted()
    x[:, 0] *= 100
    found = density(x, labels)
    assert found.participation[0] == pytest.approx(1, abs=0.02)
    assert found.fraction_above[0, 1] == 1


def test_nothing_explained_and_constant_units():
    x, labels = planted(n=400)
    x[:, 10:] = 3.0
    labels[:, 2] = 0
    found = density(x, labels)
    assert found.participation[2] == 0
    assert found.fraction_above[0, 0] == 10 / 40
    assert np.isfinite(found.table()["value"]).all()


def test_it_is_the_same_from_an_existing_result():
    x, labels = planted(n=1_000)
    held_out = {"test_representation": x[500:], "test_labels": labels[500:]}
    variance = variance_explained(x[:500], labels[:500], names=["a", "b", "c"], **held_out)
    ours = Density.from_variance(variance, thresholds=[0.2])
    theirs = density(x[:500], labels[:500], names=["a", "b", "c"], thresholds=[0.2], **held_out)
    assert ours.table().equals(theirs.table())


def test_the_table_is_tidy():
    table = density(*planted(n=100), names=["a", "b", "c"]).table()
    assert list(table.columns) == ["feature", "measure", "value"]
    measures = ["fraction_above_0.05", "fraction_above_0.1", "fraction_above_0.25"]
    assert set(table["measure"]) == {*measures, "participation", "participation_fraction"}
    assert len(table) == 15


@pytest.mark.parametrize("thresholds", [[-0.1], [1.0], [float("nan")], []])
def test_a_threshold_must_be_an_r2(thresholds):
    with pytest.raises(ValueError, match="thresholds must be"):
        density(*planted(n=100), thresholds=thresholds)
