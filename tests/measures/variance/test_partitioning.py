"""Variance partitioning: planted parts are recovered, other implementations agree, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import repbias
from repbias.features.folds import running_folds
from repbias.measures.variance.feature_columns import grouped_folds
from repbias.measures.variance.partitioning import VariancePartition

Array = NDArray[np.float64]
Planted = tuple[Array, dict[str, Array]]


def overlapping(n: int = 1000, units: int = 40, noise: float = 1.0, seed: int = 0) -> Planted:
    """Two features of three columns, of which one is the same; their parts have variances 1, 2 (shared) and 3."""
    rng = np.random.default_rng(seed)
    own, both, other = (rng.normal(size=(n, size)) for size in (2, 1, 2))
    x = np.sqrt(6 * noise) * rng.normal(size=(n, units))
    for columns, variance in ((own, 1.0), (both, 2.0), (other, 3.0)):
        weights = rng.normal(size=(columns.shape[1], units))
        x += columns @ (weights * np.sqrt(variance * units) / np.linalg.norm(weights))
    return x, {"a": np.hstack([own, both]), "b": np.hstack([other, both])}


def noisy(n: int = 200, seed: int = 0) -> Planted:
    """10 columns that drive the units, and 100 that do not."""
    rng = np.random.default_rng(seed)
    signal, noise = rng.normal(size=(n, 10)), rng.normal(size=(n, 100))
    return signal @ rng.normal(size=(10, 30)) + 3 * rng.normal(size=(n, 30)), {"signal": signal, "noise": noise}


@pytest.fixture(scope="module")
def found() -> VariancePartition:
    return repbias.variance_partitioning(*overlapping(), product_measure=True)


def test_planted_parts_are_recovered_over_twenty_seeds() -> None:
    parts = []
    for seed in range(20):
        one = repbias.variance_partitioning(*overlapping(seed=seed))
        parts.append([one.joint_r2, *one.r2, *one.unique, *one.shared])
    mean, error = np.mean(parts, axis=0), np.std(parts, axis=0, ddof=1) / np.sqrt(20)
    truth = np.array([6, 3, 5, 1, 3, 2, 2]) / 12
    assert (np.abs(mean - truth) < 3 * error + 0.004).all()  # the noise of the fit takes (1 - R2) columns / stimuli
    assert (error < 0.01).all()


def test_a_feature_of_noise_has_no_unique_part() -> None:
    unique = [repbias.variance_partitioning(*noisy(seed=seed)).unique for seed in range(3)]
    assert np.abs(np.array(unique)[:, 1]).max() < 0.01
    assert np.array(unique)[:, 0].min() > 0.3


def test_of_two_equal_features_each_explains_all_and_none_uniquely() -> None:
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(300, 40))
    x = columns @ rng.normal(size=(40, 50)) / 6 + 2 * rng.normal(size=(300, 50))
    for penalty in ("banded", "ridge"):
        one = repbias.variance_partitioning(x, {"a": columns, "b": columns}, penalty=penalty)
        assert one.r2 == pytest.approx(one.joint_r2, abs=0.01)
        assert one.unique == pytest.approx(0, abs=0.01)


def test_penalties_predict_better_where_columns_are_many() -> None:
    banded, ridge, none = (repbias.variance_partitioning(*noisy(), penalty=one) for one in ("banded", "ridge", "none"))
    assert banded.joint_r2 > ridge.joint_r2 + 0.05
    assert ridge.joint_r2 > none.joint_r2 + 0.2
    assert (banded.penalties[:, 1] > 100 * banded.penalties[:, 0]).all()


def test_a_single_column_and_penalty_give_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    column, penalty = rng.normal(2, 5, size=90), 12.0
    x = 0.1 * column + rng.normal(size=90)
    error = total = 0.0
    for fold in range(5):
        fit = running_folds(0, 90, 5) != fold
        slope = np.cov(x[fit], column[fit], bias=True)[0, 1] / (column[fit].var() * (1 + penalty / fit.sum()))
        z = x[~fit] - x[fit].mean()
        error += ((z - slope * (column[~fit] - column[fit].mean())) ** 2).sum()
        total += (z**2).sum()
    one = repbias.variance_partitioning(x[:, None], {"a": column}, penalty={"a": penalty})
    assert one.joint_r2 == pytest.approx(1 - error / total)
    assert one.unique.tolist() == one.r2.tolist() == [one.joint_r2]
    assert (one.penalties == penalty).all()


def test_without_penalties_it_is_variance_explained(plant: Callable[..., Any]) -> None:
    x, labels, _ = plant(300, n_classes=(3, 2), offset=100.0)
    expected = repbias.variance_explained(x, labels, joint=True)
    features = {"a": np.eye(3)[labels[:, 0]], "b": labels[:, 1]}
    one = repbias.variance_partitioning(x, features, penalty="none")
    assert one.r2 == pytest.approx(expected.r2, abs=1e-9)
    assert one.unit_r2 == pytest.approx(expected.unit_r2, abs=1e-9)
    assert one.joint_r2 == pytest.approx(expected.joint_r2, abs=1e-9)
    assert one.unique == pytest.approx(expected.unique, abs=1e-9)
    tiny = repbias.variance_partitioning(
        x, {"a": np.eye(3)[labels[:, 0]], "b": labels[:, 1]}, penalty={"a": 1e-4, "b": 0}
    )
    assert tiny.joint_r2 == pytest.approx(one.joint_r2, abs=1e-6)


def test_the_product_measure_is_himalayas_at_equal_penalties() -> None:
    kernel_ridge = pytest.importorskip("himalaya.kernel_ridge")
    scoring = pytest.importorskip("himalaya.scoring")
    x, features = overlapping(200, units=5)
    fold_of = running_folds(0, 200, 5)
    for fold in range(5):  # himalaya scores about the mean of the scored stimuli, so all folds get the same mean
        x[fold_of == fold] -= x[fold_of == fold].mean(0)
    penalty, split, total = {"a": 3.0, "b": 70.0}, np.zeros((2, 5)), np.zeros(5)
    for fold in range(5):
        fit = fold_of != fold
        columns = [(one - one[fit].mean(0)) / one[fit].std(0) for one in features.values()]
        kernels = np.stack([one[fit] @ one[fit].T for one in columns])
        deltas = -np.log(np.array(list(penalty.values())))[:, None].repeat(5, 1)
        dual = kernel_ridge.solve_weighted_kernel_ridge_conjugate_gradient(
            kernels, x[fit], deltas, alpha=1.0, tol=1e-12, max_iter=1000
        )
        new = np.stack([one[~fit] @ one[fit].T for one in columns])
        predicted = kernel_ridge.predict_weighted_kernel_ridge(new, dual, deltas, split=True)
        squares = (x[~fit] ** 2).sum(0)
        split += scoring.r2_score_split(x[~fit], predicted) * squares
        total += squares
    one = repbias.variance_partitioning(x, features, penalty=penalty, product_measure=True)
    assert one.unit_product_r2 == pytest.approx(split / total, abs=1e-6)
    assert one.unit_joint_r2 == pytest.approx(split.sum(0) / total, abs=1e-6)


def test_the_product_measure_adds_up_to_the_joint_r2(found: VariancePartition) -> None:
    assert found.product_r2 is not None
    assert found.unit_product_r2 is not None
    assert found.product_r2.sum() == pytest.approx(found.joint_r2)
    assert found.unit_product_r2.sum(0) == pytest.approx(found.unit_joint_r2)


def test_pooled_values_are_means_over_units_by_variance(found: VariancePartition) -> None:
    x, features = overlapping()
    alike = repbias.variance_partitioning(x / x.std(0), features)
    assert alike.joint_r2 == pytest.approx(alike.unit_joint_r2.mean(), abs=0.005)
    assert alike.r2 == pytest.approx(alike.unit_r2.mean(1), abs=0.005)
    assert found.shared == pytest.approx(found.r2 - found.unique)
    assert found.unit_shared == pytest.approx(found.unit_r2 - found.unit_unique)


@pytest.mark.parametrize("penalty", ["banded", "ridge", "none"])
def test_scale_offset_and_order_of_columns_and_units_do_not_matter(penalty: Any) -> None:
    x, features = overlapping(150, units=6)
    expected = repbias.variance_partitioning(x, features, penalty=penalty)
    moved = {"b": (features["b"] * [1e-3, 1, 1e100] - 7)[:, ::-1], "a": torch.from_numpy(features["a"])}
    again = repbias.variance_partitioning(1e120 * (x[:, ::-1] + 3), moved, penalty=penalty)
    assert again.unit_r2[::-1, ::-1] == pytest.approx(expected.unit_r2, abs=1e-8)
    assert again.unit_unique[::-1, ::-1] == pytest.approx(expected.unit_unique, abs=1e-8)
    assert again.penalties[:, ::-1] == pytest.approx(expected.penalties)


def test_ridge_has_one_penalty_and_banded_ridge_one_for_each_feature(found: VariancePartition) -> None:
    ridge = repbias.variance_partitioning(*overlapping(), penalty="ridge")
    assert (ridge.penalties == ridge.penalties[:, :1]).all()
    assert ridge.penalties.shape == found.penalties.shape == (5, 2)
    one = {"a": overlapping()[1]["a"]}
    banded, ridge = (repbias.variance_partitioning(overlapping()[0], one, penalty=name) for name in ("banded", "ridge"))
    assert banded.joint_r2 == ridge.joint_r2


@pytest.mark.parametrize("penalty", ["banded", "none"])
def test_what_does_not_vary_has_an_r2_of_zero(penalty: Any) -> None:
    x, features = overlapping(100, units=3)
    x[:, 1] = 5.0
    one = repbias.variance_partitioning(x, {**features, "constant": np.full(100, 3.0)}, penalty=penalty)
    assert one.unit_joint_r2[1] == 0
    assert one.r2[2] == 0
    assert one.unique[2] == pytest.approx(0, abs=1e-9)
    assert repbias.variance_partitioning(np.ones((50, 2)), {"a": np.arange(50)}, penalty=penalty).joint_r2 == 0


def test_groups_stay_together() -> None:
    group = np.random.default_rng(0).choice(["mon", "tue", "wed", "thu", "fri", "sat"], 100)
    fold_of = grouped_folds(group, 100, 3, least=3)
    assert all(len(set(fold_of[group == one])) == 1 for one in set(group))
    assert set(fold_of) == {0, 1, 2}
    sessions = np.repeat(np.arange(20), 15)  # each with its own mean, which other stimuli of the session reveal
    rng = np.random.default_rng(0)
    x, code = rng.normal(size=(20, 8))[sessions] + rng.normal(size=(300, 8)), np.eye(20)[sessions]
    assert repbias.variance_partitioning(x, {"session": code}).joint_r2 > 0.3
    assert repbias.variance_partitioning(x, {"session": code}, groups=sessions).joint_r2 < 0.01


def test_the_table_has_the_numbers_of_the_result(found: VariancePartition) -> None:
    table = found.table().set_index(["feature", "measure"])["value"]
    assert table["a", "unique"] == found.unique[0]
    assert table["b", "product_r2"] == found.product_r2[1]  # type: ignore[index]
    assert table["b", "penalty"] == np.median(found.penalties[:, 1])
    assert table["(all)", "joint_r2"] == found.joint_r2
    assert "product_r2" not in set(repbias.variance_partitioning(*overlapping(60)).table()["measure"])


X, A = overlapping(30, units=3)[0], np.arange(30.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: repbias.variance_partitioning(X, A), TypeError, "mapping of names"),  # type: ignore[arg-type]
        (lambda: repbias.variance_partitioning(X, {}), ValueError, "one feature or more"),
        (
            lambda: repbias.variance_partitioning(X, {"a": A[:9]}),
            ValueError,
            "'a' must have one row for each of the 30",
        ),
        (lambda: repbias.variance_partitioning(X, {"a": A[None, None]}), ValueError, "'a' must be"),
        (lambda: repbias.variance_partitioning(X, {"a": A + np.nan}), ValueError, "'a' is missing for 30"),
        (lambda: repbias.variance_partitioning(X, {"a": np.full((30, 2), "x")}), TypeError, "must hold numbers"),
        (lambda: repbias.variance_partitioning(X[0], {"a": A}), ValueError, r"\[stimulus, unit\]"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, folds=2), ValueError, "folds must be 3 or more where"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, folds=1, penalty="none"), ValueError, "folds must be 2"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, folds=31), ValueError, "as many stimuli, got 30"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, groups=A[:5]), ValueError, "one entry for each of the 30"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, groups=A > 9), ValueError, "got 2: use fewer folds"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, penalty="bandit"), ValueError, "did you mean 'banded'"),
        (lambda: repbias.variance_partitioning(X, {"speed": A}, penalty={"sped": 1}), ValueError, "'speed'"),
        (lambda: repbias.variance_partitioning(X, {"a": A, "b": A}, penalty={"a": 1}), ValueError, r"none for \['b'\]"),
        (lambda: repbias.variance_partitioning(X, {"a": A}, penalty={"a": -1}), ValueError, "0 or more, and finite"),
    ],
)
def test_what_cannot_be_partitioned_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
