"""Measures of continuous, circular and many-column features, against closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.preprocessing import SplineTransformer, StandardScaler

import repbias
from repbias import circular, columns, continuous

N = 400
RNG = np.random.default_rng(0)
SPEED, ANGLE, EMBEDDING = RNG.gamma(2, size=N), RNG.uniform(0, 360, N), RNG.normal(size=(N, 30))
NOISE = RNG.normal(size=(N, 8))
X = np.outer(SPEED, RNG.normal(size=8)) + np.cos(np.deg2rad(ANGLE[:, None] - RNG.uniform(0, 360, 8))) + NOISE
FIT, TEST = slice(0, 250), slice(250, N)


def sklearn_r2(design, fit=FIT, test=TEST, model=None):
    """Return the pooled R2 about the mean of the fit."""
    predicted = (model or LinearRegression()).fit(design[fit], X[fit]).predict(design[test])
    return 1 - ((X[test] - predicted) ** 2).sum() / ((X[test] - X[fit].mean(0)) ** 2).sum()


DESIGNS = {
    "linear": (continuous, {}, SPEED, SPEED[:, None]),
    "spline": (
        continuous,
        {"basis": "spline"},
        SPEED,
        SplineTransformer(
            knots=np.quantile(SPEED, np.linspace(0, 1, 5))[:, None], degree=3, include_bias=False
        ).fit_transform(SPEED[:, None]),
    ),
    "circular": (
        circular,
        {"period": 360, "harmonics": 2},
        ANGLE,
        np.column_stack([f(k * np.deg2rad(ANGLE)) for f in (np.cos, np.sin) for k in (1, 2)]),
    ),
}


@pytest.mark.parametrize("case", DESIGNS)
def test_r2_is_that_of_scikit_learn(case):
    make, settings, values, design = DESIGNS[case]
    found = repbias.variance_explained(
        X[FIT],
        {"f": make(values[FIT], **settings)},
        test_representation=X[TEST],
        test_labels={"f": make(values[TEST], **settings)},
        joint=True,
    )
    assert found.r2[0] == pytest.approx(sklearn_r2(design), abs=1e-9)
    assert found.joint_r2 == pytest.approx(found.r2[0], abs=1e-9)
    assert found.unit_r2[0] @ found.unit_total == pytest.approx(found.r2[0] * found.total, abs=1e-9)


def test_the_penalty_of_many_columns_is_about_that_of_cross_validation():
    x = EMBEDDING @ RNG.normal(size=(30, 8)) + 4 * RNG.normal(size=(N, 8))
    few = slice(0, 60)
    found = repbias.variance_explained(
        x[few], {"e": columns(EMBEDDING[few])}, test_representation=x[TEST], test_labels={"e": columns(EMBEDDING[TEST])}
    )
    scaled = StandardScaler().fit(EMBEDDING).transform(EMBEDDING)
    best = RidgeCV(np.geomspace(1e-3, 1e4, 50)).fit(scaled[few], x[few]).predict(scaled[TEST])
    plain = LinearRegression().fit(scaled[few], x[few]).predict(scaled[TEST])
    total = ((x[TEST] - x[few].mean(0)) ** 2).sum()
    by_ridge, by_least_squares = (1 - ((x[TEST] - one) ** 2).sum() / total for one in (best, plain))
    assert found.r2[0] == pytest.approx(by_ridge, abs=0.03)
    assert found.r2[0] > by_least_squares + 0.1


def test_classes_by_name_give_the_same_numbers_as_class_numbers():
    labels = RNG.integers(0, 3, (N, 2))
    text = {"a": np.array(["x", "y", "z"])[labels[:, 0]], "b": labels[:, 1]}
    by_number, by_name = (repbias.variance_explained(X, one, joint=True, permutations=5) for one in (labels, text))
    assert by_name.names == ("a", "b")
    for field in ("r2", "r2_unbiased", "r2_per_stimulus", "unit_r2", "p_value", "unique", "joint_r2"):
        np.testing.assert_array_equal(getattr(by_name, field), getattr(by_number, field))


def test_a_linear_feature_of_two_values_is_a_binary_feature():
    binary = RNG.integers(0, 2, N)
    as_class, as_number = (
        repbias.variance_explained(X + 2 * binary[:, None], {"b": one}, joint=True)
        for one in (binary, continuous(binary))
    )
    for field in ("r2", "r2_unbiased", "r2_per_stimulus", "unit_r2", "unique", "total"):
        np.testing.assert_allclose(getattr(as_number, field), getattr(as_class, field), atol=1e-9)


def test_the_unbiased_r2_of_a_slope_is_the_squared_correlation_in_the_population():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=60)
        found.append(repbias.variance_explained(0.5 * z[:, None] + rng.normal(size=(60, 1)), continuous(z)).r2_unbiased)
    error = stats.sem(np.ravel(found))
    assert np.mean(found) == pytest.approx(0.2, abs=3 * error)


def test_numbers_that_are_not_whole_are_continuous():
    given, inferred = (repbias.variance_explained(X, labels) for labels in (continuous(SPEED), SPEED))
    assert inferred.r2 == given.r2


def test_density_and_components_take_features_of_every_kind():
    features = {"speed": continuous(SPEED), "angle": circular(ANGLE, period=360)}
    found = repbias.components(X, features)
    assert found.owner[0] == "speed"
    assert set(found.owner[1:3]) == {"angle"}
    spread = repbias.density(X, features)
    assert spread.participation[0] > 1


def test_equal_shares_of_a_number_and_an_angle():
    features = {"speed": continuous(SPEED), "angle": circular(ANGLE, period=360)}
    found = repbias.equalize(X, features)
    assert np.ptp(found.r2_before) > 0.1
    assert np.ptp(found.r2_after) < 0.05


def test_leace_leaves_no_covariance_with_a_feature_of_any_kind():
    for feature in (continuous(SPEED, basis="spline"), circular(ANGLE, period=360), columns(EMBEDDING[:, :3])):
        erased = repbias.leace(X, feature).apply(X)
        code = feature.values().code
        assert np.abs((erased - erased.mean(0)).T @ code).max() < 1e-6 * N


def test_fit_and_test_features_must_be_of_one_kind_and_number():
    test = {"test_representation": X[TEST], "test_labels": {"f": continuous(SPEED[TEST], basis="spline")}}
    with pytest.raises(ValueError, match="of one kind"):
        repbias.variance_explained(X[FIT], {"f": continuous(SPEED[FIT])}, **test)
    with pytest.raises(ValueError, match="each of the 400 stimuli"):
        repbias.variance_explained(X, {"f": continuous(SPEED[FIT])})
    with pytest.raises(ValueError, match="the same form"):
        repbias.variance_explained(
            X[FIT], {"f": continuous(SPEED[FIT])}, test_representation=X[TEST], test_labels=np.zeros(150)
        )


def test_a_probe_predicts_numbers_by_ridge_regression_and_classes_by_a_classifier():
    side = (np.median(SPEED) < SPEED).astype(int)
    fit, test = (
        {"speed": continuous(SPEED[rows]), "angle": circular(ANGLE[rows], period=360), "side": side[rows]}
        for rows in (FIT, TEST)
    )
    found = repbias.probe(X[FIT], fit, test_representation=X[TEST], test_labels=test)
    scaled = StandardScaler().fit(X[FIT])
    predicted = (
        RidgeCV(np.geomspace(1e-2, 1e6, 60))
        .fit(scaled.transform(X[FIT]), SPEED[FIT])
        .predict(scaled.transform(X[TEST]))
    )
    r2 = 1 - ((SPEED[TEST] - predicted) ** 2).sum() / ((SPEED[TEST] - SPEED[FIT].mean()) ** 2).sum()
    assert found.r2[0] == pytest.approx(r2, abs=0.01)
    assert np.isnan(found.accuracy).tolist() == [True, True, False]
    assert np.isnan(found.r2).tolist() == [False, False, True]
    alone = repbias.probe(X[FIT], side[FIT], test_representation=X[TEST], test_labels=side[TEST])
    assert found.accuracy[2] == alone.accuracy[0]
    assert alone.r2 is None
