"""Labels of any kind are the classes they name; what is not a class is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from repbias.audit.arrays import audit_arrays
from repbias.core.arrays import as_labels
from repbias.features.labels import Labels, as_classes, associated

SIDES = np.arange(40) % 2


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(SIDES, dtype="Int64"),
        pd.Series(SIDES, dtype="Float32"),
        pd.Series(SIDES).astype("category"),
        pd.Series(SIDES, dtype="int64[pyarrow]"),
        pd.Series(SIDES.astype(np.float16)),
        pd.Series(SIDES.astype(np.uint8)),
    ],
    ids=lambda values: str(values.dtype),
)
def test_whole_numbers_of_any_type_are_the_same_classes(values):
    found = as_classes(values, "side")
    assert found.classes == ("0", "1")
    assert (found.numbers == SIDES).all()


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (np.array([b"left", b"right"])[SIDES], ("left", "right")),
        (np.array(["left", "right"])[SIDES], ("left", "right")),
        (pd.Series(SIDES == 1, dtype="boolean"), ("False", "True")),
        (pd.Categorical.from_codes(SIDES, ["left", "right"]), ("left", "right")),
    ],
)
def test_text_bytes_and_truth_values_keep_their_names(values, classes):
    found = as_classes(pd.Series(values), "side")
    assert found.classes == classes
    assert (found.numbers == SIDES).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int8, torch.bool])
def test_tensors_of_any_precision_hold_the_same_labels(dtype):
    labels = torch.from_numpy(SIDES).to(dtype)
    x = np.random.default_rng(0).normal(size=(40, 3)) + SIDES[:, None]
    report = audit_arrays({"x": x}, {"side": labels}, resamples=100, permutations=50)
    expected = audit_arrays({"x": x}, {"side": SIDES}, resamples=100, permutations=50)
    assert report.results["value"].to_numpy() == pytest.approx(expected.results["value"].to_numpy())
    assert as_labels(labels, torch.from_numpy(x), "labels")[:, 0].tolist() == SIDES.tolist()


def test_features_that_go_together_are_associated_and_independent_ones_are_not():
    rng, n = np.random.default_rng(0), 4000
    side = np.arange(n) % 2
    echo = np.where(rng.random(n) < 0.8, side, rng.integers(0, 2, n))
    numbers = {"side": side, "echo": echo, "other": rng.permutation(np.arange(n) % 10)}
    features = {name: Labels(one, tuple(map(str, np.unique(one)))) for name, one in numbers.items()}
    assert associated(features) == (("side", "echo"),)


def independent(rng, n, *classes):
    numbers = {str(place): rng.permutation(np.arange(n) % one) for place, one in enumerate(classes)}
    return {name: Labels(one, tuple(map(str, np.unique(one)))) for name, one in numbers.items()}


@pytest.mark.parametrize(("n", "classes"), [(60, (2, 2, 3, 4, 6)), (40, (2, 2, 8, 10)), (120, (30, 20, 2))])
def test_independent_features_are_called_associated_in_one_data_set_of_twenty_at_most(n, classes):
    rng = np.random.default_rng(0)
    found = [bool(associated(independent(rng, n, *classes))) for _ in range(200)]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_presentations_of_a_stimulus_count_once():
    rng = np.random.default_rng(0)
    item = np.repeat(np.arange(24), 10)
    shown = []
    for _ in range(100):
        features = independent(rng, 24, 2, 3)
        repeated = {name: Labels(one.numbers[item], one.classes) for name, one in features.items()}
        shown.append((bool(associated(repeated, item)), bool(associated(repeated))))
    once, each = np.mean(shown, axis=0)
    assert once <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert each > 0.3


def test_a_feature_within_another_is_associated_with_it_however_few_stimuli_it_has():
    identity = np.arange(12)
    features = {"identity": Labels(identity, tuple("abcdefghijkl")), "category": Labels(identity // 6, ("0", "1"))}
    assert associated(features) == (("identity", "category"),)
