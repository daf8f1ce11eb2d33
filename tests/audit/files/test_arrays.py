"""Files of an audit: what is read from each kind, and how wrong ones are refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save, save_file

from repbias.audit.files.arrays import read_arrays, read_inputs, read_mask
from repbias.audit.files.table import read_features

V4 = np.arange(12.0).reshape(4, 3)
IT = np.arange(8, dtype=np.float32).reshape(4, 2)


def as_npy(array: object, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def as_npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def as_parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


class _Bomb:
    """Pickled, it makes a file when it is read."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.made,)


def test_layers_keep_their_names_their_order_and_their_kind_of_number(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", V4=V4, IT=IT)
    found = read_arrays([tmp_path / "data.npz"])
    assert list(found) == ["V4", "IT"]
    assert (found["V4"].dtype, found["IT"].dtype) == (np.float64, np.float32)
    np.testing.assert_array_equal(found["IT"], IT)


def test_one_layer_a_file_is_named_by_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "V4.npy", V4)
    pd.DataFrame(IT, columns=["a", "b"]).to_csv(tmp_path / "IT.csv", index=False)
    pd.DataFrame(V4, columns=["x", "y", "z"]).to_parquet(tmp_path / "V1.PARQUET")
    found = read_arrays([tmp_path / name for name in ("V4.npy", "IT.csv", "V1.PARQUET")])
    assert list(found) == ["V4", "IT", "V1"]
    np.testing.assert_array_equal(found["IT"], IT)
    np.testing.assert_array_equal(found["V1"], V4)


def test_safetensors_of_any_kind_are_read(tmp_path: Path) -> None:
    tensors = {"h.0": torch.from_numpy(IT), "h.1": torch.from_numpy(IT).bfloat16(), "h.2": torch.ones(4, 2).half()}
    save_file(tensors, tmp_path / "acts.safetensors")
    found = read_arrays([tmp_path / "acts.safetensors"])
    assert {name: str(array.dtype) for name, array in found.items()} == {
        "h.0": "float32", "h.1": "float32", "h.2": "float16",
    }  # fmt: skip
    np.testing.assert_array_equal(found["h.1"], IT)


def test_units_may_be_numbered_and_hold_gaps(tmp_path: Path) -> None:
    (tmp_path / "counted.csv").write_text("0,1\n1.5,\n3,4\n")
    np.testing.assert_array_equal(read_arrays([tmp_path / "counted.csv"])["counted"], [[1.5, np.nan], [3, 4]])


def test_features_are_all_columns_but_the_groups_or_those_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("shape,session,file,colour\nround,a,1.png,0\n,a,2.png,1\nflat,b,3.png,1\n")
    found = read_features(path, groups="session")
    assert list(found.features) == ["shape", "file", "colour"]
    assert found.groups is not None
    assert found.groups.tolist() == ["a", "a", "b"]
    assert found.features["shape"].isna().tolist() == [False, True, False]
    named = read_features(path, columns=("colour", "shape"))
    assert list(named.features) == ["colour", "shape"]
    assert named.groups is named.repeats is None
    shown = read_features(path, groups="session", repeats="file")
    assert list(shown.features) == ["shape", "colour"]
    assert shown.repeats is not None
    assert shown.repeats.tolist() == ["1.png", "2.png", "3.png"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("word", ["None", "NA", "null", "NaN"])
def test_only_empty_cells_of_a_csv_are_missing_labels(separator: str, word: str, tmp_path: Path) -> None:
    rows = [("texture", "size"), (word, "1"), ("", "2"), ("dots", "1")]
    (tmp_path / "labels.csv").write_text("\n".join(separator.join(row) for row in rows) + "\n")
    features = read_features(tmp_path / "labels.csv").features
    assert features["texture"].fillna("missing").tolist() == [word, "missing", "dots"]
    assert features["size"].tolist() == ["1", "2", "1"]


def test_a_mask_is_one_array(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", np.array([[1, 1, 0], [1, 0, 0]]))
    np.savez(tmp_path / "two.npz", a=np.ones((2, 3)), b=np.ones((2, 3)))
    assert read_mask(tmp_path / "mask.npy").tolist() == [[1, 1, 0], [1, 0, 0]]
    with pytest.raises(ValueError, match=r"two.npz holds 2 arrays \(a, b\); an attention mask is one"):
        read_mask(tmp_path / "two.npz")


def test_csv_and_parquet_give_the_same_features(tmp_path: Path) -> None:
    table = pd.DataFrame({"shape": ["a", "b"], "size": ["1", "2"]}, index=[5, 9])
    table.to_csv(tmp_path / "labels.csv", index=False)
    table.to_parquet(tmp_path / "labels.parquet")
    one, other = (read_features(tmp_path / f"labels.{kind}").features for kind in ("csv", "parquet"))
    assert one.to_dict("list") == other.to_dict("list") == {"shape": ["a", "b"], "size": ["1", "2"]}
    assert list(one.index) == list(other.index) == [0, 1]


def test_inputs_are_one_array_of_any_shape_or_several_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((4, 3, 8, 8), dtype=np.float32))
    np.savez(tmp_path / "tokens.npz", input_ids=np.ones((4, 5), dtype=int), attention_mask=np.ones((4, 5), dtype=bool))
    images, tokens = read_inputs(tmp_path / "images.npy"), read_inputs(tmp_path / "tokens.npz")
    assert isinstance(images, np.ndarray)
    assert images.shape == (4, 3, 8, 8)
    assert isinstance(tokens, dict)
    assert {name: array.shape for name, array in tokens.items()} == {"input_ids": (4, 5), "attention_mask": (4, 5)}


ARRAYS: dict[str, tuple[str, bytes | None, str]] = {
    "missing file": ("gone.npz", None, "no such file"),
    "empty file": ("data.npz", b"", "is empty"),
    "no ending": ("data", b"x", "without an ending cannot be read; use .npy, .npz"),
    "unknown kind": ("data.mat", b"x", ".mat cannot be read; use .npy, .npz"),
    "pickle by name": ("data.pkl", b"x", "pickled.*numpy.save.*safetensors.torch.save_file"),
    "torch by name": ("data.pt", b"x", "pickled.*safetensors.torch.save_file"),
    "joblib by name": ("data.JOBLIB", b"x", "pickled"),
    "pickle named .npy": ("data.npy", pickle.dumps(V4), "pickled objects.*numpy.save"),
    "pickle named .npz": ("data.npz", pickle.dumps(V4), "pickled objects"),
    "array of objects": ("data.npy", as_npy(np.array([[1, "a"]], dtype=object), pickled=True), "pickled objects"),
    "objects in .npz": ("data.npz", as_npz(V4=np.array([[None]], dtype=object)), "pickled objects"),
    "truncated .npy": ("data.npy", as_npy(V4)[:-8], "may be truncated"),
    "truncated header": ("data.npy", as_npy(V4)[:20], "may be truncated"),
    "truncated .npz": ("data.npz", as_npz(V4=V4)[:-30], "may be truncated"),
    "corrupt .npz": ("data.npz", as_npz(V4=V4).replace(V4.tobytes(), V4.tobytes()[::-1]), "may be truncated"),
    "no array in .npz": ("data.npz", as_npz(), "holds no arrays"),
    "other file in .npz": ("data.npz", zipped("readme.txt", b"hello"), "'readme.txt' is not an array"),
    "one axis": ("data.npy", as_npy(np.ones(4)), r"'data' has shape \(4,\).*\[stimulus, unit\]"),
    "three axes": ("data.npz", as_npz(V4=np.ones((4, 3, 2))), r"'V4' has shape \(4, 3, 2\).*average or flatten"),
    "no rows": ("data.npy", as_npy(np.ones((0, 3))), r"is empty, its shape is \(0, 3\)"),
    "no units": ("data.npy", as_npy(np.ones((3, 0))), r"is empty, its shape is \(3, 0\)"),
    "complex numbers": ("data.npy", as_npy(V4.astype(complex)), "complex128, not real numbers"),
    "text": ("data.npy", as_npy(np.array([["a", "b"]])), "<U1, not real numbers"),
    "dates": ("data.npy", as_npy(np.array([["2020-01-01"]], dtype="datetime64[D]")), "datetime64"),
    "records": ("data.npy", as_npy(np.zeros((2, 2), dtype=[("a", float)])), "not real numbers"),
    "truncated .safetensors": ("a.safetensors", save({"h": torch.ones(4, 3)})[:-4], "may be truncated"),
    "no .safetensors": ("a.safetensors", b"hello, this is text", "may be truncated"),
    "truncated .parquet": ("a.parquet", as_parquet(pd.DataFrame({"a": [1.0]}))[:-9], "may be truncated"),
    "words in a table": ("a.csv", b"u,v\n1,x\n2,y\n", "column 'v' does not hold numbers"),
    "no names of units": ("a.csv", b"0.5,1.5\n1,2\n", "first line holds numbers"),
    "names only": ("a.csv", b"u,v\n", "no rows below"),
    "blank table": ("a.csv", b"\n\n", "may be truncated"),
    "ragged table": ("a.csv", b"u,v\n1,2\n1,2,3\n", "may be truncated"),
    "rows longer than names": ("a.csv", b"u,v\n1,2,3\n1,2,3\n", "may be truncated"),
    "not text": ("a.csv", b"u,v\n\xff\xfe,1\n", "may be truncated"),
    "index saved along": ("a.csv", b",u\n1,1\n0,2\n", r"column 1 has no name.*index=False"),
    "units of one name": ("a.csv", b"u,u\n0,1\n", "two columns are called 'u'"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_cannot_be_used_are_refused(case: str, tmp_path: Path) -> None:
    name, content, said = ARRAYS[case]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"(?s){name}.*{said}"):
        read_arrays([tmp_path / name])


# File, content, columns of features, of groups and of repeats, and what is said.
FEATURES: dict[str, tuple[str, bytes, tuple[str, ...], str | None, str | None, str]] = {
    "array": ("labels.npy", as_npy(V4), (), None, None, ".npy cannot be read; use .csv, .parquet"),
    "pickle": ("labels.pickle", b"x", (), None, None, "pickled"),
    "empty": ("labels.csv", b"", (), None, None, "is empty"),
    "no such feature": ("labels.csv", b"shape,colour\n1,2\n", ("colours",), None, None, "'colours'.*'colour'"),
    "no such group": ("labels.csv", b"shape,session\n1,2\n", (), "sesion", None, "'sesion'.*'session'"),
    "no such repeats": ("labels.csv", b"a,b\n1,2\n", (), "a", "c", "no column 'c'"),
    "only groups": ("labels.csv", b"session\n1\n", (), "session", None, "no column is a feature"),
    "only groups and repeats": ("labels.csv", b"a,b\n1,2\n", (), "a", "b", "no column is a feature.* 'a', 'b'"),
    "group as feature": ("labels.csv", b"shape,session\n1,2\n", ("session",), "session", None, "cannot be a feature"),
    "repeats as feature": ("labels.csv", b"a,b\n1,2\n", ("b",), None, "b", "the repeats, .* cannot be a feature"),
    "groups as repeats": ("labels.csv", b"a,b\n1,2\n", (), "a", "a", "'a' .*of the groups and of the repeats"),
    "one name twice": ("labels.csv", b"shape,shape\n1,2\n", (), None, None, "two columns are called 'shape'"),
    "no rows": ("labels.csv", b"shape\n", (), None, None, "no rows"),
    "damaged": ("labels.parquet", b"PAR1 and more", (), None, None, "may be truncated"),
}


@pytest.mark.parametrize("case", FEATURES)
def test_features_that_cannot_be_used_are_refused(case: str, tmp_path: Path) -> None:
    name, content, columns, groups, repeats, said = FEATURES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"(?s){name}.*{said}"):
        read_features(tmp_path / name, columns, groups, repeats)


def test_a_pickled_file_is_never_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for name in ("data.npy", "data.npz", "data.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(_Bomb(made)))
        with pytest.raises(ValueError, match="pickled"):
            read_arrays([tmp_path / name])
    assert not made.exists()
    pickle.loads(pickle.dumps(_Bomb(made)))
    assert made.exists()  # so it would have been seen


def test_layers_of_one_name_a_folder_and_no_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "V4.npy", V4)
    np.savez(tmp_path / "data.npz", V4=V4)
    (tmp_path / "folder.npy").mkdir()
    for files, said in (
        (["V4.npy", "data.npz"], "'V4' was read before"),
        (["folder.npy"], "not a file"),
        ([], "no array is given"),
    ):
        with pytest.raises(ValueError, match=said):
            read_arrays([tmp_path / file for file in files])


def test_inputs_that_differ_in_length_or_have_no_axis_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.ones(3), b=np.ones(4))
    np.save(tmp_path / "one.npy", np.array(3.0))
    for file, said in (("two.npz", "same stimuli"), ("one.npy", "single number")):
        with pytest.raises(ValueError, match=said):
            read_inputs(tmp_path / file)
