"""Kinds of features as they are written on the command line."""

import numpy as np
import pandas as pd
import pytest

from repbias.audit.files.kinds import FeatureKinds

TABLE = pd.DataFrame(
    {"shape": ["a", "b"] * 6, "speed": np.linspace(0, 1, 12), "angle": np.arange(12) * 15.0, "id": np.arange(12)}
    | {f"m{k}": np.random.default_rng(k).normal(size=12) for k in range(4)}
)


def test_each_column_is_of_the_kind_that_was_asked_for():
    kinds = FeatureKinds(("id",), ("speed:spline",), ("angle:180",), ("motion=m0..m2", "last=m3"))
    found = kinds.of(TABLE)
    assert list(found) == ["shape", "speed", "angle", "id", "motion", "last"]
    assert found["speed"].settings == {"basis": "spline", "knots": 5}
    assert found["angle"].settings == {"period": 180.0}
    assert found["motion"].columns.shape == (12, 3)
    assert found["id"].kind == "categorical"
    np.testing.assert_array_equal(found["shape"], TABLE["shape"])


def test_columns_may_be_listed_one_by_one():
    assert FeatureKinds(columns_of=("place=m0,m3",)).of(TABLE)["place"].columns.shape == (12, 2)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"continuous": ["sped"]}, "did you mean 'speed'"),
        ({"circular": ["angle"]}, "as a number after a colon"),
        ({"circular": ["angle:right"]}, "as a number after a colon"),
        ({"continuous": ["speed"], "circular": ["speed:1"]}, "two kinds"),
        ({"columns_of": ["motion=m0..m9"]}, "no column 'm9'"),
        ({"columns_of": ["motion="]}, "name the columns"),
        ({"columns_of": ["shape=m0,m1"]}, "choose another name"),
        ({"columns_of": ["m=speed,m0"], "continuous": ["speed"]}, "another kind already"),
    ],
)
def test_what_does_not_fit_is_refused(kinds, message):
    with pytest.raises(ValueError, match=message):
        FeatureKinds(**kinds).of(TABLE)
