"""What components, truncation and the components that a read-out needs must say of data that are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from repbias.measures.interventions.truncation import components_needed, truncated
from repbias.measures.variance.components import components
from repbias.measures.variance.explained import variance_explained

NAMES = ("easy", "hard")


def factorial(repeats=50, scales=(4.0, 1.0), noise=0.0, n_units=6, seed=0):
    """Two balanced independent bits, each along a unit of its own: (representation, labels)."""
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (repeats, 1))
    x = noise * np.random.default_rng(seed).normal(size=(len(labels), n_units))
    x[:, :2] += (labels - 0.5) * scales
    return x, labels


def signs_of(rotation, mean=0.0):
    """A read-out of the two bits that `factorial` wrote, after a rotation."""
    back = torch.from_numpy(rotation.T[:, :2]).float()
    return lambda x: (x - mean) @ back > 0


def by_sklearn(values, labels, test, test_labels, n):
    pca = PCA(n, svd_solver="full").fit(values)
    scores, test_scores = pca.transform(values), pca.transform(test)
    r2 = []
    for feature in range(labels.shape[1]):
        n_classes = labels[:, feature].max() + 1
        code, test_code = (np.eye(n_classes)[some[:, feature]] for some in (labels, test_labels))
        residual = test_scores - LinearRegression().fit(code, scores).predict(test_code)
        r2.append(1 - (residual**2).sum(0) / (test_scores**2).sum(0))
    return pca, np.array(r2)


DATA = {"random": (300, 12), "fewer stimuli than units": (14, 30), "constant units": (200, 8), "repeated": (120, 9)}


@pytest.mark.parametrize("kind", DATA)
def test_agrees_with_sklearn(kind):
    n, n_units = DATA[kind]
    rng = np.random.default_rng(1)
    labels = np.stack([np.arange(2 * n) % 2, np.arange(2 * n) // 2 % 3], axis=1)
    x = rng.normal(size=(2 * n, n_units)) + rng.normal(size=(3, n_units))[labels[:, 1]] + 7
    if kind == "constant units":
        x[:, [2, 5]] = 0.1
    if kind == "repeated":
        x = np.repeat(x[::2], 2, axis=0)
    fit, test = x[:n], x[n:]
    found = components(fit, labels[:n], test_representation=test, test_labels=labels[n:])
    rank = {"fewer stimuli than units": n - 1, "constant units": 6}.get(kind, n_units)
    assert len(found.axes) == rank
    pca, r2 = by_sklearn(fit, labels[:n], test, labels[n:], rank)
    assert found.share == pytest.approx(pca.explained_variance_ratio_, abs=1e-9)
    assert np.abs((found.axes * pca.components_).sum(1)) == pytest.approx(np.ones(rank), abs=1e-6)
    assert found.r2 == pytest.approx(r2, abs=1e-6)
    assert found.share.sum() == pytest.approx(1)
    assert found.axes @ found.axes.T == pytest.approx(np.eye(rank), abs=1e-9)


def test_each_component_belongs_to_the_feature_it_was_planted_for():
    x, labels = factorial(noise=0.2)
    found = components(x, labels, names=NAMES, owner_threshold=0.5)
    assert found.owner == ("easy", "hard", None, None, None, None)
    assert found.r2[0, 0] > 0.98
    assert found.r2[1, 1] > 0.7
    assert found.share[0] == pytest.approx(4 / (4 + 0.25 + 6 * 0.04), abs=0.02)


def test_the_sign_of_an_axis_is_set(plant):
    x, labels, _ = plant(n=200, n_units=5)
    axes = components(x, labels).axes
    assert (axes.max(1) == np.abs(axes).max(1)).all()


def test_the_owner_follows_the_threshold():
    x, labels = factorial(noise=0.2)
    assert components(x, labels, names=NAMES, owner_threshold=0.97).owner[:2] == ("easy", None)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-6, 6))
def test_rotation_and_scale_change_only_the_axes(plant, seed, log_scale):
    x, labels, _ = plant(n=200, n_units=5)
    rotation = ortho_group.rvs(5, random_state=seed)
    before, after = components(x, labels), components(10**log_scale * x @ rotation, labels)
    assert after.share == pytest.approx(before.share, abs=1e-9)
    assert after.r2 == pytest.approx(before.r2, abs=1e-7)
    assert np.abs(((before.axes @ rotation) * after.axes).sum(1)) == pytest.approx(np.ones(5), abs=1e-7)


def test_components_add_up_to_the_pooled_r2(plant):
    x, labels, _ = plant(n=600, n_units=7)
    test = {"test_representation": x[300:], "test_labels": labels[300:]}
    found, pooled = components(x[:300], labels[:300], **test), variance_explained(x[:300], labels[:300], **test)
    assert (found.r2 * found.scored_share).sum(1) == pytest.approx(pooled.r2, abs=1e-9)
    assert found.scored_share.sum() == pytest.approx(1)


def test_labels_at_random_own_nothing(plant):
    x, labels, _ = plant(n=3_000)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert components(x, shuffled).r2.max() < 0.02
    assert set(components(x, shuffled).owner) == {None}


def test_a_dead_layer_has_one_component_without_variance():
    x, labels = np.full((40, 3), 0.1, dtype=np.float32), np.arange(40) % 2
    found = components(x, labels)
    assert found.share.tolist() == [0.0]
    assert found.r2.tolist() == [[0.0]]
    assert found.scored_share.tolist() == [0.0]
    assert found.owner == (None,)


def test_the_tables_are_tidy():
    x, labels = factorial(noise=0.2)
    found = components(x, labels, names=NAMES, n=2)
    table = found.table()
    assert list(table.columns) == ["component", "feature", "measure", "value"]
    assert len(table) == 2 * 4
    assert table.query("component == 1 and feature == 'hard'")["value"].item() == found.r2[1, 1]
    assert table.query("component == 0 and measure == 'share'")["value"].item() == found.share[0]
    needed = components_needed(signs_of(np.eye(6)), x, labels, found).table()
    assert list(needed.columns) == ["feature", "measure", "value"]
    assert needed.query("feature == 'hard' and measure == 'components_needed'")["value"].item() == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_truncation_keeps_what_it_should(dtype):
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).to(dtype) + 3
    found = components(x, np.arange(40) % 2)
    assert truncated(x, found, 6).numpy() == pytest.approx(x.numpy(), abs=1e-5)
    assert truncated(x, found, 0).numpy() == pytest.approx(x.mean(0).expand(40, 6).numpy(), abs=1e-5)
    twice = truncated(truncated(x, found, 2), found, 2)
    assert twice.numpy() == pytest.approx(truncated(x, found, 2).numpy(), abs=1e-5)
    assert twice.dtype == dtype
    pca = PCA(2).fit(x.numpy())
    assert twice.numpy() == pytest.approx(pca.inverse_transform(pca.transform(x.numpy())), abs=1e-5)
    lost = ((x - truncated(x, found, 2)) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()
    assert lost.item() == pytest.approx(found.share[2:].sum(), abs=1e-5)
    assert truncated(np.arange(12).reshape(2, 6), found, 1).dtype == torch.float64


@pytest.mark.parametrize("seed", range(5))
def test_a_feature_needs_the_components_down_to_its_own(seed):
    rotation = ortho_group.rvs(6, random_state=seed)
    x, labels = factorial()
    found = components(x @ rotation + 5, labels, names=NAMES)
    needed = components_needed(signs_of(rotation, 5), x @ rotation + 5, labels, found)
    assert needed.needed.tolist() == [1, 2]
    assert needed.untruncated.tolist() == [1, 1]
    assert needed.chance.tolist() == [0.5, 0.5]
    assert needed.curve.shape == (2, 3)
    assert needed.curve[0, 1:].tolist() == [1, 1]


def test_the_sweep_equals_truncation_at_each_k(plant):
    x, labels, _ = plant(n=400, n_units=8, n_classes=(2, 2))
    weights = torch.randn(8, 2, generator=torch.Generator().manual_seed(3))
    found = components(x, labels)
    swept = components_needed(lambda z: z @ weights > 0, x, labels, found).curve
    for k in range(9):
        answers = (truncated(x, found, k).float() @ weights > 0).numpy()
        assert swept[:, k] == pytest.approx((answers == labels).mean(0), abs=0.006)  # a stimulus or two at the bound


def test_needed_is_where_accuracy_stays_up_and_is_corrected_for_chance():
    """A read-out told how many components are left, with accuracies 0, 1, .5, .85, 1: up, down, and up again."""
    x = np.random.default_rng(0).normal(size=(20, 4))
    labels = np.arange(20) % 2
    accuracies = iter([1.0, 0.0, 1.0, 0.5, 0.85, 1.0])

    def read_out(z):
        wrong = torch.arange(20) >= round(20 * next(accuracies))
        return torch.from_numpy(labels) ^ wrong.long()

    found = components_needed(read_out, x, labels, components(x, labels), fraction=0.7)
    assert found.curve[0] == pytest.approx([0, 1, 0.5, 0.85, 1])
    assert found.needed.tolist() == [3]  # .85 is .7 of the way from .5 to 1
    accuracies = iter([1.0, 0.0, 1.0, 0.5, 0.85, 1.0])
    found = components_needed(read_out, x, labels, components(x, labels), fraction=0.8)
    assert found.needed.tolist() == [4]  # though .85 is above .8 of the untruncated accuracy


def test_nothing_to_keep_and_never_kept_are_told_apart():
    x, labels = factorial()
    found = components(x, labels, n=1)
    blind = components_needed(lambda z: torch.zeros(len(z), 2, dtype=torch.int64), x, labels, found)
    assert np.isnan(blind.needed).all()
    partial = components_needed(signs_of(np.eye(6)), x, labels, found)
    assert partial.needed.tolist() == [1, np.inf]


def test_a_read_out_that_writes_into_its_input_does_no_harm():
    x, labels = factorial()
    found = components(x, labels)

    def careless(z):
        answer = z[:, :2] > 0
        z.zero_()
        return answer

    mine = torch.from_numpy(x).float()
    assert components_needed(careless, mine, labels, found).needed.tolist() == [1, 2]
    assert (mine.numpy() == x.astype(np.float32)).all()


X, Y = factorial(repeats=3, noise=0.1)
DETECTED = components(X, Y, n=2, names=NAMES)
READ = signs_of(np.eye(6))
REFUSED = {
    "no components": (lambda: components(X, Y, n=0), r"n must be from 1 to 6, .* of 12 stimuli and 6 units, got 0"),
    "too many": (lambda: components(X[:4], Y[:4], n=5), r"n must be from 1 to 4, .* got 5"),
    "threshold": (lambda: components(X, Y, owner_threshold=0), r"owner_threshold must be an R2 above 0.*got 0"),
    "test arrays": (lambda: components(X, Y, test_labels=Y), r"test_labels was given without test_representation"),
    "k": (lambda: truncated(X, DETECTED, 3), r"k must be from 0 to 2, the number of components of result, got 3"),
    "negative k": (lambda: truncated(X, DETECTED, -1), r"k must be from 0 to 2, .* got -1"),
    "units": (lambda: truncated(X[:, :3], DETECTED, 1), r"representation has 3 units, the arrays before it 6"),
    "fraction": (
        lambda: components_needed(READ, X, Y, DETECTED, fraction=0),
        r"fraction must be above 0 and at most 1, got 0",
    ),
    "names": (lambda: components_needed(READ, X, Y[:, 0], DETECTED), r"one name for each of the 1 features, got 2"),
    "negative": (lambda: components_needed(READ, X, Y - 1, DETECTED), r"labels must be 0 or more, got -1"),
    "logits": (
        lambda: components_needed(lambda z: z[:, :2], X, Y, DETECTED),
        "what read_out returns must be whole numbers .* output > 0.5",
    ),
    "one label": (
        lambda: components_needed(lambda z: [0], X, Y, DETECTED),
        "what read_out returns must have one row for each of the 12 stimuli .* got 1",
    ),
    "shape": (
        lambda: components_needed(lambda z: READ(z)[:, 0], X, Y, DETECTED),
        r"one label for each stimulus and feature, \(12, 2\), got shape \(12, 1\): give labels the features",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
