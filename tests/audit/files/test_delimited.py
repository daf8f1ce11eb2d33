"""Text tables are read as what they say, whatever program wrote them."""

import numpy as np
import pytest

from repbias.audit.files.arrays import read_arrays
from repbias.audit.files.table import read_features

TWO = {"shape": ["cube", "ball"], "size": ["01", "1"]}
LABELS = {
    "commas": b"shape,size\ncube,01\nball,1\n",
    "semicolons": b"shape;size\ncube;01\nball;1\n",
    "tabs": b"shape\tsize\ncube\t01\nball\t1\n",
    "bars": b"shape|size\ncube|01\nball|1\n",
    "a named separator": b"sep=;\nshape;size\ncube;01\nball;1\n",
    "quotes": b'"shape","size"\n"cube","01"\n"ball","1"\n',
    "a byte order mark": b"\xef\xbb\xbfshape,size\ncube,01\nball,1\n",
    "lines of Windows": b"shape,size\r\ncube,01\r\nball,1\r\n",
    "spaces": b"shape, size\ncube, 01\nball , 1\n",
    "separators at the end": b"shape,size,\ncube,01,\nball,1,\n",
    "empty lines": b"shape,size\ncube,01\n\nball,1\n\n",
    "no last line break": b"shape,size\ncube,01\nball,1",
    "an index": b",shape,size\n0,cube,01\n1,ball,1\n",
    "an index that was saved twice": b"Unnamed: 0,shape,size\n0,cube,01\n1,ball,1\n",
    "an index from 1": b",shape,size\n1,cube,01\n2,ball,1\n",
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_are_text_in_all_forms_of_a_table(case, tmp_path):
    (tmp_path / "labels.csv").write_bytes(LABELS[case])
    assert read_features(tmp_path / "labels.csv").features.to_dict("list") == TWO


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('shape\n"a, b"\n"c;d"\n', ["a, b", "c;d"]),
        ("shape\na\n\nb\n\n", ["a", None, "b"]),
        ("shape\nNA\nnan\n1.0\n1\nTRUE\n", ["NA", "nan", "1.0", "1", "TRUE"]),
    ],
)
def test_a_single_column_keeps_its_cells(text, expected, tmp_path):
    (tmp_path / "labels.csv").write_text(text)
    found = read_features(tmp_path / "labels.csv").features["shape"]
    assert found.astype(object).where(found.notna(), None).tolist() == expected


def test_words_that_are_declared_missing_are_missing(tmp_path):
    (tmp_path / "labels.csv").write_text("shape\nNA\n?\nNone\n\ncube\n")
    found = read_features(tmp_path / "labels.csv", missing_values=("NA", "?")).features["shape"]
    assert found.isna().tolist() == [True, True, False, True, False]


ACTIVITY = {
    "plain": "u,v\n1,2\n3,4\n5,6\n",
    "semicolons": "u;v\n1;2\n3;4\n5;6\n",
    "an index": ",u,v\n0,1,2\n1,3,4\n2,5,6\n",
    "an index of default columns": ",0,1\n0,1,2\n1,3,4\n2,5,6\n",
    "an index that was saved twice": "Unnamed: 0,u,v\n0,1,2\n1,3,4\n2,5,6\n",
    "an index from 1": ",u,v\n1,1,2\n2,3,4\n3,5,6\n",
}


@pytest.mark.parametrize("case", ACTIVITY)
def test_an_index_is_no_unit(case, tmp_path):
    (tmp_path / "V4.csv").write_text(ACTIVITY[case])
    assert read_arrays([tmp_path / "V4.csv"])["V4"].tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    "text",
    [
        ",u\n2,1\n0,2\n1,3\n",
        "Unnamed: 0,u\n2,1\n0,2\n1,3\n",
        ",u\na,1\nb,2\nc,3\n",
        "trial,u\n0,1\n1,2\n2,3\n",
        "# by hand\nu,v\n1,2\n",
        "u;v\n1,5;2\n2,5;3\n",
    ],
)
def test_what_may_be_an_index_in_another_order_or_is_no_number_is_refused(text, tmp_path):
    (tmp_path / "V4.csv").write_text(text)
    with pytest.raises(ValueError, match=r"column|comment"):
        read_arrays([tmp_path / "V4.csv"])


def test_a_single_unit_may_count(tmp_path):
    (tmp_path / "V4.csv").write_text("u\n0\n1\n2\n")
    assert read_arrays([tmp_path / "V4.csv"])["V4"].tolist() == np.arange(3)[:, None].tolist()
