"""Objects that carry an index of the stimuli are combined only where the index is the same."""

import numpy as np
import pandas as pd
import pytest

import repbias
from repbias.audit.arrays import audit_arrays
from repbias.core.frames import shared_index

N = 30
RNG = np.random.default_rng(0)
X, SIDE = RNG.normal(size=(N, 4)), np.arange(N) % 2
NAMES = [f"image{k:02d}" for k in range(N)]
ORDER = RNG.permutation(N)
FRAME, LABELS = pd.DataFrame(X, index=NAMES), pd.Series(SIDE, index=NAMES)
PAIRS = pd.MultiIndex.from_arrays([NAMES, range(N)])
TWICE = np.repeat(NAMES[: N // 2], 2)

DIFFERENT = {
    "another order": (FRAME, LABELS.iloc[ORDER]),
    "other stimuli": (FRAME, LABELS.set_axis([f"other{k}" for k in range(N)])),
    "some other stimuli": (FRAME, LABELS.set_axis([*NAMES[:-3], "x", "y", "z"])),
    "fewer stimuli": (FRAME, LABELS.iloc[:20]),
    "pairs of names": (FRAME.set_axis(PAIRS), LABELS.set_axis(PAIRS).iloc[ORDER]),
    "pairs beside names": (FRAME.set_axis(PAIRS), LABELS),
    "names that occur twice": (FRAME.set_axis(TWICE), LABELS.set_axis(TWICE).iloc[ORDER]),
    "reordered rows beside default numbers": (pd.DataFrame(X).iloc[ORDER], pd.Series(SIDE)),
    "default numbers beside reordered rows": (pd.DataFrame(X), pd.Series(SIDE).iloc[ORDER]),
    "the rows of another part": (pd.DataFrame(X, index=range(100, 100 + N)), pd.Series(SIDE)),
}
SAME = {
    "names": (FRAME.iloc[ORDER], LABELS.iloc[ORDER]),
    "pairs of names": (FRAME.set_axis(PAIRS), LABELS.set_axis(PAIRS)),
    "names that occur twice": (FRAME.set_axis(TWICE), LABELS.set_axis(TWICE)),
    "names beside default numbers": (FRAME, pd.Series(SIDE)),
    "names beside an array": (FRAME.iloc[ORDER], SIDE),
    "categories of names": (FRAME, LABELS.set_axis(pd.CategoricalIndex(NAMES))),
    "the same part": (pd.DataFrame(X, index=range(100, 100 + N)), pd.Series(SIDE, index=range(100, 100 + N))),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_different_indices_are_refused_by_the_audit_and_by_measures(case):
    activity, labels = DIFFERENT[case]
    with pytest.raises(ValueError, match="in the order of"):
        audit_arrays({"V4": activity}, {"side": labels})
    with pytest.raises(ValueError, match="in the order of"):
        audit_arrays({"V4": activity}, {"V4": labels})
    with pytest.raises(ValueError, match="in the order of"):
        repbias.variance_explained(activity, labels)


@pytest.mark.parametrize("case", SAME)
def test_the_same_index_is_accepted(case):
    activity, labels = SAME[case]
    assert len(shared_index({"arrays": {"V4": activity}, "features": {"side": labels}})) == N
    expected = repbias.variance_explained(np.asarray(activity), np.asarray(labels)).r2
    assert (repbias.variance_explained(activity, labels).r2 == expected).all()


GIVEN = {
    "two arrays": lambda: audit_arrays({"V4": FRAME, "IT": FRAME.iloc[ORDER]}, {"side": SIDE}),
    "two features": lambda: audit_arrays({"V4": X}, {"side": LABELS, "tone": LABELS.iloc[ORDER]}),
    "groups": lambda: audit_arrays({"V4": X}, {"side": LABELS}, groups=LABELS.iloc[ORDER]),
    "repeats": lambda: audit_arrays({"V4": X}, {"side": LABELS}, repeats=LABELS.iloc[ORDER]),
    "a stream": lambda: repbias.audit_stream([FRAME[:20], FRAME[20:]], {"side": LABELS.iloc[ORDER]}, sample=1000),
    "features of a stream": lambda: repbias.audit_stream([X], {"side": LABELS, "tone": LABELS.iloc[ORDER]}),
    "cka": lambda: repbias.cka(FRAME, FRAME.iloc[ORDER]),
    "RDMs": lambda: repbias.compare_rdms(*(pd.DataFrame(repbias.rdm(X), index=i) for i in (NAMES, NAMES[::-1]))),
    "components": lambda: repbias.components(FRAME, LABELS.iloc[ORDER]),
    "equalize": lambda: repbias.equalize(FRAME, {"side": LABELS.iloc[ORDER]}),
    "a number": lambda: repbias.variance_explained(FRAME, repbias.continuous(LABELS.iloc[ORDER])),
    "partitioning": lambda: repbias.variance_partitioning(FRAME, {"side": LABELS.iloc[ORDER]}),
    "leace": lambda: repbias.leace(FRAME, LABELS.iloc[ORDER]),
    "crossnobis": lambda: repbias.crossnobis_rdm(FRAME, LABELS.iloc[ORDER], LABELS),
    "test labels": lambda: repbias.probe(X, SIDE, test_representation=FRAME, test_labels=LABELS.iloc[ORDER]),
}


@pytest.mark.parametrize("case", GIVEN)
def test_whatever_carries_an_index_is_compared(case):
    with pytest.raises(ValueError, match="in the order of"):
        GIVEN[case]()


def test_stimuli_on_dimensions_of_two_names_are_refused():
    xarray = pytest.importorskip("xarray")
    square = xarray.DataArray(RNG.normal(size=(N, N)), dims=("unit", "image"))
    with pytest.raises(ValueError, match="transpose"):
        audit_arrays({"V4": square}, {"side": xarray.DataArray(SIDE, dims="image")})


def rdm(diagonal=0.0):
    distances = repbias.rdm(X, distance="euclidean")
    return distances + diagonal * np.eye(N)


NOT_ACTIVITY = {
    "an RDM": rdm(),
    "an RDM in single precision": rdm().astype(np.float32),
    "a frame": pd.DataFrame(rdm(), index=NAMES, columns=NAMES),
    "correlations": np.corrcoef(X),
    "a condensed RDM": rdm()[np.triu_indices(N, 1)],
}


@pytest.mark.parametrize("case", NOT_ACTIVITY)
def test_an_rdm_is_not_activity(case):
    with pytest.raises(ValueError, match="compare_rdms"):
        audit_arrays({"V4": NOT_ACTIVITY[case]}, {"side": SIDE})


def test_the_saved_index_of_a_frame_is_neither_unit_nor_feature():
    frame = pd.DataFrame(X).rename(columns={0: "Unnamed: 0"})
    for arrays, features in (({"V4": frame}, {"side": SIDE}), ({"V4": X}, frame)):
        with pytest.raises(ValueError, match="index_col=0"):
            audit_arrays(arrays, features)


def test_labels_of_an_xarray_object_keep_its_index():
    xarray = pytest.importorskip("xarray")
    coords = {"presentation": NAMES, "side": ("presentation", SIDE)}
    recorded = repbias.from_xarray(xarray.DataArray(X, dims=("presentation", "unit"), coords=coords), ["side"])
    with pytest.raises(ValueError, match="in the order of"):
        audit_arrays(**recorded, groups=pd.Series(np.arange(N) // 6, index=NAMES).iloc[ORDER])
