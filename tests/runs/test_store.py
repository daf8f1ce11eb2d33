"""What is in a store is whole, is what was saved, and says so when it is not."""

import errno
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repbias.core import atomic
from repbias.runs.store import DamagedRun, Store, StoreError

EXPERIMENT = {"seed": 3, "task": {"features": ["easy", "hard"], "rate": 0.1}, "failed_step": None}
TABLE = pd.DataFrame({"step": [0, 10, 20], "value": [0.1, np.nan, 1 / 3]})
Damage = Callable[[Path], object]
# Run by itself so that its children can be killed; forks, so that what is slow to import is imported once.
PROLOGUE = """
import itertools, os, random, signal, sys, time
from pathlib import Path
import pandas as pd, pyarrow.parquet
from repbias.runs.store import Store

store = Store(Path(sys.argv[1]))
table = pd.DataFrame({"step": range(500), "value": 0.25})

def save(run_id, length):
    store.save(run_id, experiment={"id": run_id}, tables={"curves": table}, weights={}, log="x" * length)

def fork(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def save(store: Store, run_id: str, log: str = "trained\n") -> Path:
    weights = {"hidden.weight": torch.arange(6.0).reshape(2, 3)}
    return store.save(run_id, experiment=EXPERIMENT, tables={"curves": TABLE}, weights=weights, log=log)


def leftovers(store: Store) -> list[Path]:
    return [*store.runs.glob(".*"), *store.studies.glob(".*")]


def run_script(script: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "ignore", "-c", PROLOGUE + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A function that mounts a small file system in memory, where this machine allows it."""
    place = tmp_path / "mounted"

    def mount(options: str) -> Path:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("file systems cannot be mounted here")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


# What is saved is what is loaded.


def test_tables_come_back_with_their_types_and_values(store: Store) -> None:
    index = pd.Index(["a", "b", "c"], name="unit")
    saved = pd.DataFrame(
        {
            "step": np.array([1, 2, 3], np.int32),
            "layer": pd.Categorical(["h1", "h2", "h1"], categories=["h2", "h1", "h0"], ordered=True),
            "feature": ["easy", None, "schwer ü"],
            "r2": np.array([0.1, np.nan, -np.inf], np.float32),
            "mastered": [True, False, True],
            "seed": pd.array([1, None, 2**62], dtype="Int64"),
        },
        index=index,
    )
    tables = {"curves": saved, "units": saved.iloc[:0].drop(columns="layer")}
    store.save("a", experiment=EXPERIMENT, tables=tables, weights={}, log="")
    run = store.load("a")
    assert run.table_names == ("curves", "units")
    for name, table in tables.items():
        pd.testing.assert_frame_equal(run.table(name), table)
    with pytest.raises(StoreError, match=r"no table 'curve'; its tables: curves, units"):
        run.table("curve")


def test_weights_come_back_bit_for_bit(store: Store) -> None:
    """Whatever their type, layout in memory, sharing and values: NaN payloads and negative zeros too."""
    shared = torch.randn(4, 6)
    saved = {
        "transposed": shared.T,
        "tied.1": shared,
        "tied.2": shared,
        "strided": shared[:, ::2],
        "odd": torch.tensor([0x7FC00001, -(2**31)], dtype=torch.int32).view(torch.float32),
        "scalar": torch.tensor(7),
        "half": torch.randn(3).to(torch.bfloat16),
        "empty": torch.zeros(0, 3),
        "learned": torch.nn.Parameter(torch.randn(2)),
    }
    store.save("a", experiment=EXPERIMENT, tables={}, weights=saved, log="")
    loaded = store.load("a").weights()
    assert loaded.keys() == saved.keys()
    for name, tensor in saved.items():
        assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape)
        assert (
            loaded[name].numpy(force=True).tobytes() == tensor.numpy(force=True).tobytes() if name != "half" else True
        )
    assert torch.equal(loaded["half"].view(torch.int16), saved["half"].view(torch.int16))


def test_experiment_and_log_come_back_as_they_were(store: Store) -> None:
    log = "début\r\nstep 10\n\ttab \x00 end"
    save(store, "a", log=log)
    run = store.load("a")
    assert (run.id, run.experiment, run.log) == ("a", EXPERIMENT, log)


def test_a_failed_network_has_no_weights_file(store: Store) -> None:
    folder = store.save("a", experiment=EXPERIMENT, tables={"curves": TABLE}, weights={}, log="")
    assert not (folder / "weights.safetensors").exists()
    assert store.load("a").weights() == {}


def test_nothing_in_a_run_is_a_pickle(store: Store) -> None:
    for path in save(store, "a").rglob("*.*"):
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError)):
            pickle.loads(path.read_bytes())


def test_stores_merge_by_copying_folders(tmp_path: Path) -> None:
    here, there = (Store.open(tmp_path / name, create=True) for name in ("here", "there"))
    for store, run_ids in ((here, "ab"), (there, "bc")):
        for run_id in run_ids:
            save(store, run_id)
        store.request(f"asked-{run_ids}", {"seeds": 2})
    shutil.copytree(there.root, here.root, dirs_exist_ok=True)
    assert here.missing("abcd") == ["d"]
    assert list(here.requests()) == ["asked-ab", "asked-bc"]
    pd.testing.assert_frame_equal(here.load("c").table("curves"), TABLE)


@pytest.mark.parametrize(
    ("experiment", "why"),
    [({"files": 1}, "reserved for the store"), ({"loss": float("nan")}, "finite"), ({"path": Path()}, "text")],
)
def test_an_experiment_that_json_cannot_hold_is_refused_before_anything_is_written(
    store: Store, experiment: dict[str, object], why: str
) -> None:
    with pytest.raises(StoreError, match=why):
        store.save("a", experiment=experiment, tables={}, weights={}, log="")
    assert list(store.runs.iterdir()) == []


# A folder that has its final name is complete.


def test_killed_at_any_step_of_a_save_leaves_nothing_or_a_whole_run(store: Store) -> None:
    """Every call that changes the disk is a moment at which the process is killed, just before it."""
    script = """
    def killed_before(call):
        calls = itertools.count()
        for name in ("open", "mkdir", "fsync", "rename"):
            module = Path if name in ("open", "mkdir") else os
            def patched(*args, real=getattr(module, name), **kwargs):
                if next(calls) == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            setattr(module, name, patched)
        save(f"run{call}", 10)

    for call in itertools.count():
        status = os.waitpid(fork(lambda: killed_before(call)), 0)[1]
        if not os.WIFSIGNALED(status):
            break
    print(call)
    """
    calls = int(run_script(script, store.root))
    assert calls > 10
    states = [store.status(f"run{call}").state for call in range(calls + 1)]
    assert states == ["missing"] * (calls - 1) + ["complete"] * 2, "only the last call comes after the rename"
    assert leftovers(store)
    assert leftovers(Store.open(store.root, create=True)) == []


def test_killed_at_random_moments_leaves_nothing_or_whole_runs(store: Store) -> None:
    script = """
    def save_on(start):
        for number in itertools.count():
            save(f"run{start}-{number}", 500_000)

    for start in range(25):
        child = fork(lambda: save_on(start))
        time.sleep(random.uniform(0.005, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    """
    run_script(script, store.root)
    assert leftovers(store), "no kill came in the middle of a save: make the saves longer"
    run_ids = [path.name for path in store.runs.iterdir() if not path.name.startswith(".")]
    assert run_ids
    assert store.missing(run_ids) == []
    store.sweep()
    assert leftovers(store) == []


def test_processes_that_save_the_same_runs_at_once_leave_one_whole_run_each(store: Store) -> None:
    script = """
    start = time.time() + 0.1
    def save_all():
        time.sleep(max(0.0, start - time.time()))
        for number in range(30):
            save(f"run{number}", 1000)
    children = [fork(save_all) for _ in range(3)]
    sys.exit(max(os.waitpid(child, 0)[1] for child in children) != 0)
    """
    run_script(script, store.root)
    assert store.missing([f"run{number}" for number in range(31)]) == ["run30"]
    assert leftovers(store) == []


def test_a_run_that_is_there_stays_when_it_is_saved_again(store: Store) -> None:
    save(store, "a", log="first")
    save(store, "a", log="second")
    assert store.load("a").log == "first"
    assert leftovers(store) == []


def test_sweep_spares_the_living_whatever_their_age_and_other_machines_for_a_day(store: Store) -> None:
    living = atomic._partial(store.runs / "living")
    fresh, old = (store.runs / f".partial-a-{host}.1-1-00ff" for host in ("elsewhere", "faraway"))
    unknown = store.runs / ".partial-odd"
    for folder in (living, fresh, old, unknown):
        folder.mkdir()
    two_days_ago = time.time() - 2 * atomic.LEFTOVER_AGE
    for folder in (living, old, unknown):
        os.utime(folder, (two_days_ago, two_days_ago))
    store.sweep()
    assert sorted(leftovers(store)) == sorted([living, fresh])


# What is damaged is named and never used.


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path, position: int = -20, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def replace_by_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


DAMAGES: dict[str, tuple[Damage, str]] = {
    "truncated table": (lambda run: truncate(run / "tables/curves.parquet"), r"curves\.parquet has \d+ bytes instead"),
    "missing table": (lambda run: (run / "tables/curves.parquet").unlink(), r"curves\.parquet is missing"),
    "missing weights": (lambda run: (run / "weights.safetensors").unlink(), "safetensors is missing"),
    "flipped bit of a weight": (lambda run: flip(run / "weights.safetensors"), "safetensors is not as it was saved"),
    "missing experiment": (lambda run: (run / "experiment.json").unlink(), r"experiment\.json is missing"),
    "broken experiment": (lambda run: truncate(run / "experiment.json"), r"experiment\.json is not JSON"),
    "bytes that are not text": (lambda run: (run / "experiment.json").write_bytes(b"\xff\xfe{"), "is not JSON"),
    "other JSON": (lambda run: (run / "experiment.json").write_text("[1]"), "not as it was saved"),
    "empty folder": (empty, r"experiment\.json is missing"),
    "file for a folder": (replace_by_file, r"experiment\.json cannot be read \(Not a directory\)"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_run_is_named_never_loaded_and_made_again_only_on_request(
    store: Store, damage: Damage, why: str
) -> None:
    whole, folder = save(store, "whole"), save(store, "hurt")
    damage(folder)
    assert store.status("hurt").state == "damaged"
    for use in (lambda: store.load("hurt"), lambda: store.missing(["whole", "hurt", "new"])):
        with pytest.raises(DamagedRun, match=why) as caught:
            use()
        assert f"{folder}: " in str(caught.value)
        assert "--remake" in str(caught.value)
        assert str(whole) not in str(caught.value)
    assert store.missing(["whole", "hurt", "new"], remake=True) == ["hurt", "new"]
    assert store.status("hurt").state == "missing"
    assert leftovers(store) == []
    save(store, "hurt")
    assert store.missing(["whole", "hurt"]) == []


def test_a_run_made_anew_by_another_process_since_it_was_found_damaged_is_not_deleted(store: Store) -> None:
    save(store, "a", log="anew")
    store._delete_damaged("a")
    assert store.load("a").log == "anew"


def test_every_damaged_run_is_named_at_once(store: Store) -> None:
    for run_id in "abc":
        truncate(save(store, run_id) / "log.txt")
    with pytest.raises(DamagedRun, match=r"(?s)3 damaged runs.*runs/a: .*runs/b: .*runs/c: "):
        store.missing("abcd")


def test_a_save_over_a_damaged_run_is_refused_and_leaves_it(store: Store) -> None:
    folder = save(store, "a")
    truncate(folder / "log.txt")
    with pytest.raises(DamagedRun):
        save(store, "a")
    assert (folder / "log.txt").read_text() == "t"
    assert leftovers(store) == []


def test_a_run_under_another_runs_name_is_not_that_run(store: Store) -> None:
    shutil.copytree(save(store, "a"), store.runs / "b")
    with pytest.raises(DamagedRun, match="renamed"):
        store.load("b")


def test_a_file_that_a_run_does_not_list_is_no_damage(store: Store) -> None:
    folder = save(store, "a")
    (folder / "notes.md").write_text("mine")
    (folder / "tables/mine.parquet").write_text("not a table")
    assert store.load("a").table_names == ("curves",)


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    store = Store.open(tmp_path_factory.mktemp("flips"), create=True)
    return store, save(store, "a")


@settings(deadline=None, max_examples=300)
@given(st.randoms(use_true_random=False), st.integers(1, 255))
def test_no_changed_byte_changes_what_is_loaded(
    saved_run: tuple[Store, Path], choose: random.Random, mask: int
) -> None:
    """A changed byte is found, except in the layout of experiment.json, where it changes no value."""
    store, folder = saved_run
    path = choose.choice(sorted(folder.rglob("*.*")))
    whole = path.read_bytes()
    flip(path, choose.randrange(len(whole)), mask)
    try:
        status = store.status("a").state
        assert status == "damaged" or (path.name == "experiment.json" and store.load("a").experiment == EXPERIMENT)
    finally:
        path.write_bytes(whole)


def test_a_missing_run_is_not_called_damaged(store: Store) -> None:
    assert store.status("a") == ("missing", "")
    with pytest.raises(StoreError, match=r"no run a in .*run its study") as caught:
        store.load("a")
    assert not isinstance(caught.value, DamagedRun)


def test_missing_runs_come_once_each_in_the_order_given(store: Store) -> None:
    save(store, "b")
    assert store.missing(["c", "a", "b", "c"]) == ["c", "a"]


# A disk that cannot be written is said to be so, and keeps what was whole.


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", range(7))
def test_an_error_at_any_sync_of_a_save_keeps_the_other_runs_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int, call: int
) -> None:
    save(store, "before")
    left = iter(range(call))

    def failing_sync(handle: int) -> None:
        if next(left, None) is None:
            raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing_sync)
        with pytest.raises(StoreError, match=rf"save run a .*{os.strerror(code)}.*is kept.*same command") as caught:
            save(store, "a")
    assert ("Free some space" in str(caught.value)) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert leftovers(store) == []
    # The last sync is that of the parent, when the run has its name and is whole.
    assert store.missing(["before", "a"]) == (["a"] if call < 6 else [])


def test_a_request_that_cannot_be_written_leaves_the_one_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.request("mine", {"seeds": 2})

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"mine\.json: No space left.*Free some space"):
        store.request("mine", {"seeds": 20})
    assert store.requests() == {"mine": {"seeds": 2}}
    assert leftovers(store) == []


def test_a_full_disk_keeps_whole_runs_and_the_store_goes_on_when_there_is_space(mounted: Callable[[str], Path]) -> None:
    store = Store.open(mounted("size=256k") / "store", create=True)
    done = 0

    def fill() -> None:
        nonlocal done
        for done in range(100):
            save(store, f"run{done}", log="x" * 30_000)

    with pytest.raises(StoreError, match=r"No space left on device.*Every complete run is kept"):
        fill()
    assert done > 2
    assert leftovers(store) == []
    assert store.missing([f"run{number}" for number in range(done + 1)]) == [f"run{done}"]
    shutil.rmtree(store.runs / "run0")
    save(store, f"run{done}", log="x" * 30_000)
    assert store.status(f"run{done}").state == "complete"


# A store that cannot be used is refused when it is opened.


@pytest.mark.parametrize(
    ("place", "create", "why"),
    [
        ("file", True, "file is a file; name another folder"),
        ("file", False, "file is a file; name another folder"),
        ("file/sub/store", True, "file is a file, and .*/sub/store would lie under it"),
        ("file/sub/store", False, "file is a file, and .*/sub/store would lie under it"),
        ("absent", False, "absent, but there is no such folder; check the path"),
        ("empty", False, "no folder 'runs'"),
        ("taken", True, r"File exists \(at .*runs\)"),
    ],
)
def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, place: str, create: bool, why: str) -> None:
    for folder in ("empty", "taken"):
        (tmp_path / folder).mkdir()
    for file in ("file", "taken/runs"):
        (tmp_path / file).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=why):
        Store.open(tmp_path / place, create=create)
    assert sorted(tmp_path.rglob("*")) == before
    assert [(tmp_path / file).read_text() for file in ("file", "taken/runs")] == ["mine", "mine"]


def test_a_read_only_disk_is_refused_to_writers_and_open_to_readers(mounted: Callable[[str], Path]) -> None:
    root = mounted("size=256k")
    save(Store.open(root, create=True), "a")
    subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
    reader = Store.open(root, create=False)
    assert reader.load("a").experiment == EXPERIMENT
    refused: dict[str, Callable[[], object]] = {
        "Read-only file system .*name another folder": lambda: Store.open(root, create=True),
        "Read-only file system": lambda: save(reader, "b"),
    }
    for why, use in refused.items():
        with pytest.raises(StoreError, match=why):
            use()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write whatever the permission bits say")
def test_a_folder_without_permission_is_refused(store: Store) -> None:
    store.runs.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=r"Permission denied .*Allow reading and writing there"):
            Store.open(store.root, create=True)
    finally:
        store.runs.chmod(0o700)


def test_a_run_that_cannot_be_looked_for_is_not_called_missing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "lstat", forbidden)
    with pytest.raises(StoreError, match=r"cannot look for run a .*Permission denied"):
        store.missing(["a"])


def test_opening_leaves_only_the_folders_of_a_store(store: Store) -> None:
    assert sorted(store.root.rglob("*")) == [store.runs, store.studies]


# What was asked is remembered.


def test_the_last_request_under_a_name_is_remembered(store: Store) -> None:
    store.request("b.2", {"scale": "quick"})
    store.request("A_mine-1", {"seeds": [1, 2], "spec": {"π": None}})
    store.request("b.2", {"scale": "full"})
    again = Store.open(store.root, create=False)
    assert again.requests() == {"A_mine-1": {"seeds": [1, 2], "spec": {"π": None}}, "b.2": {"scale": "full"}}


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_broken_request_is_named(store: Store, text: str) -> None:
    (store.studies / "mine.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=r"mine\.json.*delete it and run"):
        store.requests()


HOSTILE = [
    "",
    ".",
    "..",
    ".hidden",
    "../up",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\n",
    "a b",
    "a\x00",
    "ü",
    "x" * 101,
    "~",
    "a:b",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_no_safe_file_name_is_refused(store: Store, name: str) -> None:
    uses: dict[str, Callable[[], object]] = {
        "study": lambda: store.request(name, {}),
        "run": lambda: save(store, name),
        "table": lambda: store.save("a", experiment={}, tables={name: TABLE}, weights={}, log=""),
    }
    for kind, use in uses.items():
        with pytest.raises(StoreError, match=f"cannot name a {kind}"):
            use()
    assert sorted(store.root.rglob("*")) == [store.runs, store.studies]


@pytest.mark.parametrize("name", ["x" * 100, "-rf", "_", "0", "Study.v1-b_2"])
def test_a_safe_name_names_a_study_and_a_run(store: Store, name: str) -> None:
    store.request(name, {"seeds": 1})
    assert store.requests() == {name: {"seeds": 1}}
    assert json.loads((save(store, name) / "experiment.json").read_text())["seed"] == EXPERIMENT["seed"]
