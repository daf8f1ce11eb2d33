"""Data of xarray and rsatoolbox are audited as if their arrays had been taken out by hand."""

import re

import numpy as np
import pytest

from repbias.audit.adapters import from_rsatoolbox, from_xarray
from repbias.audit.arrays import audit_arrays

N, UNITS = 24, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, UNITS))
SHAPE = np.array(["cube", "ball"])[np.arange(N) % 2]
SIZE = np.arange(N) // 12
SESSION = np.arange(N) // 6
REGION = np.array(["IT", "V4", "IT", "V4", "V4", "IT"])
SMALL = {"resamples": 100, "permutations": 50, "classifier": "nearest_mean"}


class TestXarray:
    @pytest.fixture(autouse=True)
    def _library(self):
        self.xr = pytest.importorskip("xarray")

    def assembly(self, values=X, dims=("presentation", "neuroid"), **more):
        coords = {
            "shape": ("presentation", SHAPE),
            "size": ("presentation", SIZE),
            "session": ("presentation", SESSION),
            "contrast": ("presentation", X[:, 0]),
            "seen": ("presentation", np.where(SIZE, "yes", None)),
            "region": ("neuroid", REGION),
            "bank": ("neuroid", np.array(["a", None, "a", "b", " ", "b"])),
        }
        return self.xr.DataArray(values, dims=dims, coords=coords, **more)

    def test_the_audit_itself_names_the_adapter(self):
        with pytest.raises(TypeError, match="got DataArray; for xarray objects see from_xarray"):
            audit_arrays(self.assembly(), {"shape": SHAPE})

    def test_units_become_layers_and_coordinates_become_labels(self):
        found = from_xarray(self.assembly(), ["shape", "size"], layer="region", groups="session", repeats="session")
        assert list(found) == ["arrays", "features", "groups", "repeats"]
        assert list(found["arrays"]) == ["IT", "V4"]
        assert (found["arrays"]["V4"] == X[:, REGION == "V4"]).all()
        assert (found["features"]["shape"] == SHAPE).all()
        assert (found["groups"] == SESSION).all()

    def test_the_audit_is_that_of_the_arrays(self):
        theirs = audit_arrays(**from_xarray(self.assembly(), ["shape"], layer="region", groups="session"), **SMALL)
        arrays = {"IT": X[:, REGION == "IT"], "V4": X[:, REGION == "V4"]}
        ours = audit_arrays(arrays, {"shape": SHAPE}, groups=SESSION, **SMALL)
        assert theirs.table().equals(ours.table())

    def test_levels_of_a_multiindex_are_coordinates_and_the_order_of_dimensions_is_free(self):
        data = self.assembly().set_index(presentation=["shape", "size", "session"], neuroid=["region", "bank"])
        found = from_xarray(data.transpose("neuroid", "presentation"), ["shape", "size"], layer="region")
        assert (found["arrays"]["IT"] == X[:, REGION == "IT"]).all()
        assert (found["features"]["size"] == SIZE).all()
        assert "groups" not in found

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_a_single_time_is_dropped_and_several_are_refused_with_advice_on_time(self, place):
        data = self.assembly().expand_dims({"time_bin": 1}, place)
        assert (from_xarray(data, ["shape"], layer="region")["arrays"]["V4"] == X[:, REGION == "V4"]).all()
        several = self.xr.concat([data, data], "time_bin")
        with pytest.raises(ValueError, match=re.escape("data.isel(time_bin=0)")):
            from_xarray(several, ["shape"])

    def test_without_a_layer_all_units_are_one_called_by_the_name(self):
        assert list(from_xarray(self.assembly(), ["shape"])["arrays"]) == ["activity"]
        assert list(from_xarray(self.assembly(name="spikes"), ["shape"])["arrays"]) == ["spikes"]

    def test_variables_of_a_dataset_are_layers_and_those_of_stimuli_alone_labels(self):
        data = self.xr.Dataset(
            {"V4": (("image", "unit"), X[:, :2]), "IT": (("cell", "image"), X[:, 2:].T), "shape": ("image", SHAPE)},
            coords={"size": ("image", SIZE)},
        )
        found = from_xarray(data, ["shape", "size"], stimulus="image")
        assert list(found["arrays"]) == ["V4", "IT"]
        assert (found["arrays"]["IT"] == X[:, 2:]).all()
        assert (found["features"]["shape"] == SHAPE).all()

    REFUSED = {  # noqa: RUF012
        "an array without names": (lambda t: (X, ["shape"]), {}, "got ndarray"),
        "another name of stimuli": (lambda t: (t.assembly(), ["shape"]), {"stimulus": "presentations"}, "did you mean"),
        "an unknown feature": (lambda t: (t.assembly(), ["shapes"]), {}, "did you mean 'shape'"),
        "a coordinate of units": (lambda t: (t.assembly(), ["region"]), {}, "not among the coordinates along"),
        "an unknown group": (lambda t: (t.assembly(), ["shape"]), {"groups": "sessions"}, "did you mean 'session'"),
        "an unknown repeat": (lambda t: (t.assembly(), ["shape"]), {"repeats": "image"}, "repeats names 'image'"),
        "an unknown layer": (lambda t: (t.assembly(), ["shape"]), {"layer": "regions"}, "did you mean 'region'"),
        "units without a layer": (lambda t: (t.assembly(), ["shape"]), {"layer": "bank"}, "2 of 6 have none"),
        "a bare name": (lambda t: (t.assembly(), "shape"), {}, "write ['shape']"),
        "labels for a name": (lambda t: (t.assembly(), [SHAPE]), {}, "by name, as text, got ndarray"),
        "a group by its values": (lambda t: (t.assembly(), ["shape"]), {"groups": SESSION}, "groups must be given by"),
        "no features": (lambda t: (t.assembly(), []), {}, "must name one or more"),
        "a name twice": (lambda t: (t.assembly(), ["shape", "shape"]), {}, "['shape'] more than once"),
        "time": (
            lambda t: (t.assembly(np.stack([X, X], 2), ("presentation", "neuroid", "time")), ["shape"]),
            {},
            "data.isel(time=0)",
        ),
        "stimuli alone": (lambda t: (t.assembly()[:, 0], ["shape"]), {}, "and one of units"),
        "a layer of a dataset": (
            lambda t: (t.assembly().to_dataset(name="x"), ["shape"]),
            {"layer": "region"},
            "leave",
        ),
        "a dataset without layers": (
            lambda t: (t.xr.Dataset({"shape": ("presentation", SHAPE)}), ["shape"]),
            {},
            "there is no layer",
        ),
        "a variable over units alone": (
            lambda t: (t.assembly().to_dataset(name="x").assign(depth=("neuroid", X[0])), ["shape"]),
            {},
            "the array 'depth' must have the dimension 'presentation'",
        ),
        "missing labels": (lambda t: (t.assembly(), ["seen"]), {}, "12 of the feature 'seen' missing"),
        "pairs for labels": (
            lambda t: (t.assembly().set_index(presentation=["shape", "size"]), ["presentation"]),
            {},
            "got tuple",
        ),
    }

    @pytest.mark.parametrize("case", REFUSED)
    def test_data_that_cannot_be_audited_are_refused(self, case):
        given, options, message = self.REFUSED[case]
        with pytest.raises((ValueError, TypeError), match=re.escape(message)):
            audit_arrays(**from_xarray(*given(self), **options), **SMALL)


class TestRsatoolbox:
    @pytest.fixture(autouse=True)
    def _library(self):
        self.data = pytest.importorskip("rsatoolbox.data")

    def dataset(self):
        return self.data.Dataset(
            X,
            obs_descriptors={"shape": SHAPE, "session": SESSION.tolist()},
            channel_descriptors={"roi": REGION.tolist(), "bank": ["a", "a", "", "b", "b", "b"]},
        )

    def test_descriptors_become_labels_and_layers(self):
        found = from_rsatoolbox(self.dataset(), ["shape"], layer="roi", groups="session")
        assert (found["arrays"]["IT"] == X[:, REGION == "IT"]).all()
        assert (found["features"]["shape"] == SHAPE).all()
        assert found["groups"].tolist() == SESSION.tolist()
        assert list(from_rsatoolbox(self.dataset(), ["shape"])["arrays"]) == ["measurements"]
        assert audit_arrays(**found, **SMALL).layers == ("IT", "V4")

    def test_what_is_no_data_set_of_two_axes_is_refused(self):
        over_time = self.data.TemporalDataset(X[:, :, None], obs_descriptors={"shape": SHAPE})
        for given, options, message in (
            (over_time, {}, "convert_to_dataset"),
            ([self.dataset()], {}, "got list: give one at a time"),
            (self.dataset(), {"groups": "sesion"}, "did you mean 'session'"),
            (self.dataset(), {"layer": "ROI"}, "layer names 'ROI', which is not among the channel descriptors"),
            (self.dataset(), {"layer": "bank"}, "1 of 6 have none, the first is unit 2"),
        ):
            with pytest.raises((ValueError, TypeError), match=re.escape(message)):
                from_rsatoolbox(given, ["shape"], **options)
