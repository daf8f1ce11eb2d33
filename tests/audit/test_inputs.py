"""Wrong inputs of an audit are refused at once; unusual ones are accepted, and noted."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from repbias.audit.arrays import activity_notes, audit_arrays, check_layers
from repbias.audit.inputs import check_stimuli

N = 24
X = np.random.default_rng(0).normal(size=(N, 4))
SIDE = np.arange(N) % 2
SESSION = np.arange(N) // 6


def altered(value, row=3, unit=1):
    x = X.copy()
    x[row, unit] = value
    return x


def labels_with(value, at=5):
    values = SIDE.astype(object)
    values[at] = value
    return values


def features(values):
    return {"features": {"side": values}}


REFUSED = {
    "no arrays": ({"arrays": {}}, "arrays must name one or more"),
    "a bare array": ({"arrays": X}, "arrays must be a mapping of names to arrays"),
    "a layer whose name is a number": ({"arrays": {3: X}}, "names in arrays must be text, got 3"),
    "a layer without a name": ({"arrays": {" ": X}}, "names in arrays must not be empty"),
    "one axis": ({"arrays": {"V4": X[:, 0]}}, "the array 'V4' must be an array [stimulus, unit], got shape (24,)"),
    "three axes": ({"arrays": {"V4": X[:, :, None]}}, "average or flatten the axes"),
    "no units": ({"arrays": {"V4": X[:, :0]}}, "at least one stimulus and one unit"),
    "no stimuli": ({"arrays": {"V4": X[:0]}}, "at least one stimulus and one unit"),
    "NaN": ({"arrays": {"V4": altered(np.nan)}}, "the first at stimulus 3, unit 1"),
    "infinity": ({"arrays": {"V4": altered(-np.inf)}}, "the array 'V4' must be finite"),
    "squares that overflow": ({"arrays": {"V4": altered(1e200)}}, "divide it by a constant"),
    "complex activity": ({"arrays": {"V4": X + 1j}}, "must hold real numbers"),
    "activity of objects": (
        {"arrays": {"V4": np.where(X > 1, "a", X.astype(object))}},
        "array of numbers, got dtype object",
    ),
    "activity of text": ({"arrays": {"V4": X.astype(str)}}, "must be an array of numbers"),
    "activity of categories": ({"arrays": {"V4": pd.DataFrame(X).assign(a=pd.Categorical(SIDE))}}, "in column 'a'"),
    "activity of dates": ({"arrays": {"V4": pd.DataFrame(X).assign(a=pd.Timestamp(0))}}, "in column 'a'"),
    "ragged activity": ({"arrays": {"V4": [[1.0, 2.0], [3.0]]}}, "rows of different lengths"),
    "masked activity": ({"arrays": {"V4": np.ma.masked_less(X, 0)}}, "whose mask would be lost"),
    "layers of other stimuli": ({"arrays": {"V4": X, "IT": X[1:]}}, "got 24 in 'V4' and 23 in 'IT'"),
    "no features": ({"features": {}}, "features must name one or more"),
    "no columns": ({"features": pd.DataFrame(index=range(N))}, "features must name one or more"),
    "bare labels": ({"features": SIDE}, "features must be a mapping"),
    "a feature whose name is a number": ({"features": {0: SIDE}}, "names in features must be text, got 0"),
    "columns without names": ({"features": pd.DataFrame({0: SIDE})}, "rename it, e.g. '0'"),
    "a gap in a frame": (
        {"arrays": {"V4": pd.DataFrame(altered(np.nan)).astype("Float64")}},
        "must be finite, got 1 values",
    ),
    "a feature without a name": ({"features": {"": SIDE}}, "names in features must not be empty"),
    "a reserved name": ({"features": {"(all)": SIDE}}, "stands for all together"),
    "columns of one name": (
        {"features": pd.DataFrame(np.stack([SIDE, SIDE], 1), columns=["side", "side"])},
        "got ['side'] more than once",
    ),
    "too few labels": (features(SIDE[1:]), "for each of the 24 stimuli of the arrays, got 23"),
    "too many labels": (features(np.append(SIDE, 0)), "the feature 'side' must have one label for each"),
    "two columns of labels": (features(np.stack([SIDE, SIDE], 1)), "give each column as a separate feature"),
    "ragged labels": (features([[0, 1], [1]] * 12), "lists of different lengths"),
    "a single text": (features("0101"), "got the text '0101'"),
    "a constant feature": (features(np.zeros(N, int)), "two classes or more, got only '0'"),
    "a class of one stimulus": (features(np.r_[2, SIDE[1:]]), "got one of '2'"),
    "as many classes as stimuli": (features([f"image{k}" for k in range(N)]), "24 of 24 classes have one"),
    "infinite labels": (features(np.where(SIDE, np.inf, 0.0)), "got an infinite one at stimulus 1"),
    "complex labels": (features(SIDE + 1j), "got the complex number"),
    "labels of two kinds": (features(labels_with("left")), "mixes numbers and text"),
    "truth values among numbers": (features(labels_with(True)), "mixes numbers and truth values"),
    "lists for labels": (features(labels_with([1])), "got list"),
    "masked labels": (features(np.ma.masked_equal(SIDE, 1)), "the feature 'side' is a masked array"),
    "a label that is NaN": (features(np.where(np.arange(N) == 7, np.nan, SIDE)), "the first at stimulus 7"),
    "a label that is None": (features(labels_with(None)), 'or drop those stimuli with missing="drop"'),
    "a label that is NA": (features(pd.array(labels_with(pd.NA), dtype="Int64")), "1 of the feature 'side' missing"),
    "a label that is blank": (features(["left", "right", " "] * 8), "8 of the feature 'side' missing"),
    "a class that missing labels leave alone": (
        features([None, "left", *["right"] * 22]) | {"missing": "drop"},
        "got one of 'left'",
    ),
    "labels that are all missing": (features([None] * N) | {"missing": "drop"}, "10 stimuli or more"),
    "too few stimuli": ({"arrays": {"V4": X[:8]}, "features": {"side": SIDE[:8]}}, "10 stimuli or more"),
    "another policy": ({"missing": "dropp"}, "did you mean 'drop'?"),
    "too few groups": ({"groups": SESSION[1:]}, "groups must have one label for each of the 24 stimuli"),
    "a group that is missing": ({"groups": np.where(SESSION == 3, np.nan, SESSION)}, "6 of groups missing"),
    "fractions for groups": ({"groups": X[:, 0]}, "groups must hold whole numbers"),
    "one group": ({"groups": np.ones(N, int)}, "without groups, give groups=None"),
    "a class in one group alone": (
        {"features": {"side": np.where(SESSION == 0, 2, SIDE)}, "groups": SESSION},
        "got all of '2' in one group",
    ),
    "a seed below 0": ({"seed": -1}, "seed must be 0 or more"),
    "a seed that is no number": ({"seed": 0.5}, "seed must be a whole number"),
    "too few resamples": ({"resamples": 10}, "resamples must be 100 or more"),
    "too few permutations": ({"permutations": 0}, "permutations must be 50 or more"),
    "an unknown classifier": ({"classifier": "logistik"}, "did you mean 'logistic'?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_came_and_what_to_do(case):
    changed, message = REFUSED[case]
    given = {"arrays": {"V4": X}, "features": {"side": SIDE}, "groups": None} | changed
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        audit_arrays(given.pop("arrays"), given.pop("features"), **given)


def checked(values=SIDE, *, groups=None):
    return check_stimuli({"side": values}, groups, n=N)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a"] * 12, ("a", "b")),
        (np.array(["b", "a"] * 12), ("a", "b")),
        (SIDE == 0, ("False", "True")),
        (5 - SIDE.astype(float), ("4", "5")),
        (torch.from_numpy(1 - SIDE), ("0", "1")),
        (pd.Series(["b", "a"] * 12, index=range(100, 100 + N)), ("a", "b")),
        (pd.Categorical(["b", "a"] * 12, categories=["b", "a", "never"]), ("a", "b")),
        (["<b>", "<a>"] * 12, ("<a>", "<b>")),
        ((-SIDE).tolist(), ("-1", "0")),
    ],
)
def test_labels_of_any_kind_become_sorted_classes(values, classes):
    found = checked(values).features["side"]
    assert found.classes == classes
    assert found.numbers.tolist() == [1, 0] * 12


OTHER_LABELS = {
    "nullable": pd.Series(SIDE, dtype="Int64"),
    "Arrow": pd.Series(SIDE, dtype="int64[pyarrow]"),
    "bfloat16": torch.from_numpy(SIDE).bfloat16(),
    "torch truth values": torch.from_numpy(SIDE == 1),
    "objects": np.array([int(one) if k % 3 else float(one) for k, one in enumerate(SIDE)], dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray(SIDE)),
    "sparse tensor": torch.from_numpy(SIDE).to_sparse(),
    "intervals": pd.cut(pd.Series(SIDE), [-1, 0, 1]),
    "periods": pd.Series(pd.PeriodIndex(np.where(SIDE, "2020-02", "2020-01"), freq="M")),
    "dates": np.where(SIDE, "2020-02-01", "2020-01-01").astype("datetime64[D]"),
    "durations": pd.Series(pd.to_timedelta(SIDE, unit="D")),
    "bytes": np.where(SIDE, "b", "a").astype("S"),
    "bytes of another encoding": [b"\xe9" if one else b"\xe8" for one in SIDE],
    "categories, one of them unused": pd.Series(pd.Categorical.from_codes(SIDE + 1, ["none", "a", "b"])),
    "an object with an array": type("Column", (), {"__array__": lambda _, dtype=None, copy=None: SIDE})(),
}


@pytest.mark.parametrize("kind", OTHER_LABELS)
def test_labels_of_other_types_are_the_classes_that_they_say(kind):
    found = checked(OTHER_LABELS[kind]).features["side"]
    assert len(found.classes) == 2
    assert (found.numbers == SIDE).all()


def test_stimuli_without_a_label_are_dropped_everywhere_and_counted():
    labels = {"side": labels_with(None, at=5), "tone": labels_with(np.nan, at=8)}
    stimuli = check_stimuli(labels, missing="drop")
    layers = stimuli.of(check_layers({"V4": X, "IT": X[:, :2]}))
    kept = np.delete(np.arange(N), [5, 8])
    assert (stimuli.n_given, stimuli.n_stimuli) == (N, N - 2)
    assert stimuli.kept.tolist() == kept.tolist()
    assert (layers["V4"] == X[kept]).all()
    assert (layers["IT"] == X[kept, :2]).all()
    assert stimuli.features["tone"].numbers.tolist() == SIDE[kept].tolist()
    assert "2 of 24 stimuli dropped" in stimuli.notes[0]
    assert "1 of the feature 'side', 1 of the feature 'tone'" in stimuli.notes[0]


def test_activity_of_another_number_of_stimuli_is_refused():
    with pytest.raises(ValueError, match="labels of 24 stimuli, and there is activity for 23"):
        checked().of(check_layers({"V4": X[1:]}))


def test_silent_units_and_unequal_classes_are_kept_and_noted():
    quiet = X.copy()
    quiet[:, 0], quiet[:, 1] = 0, 3
    stimuli, layers = checked(np.arange(N) // 21), check_layers({"V4": quiet})
    assert stimuli.of(layers)["V4"].shape == X.shape
    (note,) = activity_notes(layers, stimuli)
    assert "2 of 4 units of 'V4' never change (1 are always 0)" in note
    assert "from 3 to 21 stimuli ('1' has the fewest)" in stimuli.notes[0]


def test_copies_of_a_stimulus_are_noted_unless_they_are_named_as_repeats():
    stimulus = np.arange(N) // 2
    layers = check_layers({"V4": X[stimulus], "constant": np.ones((N, 2))})
    assert "12 of 24 stimuli have exactly the same activity" in activity_notes(layers, checked())[-1]
    named = check_stimuli({"side": SIDE[stimulus]}, repeats=stimulus)
    assert not any("same activity" in note for note in activity_notes(layers, named))


def test_ordinary_inputs_have_no_notes():
    stimuli = checked(groups=SESSION)
    assert stimuli.notes == activity_notes(check_layers({"V4": X}), stimuli) == ()


NAMES = [f"image{place:02d}" for place in range(N)]
SHUFFLED = np.random.default_rng(1).permutation(N)


@pytest.mark.parametrize("kind", ["frames", "series", "xarray"])
def test_an_index_in_another_order_is_refused_and_in_the_same_order_accepted(kind):
    frame, labels = pd.DataFrame(X, index=NAMES), pd.Series(SIDE, index=NAMES)
    if kind == "xarray":
        xarray = pytest.importorskip("xarray")
        frame = xarray.DataArray(X, dims=("image", "unit"), coords={"image": NAMES})
        labels = xarray.DataArray(SIDE, dims="image", coords={"image": NAMES})
    few = {"resamples": 100, "permutations": 50, "classifier": "nearest_mean"}

    def features(order):
        shuffled = labels[order] if kind == "xarray" else labels.iloc[order]
        return pd.DataFrame({"side": shuffled}) if kind == "frames" else {"side": shuffled}

    assert audit_arrays({"V4": frame}, features(np.arange(N)), **few).n_stimuli == N
    turned = pd.Series(SESSION, index=NAMES)[::-1]
    for arrays, order, groups, message in (
        (frame, SHUFFLED, None, "in another order: align them first"),
        (X, np.arange(N), turned, "'groups' .* in the order of"),
    ):
        with pytest.raises(ValueError, match=message):
            audit_arrays({"V4": arrays}, features(order), groups=groups, **few)


def test_groups_of_any_kind_are_numbered():
    named = np.array(["mon", "tue", "wed", "thu"])[SESSION]
    by_name = checked(groups=named).cluster
    assert len(set(zip(by_name.tolist(), SESSION.tolist(), strict=True))) == 4


KINDS = {
    "float16": lambda x: x.astype(np.float16),
    "int8": lambda x: x.astype(np.int8),
    "list": lambda x: x.tolist(),
    "tensor": lambda x: torch.from_numpy(x).float().requires_grad_(),
    "bfloat16": lambda x: torch.from_numpy(x).bfloat16(),
    "sparse tensor": lambda x: torch.from_numpy(x).to_sparse(),
    "sparse matrix": scipy.sparse.csr_matrix,
    "sparse array": scipy.sparse.csc_array,
    "frame": pd.DataFrame,
    "nullable frame": lambda x: pd.DataFrame(x).convert_dtypes(),
    "Arrow frame": lambda x: pd.DataFrame(x).astype("double[pyarrow]"),
    "objects": lambda x: x.astype(object),
    "a frame of objects": lambda x: pd.DataFrame(x).astype(object),
    "a sparse frame": lambda x: pd.DataFrame(x).astype(pd.SparseDtype(float, 0.0)),
    "frame of several kinds": lambda x: pd.DataFrame(x).astype({0: bool}).astype({0: "Float64", 1: np.float32}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_activity_of_any_kind_of_number_is_accepted(kind):
    array = np.round(4 * X)
    array[:, 0] = array[:, 0] > 0
    found = check_layers({"V4": KINDS[kind](array)})["V4"]
    assert found.dtype == np.float64
    assert (found == array).all()
