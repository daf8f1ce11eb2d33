"""What a regression between systems must say of systems whose shared features are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.linear_model import LinearRegression, Ridge

from repbias.measures.similarity.system_regression import ALPHAS, system_regression

NAMES = ("easy", "hard")


def balanced(repeats, n_classes=(2, 3)):
    """Independent features: every combination of classes equally often."""
    return np.tile(np.stack(np.meshgrid(*map(np.arange, n_classes), indexing="ij"), -1).reshape(-1, 2), (repeats, 1))


def systems(n, units=(7, 9), n_classes=(2, 3), noise=0.5, seed=0):
    """Two systems that both hold both features, in random directions, and what a common latent adds."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(0, c, n) for c in n_classes], axis=1)
    latent = rng.normal(size=(n, 1))
    held = []
    for n_units in units:
        x = noise * rng.normal(size=(n, n_units)) + latent * rng.normal(size=n_units) + rng.normal(size=n_units)
        for feature, c in enumerate(n_classes):
            x += rng.normal(size=(c, n_units))[labels[:, feature]] / (1 + feature)
        held.append(x)
    return (*held, labels)


def halves(a, b, labels, **more):
    n = len(a) // 2
    test = {"test_a": a[n:], "test_b": b[n:], "test_labels": labels[n:]}
    return system_regression(a[:n], b[:n], labels[:n], **test, **more)


def leave_one_out_error(a, b, alpha):
    error = 0.0
    for i in range(len(a)):
        kept = np.arange(len(a)) != i
        error += ((Ridge(alpha=alpha).fit(a[kept], b[kept]).predict(a[i : i + 1]) - b[i]) ** 2).sum()
    return error


DATA = {
    "random": lambda a, b: (a, b),
    "fewer stimuli than units": lambda a, b: (np.hstack([a, a**2, a**3, np.sin(a), np.cos(a)])[:40], b[:40]),
    "constant units": lambda a, b: (np.hstack([a, np.full((len(a), 2), 0.1)]), np.hstack([b, np.full((len(b), 1), 3)])),
    "repeated stimuli": lambda a, b: (np.repeat(a[::2], 2, axis=0), np.repeat(b[::2], 2, axis=0)),
    "repeated units": lambda a, b: (np.hstack([a, a]), np.hstack([b, b])),
}


@pytest.mark.parametrize("kind", DATA)
def test_agrees_with_sklearn(kind):
    a, b, labels = systems(80)
    a, b = DATA[kind](a, b)
    labels = labels[: len(a)]
    n = len(a) // 2
    alphas = (1e-4, 1e-2, 1.0, 100.0)
    found = halves(a, b, labels, alphas=alphas)

    scale = a[:n].var(0).mean() * n
    errors = [leave_one_out_error(a[:n], b[:n], alpha * scale) for alpha in alphas]
    assert found.relative_alpha == pytest.approx(alphas[int(np.argmin(errors))])
    assert found.alpha == pytest.approx(found.relative_alpha * scale)
    ridge = Ridge(alpha=found.alpha)
    centred = b[n:] - b[:n].mean(0)
    guess = ridge.fit(a[:n], b[:n]).predict(a[n:])
    total = (centred**2).sum()
    assert found.r2 == pytest.approx(1 - ((b[n:] - guess) ** 2).sum() / total, abs=1e-6)
    varies = (centred**2).sum(0) > 1e-9
    unit_r2 = 1 - ((b[n:] - guess) ** 2).sum(0)[varies] / (centred**2).sum(0)[varies]
    assert found.unit_r2[varies] == pytest.approx(unit_r2, abs=1e-6)
    assert found.unit_r2[~varies] == pytest.approx(0, abs=1e-9)

    code = np.hstack([np.eye(c)[labels[:, f]] for f, c in enumerate((2, 3))])
    joint = LinearRegression().fit(code[:n], b[:n])
    for feature, columns in enumerate((slice(0, 2), slice(2, 5))):
        fit_part = (code[:n] - code[:n].mean(0))[:, columns] @ joint.coef_.T[columns]
        part = (code[n:] - code[:n].mean(0))[:, columns] @ joint.coef_.T[columns]
        part_guess = ridge.fit(a[:n], fit_part).predict(a[n:])
        assert found.feature_variance[feature] == pytest.approx((part**2).sum() / total, abs=1e-6)
        contribution = ((2 * part - part_guess) * (guess - b[:n].mean(0))).sum() / total
        assert found.feature_contribution[feature] == pytest.approx(contribution, abs=1e-6)
        assert found.feature_r2[feature] == pytest.approx(contribution * total / (part**2).sum(), abs=1e-6)


def test_contributions_add_up_for_any_features():
    a, b, labels = systems(200)
    labels[:, 1] = np.where(np.arange(200) % 3, labels[:, 0], labels[:, 1])  # features that go together
    found = halves(a, b, labels)
    assert found.feature_contribution.sum() + found.remainder_contribution == pytest.approx(found.r2, abs=1e-12)
    assert found.feature_share.sum() + found.remainder_share == pytest.approx(1, abs=1e-12)
    same_twice = halves(a, b, np.repeat(labels[:, :1], 2, axis=1))
    once = halves(a, b, labels[:, 0])
    assert same_twice.feature_contribution == pytest.approx(np.full(2, once.feature_contribution[0] / 2), abs=1e-9)


def orthogonal_systems(repeats, held=(1.0, 1.0), noise=0.0):
    """B holds two balanced features, 9 to 1 in variance, and a latent, in orthogonal directions; A holds them as told,
    and a latent of its own."""
    labels = balanced(repeats, (2, 2))
    rng = np.random.default_rng(0)
    b = np.column_stack([(labels - 0.5) * (6, 2), rng.normal(size=len(labels))])
    a = np.column_stack([(labels - 0.5) * held, rng.normal(size=len(labels))]) + noise * rng.normal(size=b.shape)
    return a @ ortho_group.rvs(3, random_state=1), b @ ortho_group.rvs(3, random_state=2), labels


@pytest.mark.parametrize(("held", "r2"), [((1, 1), (1, 1)), ((1, 0), (1, 0)), ((0, 1), (0, 1))])
def test_what_is_explained_is_put_down_to_the_feature_that_both_systems_hold(held, r2):
    a, b, labels = orthogonal_systems(2_000, held)
    found = halves(a, b, labels, names=NAMES)
    assert found.feature_variance == pytest.approx([9 / 11, 1 / 11], abs=0.01)
    assert found.feature_r2 == pytest.approx(r2, abs=0.03)
    assert found.r2 == pytest.approx(np.dot(r2, [9 / 11, 1 / 11]), abs=0.01)
    assert found.feature_share[0] == pytest.approx(np.dot(r2, [9, 0]) / np.dot(r2, [9, 1]), abs=0.01)
    assert found.remainder_share == pytest.approx(0, abs=0.01)


def test_a_partly_decodable_feature_has_the_r2_of_its_part_where_directions_are_orthogonal():
    a, _, labels = orthogonal_systems(40, (1.0, 0.3), noise=0.3)
    b = (labels - 0.5) * (6, 2) @ ortho_group.rvs(2, random_state=3)
    found = halves(a, b, labels)
    n = len(a) // 2
    for feature in range(2):
        code = labels[:, feature : feature + 1] - 0.5
        guess = Ridge(alpha=found.alpha).fit(a[:n], code[:n]).predict(a[n:]).reshape(-1, 1)
        r2 = 1 - ((guess - code[n:]) ** 2).sum() / (code[n:] ** 2).sum()
        assert found.feature_r2[feature] == pytest.approx(r2, abs=1e-9)
        assert 0.1 < r2 < 0.9
    assert found.feature_variance == pytest.approx([0.9, 0.1], abs=1e-9)
    assert found.remainder_contribution == pytest.approx(0, abs=1e-9)
    assert found.r2 == pytest.approx((found.feature_r2 * found.feature_variance).sum(), abs=1e-9)


def test_a_system_explains_itself():
    a, _, labels = systems(4_000)
    found = halves(a, a, labels)
    assert found.r2 == pytest.approx(1, abs=1e-6)
    assert [*found.feature_r2, found.remainder_r2] == pytest.approx([1, 1, 1], abs=0.05)
    assert found.relative_alpha == min(ALPHAS)


def test_unrelated_systems_explain_nothing():
    rng = np.random.default_rng(0)
    labels = balanced(300, (2, 2))
    a, b = rng.normal(size=(1_200, 8)), rng.normal(size=(1_200, 8)) + np.repeat(labels, 4, axis=1)
    found = halves(a, b, labels)
    assert found.r2 == pytest.approx(0, abs=0.02)
    assert found.feature_contribution == pytest.approx([0, 0], abs=0.02)
    assert (found.feature_variance > 0.05).all()


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-5, 5))
def test_rotations_and_scales_of_either_system_change_nothing(seed, log_scale):
    a, b, labels = systems(100)
    turned_a = 10**log_scale * a @ ortho_group.rvs(7, random_state=seed) + 1
    turned_b = 10**-log_scale * b @ ortho_group.rvs(9, random_state=seed) - 1
    before, after = halves(a, b, labels), halves(turned_a, turned_b, labels)
    assert after.relative_alpha == pytest.approx(before.relative_alpha)
    assert after.r2 == pytest.approx(before.r2, abs=1e-7)
    assert after.feature_contribution == pytest.approx(before.feature_contribution, abs=1e-7)
    assert after.feature_r2 == pytest.approx(before.feature_r2, abs=1e-7)


def test_the_penalty_never_sees_the_test_stimuli():
    a, b, labels = systems(100)
    other = halves(a, np.concatenate([b[:50], np.random.default_rng(1).normal(size=(50, 9))]), labels)
    assert other.alpha == halves(a, b, labels).alpha


def test_without_labels_the_remainder_is_everything():
    a, b, labels = systems(100)
    found = system_regression(a[:50], b[:50], test_a=a[50:], test_b=b[50:])
    assert found.r2 == halves(a, b, labels).r2
    assert found.names == ()
    assert found.remainder_contribution == pytest.approx(found.r2, abs=1e-12)
    assert found.remainder_r2 == pytest.approx(found.r2, abs=1e-12)


@pytest.mark.parametrize("dead", ["a", "b"])
def test_a_dead_system_explains_nothing_and_nothing_is_explained_of_it(dead):
    a, b, labels = systems(60)
    a, b = (np.full_like(x, 0.1) if name == dead else x for name, x in (("a", a), ("b", b)))
    found = halves(a, b, labels)
    assert found.r2 == pytest.approx(0, abs=1e-9)
    table = found.table()
    assert np.isfinite(table.loc[table["measure"] != "share", "value"]).all()
    assert np.isnan(found.feature_share).all()


def test_shares_of_what_an_unrelated_system_explains_are_not_defined():
    """Where r2 is near 0 by chance, contributions over r2 would lie between -83 and 12."""
    defined = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, (200, 2))
        b = labels @ rng.normal(size=(2, 20)) + rng.normal(size=(200, 20))
        found = halves(rng.normal(size=(200, 10)), b, labels)
        shares = [*found.feature_share, found.remainder_share]
        assert np.isnan(shares).all() or np.abs(shares).max() < 5
        assert ("not defined" in repr(found)) == np.isnan(shares).all()
        defined += np.isfinite(shares).all()
    assert defined <= 5


def test_the_error_of_r2_is_its_spread_over_test_stimuli():
    rng = np.random.default_rng(0)
    tuning, noise = rng.normal(size=(8, 20)), 4.0
    a = rng.normal(size=(4000, 8))
    b = a @ tuning + noise * rng.normal(size=(4000, 20))
    found = [
        system_regression(a[:300], b[:300], test_a=a[part], test_b=b[part])
        for part in np.arange(400, 4000).reshape(-1, 60)
    ]
    assert np.mean([one.r2_error for one in found]) == pytest.approx(np.std([one.r2 for one in found]), rel=0.3)


def test_one_unit_tensors_and_float32_are_read():
    a, b, labels = systems(100)
    expected = halves(a, b[:, :1], labels)
    single = halves(*(torch.from_numpy(x).float() for x in (a, b[:, :1])), labels)
    assert single.r2 == pytest.approx(expected.r2, abs=1e-5)
    assert single.unit_r2.shape == (1,)


def test_the_table_is_tidy():
    found = halves(*systems(100), names=NAMES)
    table = found.table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert not table.duplicated(["feature", "measure"]).any()
    assert set(table.query("feature == 'hard'")["measure"]) == {"contribution", "share", "r2", "variance"}
    shares = table.query("measure == 'share'")
    assert shares["value"].sum() == pytest.approx(1)
    assert set(shares["feature"]) == {"easy", "hard", "(remainder)"}


A, B, L = systems(20)
TEST = {"test_a": A, "test_b": B}
REFUSED = {
    "alpha": (lambda: system_regression(A, B, **TEST, alphas=[0.0, 1.0]), r"penalties above 0, got \[0.0, 1.0\]"),
    "no alphas": (lambda: system_regression(A, B, **TEST, alphas=[]), r"one or more penalties above 0, got \[\]"),
    "stimuli": (
        lambda: system_regression(A[:9], B, **TEST),
        r"a and b must be responses to the same stimuli.* got 9 and 20",
    ),
    "test stimuli": (lambda: system_regression(A, B, test_a=A[:9], test_b=B), r"test_a and test_b .* got 9 and 20"),
    "units": (lambda: system_regression(A, B, test_a=B, test_b=B), r"test_a has 9 units, the arrays before it 7"),
    "no test labels": (
        lambda: system_regression(A, B, L, **TEST),
        r"labels must not be given alone: give labels",
    ),
    "names": (lambda: system_regression(A, B, **TEST, names=NAMES), r"names must not be given alone: give"),
    "no labels": (lambda: system_regression(A, B, **TEST, test_labels=L), r"test_labels must not be given alone"),
    "features": (
        lambda: system_regression(A, B, L, **TEST, test_labels=L[:, 0]),
        r"test_labels must hold 2 features .* got 1",
    ),
    "unseen": (
        lambda: system_regression(A, B, np.minimum(L, 1), **TEST, test_labels=L),
        r"test_labels must be below 2 for feature 'feature_1', got 2",
    ),
    "nan": (lambda: system_regression(A, B * np.nan, **TEST), r"b must be finite"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
