"""The command line: what is printed, what is written, and how wrong input is refused."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from command_line import Call, Said, caller
from rich.console import Console
from tiny_studies import write_study

import repbias
from repbias.cli import terminal
from repbias.cli.claims import claims_json
from repbias.cli.list import List
from repbias.experiments.evaluation import CLAIM_COLUMNS
from repbias.runs import runner
from repbias.runs.results import TABLE_COLUMNS, StudyResult
from repbias.runs.store import Store
from repbias.runs.studies import claims_table, run_studies, stored_results
from repbias.runs.workers import WorkerError, Workers
from repbias.studies import DOMAINS, find_study

CLAIM_KEYS = [*CLAIM_COLUMNS, "headline", "scorecard"]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a caller of the command line in this process."""
    return caller(monkeypatch, capsys)


@pytest.fixture(scope="module", autouse=True)
def _one_worker() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "available_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of user-defined studies."""
    folder = tmp_path_factory.mktemp("studies")
    write_study(folder / "sound.toml", seeds=4, claims={"T1": 0.001})
    write_study(folder / "mixed.toml", seeds=4, claims={"T1": 0.001, "T2": 0.9})
    write_study(folder / "overlapping.toml", bits=4)
    write_study(folder / "diverging.toml", optimizer='kind = "sgd", lr = 1e6', seeds=2)
    return folder


@pytest.fixture(scope="module")
def trained(studies: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store into which `mixed` was run, by the one call that trains here; do not change it."""
    store = tmp_path_factory.mktemp("trained") / "store"
    list(run_studies([str(studies / "mixed.toml")], store, device="cpu"))
    return store


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of that store, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "store"))


def assert_refused(said: Said, *words: str, lines: int = 6) -> None:
    assert said.status == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) <= lines, said.err
    for word in words:
        assert word in said.err


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["complexty"], ["no study is called 'complexty'", "did you mean 'complexity'"]),
            ([], ["name a study, or 'all'; known: architecture"]),
            (["complexity", "--seeds", "0"], ["seeds must be at least 1, got 0"]),
            (["complexity", "--seeds", "-3"], ["seeds must be at least 1, got -3"]),
            (["absent.toml"], ["absent.toml: No such file or directory"]),
            (["sound.toml", "--scale", "full"], ["study 'sound' has no scale 'full'; it has quick"]),
            (["overlapping.toml"], ["overlap", "use more bits, or fewer stimuli"]),
            (["sound.toml", "./sound.toml"], ["several of these studies are called 'sound'"]),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_of_run(
        self,
        call: Call,
        studies: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
        expected: list[str],
    ) -> None:
        monkeypatch.chdir(studies)
        assert_refused(call("run", *words, "--store", tmp_path / "store"), *expected, lines=12)
        assert not (tmp_path / "store").exists()

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["run", "complexity", "--scale", "huge"], ["invalid choice", "quick", "full"]),
            (["run", "complexity", "--sedes", "3"], ["Unrecognized options", "--seeds"]),
            (["run", "complexity", "--seeds", "three"], ["three"]),
            (["rum"], ["rum"]),
            (["table", "complexity"], ["--out"]),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_of_words_that_are_no_command(self, call: Call, words: list[str], expected: list[str]) -> None:
        said = call(*words)
        assert said.status == 2
        assert "Traceback" not in said.err
        for word in expected:
            assert word in said.err

    def test_of_a_design_names_the_condition(self, call: Call, studies: Path, tmp_path: Path) -> None:
        said = call("run", studies / "overlapping.toml", "--store", tmp_path / "store")
        assert_refused(said, "condition 'short': the features' roles are not matched", lines=12)

    def test_of_cuda_where_there_is_none(
        self, call: Call, studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        said = call("run", studies / "sound.toml", "--device", "cuda", "--store", tmp_path / "store")
        assert_refused(said, "torch sees no CUDA device here; use --device cpu")

    def test_of_a_store_that_is_a_file(self, call: Call, studies: Path, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("")
        said = call("run", studies / "sound.toml", "--store", tmp_path / "store")
        assert_refused(said, "a store is a folder", "is a file")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place where even root cannot write")
    def test_of_a_store_that_cannot_be_written(self, call: Call, studies: Path) -> None:
        assert_refused(
            call("run", studies / "sound.toml", "--store", "/proc/store"), "cannot use /proc/store as a store"
        )

    @pytest.mark.parametrize(
        "command", [["claims"], ["claims", "--json"], ["report"], ["table", "sound", "--out", "t.csv"]]
    )
    def test_of_a_store_that_is_not_there_or_empty(self, call: Call, tmp_path: Path, command: list[str]) -> None:
        store = tmp_path / "store"
        assert_refused(call(*command, "--store", store), f"expected a store at {store}, but there is no such folder")
        Store.open(store, create=True)
        assert_refused(call(*command, "--store", store), f"no study was run into {store} yet")

    @pytest.mark.parametrize("command", [["report", "mixt"], ["table", "mixt", "--out", "t.csv"]], ids=lambda w: w[0])
    def test_of_a_study_that_was_never_run(self, call: Call, trained: Path, command: list[str]) -> None:
        assert_refused(call(*command, "--store", trained), "no study 'mixt' was run into", "did you mean 'mixed'?")

    def test_of_a_scale_that_was_never_run(self, call: Call, trained: Path) -> None:
        said = call("claims", "--scale", "full", "--store", trained)
        assert_refused(said, "study 'mixed' was not run at scale 'full', only quick")

    def test_of_a_table_of_another_kind(self, call: Call, trained: Path, tmp_path: Path) -> None:
        said = call("table", "mixed", "--out", tmp_path / "table.xlsx", "--store", trained)
        assert_refused(said, "--out ends in .csv or .parquet", "table.xlsx")

    def test_of_a_table_in_a_folder_that_is_not_there(self, call: Call, trained: Path, tmp_path: Path) -> None:
        said = call("table", "mixed", "--out", tmp_path / "absent" / "table.csv", "--store", trained)
        assert_refused(said, f"there is no folder {tmp_path / 'absent'}", lines=1)

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place where even root cannot write")
    def test_of_a_table_in_a_folder_that_cannot_be_written(self, call: Call, trained: Path) -> None:
        assert_refused(call("table", "mixed", "--out", "/proc/t.csv", "--store", trained), "cannot write /proc/t.csv")

    def test_of_a_table_that_is_a_folder(self, call: Call, trained: Path, tmp_path: Path) -> None:
        (tmp_path / "folder.csv").mkdir()
        said = call("table", "mixed", "--out", tmp_path / "folder.csv", "--store", trained)
        assert_refused(said, "cannot write", "folder.csv: Is a directory", lines=1)
        assert list((tmp_path / "folder.csv").iterdir()) == []

    def test_of_a_worker_that_died(
        self, call: Call, studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def died(*_: object) -> None:
            raise WorkerError("a worker process was killed")

        monkeypatch.setattr(Workers, "run", died)
        said = call("run", studies / "sound.toml", "--store", tmp_path / "store")
        assert said.status == 2
        assert said.err.splitlines()[-1] == "error: a worker process was killed"

    def test_of_a_request_that_says_nothing(self, call: Call, copied: Path) -> None:
        (copied / "studies" / "mixed.json").write_text('{"seeds": {"quick": 0}}')
        said = call("claims", "--store", copied)
        assert_refused(said, "studies/mixed.json: 2 problems", "seeds.quick", "study: Field required", "runs are kept")


class TestDamage:
    def test_a_damaged_run_is_named_and_mended_on_demand(self, call: Call, studies: Path, copied: Path) -> None:
        before = call("claims", "--json", "--store", copied).out
        run = sorted((copied / "runs").iterdir())[0]
        (run / "weights.safetensors").write_bytes(b"")
        words = ["run", studies / "mixed.toml", "--store", copied]
        for command in (words, ["claims", "--store", copied], ["report", "--store", copied]):
            assert_refused(call(*command), "1 damaged run", run.name, "--remake")
        said = call(*words, "--remake")
        assert said.status == 0
        assert "of 4 networks 1 to train" in said.err
        assert call("claims", "--json", "--store", copied).out == before


class TestRun:
    def test_a_whole_store_is_reported_again_without_training(
        self, call: Call, studies: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Workers, "run", lambda *_: pytest.fail("a worker was started"))
        said = call("run", studies / "mixed.toml", "--store", copied)
        assert said.status == 0
        assert "all are in the store" in said.err
        page = copied / "reports" / "mixed-quick" / "index.html"
        assert f"page: {page}" in said.out
        assert page.exists()
        assert "replicated" in said.out

    def test_a_report_that_fails_keeps_neither_claims_nor_other_studies(
        self, call: Call, studies: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = []

        def fail_once(result: StudyResult, root: Path) -> Path:
            written.append(result.plan.study.name)
            if len(written) == 1:
                raise ValueError("no room")
            return root

        monkeypatch.setattr("repbias.report.study_report.write_report", fail_once)
        said = call("run", studies / "mixed.toml", studies / "sound.toml", "--store", copied)
        assert said.status == 2
        assert written == ["mixed", "sound"]
        assert said.err.splitlines()[-1] == "error: no room"
        assert said.out.index("mixed/T1  replicated") < said.out.index(
            "no page for mixed: 'repbias report mixed' tries again"
        )
        assert said.out.count("/T1  replicated") == 2
        assert f"page: {copied}" in said.out

    def test_strict_is_1_where_a_claim_is_not_replicated(self, call: Call, studies: Path, copied: Path) -> None:
        assert call("run", studies / "mixed.toml", "--store", copied, "--strict").status == 1
        assert call("run", studies / "sound.toml", "--store", copied, "--strict").status == 0

    def test_fewer_seeds_are_not_forgotten_and_other_settings_are(
        self, call: Call, tmp_path: Path, copied: Path
    ) -> None:
        def planned() -> set[int]:
            rows = claims_table(stored_results(copied, ["mixed"]))
            return set(rows["n_planned"])

        again = write_study(tmp_path / "mixed.toml", seeds=4, claims={"T1": 0.001, "T2": 0.9})
        said = call("run", again, "--seeds", "2", "--store", copied)
        assert "2/2" in said.out
        assert planned() == {4}
        call("run", write_study(tmp_path / "mixed.toml", claims={"T3": 0.001}), "--seeds", "2", "--store", copied)
        assert planned() == {2}

    def test_networks_that_diverge_are_shown_and_the_study_completes(
        self, call: Call, studies: Path, tmp_path: Path
    ) -> None:
        store = tmp_path / "store"
        said = call("run", studies / "diverging.toml", "--store", store)
        assert said.status == 0, said.err
        assert "0/2" in said.out
        assert "no data" in said.out
        assert said.err.count(": failed after") == 2
        (result,) = stored_results(store)
        assert result.outcomes["status"].to_list() == ["failed"] * 2
        assert result.claims[["n", "n_planned"]].to_numpy().tolist() == [[0, 2]]
        assert set(result.table["seed"]) == {0, 1}
        assert "failed" in (store / "reports" / "diverging-quick" / "index.html").read_text()
        rows = json.loads(call("claims", "--json", "--store", store).out)
        assert rows[0]["estimate"] is rows[0]["ci_low"] is rows[0]["ci_high"] is None
        assert call("run", studies / "diverging.toml", "--store", store, "--strict").status == 1


ANALYSIS = """
[analysis]
function = "repbias.analyses.unsupervised:pca"
measures = ["r2_component_1", "components_needed", "top_1_accuracy", "top_2_accuracy", "top_3_accuracy"]
curves = {r2 = ["principal component", "R2"]}
"""


class TestAnalysis:
    def test_networks_are_analysed_once_and_drawn_and_without_analysis_there_is_no_verdict(
        self, call: Call, tmp_path: Path, copied: Path
    ) -> None:
        study = write_study(tmp_path / "mixed.toml", seeds=4, claims={"T1": 0.001, "T2": 0.9})
        text = study.read_text().replace('kind = "difference"', 'kind = "difference", measure = "r2_component_1"', 1)
        study.write_text(text + ANALYSIS)
        said = call("run", study, "--store", copied)
        assert said.status == 0, said.err
        stored, analysed = said.err.splitlines()[-2:]
        assert stored == "mixed (quick): 1 condition, 4 seeds each; of 4 networks all are in the store"
        assert analysed.startswith("  4/4 analyses of trained networks")
        page = copied / "reports" / "mixed-quick" / "index.html"
        assert (page.parent / "figures" / "analysis-curves.png").exists()
        assert "not done yet" not in page.read_text()
        again = call("run", study, "--store", copied)
        assert again.out == said.out
        assert "analyses" not in again.err

        for folder in (copied / "runs").glob("analysis-*"):
            shutil.rmtree(folder)
        rows = json.loads(call("claims", "--json", "--store", copied).out)
        assert [(row["id"], row["n"], row["verdict"]) for row in rows] == [
            ("mixed/T1", 0, "no data"),
            ("mixed/T2", 4, "no effect"),
        ]
        assert call("report", "--store", copied).status == 0
        assert "Analyses not done yet: 4." in page.read_text()

    def test_an_analysis_that_cannot_be_imported_is_refused_before_training(self, call: Call, tmp_path: Path) -> None:
        study = write_study(tmp_path / "own.toml")
        study.write_text(study.read_text() + ANALYSIS.replace(":pca", ":pka"))
        said = call("run", study, "--store", tmp_path / "store")
        assert_refused(said, "analysis: cannot import 'repbias.analyses.unsupervised:pka'")
        assert not (tmp_path / "store").exists()


class TestReading:
    def test_list(self, call: Call) -> None:
        rows = json.loads(call("list", "--json").out)
        assert [set(row) for row in rows] == [{"name", "question", "domain", "claims", "cost"}] * len(rows)
        (row,) = (row for row in rows if row["name"] == "complexity")
        assert row["claims"] == ["C1", "C2", "C3", "C22"]
        assert 0 < row["cost"]["quick"] < row["cost"]["full"]

    def test_the_list_has_one_line_of_80_columns_per_study_by_domain(
        self, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        lines = [line.rstrip() for line in call("list").out.splitlines()]
        assert max(map(len, lines)) <= 80
        named = [line.split()[0] for line in lines if line]
        domains = [name for domain, names in DOMAINS.items() for name in (domain, *names)]
        assert named[:-1] == domains
        (complexity,) = (line for line in lines if line.startswith("complexity"))
        assert complexity.split() == ["complexity", "Complexity", "C1", "C2", "C3", "C22"]

    def test_one_study_is_listed_with_all_about_it(self, call: Call) -> None:
        study = find_study("pca")
        shown = " ".join(call("list", "pca").out.split())
        for text in (study.question, *(one.name for one in study.conditions), *(one.statement for one in study.claims)):
            assert " ".join(text.split()) in shown
        assert f"quick: {len(study.at('quick'))} conditions, {study.scales['quick'].seeds} seeds each, about" in shown
        assert [row["name"] for row in json.loads(call("list", "pca", "--json").out)] == ["pca"]
        assert_refused(call("list", "pcb"), "did you mean 'pca'")

    def test_claims(self, call: Call, trained: Path) -> None:
        said = call("claims", "--json", "--store", trained)
        rows = json.loads(said.out)
        assert [list(row) for row in rows] == [CLAIM_KEYS] * 2
        assert [(row["id"], row["n"], row["verdict"]) for row in rows] == [
            ("mixed/T1", 4, "replicated"),
            ("mixed/T2", 4, "no effect"),
        ]
        shown = call("claims", "--store", trained).out
        for word in ("T1", "T2", "short", "4/4", "replicated", f"{rows[0]['estimate']:+.3f}"):
            assert word in shown

    def test_the_scorecard_has_a_line_for_each_study_of_a_claim(self, trained: Path) -> None:
        claims = claims_table(stored_results(trained))
        file = StringIO()
        table = claims.assign(id=["C10", "C2"], about=["C10", "C2"])
        Console(file=file, width=80).print(terminal.scorecard(table))
        lines = [" ".join(line.split()) for line in file.getvalue().splitlines()]
        estimate = f"{claims['estimate'].iloc[0]:+.3f}"
        assert [line for line in lines if line.startswith(("C", "mixed", "replicated", "no effect"))] == [
            "C2 The simpler feature is represented more densely: more units carry it",
            "no effect in bits",
            f"mixed (quick) no effect {estimate} n 4 of 4",
            "C10 The optimiser and dropout change the bias; Adam with moderate dropout can",
            "replicated in bits",
            f"mixed (quick) replicated {estimate} n 4 of 4",
        ]
        assert "20 claims of the catalogue were not studied" in file.getvalue()

    def test_json_is_valid_where_numbers_are_missing_or_infinite(self) -> None:
        row = dict.fromkeys(CLAIM_KEYS, "word") | {"family": "descriptive", "n_planned": 1}
        row |= {"n": 1, "estimate": 0.1, "ci_low": -math.inf, "ci_high": math.inf}
        rows = pd.DataFrame([row, row | {"n": 0, "estimate": math.nan, "ci_low": math.nan, "ci_high": math.nan}])
        text = claims_json(rows)
        first, second = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
        assert [first[key] for key in ("n", "estimate", "ci_low", "ci_high")] == [1, 0.1, None, None]
        assert [second[key] for key in ("n", "estimate", "ci_low", "ci_high")] == [0, None, None, None]

    def test_tables(self, call: Call, trained: Path, tmp_path: Path) -> None:
        (result,) = stored_results(trained)
        for name, read in {"table.csv": pd.read_csv, "table.parquet": pd.read_parquet}.items():
            said = call("table", "mixed", "--out", tmp_path / name, "--store", trained)
            assert said.status == 0
            table = read(tmp_path / name)
            assert list(table.columns) == TABLE_COLUMNS
            pd.testing.assert_frame_equal(table, result.table)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.parquet"]

    def test_report(self, call: Call, copied: Path) -> None:
        page = copied / "reports" / "mixed-quick" / "index.html"
        scorecard = copied / "reports" / "index.html"
        assert call("report", "mixed", "--store", copied).out == f"page: {page}\n"
        assert page.exists()
        assert not scorecard.exists()
        assert call("report", "--store", copied).out == f"page: {page}\nscorecard: {scorecard}\n"
        assert "mixed-quick/index.html" in scorecard.read_text()


def in_a_process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)


class TestProcess:
    def test_help_imports_nothing_heavy(self) -> None:
        heavy = ["torch", "pandas", "pydantic", "numpy", "scipy", "sklearn", "matplotlib", "rich.progress"]
        script = f"""
import sys
sys.argv = ["repbias", "--help"]
from repbias.cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print("HEAVY", [name for name in {heavy} if name in sys.modules])
"""
        done = in_a_process("-c", script)
        assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr
        for command in ("list", "run", "report", "claims", "table"):
            assert command in done.stdout

    def test_version(self, call: Call) -> None:
        assert call("--version") == (0, f"repbias {repbias.__version__}\n", "")

    def test_an_error_leaves_the_status_and_no_traceback(self, tmp_path: Path) -> None:
        done = in_a_process("-m", "repbias", "claims", "--store", str(tmp_path / "absent"))
        assert_refused(Said(done.returncode, done.stdout, done.stderr), "expected a store")

    def test_ctrl_c_is_130(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(_: List) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(List, "run", interrupted)
        said = call("list")
        assert said.status == 130
        assert said.err.startswith("interrupted; finished work is kept")
