"""`repbias audit`: what is printed and written, and how wrong input is refused: status 2, and nothing written."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Call, caller

from repbias.cli.audit import check_out

FEW = ("--resamples", "100", "--permutations", "50")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a caller of `repbias audit` in this process."""
    monkeypatch.setenv("COLUMNS", "140")
    return caller(monkeypatch, capsys, "audit")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with responses in which one feature is loud and one is not there; with inputs, and a model of them."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    loud, none = random.integers(0, 2, (2, 120))
    responses = loud[:, None] * random.normal(size=8) * 3 + random.normal(size=(120, 8))
    np.savez(folder / "data.npz", V4=responses)
    np.save(folder / "inputs.npy", responses)
    labels = pd.DataFrame({"loud": loud, "none": none, "session": np.repeat(np.arange(12), 10)})
    labels.to_csv(folder / "labels.csv", index=False)
    labels.assign(shown=np.arange(120) // 2, loud=np.repeat(loud[:60], 2)).to_csv(folder / "repeats.csv", index=False)
    np.savez(folder / "tokens.npz", x=responses[:, None].repeat(3, 1))
    np.savez(folder / "masked.npz", x=responses[:, None].repeat(3, 1), attention_mask=np.ones((120, 3), dtype=int))
    np.save(folder / "mask.npy", np.tile([1, 1, 0], (120, 1)))
    labels.assign(loud=labels["loud"].where(labels.index > 2)).to_csv(folder / "gaps.csv", index=False)
    labels.assign(row=labels.index).to_csv(folder / "rows.csv", index=False)
    labels.iloc[:100].to_csv(folder / "short.csv", index=False)
    (folder / "audit_models.py").write_text(
        "from torch import nn, manual_seed\n"
        "def make():\n    manual_seed(0)\n    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))\n"
        "def fails():\n    raise KeyError('weights')\n"
        "def number():\n    return 3\n"
        "class Tokens(nn.Sequential):\n"
        "    def forward(self, x, attention_mask=None):\n        return super().forward(x)\n"
        "def tokens():\n    manual_seed(0)\n    return Tokens(nn.Linear(8, 6), nn.Linear(6, 2))\n"
        "def report(output):\n    return {'loud': output[:, 0] > 0}\n"
        "def breaks(output):\n    return {'loud': output.logits}\n"
        "def misreport(output):\n    return {'lout': output[:, 0] > 0}\n"
    )
    return folder


def test_an_audit_of_arrays_prints_a_short_table_and_writes_the_page(call: Call, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    said = call(
        "--arrays", data / "data.npz", "--features", data / "labels.csv", "--groups", "session", "--out", out, *FEW
    )
    assert said.status == 0, said.err
    head, *lines = said.out.splitlines()
    assert head.split()[:3] == ["layer", "feature", "R2"]
    assert [line.split()[:2] for line in lines[:3]] == [["V4", "loud"], ["V4", "none"], ["V4", "(all)"]]
    assert float(lines[0].split()[2]) > 0.5 > 0.1 > float(lines[1].split()[2])
    assert any(line.startswith("- V4: loud is dominant") for line in lines)
    answer = lines.index("Summary")
    assert lines[answer + 1] == "  loud: dominant"
    assert lines[answer + 2] in {"  none: not detected", "  none: inconclusive"}
    assert any(line.startswith("  dominant: it explains more") for line in lines[answer:])
    assert lines[-1] == f"page: {out}"
    assert "loud is dominant" in out.read_text()


@pytest.mark.parametrize(
    ("design", "note"),
    [
        (("--blocks", "session"), "keep 12 blocks whole"),
        (("--order", "row"), "by circular shifts along the order of the stimuli"),
        (("--order", "rows", "--columns", "loud", "none"), "by circular shifts along the order of the stimuli"),
    ],
)
def test_blocks_and_order_are_columns(
    call: Call, data: Path, tmp_path: Path, design: tuple[str, ...], note: str
) -> None:
    out = tmp_path / "audit.html"
    labels = pd.read_csv(data / "rows.csv")
    if "--blocks" not in design:
        labels = labels.drop(columns="session")
    labels.to_csv(tmp_path / "labels.csv", index=False)
    columns = () if "--columns" in design else ("--columns", "loud", "none")
    features = ("--features", tmp_path / "labels.csv")
    said = call("--arrays", data / "data.npz", *features, *design, *columns, "--out", out, *FEW)
    assert said.status == 0, said.err
    assert note in out.read_text()


def test_stimuli_without_a_label_are_refused_or_dropped_and_counted(call: Call, data: Path, tmp_path: Path) -> None:
    words = ("--arrays", data / "data.npz", "--features", data / "gaps.csv", "--columns", "loud", "--out")
    refused = call(*words, tmp_path / "refused.html", *FEW)
    assert refused.status == 2
    assert "loud" in refused.err
    assert not (tmp_path / "refused.html").exists()
    dropped = call(*words, tmp_path / "dropped.html", "--missing", "drop", *FEW)
    assert dropped.status == 0, dropped.err
    assert "117 stimuli" in (tmp_path / "dropped.html").read_text()


def test_an_audit_of_a_model_reads_its_layers(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = call(
        "--model", "audit_models:make", "--inputs", "inputs.npy", "--layers", "0", "2", "--features", "labels.csv",
        "--columns", "loud", "none", "--out", tmp_path / "model.html", "--batch-size", "50", *FEW,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert [line.split()[:2] for line in said.out.splitlines()[1:5]] == [
        ["0", "loud"], ["0", "none"], ["0", "(all)"], ["2", "loud"],
    ]  # fmt: skip
    assert (tmp_path / "model.html").exists()


MODEL = ("--model", "audit_models:make", "--inputs", "inputs.npy", "--layers", "0")
LABELS = ("--features", "labels.csv", "--columns", "loud", "none", "--out")


@pytest.mark.parametrize(
    ("words", "there", "not_there"),
    [
        ((), ("ablation_output", "steering_output"), ("ablation_own",)),
        (("--predict", "audit_models:report"), ("ablation_own", "steering_own"), ("ablation_output",)),
        (("--interventions", "steering"), ("steering_output",), ("ablation_output",)),
        (("--interventions", "ablation", "--predict", "audit_models:report"), ("ablation_own",), ("steering_own",)),
        (("--interventions", "none"), ("r2",), ("ablation_output", "steering_output")),
    ],
)
def test_the_interventions_that_are_asked_for_are_measured(
    words: tuple[str, ...],
    there: tuple[str, ...],
    not_there: tuple[str, ...],
    call: Call,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = call(*MODEL, *words, *LABELS, tmp_path / "page.html", *FEW)
    assert said.status == 0, said.err
    measured = results_of(tmp_path / "page.html")
    assert set(there) <= measured
    assert not measured & set(not_there)


def results_of(page: Path) -> set[str]:
    """The measures in the table of results that a page offers for download."""
    links = [part.split('"')[0] for part in page.read_text().split("data:text/csv;base64,")[1:]]
    tables = [pd.read_csv(io.BytesIO(base64.b64decode(link))) for link in links]
    return set(next(table for table in tables if "p_holm" in table)["measure"])


def test_padding_is_left_out_by_a_separate_mask_or_that_of_the_inputs(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = ("--model", "audit_models:tokens", "--layers", "0", "--interventions", "none")
    for name, words in (
        ("own", ("--inputs", "tokens.npz", "--attention-mask", "mask.npy")),
        ("inputs", ("--inputs", "masked.npz")),
        ("none", ("--inputs", "tokens.npz")),
    ):
        said = call(*model, *words, *LABELS, tmp_path / f"{name}.html", *FEW)
        assert said.status == 0, said.err
        assert ("padding left out" in (tmp_path / f"{name}.html").read_text()) == (name != "none")


def test_a_column_names_the_stimulus_of_each_presentation(call: Call, data: Path, tmp_path: Path) -> None:
    words = ("--arrays", data / "data.npz", "--features", data / "repeats.csv", "--groups", "session")
    said = call(*words, "--repeats", "shown", "--out", tmp_path / "page.html", *FEW)
    assert said.status == 0, said.err
    assert "120 presentations of 60 stimuli" in (tmp_path / "page.html").read_text()
    assert {line.split()[1] for line in said.out.splitlines()[1:4]} == {"loud", "none", "(all)"}  # and not the column


def test_a_stream_is_audited_in_one_pass(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = call("--arrays", "inputs.npy", "--stream", *LABELS, tmp_path / "arrays.html", *FEW)
    assert said.status == 0, said.err
    assert float(said.out.splitlines()[1].split()[2]) > 0.5
    assert any(line.startswith("- inputs: loud is dominant") for line in said.out.splitlines())
    said = call(*MODEL, "--stream", *LABELS, tmp_path / "model.html", *FEW)
    assert said.status == 0, said.err
    assert "Read in one pass" in (tmp_path / "model.html").read_text()


def test_a_page_path_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    existing = tmp_path / "existing.html"
    existing.write_text("mine")
    (tmp_path / "folder.html").mkdir()
    for path, said in (
        (tmp_path / "audit.pdf", "ends in .html"),
        (tmp_path / "gone" / "audit.html", "there is no folder"),
        (tmp_path / "folder.html", "is a folder"),
        (existing, "add --overwrite"),
    ):
        with pytest.raises(ValueError, match=said):
            check_out(path, overwrite=False)
    check_out(existing, overwrite=True)
    check_out(tmp_path / "new.html", overwrite=False)


def test_an_existing_page_stays_without_overwrite(call: Call, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    out.write_text("mine")
    words = ("--arrays", data / "data.npz", "--features", data / "labels.csv", "--columns", "loud", "--out", out, *FEW)
    said = call(*words)
    assert (said.status, "--overwrite" in said.err, out.read_text()) == (2, True, "mine")
    assert call(*words, "--overwrite").status == 0
    assert "loud is dominant" in out.read_text()


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing to audit": ((), "--arrays data.npz, or --model"),
    "two audits": (("--arrays", "data.npz", "--model", "audit_models:make"), "name one of them"),
    "layers of arrays": (("--arrays", "data.npz", "--layers", "x"), "--layers belongs to --model"),
    "pool of arrays": (("--arrays", "data.npz", "--pool", "first"), "--pool belongs to --model"),
    "batches of arrays": (("--arrays", "data.npz", "--batch-size", "0"), "--batch-size belongs to --model"),
    "no inputs": (("--model", "audit_models:make", "--layers", "0"), "--model needs --inputs"),
    "no layers": (
        ("--model", "audit_models:make", "--inputs", "inputs.npy"),
        "--model needs --inputs FILE and --layers",
    ),
    "no such file": (("--arrays", "gone.npz"), "gone.npz: there is no such file"),
    "pickled": (("--arrays", "data.pkl"), "pickled"),
    "labels do not match": (("--arrays", "data.npz", "--features", "short.csv"), "100"),
    "no such column": (("--arrays", "data.npz", "--columns", "lout"), "did you mean 'loud'"),
    "no such group": (("--arrays", "data.npz", "--groups", "sesion"), "did you mean 'session'"),
    "not a module": (("--model", "gone:make", "--inputs", "inputs.npy", "--layers", "0"), "cannot import 'gone:make'"),
    "no such function": (("--model", "audit_models:made", "--inputs", "inputs.npy", "--layers", "0"), "cannot import"),
    "factory fails": (("--model", "audit_models:fails", "--inputs", "inputs.npy", "--layers", "0"), "KeyError"),
    "no model": (("--model", "audit_models:number", "--inputs", "inputs.npy", "--layers", "0"), "returned int"),
    "no such layer": (("--model", "audit_models:make", "--inputs", "inputs.npy", "--layers", "9"), "'9'"),
    "no such report": ((*MODEL, "--predict", "audit_models:gone"), "--predict: cannot import 'audit_models:gone'"),
    "report fails": (
        (*MODEL, "--predict", "audit_models:breaks"),
        "--predict 'audit_models:breaks': breaks",
    ),
    "report of no feature": ((*MODEL, "--predict", "audit_models:misreport"), "did you mean 'loud'"),
    "report that nothing asks": (
        (*MODEL, "--predict", "audit_models:report", "--interventions", "none"),
        "interventions=()",
    ),
    "report of arrays": (("--arrays", "data.npz", "--predict", "audit_models:report"), "--predict belongs to --model"),
    "interventions of arrays": (
        ("--arrays", "data.npz", "--interventions", "none"),
        "--interventions belongs to --model",
    ),
    "mask of arrays": (("--arrays", "data.npz", "--attention-mask", "mask.npy"), "--attention-mask belongs to"),
    "several masks": ((*MODEL, "--attention-mask", "masked.npz"), "'x' has shape (120, 3, 8)"),
    "no such repeats": (("--arrays", "data.npz", "--repeats", "shwn", "--features", "repeats.csv"), "'shown'"),
    "nothing repeats": (("--arrays", "data.npz", "--repeats", "row", "--features", "rows.csv"), "repeats"),
    "one column for two": (("--arrays", "data.npz", "--repeats", "session", "--groups", "session"), "name two"),
    "page of another kind": (("--arrays", "data.npz", "--out", "page.pdf"), "ends in .html"),
    "no folder": (("--arrays", "data.npz", "--out", "gone/page.html"), "no folder gone"),
    "groups of a stream": (("--arrays", "inputs.npy", "--groups", "session", "--stream"), "leave out --stream"),
    "erasing in a stream": ((*MODEL, "--interventions", "ablation", "--stream"), "leave out --stream"),
    "stream of another kind": (("--arrays", "data.npz", "--stream"), "which only .npy allows"),
    "few resamples": (("--arrays", "data.npz", "--resamples", "1"), "resamples"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_exits_with_status_2_and_writes_nothing(
    case: str, call: Call, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setattr(sys, "path", list(sys.path))
    words, said = WRONG[case]
    files = {path: path.stat().st_mtime_ns for path in data.iterdir() if path.is_file()}
    defaults = {"--features": "labels.csv", "--out": "page.html"}
    given = [word for name, value in defaults.items() if name not in words for word in (name, value)]
    result = call(*words, *given)
    assert result.status == 2
    assert result.err.startswith("error: ")
    assert said in result.err
    assert files == {path: path.stat().st_mtime_ns for path in data.iterdir() if path.is_file()}
