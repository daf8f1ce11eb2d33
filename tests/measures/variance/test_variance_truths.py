"""What variance_explained must say of data whose variance is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from repbias.measures import variance_explained


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("n_classes", [(2, 2), (2, 3), (7, 4)])
def test_planted_r2_is_recovered(plant, dtype, convert, n_classes):
    x, labels, truth = plant(n_classes=n_classes)
    found = variance_explained(convert(x.astype(dtype)), convert(labels), names=["easy", "hard"])
    assert found.r2 == pytest.approx(truth, abs=0.01)
    assert found.names == ("easy", "hard")
    assert found.r2.dtype == np.float64


def test_half_precision_is_accepted(plant):
    x, labels, truth = plant()
    for half in (x.astype(np.float16), torch.from_numpy(x).to(torch.bfloat16)):
        assert variance_explained(half, labels).r2 == pytest.approx(truth, abs=0.01)


def test_unbalanced_codes_are_recovered(plant):
    x, labels, truth = plant(n_classes=(2, 2), p=0.1)
    assert variance_explained(x, labels).r2 == pytest.approx(truth, abs=0.01)


def test_zero_one_codes_need_the_intercept():
    """Without an intercept, a 0/1 code yields half of the truth; with it, all."""
    rng = np.random.default_rng(0)
    f = rng.integers(0, 2, 10_000)
    x = np.outer(f, rng.normal(size=8))
    phi = x - x.mean(0)
    code = f[:, None].astype(float)
    trap = 1 - ((code @ np.linalg.lstsq(code, phi, rcond=None)[0] - phi) ** 2).sum() / (phi**2).sum()
    assert trap == pytest.approx(0.5, abs=0.02)
    assert variance_explained(x, f).r2 == pytest.approx([1.0])


def test_the_mean_of_the_fit_is_used_on_test(plant):
    """Moving the test stimuli by a constant must lower the score; with the test mean it could not."""
    x, labels, truth = plant(n_classes=(2,), strengths=(1.0,))
    fit, test = slice(0, 10_000), slice(10_000, None)
    moved = x[test] + 1.0
    found = variance_explained(x[fit], labels[fit], test_representation=moved, test_labels=labels[test])
    mean = x[fit].mean(0)
    assert found.total == pytest.approx(((moved - mean) ** 2).sum(1).mean())
    assert found.r2[0] < 0.8 * truth[0]


def test_independent_features_add_up(plant):
    x, labels, truth = plant(n=40_000, n_classes=(2, 3, 4), strengths=(1.0, 1.0, 1.0))
    together = variance_explained(x, labels, joint=True)
    assert together.r2.sum() == pytest.approx(truth.sum(), abs=0.01)
    assert together.joint_r2 == pytest.approx(together.r2.sum(), abs=0.005)


def test_absolute_parts_are_consistent(plant):
    x, labels, _ = plant(n=2_000)
    found = variance_explained(x, labels)
    assert found.r2 == pytest.approx(found.explained / found.total)
    assert found.unit_total.sum() == pytest.approx(found.total)
    assert (found.unit_r2 * found.unit_total).sum(1) == pytest.approx(found.explained)
    doubled = variance_explained(2 * x, labels)
    assert doubled.total == pytest.approx(4 * found.total)
    assert found.n_stimuli == 2_000


def test_pooled_and_per_stimulus_forms_differ():
    """Where stimuli differ in length the two readings of the formula part."""
    rng = np.random.default_rng(0)
    f = rng.integers(0, 2, 4_000)
    x = np.outer(2 * f - 1, np.ones(4)) + rng.normal(size=(4_000, 4)) * rng.exponential(2, size=(4_000, 1))
    found = variance_explained(x, f)
    assert found.r2_per_stimulus is not None
    assert abs(found.r2[0] - found.r2_per_stimulus[0]) > 0.1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-6, 6))
def test_pooled_r2_does_not_change_under_rotation_and_scaling(plant, seed, log_scale):
    x, labels, _ = plant(n=300, n_units=6)
    rotation = 10**log_scale * ortho_group.rvs(6, random_state=seed)
    before, after = variance_explained(x, labels), variance_explained(x @ rotation, labels)
    assert after.r2 == pytest.approx(before.r2, abs=1e-9)
    assert after.r2_per_stimulus == pytest.approx(before.r2_per_stimulus, abs=1e-9)
    assert after.total == pytest.approx(before.total * 10 ** (2 * log_scale), rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1234.567])
def test_a_constant_unit_and_a_constant_feature_score_zero(plant, dtype, value):
    x, labels, _ = plant(n=999)
    x[:, 3] = value
    labels[:, 1] = 0
    x = x.astype(dtype)
    fit, test = slice(0, 500), slice(500, None)
    held_out = {"test_representation": x[test], "test_labels": labels[test]}
    for found in (variance_explained(x, labels, joint=True), variance_explained(x[fit], labels[fit], **held_out)):
        assert np.flatnonzero(found.unit_total == 0).tolist() == [3]
        assert (found.unit_r2[:, 3] == 0).all()
        assert found.r2[1] == pytest.approx(0, abs=1e-12)
        assert found.r2[0] > 0.05
        assert np.isfinite(found.table()["value"]).all()


def test_a_dead_layer_scores_zero(plant):
    _, labels, _ = plant(n=100)
    found = variance_explained(np.full((100, 5), 0.1, dtype=np.float32), labels, joint=True, permutations=3)
    assert np.isfinite(found.table()["value"]).all()
    assert not found.r2.any()
    assert found.r2_per_stimulus is not None
    assert not found.r2_per_stimulus.any()
    assert found.p_value == pytest.approx([1, 1])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint32, np.float32, np.int64])
def test_labels_of_any_whole_kind_agree(plant, kind):
    x, labels, _ = plant(n=500, n_classes=(2, 2))
    assert variance_explained(x, labels.astype(kind)).r2.tolist() == variance_explained(x, labels).r2.tolist()


def test_arrays_that_torch_cannot_wrap_are_read_too(plant):
    x, labels, _ = plant(n=500)
    expected = variance_explained(x, labels).r2.tolist()
    locked = x.copy()
    locked.flags.writeable = False
    for same in (locked, x[::-1][::-1], x.astype(">f8"), x.astype(np.longdouble), np.asfortranarray(x), x.tolist()):
        assert variance_explained(same, labels).r2 == pytest.approx(expected)
    assert variance_explained(torch.from_numpy(x).requires_grad_(), labels).r2.tolist() == expected
    counts = np.round(100 * x).astype(np.int16)
    assert variance_explained(counts, labels).r2 == pytest.approx(expected, abs=1e-3)


def test_the_table_is_tidy(plant):
    x, labels, _ = plant(n=500)
    table = variance_explained(x, labels, names=["easy", "hard"], permutations=2, joint=True).table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert not table.duplicated(["feature", "measure"]).any()
    by_feature = {"r2", "r2_unbiased", "r2_per_stimulus", "explained", "p_value", "unique", "common"}
    assert set(table.query("feature == 'hard'")["measure"]) == by_feature
    assert set(table.query("feature == '(all)'")["measure"]) == {"total", "joint_r2"}


def test_groups_of_units_are_representations_of_their_own():
    """The R2 of a channel, over its places, is that of a representation of these units alone."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, size=(300, 2))
    maps = random.normal(size=(300, 4, 2, 3)) + labels[:, :1, None, None] * np.array([0, 1, 2, 0.5])[:, None, None]
    maps[:, 3] = 1.0  # a channel without variance
    flat = {"representation": maps[:150].reshape(150, -1), "test_representation": maps[150:].reshape(150, -1)}
    result = variance_explained(
        flat["representation"], labels[:150], test_representation=flat["test_representation"], test_labels=labels[150:]
    )
    found = result.grouped_r2(np.repeat(np.arange(4), 6))
    for channel in range(3):
        alone = variance_explained(
            maps[:150, channel].reshape(150, -1), labels[:150],
            test_representation=maps[150:, channel].reshape(150, -1), test_labels=labels[150:],
        )  # fmt: skip
        np.testing.assert_allclose(found[:, channel], alone.r2)
    np.testing.assert_array_equal(found[:, 3], 0)
    np.testing.assert_allclose(result.grouped_r2(np.zeros(24, int))[:, 0], result.r2)
    for wrong in (np.zeros(23, int), np.zeros(24), -np.ones(24, int)):
        with pytest.raises(ValueError, match="one whole number, 0 or more, for each of the 24 units"):
            result.grouped_r2(wrong)
