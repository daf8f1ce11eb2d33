"""What clusters and neighbourhoods must say of data whose groups are known."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from repbias.measures.decoding.clustering import clustering, neighbour_purity, tsne

NAMES = ("easy", "hard")


def groups(n=160, gaps=(20.0, 1.0), noise=1.0, n_units=5, seed=0):
    """Two balanced bits, each along a unit of its own, and noise: (representation, labels)."""
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (n // 4, 1))
    x = noise * np.random.default_rng(seed).normal(size=(n, n_units))
    x[:, :2] += labels * gaps
    return x, labels


def adjusted_rand(a, b):
    """The index from its definition, pair by pair."""
    pairs = list(combinations(range(len(a)), 2))
    in_a, in_b = (np.array([labels[i] == labels[j] for i, j in pairs]) for labels in (a, b))
    expected = in_a.sum() * in_b.sum() / len(pairs)
    return ((in_a & in_b).sum() - expected) / ((in_a.sum() + in_b.sum()) / 2 - expected)


def purity_by_definition(x, labels, k):
    shares = []
    for i in range(len(x)):
        distances = ((x - x[i]) ** 2).sum(1)
        distances[i] = np.inf
        shares.append((labels[np.argsort(distances)[:k]] == labels[i]).mean())
    return np.mean(shares)


def test_two_clusters_are_the_easy_feature():
    x, labels = groups()
    found = clustering(x, labels, k=2, names=NAMES)
    assert found.ari[0] == 1
    assert found.ari[1] == pytest.approx(0, abs=0.02)
    assert 0 < found.combined_ari < 0.6
    assert found.within_share < 0.1


def test_the_hard_feature_is_found_where_it_varies_more():
    x, labels = groups(gaps=(1.0, 20.0))
    assert clustering(x, labels, k=2, names=NAMES).ari[1] == 1


def test_as_many_clusters_as_combinations_is_the_default():
    x, labels = groups(gaps=(20.0, 15.0))
    found = clustering(x, labels)
    assert found.k == 4
    assert found.combined_ari == 1
    assert clustering(x, labels[:, 0] * 7).k == 2


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_index_agrees_with_its_definition(k):
    x, labels = groups(n=60, gaps=(3.0, 2.0))
    found = clustering(x, labels, k=k)
    assert found.ari == pytest.approx([adjusted_rand(found.clusters, column) for column in labels.T], abs=1e-12)
    assert found.combined_ari == pytest.approx(adjusted_rand(found.clusters, labels @ [2, 1]), abs=1e-12)
    means = np.stack([x[found.clusters == c].mean(0) for c in found.clusters])
    assert found.within_share == pytest.approx(((x - means) ** 2).sum() / ((x - x.mean(0)) ** 2).sum())


def test_random_labels_have_an_index_near_zero():
    x, labels = groups(n=400)
    found = clustering(x, np.random.default_rng(1).permutation(labels), k=4)
    assert [*found.ari, found.combined_ari] == pytest.approx([0, 0, 0], abs=0.02)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-4, 4))
def test_rotation_shift_and_scale_leave_the_groups(seed, log_scale):
    x, labels = groups()
    turned = 10**log_scale * x @ ortho_group.rvs(5, random_state=seed) + 3
    assert clustering(turned, labels, k=2).ari[0] == 1
    before, after = neighbour_purity(x, labels), neighbour_purity(turned, labels)
    assert after.purity == pytest.approx(before.purity, abs=1e-9)


def test_the_seed_alone_decides():
    x, labels = groups(gaps=(0.0, 0.0))
    first, again, other = (clustering(x, labels, k=5, seed=seed).clusters for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    np.random.seed(0)  # noqa: NPY002
    assert (clustering(x, labels, k=5).clusters == first).all()


@pytest.mark.parametrize("distinct", [1, 2])
def test_fewer_distinct_stimuli_than_clusters_give_fewer_clusters(distinct):
    labels = np.arange(30) % 2
    x = np.ones((30, 3)) * 0.1 + (labels[:, None] if distinct == 2 else 0)
    found = clustering(x, labels, k=3)
    assert len(set(found.clusters)) == distinct
    assert found.ari[0] == distinct - 1
    assert found.within_share == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", [(80, 4), (12, 40)])
@pytest.mark.parametrize("neighbours", [1, 6])
def test_purity_agrees_with_its_definition(shape, neighbours):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, shape[0])
    x = rng.normal(size=shape) + labels[:, None]
    found = neighbour_purity(x, labels, neighbours=neighbours)
    assert found.purity[0] == pytest.approx(purity_by_definition(x, labels, neighbours), abs=1e-12)
    pairs = list(combinations(labels, 2))
    assert found.chance[0] == pytest.approx(np.mean([a == b for a, b in pairs]))


def test_purity_is_one_for_separate_groups_and_zero_corrected_for_random_ones():
    x, labels = groups(n=400)
    labels = np.column_stack([labels, np.zeros(400, dtype=int), np.random.default_rng(0).permutation(400) < 40])
    found = neighbour_purity(x, labels)
    assert found.purity[[0, 2]].tolist() == [1, 1]
    assert found.corrected[0] == 1
    assert found.corrected[2] == 0  # a feature of one class
    assert found.purity[3] > 0.7
    assert found.corrected[3] == pytest.approx(0, abs=0.1)
    assert found.corrected[1] < 0.5


def test_a_layout_shows_the_easy_feature_and_not_the_hard_one():
    x, labels = groups(n=120)
    layout = tsne(x, perplexity=15)
    assert layout.shape == (120, 2)
    assert layout.dtype == np.float64
    easy, hard = neighbour_purity(layout, labels).corrected
    assert easy > 0.95 > 0.5 > hard
    for scale in (1e-9, 1e9):
        assert neighbour_purity(tsne(scale * x, perplexity=15), labels[:, 0]).purity[0] > 0.95


def test_the_layout_is_always_the_same_and_for_any_kind_of_array():
    x = np.random.default_rng(0).normal(size=(40, 600)).astype(np.float32)
    expected = tsne(x, perplexity=5)
    np.random.seed(1)  # noqa: NPY002
    assert (tsne(torch.from_numpy(x), perplexity=5) == expected).all()


def test_k_means_reads_tensors_of_any_precision():
    x, labels = groups()
    for same in (torch.from_numpy(x), torch.from_numpy(x).to(torch.bfloat16), x.astype(np.float16)):
        assert clustering(same, labels, k=2).ari[0] == 1


def test_the_tables_are_tidy():
    x, labels = groups(n=40)
    table = clustering(x, labels, names=NAMES).table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert set(table.query("feature == '(all)'")["measure"]) == {"ari", "within_share", "k"}
    assert table.query("feature == 'easy' and measure == 'ari'")["value"].item() < 1  # four clusters, two classes
    purity = neighbour_purity(x, labels, names=NAMES)
    table = purity.table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert table.query("feature == 'hard' and measure == 'corrected_purity'")["value"].item() == purity.corrected[1]


X, Y = groups(n=20)
REFUSED = {
    "no clusters": (lambda: clustering(X, Y, k=0), r"k must be from 1 to 20, the number of stimuli, got 0"),
    "too many": (lambda: clustering(X, Y, k=21), r"k must be from 1 to 20, .* got 21"),
    "negative": (lambda: clustering(X, Y - 1), r"labels must be 0 or more, got -1"),
    "names": (lambda: clustering(X, Y, names=["a"]), r"one name for each of the 2 features"),
    "seed": (lambda: clustering(X, Y, seed=-1), r"a seed is a whole number >= 0, got -1"),
    "rows": (lambda: neighbour_purity(X, Y[:3]), r"one row for each of the 20 stimuli .* got 3"),
    "none": (lambda: neighbour_purity(X, Y, neighbours=0), r"neighbours must be at least 1 .* 20, got 0"),
    "all": (lambda: neighbour_purity(X, Y, neighbours=20), r"neighbours must be .* below .* 20, got 20: use fewer"),
    "unasked": (lambda: neighbour_purity(X, Y - 1), r"labels must be 0 or more"),
    "perplexity": (lambda: tsne(X), r"perplexity must be .* below the number of stimuli, 20, got 30.0: lower it"),
    "one unit": (lambda: tsne(X[:, :1], perplexity=5), r"t-SNE needs two units or more, got 1: plot"),
    "dead": (lambda: tsne(np.full((20, 3), 0.1), perplexity=5), r"all 20 stimuli have the same representation"),
    "nan": (lambda: tsne(X * np.nan, perplexity=5), r"representation must be finite"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
