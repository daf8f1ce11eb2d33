"""Arrays in parts: all of every file, in order, or a refusal before anything is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from repbias.audit.files import arrays as audit_arrays
from repbias.audit.files.arrays import read_chunks

V4 = np.arange(60, dtype=np.float32).reshape(12, 5)


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def test_the_parts_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_arrays, "BYTES_PER_CHUNK", 5 * (5 + 2) * 8)
    (tmp_path / "V4.npy").write_bytes(npy(V4))
    (tmp_path / "IT.npy").write_bytes(npy(V4[:, :2].astype(np.float16)))
    parts = list(read_chunks([tmp_path / "V4.npy", tmp_path / "IT.npy"]))
    assert [len(part["V4"]) for part in parts] == [5, 5, 2]
    assert np.array_equal(np.concatenate([part["V4"] for part in parts]), V4)
    assert np.array_equal(np.concatenate([part["IT"] for part in parts]), V4[:, :2])


WRONG = {
    "no such file": (None, "there is no such file"),
    "empty": (b"", "is empty"),
    "truncated": (npy(V4)[:-8], "may be truncated"),
    "truncated header": (npy(V4)[:20], "may be truncated"),
    "another kind": (b"shape,colour", "or is of another kind"),
    "objects": (npy(np.array([[1, "a"]], dtype=object), pickled=True), "holds pickled objects"),
    "one axis": (npy(V4[0]), "it must be .stimulus, unit."),
    "three axes": (npy(V4[None]), "it must be .stimulus, unit."),
    "no stimuli": (npy(V4[:0]), "it needs one row per stimulus"),
    "text": (npy(np.array([["a"]])), "not real numbers"),
    "complex": (npy(V4 * 1j), "not real numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be_used_is_refused_at_once(case: str, tmp_path: Path) -> None:
    content, said = WRONG[case]
    if content is not None:
        (tmp_path / "V4.npy").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_chunks([tmp_path / "V4.npy"])


def test_files_that_do_not_go_together_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "V4.npy").write_bytes(npy(V4))
    (tmp_path / "IT.npy").write_bytes(npy(V4[:9]))
    (tmp_path / "more" / "V4.npy").write_bytes(npy(V4))
    (tmp_path / "V4.npz").write_bytes(npy(V4))
    for files, said in (
        (["V4.npy", "IT.npy"], "the same stimuli.*'V4': 12, 'IT': 9"),
        (["V4.npy", "more/V4.npy"], "'V4' was named before"),
        (["V4.npz"], r"which only \.npy allows"),
        ([], "no array is given"),
    ):
        with pytest.raises(ValueError, match=said):
            read_chunks([tmp_path / file for file in files])
