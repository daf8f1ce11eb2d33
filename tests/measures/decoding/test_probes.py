"""What probes and sparse probes must say, and that their controls say nothing where there is nothing."""

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression, orthogonal_mp
from sklearn.metrics import balanced_accuracy_score

from repbias.measures.decoding.linear_classifiers import Classifier
from repbias.measures.decoding.probes import controlled_probe, probe
from repbias.measures.decoding.sparse_probes import select_by_class_means, select_forward, sparse_probe


def split(x, labels, n_fit):
    return {
        "representation": x[:n_fit],
        "labels": labels[:n_fit],
        "test_representation": x[n_fit:],
        "test_labels": labels[n_fit:],
    }


def noise(n=200, n_units=30, n_fit=100, seed=0):
    rng = np.random.default_rng(seed)
    return split(rng.normal(size=(n, n_units)), rng.integers(0, 2, (n, 1)), n_fit)


def test_a_probe_agrees_with_scikit_learn(plant):
    x, labels, _ = plant(n=1200, n_classes=(2, 3), strengths=(0.3, 0.4))
    found = probe(**split(x, labels, 600), regularization=0.01, scaling="none")
    mean = x[:600].mean(0)
    for feature in (0, 1):
        model = LogisticRegression(C=1 / (0.01 * 600), tol=1e-10).fit(x[:600] - mean, labels[:600, feature])
        predicted, truth = model.predict(x[600:] - mean), labels[600:, feature]
        assert found.accuracy[feature] == pytest.approx((predicted == truth).mean(), abs=1e-12)
        assert found.balanced_accuracy[feature] == pytest.approx(balanced_accuracy_score(truth, predicted), abs=1e-12)
    assert found.n_fit == found.n_test == 600
    torched = {k: torch.from_numpy(v) for k, v in split(x, labels, 600).items()}
    assert probe(**torched, regularization=0.01, scaling="none").accuracy.tolist() == found.accuracy.tolist()


def test_a_feature_of_next_to_no_variance_is_read_out_all_the_same():
    """Decoding is not variance: one part in ten thousand of the variance suffices, given little regularisation."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (1000, 2))
    x = (2 * labels - 1) * [1.0, 0.01] @ ortho_group.rvs(6, random_state=0)[:2] + 1e-3 * rng.normal(size=(1000, 6))
    assert probe(**split(x, labels, 500), regularization=1e-6).accuracy.tolist() == [1.0, 1.0]


def test_chance_is_the_majority_of_the_fit():
    rng = np.random.default_rng(0)
    labels = (rng.random(2000) < 0.8).astype(int)
    found = probe(**split(rng.normal(size=(2000, 3)), labels, 1000))
    assert found.chance[0] == labels[1000:].mean()
    assert found.accuracy[0] == pytest.approx(0.8, abs=0.03)
    assert found.balanced_accuracy[0] == pytest.approx(0.5, abs=0.03)


def test_null_labels_give_null_results():
    found = [controlled_probe(**noise(seed=seed), permutations=3) for seed in range(15)]
    for scores in ("accuracy", "balanced_accuracy", "random_coordinates"):
        assert np.mean([getattr(f, scores) for f in found]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([f.shuffled for f in found]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([f.selectivity for f in found]) == pytest.approx(0.0, abs=0.05)


def test_what_a_probe_learns_by_heart_is_seen():
    """With more units than stimuli any labels are memorised; with few, hardly any."""
    large = controlled_probe(**noise(n_units=300), regularization=1e-4, permutations=4)
    small = controlled_probe(**noise(n_units=2), regularization=1e-4, permutations=4)
    assert large.memorized.min() == 1.0
    assert small.memorized.mean() < 0.7
    assert large.shuffled.mean() == pytest.approx(0.5, abs=0.1)


def test_controls_stand_beside_the_accuracy(plant):
    x, labels, _ = plant(n=800, n_classes=(2, 3))
    names = ["easy", "hard"]
    rng = np.random.default_rng(1)
    other = rng.normal(size=(800, 7))
    data = split(x, labels, 400)
    extra = {"baseline_representation": other[:400], "test_baseline_representation": other[400:]}
    found = controlled_probe(**data, **extra, names=names, permutations=5, seed=3)
    plain = probe(**data, names=names)
    assert found.accuracy.tolist() == plain.accuracy.tolist()
    assert found.shuffled.shape == found.memorized.shape == (5, 2)
    baseline = probe(**data | {"representation": other[:400], "test_representation": other[400:]})
    assert found.baseline.tolist() == baseline.accuracy.tolist()
    assert (found.selectivity > 0.3).all()
    assert (found.random_coordinates < plain.accuracy - 0.2).all()
    again = controlled_probe(**data, names=names, permutations=5, seed=3)
    assert again.shuffled.tolist() == found.shuffled.tolist()
    assert again.baseline is None
    assert plain.selectivity is None
    other_seed = controlled_probe(**data, names=names, permutations=5, seed=4)
    assert other_seed.memorized.tolist() != found.memorized.tolist()
    table = found.table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert not table.duplicated(["feature", "measure"]).any()
    assert set(table["measure"]) - set(plain.table()["measure"]) == {
        "shuffled", "memorized", "selectivity", "random_coordinates", "baseline",
    }  # fmt: skip


def test_probes_do_not_change_under_rotation(plant):
    x, labels, _ = plant(n=600, n_units=6, strengths=(0.3, 0.3))
    moved = x @ ortho_group.rvs(6, random_state=1) + 5
    before, after = (probe(**split(values, labels, 300)).accuracy for values in (x, moved))
    assert after == pytest.approx(before, abs=0.004)


def planted_units(seed=0, n=600, n_units=40):
    """Feature 0 on unit 7 at any scale; feature 1 the sum of units 3 and 30; a twin of unit 7 at unit 8."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 2))
    x = rng.normal(size=(n, n_units))
    x[:, 7] = 1e-3 * (2 * labels[:, 0] - 1 + 0.3 * rng.normal(size=n))
    x[:, 8] = x[:, 7] * 100 + 0.02 * rng.normal(size=n)
    labels[:, 1] = x[:, 3] + x[:, 30] > 0
    return x, labels


@pytest.mark.parametrize("selection", ["class_means", "forward"])
def test_sparse_probes_find_the_planted_units(selection):
    x, labels = planted_units()
    found = sparse_probe(**split(x, labels, 400), k=(1, 2, 5), selection=selection, regularization=1e-4, scaling="unit")
    assert found.units[0, 0] == 7
    assert set(found.units[1, :2]) == {3, 30}
    assert found.accuracy[0, 0] > 0.98
    assert found.accuracy[0, 1] < 0.85 < 0.95 < found.accuracy[1, 1]
    assert found.units.shape == (2, 5)
    assert found.accuracy.shape == found.balanced_accuracy.shape == (3, 2)
    table = found.table()
    assert list(table.columns) == ["feature", "k", "measure", "value"]
    assert not table.duplicated(["feature", "k", "measure"]).any()
    assert len(table) == 3 * 3 * 2


def test_forward_selection_passes_over_a_twin():
    x, labels = planted_units()
    assert select_by_class_means(x, labels[:, 0], 2).tolist() == [7, 8]
    x[:, 8] = 4 * x[:, 7]
    assert select_forward(x, labels[:, 0], 2)[0] == 7
    assert select_forward(x, labels[:, 0], 2)[1] != 8
    assert sorted(select_forward(x, labels[:, 0], 40).tolist()) == list(range(40))


def test_selections_agree_with_scikit_learn():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 120)
    x = rng.normal(size=(120, 15)) + rng.normal(size=(3, 15))[y] * 0.5
    by_f = np.argsort(-f_classif(x, y)[0])
    assert select_by_class_means(x, y, 15).tolist() == by_f.tolist()
    wanted, y2 = [], (y > 0).astype(int)
    z, target = x - x.mean(0), y2 - y2.mean()
    for _ in range(4):  # the definition: the unit that leaves the least squared error beside those chosen
        errors = [
            np.inf
            if unit in wanted
            else ((target - z[:, [*wanted, unit]] @ np.linalg.lstsq(z[:, [*wanted, unit]], target)[0]) ** 2).sum()
            for unit in range(15)
        ]
        wanted.append(int(np.argmin(errors)))
    assert select_forward(x, y2, 4).tolist() == wanted
    first = np.flatnonzero(orthogonal_mp(z / z.std(0), target, n_nonzero_coefs=1))
    assert wanted[0] == first[0]


def test_degenerate_data_are_selected_from():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 60))
    y = np.repeat([0, 1], 10)
    x[:, [0, 5]] = 0.1
    x[10:15], x[5:10] = x[10], x[0]
    for select in (select_by_class_means, select_forward):
        chosen = select(x, y, 60).tolist()
        assert sorted(chosen) == list(range(60))
        assert set(chosen[-2:]) == {0, 5}


def test_a_sparse_probe_does_not_leak():
    """Noise, few stimuli, many units: chosen on the fit stimuli, accuracy is at chance; chosen on all, it is not."""
    honest, leaky = [], []
    for seed in range(12):
        data = noise(n=80, n_units=1000, n_fit=40, seed=seed)
        honest.append(sparse_probe(**data, k=(5,), selection="class_means").accuracy[0, 0])
        x = np.concatenate([data["representation"], data["test_representation"]])
        y = np.concatenate([data["labels"], data["test_labels"]])[:, 0]
        chosen = select_by_class_means(x, y, 5)
        predicted = Classifier().fit(x[:40, chosen], y[:40]).predict(x[40:, chosen])
        leaky.append((predicted == y[40:]).mean())
    assert np.mean(honest) == pytest.approx(0.5, abs=0.07)
    assert np.mean(leaky) > 0.65


def test_a_sparse_probe_of_all_units_is_a_probe(plant):
    x, labels, _ = plant(n=600, n_units=6, strengths=(0.3, 0.3))
    data = split(x, labels, 300)
    found, whole = sparse_probe(**data, k=(6,)), probe(**data)
    assert found.accuracy[0] == pytest.approx(whole.accuracy, abs=0.004)
    assert found.chance.tolist() == whole.chance.tolist()


@pytest.mark.parametrize("measure", [probe, controlled_probe, sparse_probe])
def test_wrong_input_is_refused(measure):
    data = noise()
    zeros = {"labels": data["labels"] * 0, "test_labels": data["test_labels"] * 0}
    for change, message in (
        ({"classifier": "ridg"}, "did you mean 'ridge'"),
        ({"regularization": -1}, "regularization must be finite and above 0, got -1"),
        (zeros, "got only class 0 for feature 'feature_0': there is nothing to tell apart"),
        ({"test_labels": data["test_labels"] + 1}, "must be below 2 for feature 'feature_0', got 2"),
        ({"labels": data["labels"] * 2, "test_labels": data["test_labels"]}, "among the fit labels, got class 1"),
        ({"test_representation": data["test_representation"][:, :5]}, "test_representation has 5 units, the arrays"),
        ({"labels": data["labels"][:-1]}, "one row for each of the 100 stimuli"),
        ({"names": ["a", "b"]}, "one name for each of the 1 features, got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(**data | change)


BASELINE = noise()["representation"]


@pytest.mark.parametrize(
    ("measure", "change", "message"),
    [
        (controlled_probe, {"permutations": 0}, "permutations .*got 0: without controls, use probe"),
        (controlled_probe, {"baseline_representation": BASELINE}, "go together, got only one"),
        (
            controlled_probe,
            {"baseline_representation": BASELINE * np.nan, "test_baseline_representation": BASELINE},
            "baseline_representation must be finite, got 3000",
        ),
        (sparse_probe, {"selection": "foward"}, "did you mean 'forward'"),
        *((sparse_probe, {"k": k}, "k must be .*from 1 to .*30") for k in ((), (0, 1), (1, 31))),
    ],
)
def test_wrong_choices_are_refused(measure, change, message):
    with pytest.raises(ValueError, match=message):
        measure(**noise() | change)
