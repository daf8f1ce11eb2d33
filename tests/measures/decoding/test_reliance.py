"""What reliance must say of representations whose easy and hard feature have a known share."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import ortho_group
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import NearestCentroid

from repbias.measures.decoding.linear_classifiers import CLASSIFIERS, Classifier
from repbias.measures.decoding.reliance import reliance, reliance_sweep
from repbias.measures.decoding.training_sets import as_strengths, draw_training_set


def two_features(sizes, n=800, n_units=12, noise=0.5, seed=0):
    """Return fit and test arrays of two independent binary features, each on a direction of its own, of given sizes."""
    rng = np.random.default_rng(seed)
    directions = ortho_group.rvs(n_units, random_state=seed)[:2]
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (n // 2, 1))
    x = (2 * labels - 1) * np.array(sizes) @ directions + noise * rng.normal(size=(len(labels), n_units)) + 3.0
    return {
        "representation": x[:n],
        "labels": labels[:n],
        "test_representation": x[n:],
        "test_labels": labels[n:],
    }


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_classifier_sides_with_the_larger_feature_and_turns_with_it(classifier):
    for sizes, share in (((3.0, 1.0), 1.0), ((1.0, 3.0), 0.0)):
        found = reliance(**two_features(sizes), classifier=classifier, regularization=0.1, names=["easy", "hard"])
        assert found.reliance == pytest.approx([share, 1 - share], abs=0.03)
        assert found.agreeing_accuracy > 0.99
        assert found.names == ("easy", "hard")


def test_equal_features_are_relied_on_equally():
    rng = np.random.default_rng(0)
    shares = [reliance(**two_features((1.0, 1.0), seed=seed)).reliance[0] for seed in rng.integers(0, 1000, 12)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.1)


def test_nearest_mean_follows_from_the_geometry():
    """Without noise the nearest mean's score on a conflict item is the difference of the squared sizes."""
    data = two_features((1.2, 1.0), noise=0.0)
    assert reliance(**data, classifier="nearest_mean").reliance.tolist() == [1.0, 0.0]
    assert reliance(**data, classifier="nearest_mean", features=(1, 0)).reliance.tolist() == [0.0, 1.0]


def test_strength_can_outweigh_size():
    """A large feature that does not predict the label is left alone."""
    data = two_features((3.0, 1.0), noise=0.1)
    both = reliance(**data, regularization=1e-4)
    second = reliance(**data, strength=(0.5, 1.0), regularization=1e-4)
    assert both.reliance[0] > 0.98
    assert second.reliance[1] > 0.98


@pytest.mark.parametrize("strength", [1.0, 0.8, (1.0, 0.9), (0.7, 0.95), (0.5, 0.5)])
def test_training_agreement_is_the_strength(strength):
    found = reliance(**two_features((1.0, 1.0), n=4000), strength=strength)
    assert found.training_agreement == pytest.approx(np.broadcast_to(strength, 2), abs=2e-3)
    assert 1900 < found.n_train <= 4000


def test_features_are_independent_given_the_label():
    """Both features agree with the label in s1 * s2 of the training stimuli."""
    f = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (500, 1))
    chosen, y = draw_training_set(f, as_strengths((0.8, 0.6)), None, 0)
    assert len(np.unique(chosen)) == len(chosen)
    assert y.mean() == 0.5
    for label in (0, 1):
        right = f[chosen[y == label]] == label
        assert right.mean(0) == pytest.approx([0.8, 0.6], abs=2e-3)
        assert right.all(1).mean() == pytest.approx(0.48, abs=2e-3)


def test_at_full_strength_only_agreeing_stimuli_are_used_and_sets_are_nested():
    f = np.random.default_rng(0).integers(0, 2, (301, 2))
    sets = [set(draw_training_set(f, as_strengths(1.0), n, 5)[0].tolist()) for n in (10, 41, None)]
    assert [len(s) for s in sets[:2]] == [10, 40]
    assert sets[0] < sets[1] < sets[2]
    assert np.ptp(f[sorted(sets[2])], axis=1).max() == 0
    assert len(sets[2]) == 2 * min((f == 0).all(1).sum(), (f == 1).all(1).sum())


def test_labels_at_chance_give_no_reliance():
    """At strengths of .5 no feature predicts the label: sides and accuracies are at chance."""
    shares = [reliance(**two_features((3.0, 1.0), seed=s), strength=0.5, regularization=0.1) for s in range(20)]
    assert np.mean([r.reliance[0] for r in shares]) == pytest.approx(0.5, abs=0.15)
    assert np.mean([r.agreeing_accuracy for r in shares]) == pytest.approx(0.5, abs=0.15)


def test_a_dead_layer_gives_half():
    data = two_features((1.0, 1.0))
    dead = data | {k: np.full_like(data[k], 0.1) for k in ("representation", "test_representation")}
    for classifier in CLASSIFIERS:
        found = reliance(**dead, classifier=classifier)
        assert found.reliance.tolist() == [0.5, 0.5]
        assert found.agreeing_accuracy == 0.5


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), log_scale=st.floats(-4, 4), classifier=st.sampled_from(CLASSIFIERS))
def test_reliance_does_not_change_under_rotation_shift_and_overall_scale(seed, log_scale, classifier):
    data = two_features((1.2, 1.0), n=200, n_units=5)
    moved = dict(data)
    rotation = 10**log_scale * ortho_group.rvs(5, random_state=seed)
    for key in ("representation", "test_representation"):
        moved[key] = data[key] @ rotation + 10**log_scale
    before, after = (reliance(**d, classifier=classifier, scaling="overall") for d in (data, moved))
    assert after.reliance == pytest.approx(before.reliance, abs=0.011)  # one item in a hundred may lie on the boundary


def test_scaling_units_takes_the_bias_away():
    """One unit a feature: as it is, the larger wins; standardised, both weigh the same."""
    rng = np.random.default_rng(0)
    labels = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (400, 1))
    x = (2 * labels - 1 + 0.2 * rng.normal(size=labels.shape)) * [4.0, 1.0]
    data = {"representation": x, "labels": labels, "test_representation": x, "test_labels": labels}
    assert reliance(**data, regularization=1.0).reliance[0] == 1.0
    w = reliance(**data, regularization=1.0, scaling="unit").classifier.weights[1] * x.std(0)
    assert w[0] == pytest.approx(w[1], rel=0.05)


def degenerate(kind, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [13, 17])
    x = rng.normal(size=(30, 50 if kind == "few stimuli" else 6)) + 0.8 * y[:, None] + 2
    if kind == "constant units":
        x[:, [0, 3]] = 0.1
    if kind == "repeated stimuli":
        x[10:20], y[10:20] = x[:10], y[:10]
    return x, y


DATA = ["random", "few stimuli", "constant units", "repeated stimuli"]


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("classifier", ["logistic", "ridge", "svm"])
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_classifiers_minimise_the_stated_objective(kind, classifier, size):
    """Against SciPy's minimiser of the objective in the docstring, written out."""
    x, y = degenerate(kind)
    x, penalty, sign = size * x, 0.01 * size**2, 2.0 * y - 1
    z = x - x.mean(0)

    def objective(p):
        t = z @ p[:-1] / size + p[-1]
        if classifier == "logistic":
            loss, slope = np.logaddexp(0, -sign * t), -sign / (1 + np.exp(sign * t))
        elif classifier == "ridge":
            loss, slope = (t - sign) ** 2 / 2, t - sign
        else:
            short = np.maximum(0, 1 - sign * t)
            loss, slope = short**2, -2 * short * sign
        gradient = np.append(z.T @ slope / size / len(y) + penalty / size**2 * p[:-1], slope.mean())
        return loss.mean() + penalty / 2 * (p[:-1] ** 2).sum() / size**2, gradient

    best = minimize(objective, np.zeros(x.shape[1] + 1), jac=True, options={"gtol": 1e-9, "maxiter": 5000})
    expected = z @ best.x[:-1] / size + best.x[-1]
    found = Classifier(classifier, penalty).fit(x, y)
    scores = found.scores(x)
    tolerance = 1e-6 if classifier != "svm" else 1e-3  # liblinear penalises the intercept, if ever so little
    assert scores[:, 1] - scores[:, 0] == pytest.approx(expected, rel=1e-6, abs=tolerance)


@pytest.mark.parametrize("kind", DATA)
def test_classifiers_agree_with_scikit_learn_called_directly(kind):
    x, y = degenerate(kind)
    lam, n = 0.05, len(y)
    z = x - x.mean(0)
    for name, model in (
        ("ridge", RidgeClassifier(alpha=lam * n)),
        ("logistic", LogisticRegression(C=1 / (lam * n), tol=1e-10)),
    ):
        scores = Classifier(name, lam).fit(x, y).scores(x)
        assert scores[:, 1] - scores[:, 0] == pytest.approx(model.fit(z, y).decision_function(z), abs=1e-6)
    nearest = Classifier("nearest_mean").fit(x, y).predict(x)
    varying = x[:, np.ptp(x, axis=0) > 0]
    assert nearest.tolist() == NearestCentroid().fit(varying, y).predict(varying).tolist()


def test_several_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200) * 2  # labels 0, 2, 4, 6
    x = rng.normal(size=(200, 5)) + rng.normal(size=(8, 5))[y]
    found = Classifier(regularization=0.05).fit(x, y)
    model = LogisticRegression(C=1 / (0.05 * 200), tol=1e-10).fit(x - x.mean(0), y)
    expected = model.decision_function(x - x.mean(0))
    scores = found.scores(x)
    assert scores - scores[:, :1] == pytest.approx(expected - expected[:, :1], abs=1e-5)
    assert set(found.predict(x)) <= {0, 2, 4, 6}


def test_reliance_agrees_with_a_direct_computation():
    data = two_features((1.2, 1.0), noise=1.0)
    y, test_y = data["labels"], data["test_labels"]
    agree, conflict = y[:, 0] == y[:, 1], test_y[:, 0] != test_y[:, 1]
    mean = data["representation"][agree].mean(0)
    model = LogisticRegression(C=1 / (0.02 * agree.sum()), tol=1e-10)
    model.fit(data["representation"][agree] - mean, y[agree, 0])
    predicted = model.predict(data["test_representation"] - mean)
    found = reliance(**data, regularization=0.02)
    assert found.n_train == agree.sum()
    assert found.n_conflict == conflict.sum()
    assert found.n_agreeing == (~conflict).sum()
    assert found.reliance[0] == pytest.approx((predicted == test_y[:, 0])[conflict].mean(), abs=1e-12)
    assert found.agreeing_accuracy == pytest.approx((predicted == test_y[:, 0])[~conflict].mean(), abs=1e-12)
    torched = {k: torch.from_numpy(v) for k, v in data.items()}
    assert reliance(**torched, regularization=0.02).reliance.tolist() == found.reliance.tolist()


def test_the_seed_fixes_the_draw():
    data = two_features((1.1, 1.0), noise=1.0)
    one, same, other = (reliance(**data, n_train=20, seed=seed) for seed in (1, 1, 2))
    assert one.classifier.weights.tolist() == same.classifier.weights.tolist()
    assert one.classifier.weights.tolist() != other.classifier.weights.tolist()
    assert one.n_train == 20


def test_features_are_found_by_name_among_others():
    data = two_features((3.0, 1.0))
    rng = np.random.default_rng(0)
    wide = dict(data)
    for key in ("labels", "test_labels"):
        wide[key] = np.column_stack([rng.integers(0, 5, len(data[key])), data[key]])
    names = ["colour", "easy", "hard"]
    found = reliance(**wide, names=names, features=("easy", "hard"))
    assert found.reliance.tolist() == reliance(**data).reliance.tolist()
    assert found.names == ("easy", "hard")


def test_tables_are_tidy():
    table = reliance(**two_features((1.0, 1.0)), names=["easy", "hard"]).table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert not table.duplicated(["feature", "measure"]).any()
    assert set(table.query("feature == 'easy'")["measure"]) == {"reliance", "training_agreement"}
    assert table.query("measure == 'reliance'")["value"].sum() == 1


def test_the_sweep_is_reliance_in_a_table():
    data = two_features((1.2, 1.0), noise=1.0)
    table = reliance_sweep(**data, regularizations=(0.01, 1.0), n_trains=(20, None), seeds=(0, 3)).table()
    assert len(table) == (3 * 2 + 1) * 2 * 2 * 9
    assert not table.duplicated(["classifier", "regularization", "n_train", "seed", "feature", "measure"]).any()
    row = table.query(
        "classifier == 'ridge' and regularization == 1 and n_train == 20 and seed == 3 and measure == 'reliance'"
    )
    expected = reliance(**data, classifier="ridge", regularization=1.0, n_train=20, seed=3).reliance
    assert row["value"].tolist() == expected.tolist()
    assert table.query("classifier == 'nearest_mean'")["regularization"].isna().all()


DATA = two_features((1.0, 1.0), n=800)
TRAIN, TEST = DATA["labels"], DATA["test_labels"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classifier": "logstic"}, "did you mean 'logistic'"),
        ({"scaling": "units"}, "did you mean 'unit'"),
        ({"regularization": 0.0}, "regularization .*got 0.0"),
        ({"regularization": float("nan")}, "regularization .*got nan"),
        ({"strength": 0.4}, "strength must be one number from .5 to 1"),
        ({"strength": (1.0, 1.0, 1.0)}, "strength must be one number from .5 to 1, or a pair"),
        ({"features": ("feature_0", "feature_9")}, "no feature is called 'feature_9'; did you mean"),
        ({"features": (0, 2)}, "a name or a number from 0 to 1, got 2"),
        ({"features": (1, 1)}, "features must be two different features"),
        ({"n_train": 1}, "n_train must be from 2 to 400 at strength"),
        ({"n_train": 500}, "n_train must be from 2 to 400 at strength .* 00: 200, 01: 200"),
        (
            {"test_labels": TEST[:, [0, 0]], "names": ["easy", "hard"]},
            "must have conflict items, got none among 800 .* 'easy' and 'hard' differ",
        ),
        ({"test_labels": np.column_stack([TEST[:, 0], 1 - TEST[:, 0]])}, "must have agreeing items"),
        ({"labels": TRAIN * 2, "test_labels": TEST * 2}, "two classes, 0 and 1, got 3 classes"),
        ({"labels": TRAIN * [0, 1], "test_labels": TEST * [0, 1]}, "only class 0 for feature 'feature_0'"),
        (
            {"labels": np.column_stack([TRAIN[:, 0], 1 - TRAIN[:, 0]])},
            "n_train must be from 2 to 0 .* use fewer, or add stimuli",
        ),
        ({"test_labels": TEST[:, 0]}, "test_labels must hold the 2 features .*got 1 columns"),
    ],
)
def test_wrong_choices_and_arrays_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        reliance(**DATA | change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliance_sweep(**DATA, seeds=()), "nothing to sweep over"),
        (lambda: reliance_sweep(**DATA, classifiers=("ridge", "lda")), "no classifier is called 'lda'"),
        (lambda: Classifier().fit(DATA["representation"], np.zeros(800, dtype=int)), "two classes or more"),
    ],
    ids=["no seeds", "classifier", "one class"],
)
def test_what_cannot_be_swept_or_classified_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
