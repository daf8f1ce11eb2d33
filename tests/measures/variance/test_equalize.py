"""What equalising must do to representations whose features' shares are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space
from scipy.stats import ortho_group
from sklearn.linear_model import LinearRegression

from repbias.measures.variance.equalize import equalize

NAMES = ("easy", "hard")


def one_hot_parts(x, labels):
    """Each feature's part of the representation in one regression on all codes, by scikit-learn."""
    codes = [np.eye(column.max() + 1)[column] for column in labels.T]
    weights = LinearRegression().fit(np.hstack(codes), x).coef_.T
    ends = np.cumsum([code.shape[1] for code in codes])
    return [(code - code.mean(0)) @ weights[end - code.shape[1] : end] for code, end in zip(codes, ends, strict=True)]


def variances(x, labels):
    return np.array([(part**2).sum(1).mean() for part in one_hot_parts(x, labels)])


def test_the_map_of_orthogonal_features_is_known():
    """Two bits along units of their own, 4 to 1 in length: gains sqrt(mean / own), the third unit as it is."""
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (50, 1))
    x = np.column_stack([8 * labels[:, 0], 2 * labels[:, 1], np.repeat([1.0, -1.0], 100)]) + 3
    found = equalize(x, labels, names=NAMES)
    mean = (16 + 1) / 2
    assert found.variance_before == pytest.approx([16, 1])
    assert found.variance_after == pytest.approx(mean)
    assert found.gain == pytest.approx([np.sqrt(mean / 16), np.sqrt(mean)])
    assert found.map == pytest.approx(np.diag([*found.gain, 1]), abs=1e-9)
    assert found.amplification == pytest.approx(found.gain[1])
    assert found.r2_before == pytest.approx([16 / 18, 1 / 18], abs=0.01)
    assert found.r2_after == pytest.approx([mean / 18, mean / 18], abs=0.01)


@pytest.mark.parametrize("n_classes", [(2, 2), (2, 3), (4, 3)])
def test_planted_shares_come_out_equal_on_stimuli_the_map_never_saw(plant, n_classes):
    x, labels, truth = plant(n_classes=n_classes, strengths=(1.5, 0.6))
    test = {"test_representation": x[10_000:], "test_labels": labels[10_000:]}
    found = equalize(x[:10_000], labels[:10_000], names=NAMES, **test)
    assert found.r2_before == pytest.approx(truth, abs=0.02)
    assert found.r2_before[0] > 2 * found.r2_before[1]
    assert found.r2_after[0] == pytest.approx(found.r2_after[1], abs=0.02)
    assert equalize(x, labels).r2_after[0] == pytest.approx(found.r2_after[0], abs=0.02)


DATA = {"random": (400, 9), "fewer stimuli than units": (60, 90), "constant units": (400, 9), "repeated": (400, 9)}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("correlated", [False, True])
def test_parts_are_equal_by_an_independent_regression(plant, kind, correlated):
    n, n_units = DATA[kind]
    x, labels, _ = plant(n=n, n_units=n_units, strengths=(3.0, 1.0))
    if correlated:
        x, copied = x.copy(), np.arange(n) % 3 == 0
        labels[copied, 1] = labels[copied, 0]
        x = np.random.default_rng(0).normal(size=x.shape) + 3.0 * x[labels[:, 0]] + x[2 + labels[:, 1]]
    if kind == "constant units":
        x[:, [1, 4]] = 0.1
    if kind == "repeated":
        x, labels = np.repeat(x[::2], 2, axis=0), np.repeat(labels[::2], 2, axis=0)
    found = equalize(x, labels)
    assert found.variance_before == pytest.approx(variances(x, labels), rel=1e-6)
    after = found.apply(x).numpy()
    assert variances(after, labels) == pytest.approx(np.full(2, found.variance_after), rel=1e-6)
    assert found.variance_after == pytest.approx(found.variance_before.mean())
    for part, mapped, gain in zip(one_hot_parts(x, labels), one_hot_parts(after, labels), found.gain, strict=True):
        assert mapped == pytest.approx(gain * part, abs=1e-6)
    assert after.mean(0) == pytest.approx(x.mean(0), abs=1e-9)


def test_what_is_orthogonal_to_the_features_stays(plant):
    x, labels, _ = plant(n=500, n_units=10)
    found = equalize(x, labels)
    directions = np.vstack([part[:20] for part in one_hot_parts(x, labels)])
    basis = null_space(directions, rcond=1e-9)
    assert basis.shape == (10, 7)  # one direction of the bit, two of the three classes
    assert found.map @ basis == pytest.approx(basis, abs=1e-9)
    assert (found.apply(x).numpy() - x) @ basis == pytest.approx(np.zeros((500, 7)), abs=1e-8)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-5, 5))
def test_rotations_turn_the_map_and_scales_leave_it(plant, seed, log_scale):
    x, labels, _ = plant(n=300, n_units=6)
    rotation = ortho_group.rvs(6, random_state=seed)
    before, after = equalize(x, labels), equalize(10**log_scale * x @ rotation + 2, labels)
    assert after.map == pytest.approx(rotation.T @ before.map @ rotation, abs=1e-7)
    assert after.gain == pytest.approx(before.gain)
    assert after.r2_after == pytest.approx(before.r2_after, abs=1e-7)


def test_a_second_time_changes_nothing(plant):
    x, labels, _ = plant(n=500)
    twice = equalize(equalize(x, labels).apply(x), labels)
    assert twice.gain == pytest.approx([1, 1])
    assert twice.map == pytest.approx(np.eye(24), abs=1e-9)


def test_test_labels_touch_nothing_but_the_scores(plant):
    x, labels, _ = plant(n=1_000)
    fit, test = slice(0, 500), slice(500, None)
    shuffled = np.random.default_rng(0).permutation(labels[test])
    true, false = (
        equalize(x[fit], labels[fit], test_representation=x[test], test_labels=some)
        for some in (labels[test], shuffled)
    )
    assert (true.map == false.map).all()
    assert (true.apply(x[test]) == false.apply(x[test])).all()
    assert (true.r2_after > 0.1).all()
    assert (false.r2_after < 0.05).all()


def test_a_feature_that_is_not_linear_in_the_units_is_not_put_there():
    """XOR of two units: the units hold it, no linear map can show it, and equalising refuses rather than invents it."""
    bits = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (250, 1))
    x = bits + 0.1 * np.random.default_rng(0).normal(size=bits.shape)
    labels = np.column_stack([bits[:, 0], bits[:, 0] ^ bits[:, 1]])
    with pytest.raises(ValueError, match=r"feature 'xor' has a part of variance .* in the 1000 stimuli"):
        equalize(x, labels, names=["bit", "xor"])


@pytest.mark.parametrize("seed", range(20))
def test_a_null_feature_is_refused(plant, seed):
    x, labels, _ = plant(n=400)
    labels[:, 1] = np.random.default_rng(seed).integers(0, 3, 400)
    with pytest.raises(ValueError, match=r"feature 'null' has a part of .* on average: stretching .* leave it out"):
        equalize(x, labels, names=["easy", "null"])


def test_apply_keeps_precision_and_takes_any_stimuli(plant):
    x, labels, _ = plant(n=300)
    found = equalize(x, labels)
    assert found.apply(torch.from_numpy(x[:2]).float()).dtype == torch.float32
    assert found.apply(x[:1]).dtype == torch.float64
    assert found.apply(np.arange(24)[None]).dtype == torch.float64
    assert found.apply(x[:7]).numpy() == pytest.approx(found.mean + (x[:7] - found.mean) @ found.map)


def test_one_feature_is_equal_already(plant):
    x, labels, _ = plant(n=300)
    assert equalize(x, labels[:, 0]).map == pytest.approx(np.eye(24))


def test_the_table_is_tidy(plant):
    x, labels, _ = plant(n=300)
    found = equalize(x, labels, names=NAMES)
    table = found.table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert set(table["measure"]) == {"gain", "variance_before", "r2_before", "r2_after"}
    assert table.query("feature == 'hard' and measure == 'gain'")["value"].item() == found.gain[1]


def bits(scales, angle=np.pi / 2, n=400, noise=0.01):
    """Two bits along directions at an angle, in three units."""
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (n // 4, 1))
    directions = np.array([[1, 0, 0], [np.cos(angle), np.sin(angle), 0]]) * np.array(scales)[:, None]
    return (labels - 0.5) @ directions + noise * np.random.default_rng(0).normal(size=(n, 3)), labels


def test_overlapping_directions_are_equalised_and_the_cost_is_told():
    x, labels = bits((4, 1), np.pi / 6)
    found = equalize(x, labels)
    assert found.amplification > found.gain.max()
    assert variances(found.apply(x).numpy(), labels) == pytest.approx(np.full(2, found.variance_after))
    assert found.amplification == pytest.approx(np.linalg.svd(found.map)[1].max())


EASY, BITS = bits((4, 1))
SMALL, _ = bits((40, 1))
OVERLAP, _ = bits((4, 1), 0.2, noise=0.001)
REFUSED = {
    "limit": (lambda: equalize(EASY, BITS, max_gain=0.5), r"max_gain must be 1 or more, and finite, got 0.5"),
    "no limit": (lambda: equalize(EASY, BITS, max_gain=np.inf), r"max_gain must be 1 or more, and finite, got inf"),
    "gain": (
        lambda: equalize(SMALL, BITS, names=NAMES),
        r"stretch a direction, and the noise in it, 28\.\d times, and max_gain is 10: "
        r"feature 'hard' has a gain of 28\.\d; leave",
    ),
    "overlap": (lambda: equalize(OVERLAP, BITS, names=NAMES), r"max_gain is 10: the encoding directions of easy, hard"),
    "same direction": (
        lambda: equalize(EASY[:, :1] + BITS[:, 1:], BITS, names=NAMES),
        r"directions of easy, hard are linearly dependent \(2 directions in 1 units\): .* leave out",
    ),
    "same feature": (lambda: equalize(EASY, BITS[:, [0, 0]]), r"linearly dependent \(2 directions in 3 units\)"),
    "dead": (lambda: equalize(np.full((400, 3), 0.1), BITS), r"'feature_0' has a part of variance 0 in"),
    "one class": (lambda: equalize(EASY, BITS * [1, 0]), r"'feature_1' has a part of variance 0 in"),
    "test arrays": (
        lambda: equalize(EASY, BITS, test_labels=BITS),
        r"test_labels .* without test_representation",
    ),
    "too few": (
        lambda: equalize(EASY[:3], BITS[:3], test_representation=EASY, test_labels=BITS),
        r"3 stimuli are too few to tell the parts of feature_0, feature_1 from noise: use more than 3, or",
    ),
    "units": (lambda: equalize(EASY, BITS).apply(EASY[:, :2]), r"2 units, .* 3"),
    "negative": (lambda: equalize(EASY, BITS - 1), r"labels must be 0 or more, got -1"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
