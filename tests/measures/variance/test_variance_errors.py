"""Every refusal says what was expected, what came, where, and what to do next."""

import numpy as np
import pytest
import torch

from repbias.measures import VarianceFitter, variance_explained

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.arange(20) % 2
TWO = np.stack([Y, Y], axis=1)


def changed(array, index, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[index] = value
    return array


REFUSED = {
    "one axis": ((X[:, 0], Y), {}, r"representation must be an array \[stimulus, unit\], got shape \(20,\): average"),
    "three axes": ((X[None], Y), {}, r"got shape \(1, 20, 3\)"),
    "no stimuli": ((X[:0], Y[:0]), {}, r"shape \(0, 3\): at least one stimulus"),
    "no units": ((X[:, :0], Y), {}, r"shape \(20, 0\)"),
    "nan": ((changed(X, (7, 2), np.nan), Y), {}, r"1 values that are NaN or infinite, the first at stimulus 7, unit 2"),
    "inf": ((changed(X, [4, 9], np.inf), Y), {}, r"6 values .* stimulus 4, unit 0: .* drop the 2 stimuli"),
    "length": ((X, Y[:19]), {}, r"labels must have one row for each of the 20 stimuli .*got 19: check"),
    "nan label": ((X, changed(Y, 3, np.nan)), {}, r"labels must be whole numbers .* nan at stimulus 3"),
    "negative": ((X, changed(TWO, (5, 1), -1)), {"names": ["a", "b"]}, r"got -1 for feature 'b' at stimulus 5 .*drop"),
    "huge class": ((X, changed(Y, 2, 10**9)), {}, r"labels must be below 65536, got 1000000000 .*np.unique"),
    "label axes": ((X, TWO[None]), {}, r"labels must be \[stimulus\] or \[stimulus, feature\], got shape \(1, 20, 2\)"),
    "no features": ((X, TWO[:, :0]), {}, r"labels must be .* got shape \(20, 0\)"),
    "names": ((X, TWO), {"names": ["a"]}, r"one name for each of the 2 features, got 1: \['a'\]"),
    "twice": ((X, TWO), {"names": ["a", "a"]}, r"names must differ from one another, got \['a'\]"),
    "only test x": (
        (X, Y),
        {"test_representation": X},
        r"test_representation was given without test_labels",
    ),
    "only test y": ((X, Y), {"test_labels": Y}, r"test_labels was given without test_representation: give both"),
    "units": (
        (X, Y),
        {"test_representation": X[:, :2], "test_labels": Y},
        r"test_representation has 2 units, the arrays before it 3",
    ),
    "test nan": (
        (X, Y),
        {"test_representation": changed(X, (1, 0), np.nan), "test_labels": Y},
        r"test_representation must be finite.*stimulus 1, unit 0",
    ),
    "test features": (
        (X, Y),
        {"test_representation": X, "test_labels": TWO},
        r"test_labels must hold 1 features \(feature_0\), got 2",
    ),
    "new test class": (
        (X, Y),
        {"test_representation": X, "test_labels": changed(Y, 0, 2)},
        r"test_labels must be below 2 for feature 'feature_0', got 2: every class must be among",
    ),
    "skipped test class": (
        (X, changed(Y, 0, 3)),
        {"test_representation": X, "test_labels": changed(TWO[:, 0], 4, 2)},
        r"class 2 of feature 'feature_0' occurs in 1 stimuli of test_labels but never in labels",
    ),
    "lonely class": (
        (X, np.stack([Y, changed(np.zeros(20, int), 6, 1)], 1)),
        {"names": ["a", "rare"]},
        r"class 1 of feature 'rare' occurs in 1 stimuli only, all of them in fold \d of 5.*merge",
    ),
    "few stimuli": ((X[:3], Y[:3]), {}, r"5 folds needs at least as many stimuli, got 3: add stimuli"),
    "folds": ((X, Y), {"folds": 1}, r"folds must be 2 or more, .* got 1"),
    "permutations": ((X, Y), {"permutations": -1}, r"permutations must be 0 or more, got -1"),
    "overflow": ((np.float32(1e25) * X.astype(np.float32), Y), {}, r"squares overflow: divide .* float64"),
}


@pytest.mark.parametrize(("arrays", "settings", "message"), REFUSED.values(), ids=REFUSED)
def test_a_value_is_refused(arrays, settings, message):
    with pytest.raises(ValueError, match=message):
        variance_explained(*arrays, **settings)


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ((X, np.array(["red", "blue"] * 10)), {}, r"labels must be an array of numbers, got dtype <U4.*np.unique"),
        (
            (np.where(X > 0, "high", X.astype(object)), Y),
            {},
            r"representation must be an array of numbers, got dtype object",
        ),
        ((X + 1j, Y), {}, r"representation must hold real numbers"),
        ((X, torch.zeros(20, dtype=torch.complex64)), {}, r"labels must be whole numbers"),
        ((X, Y), {"names": "a"}, r"names must be a sequence of names, got the text 'a'"),
    ],
)
def test_a_kind_is_refused(arrays, settings, message):
    with pytest.raises(TypeError, match=message):
        variance_explained(*arrays, **settings)


def use(steps, n_classes=(2,), **settings):
    """Make a fitter and call its methods by name, each with all arrays where none are given."""
    it = VarianceFitter(n_classes, **settings)
    for step in steps:
        name, *arrays = (step,) if isinstance(step, str) else step
        getattr(it, name)(*(arrays or ((X, Y) if name != "result" else ())))


@pytest.mark.parametrize(
    ("steps", "settings", "message"),
    [
        (["second_pass"], {}, "second_pass needs stimuli to fit on, got none: call update first"),
        (["update_test"], {}, "update_test needs stimuli to fit on"),
        (["update", "update_test", "update"], {}, "made the fit final"),
        (["update", "second_pass", "update_test"], {}, "use one of the two"),
        (["update", "update_test", "second_pass"], {}, "second_pass is for cross-validation"),
        (["update", "second_pass"], {"folds": None}, "second_pass is for cross-validation"),
        (["update", "second_pass", "second_pass"], {}, "second_pass got 40 stimuli, update 20"),
        (["result"], {}, "result needs stimuli to fit on"),
        (["update", "result"], {"folds": None}, "folds is None and no test batches"),
        (["update", ("second_pass", X[:8], Y[:8]), "result"], {}, "second_pass saw 8 of 20 stimuli"),
        (["update", ("update", X[:, :2], Y)], {}, "2 units, .* 3"),
        ([], {"n_classes": []}, "n_classes"),
        ([], {"n_classes": [2, 0]}, "n_classes"),
    ],
)
def test_steps_out_of_order_and_batches_that_do_not_fit_are_refused(steps, settings, message):
    with pytest.raises(ValueError, match=message):
        use(steps, **settings)
