"""The store: one folder per run, whole or absent, verified each time it is read, merged by copying folders.

    <root>/runs/<id>/experiment.json        settings and outcome, and size and SHA-256 of every other file
                     tables/<name>.parquet
                     weights.safetensors    absent where training failed
                     log.txt
    <root>/studies/<name>.json              the studies that were run into this store

It holds no pickles and needs no index.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from repbias.core import atomic
from repbias.runs.stored_run import (
    EXPERIMENT,
    RESERVED,
    SAFE_NAME,
    Damage,
    DamagedRun,
    StoredRun,
    StoreError,
    file_contents,
    json_bytes,
    safe_name,
    sealed,
    verified,
)

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class RunStatus(NamedTuple):
    """Whether a run can be used, and why it is damaged, if it is."""

    state: Literal["missing", "complete", "damaged"]
    reason: str = ""


class Store:
    """A folder of runs and of the studies that were run into it.

    Many processes, on many machines, may write to one store at once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"
        self.studies = root / "studies"

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool) -> Store:
        """Open a store, to write where `create`, else to read.

        With `create` the folder is made where it is missing, leftovers of killed processes are removed, and a small
        file is written and removed again, so that a store that cannot be written to is refused before the long work.

        Raises
        ------
        StoreError : there is no store at `path`, or it cannot be written to.
        """
        store = cls(Path(path).expanduser().absolute())
        with _explained(f"cannot use {store.root} as a store"):
            _refuse_unusable(store.root, create=create)
            if not create:
                return store
            for folder in (store.runs, store.studies):
                folder.mkdir(parents=True, exist_ok=True)
                atomic.probe(folder)
        store.sweep()
        return store

    def save(
        self,
        run_id: str,
        *,
        experiment: Mapping[str, Any],
        tables: Mapping[str, pd.DataFrame],
        weights: Mapping[str, Tensor],
        log: str,
    ) -> Path:
        """Save a run, whole or not at all; a run that another process has already saved stays as it is.

        Parameters
        ----------
        experiment : anything that JSON can hold; the names "files" and "checksum" are reserved.
        weights : on any device; empty for a network that diverged.

        Returns
        -------
        The folder of the run.

        Raises
        ------
        StoreError : a name or value that cannot be stored, or a disk that cannot be written to; nothing is left of it.
        DamagedRun : a damaged run has this name; it is left unchanged.
        """
        folder = self._folder(run_id)
        contents = file_contents(tables, weights, log)
        contents[EXPERIMENT] = sealed(run_id, experiment, contents)
        with _explained(f"cannot save run {run_id} in {self.root}"):
            made = atomic.write_folder(folder, contents)
        return folder if made else self.load(run_id).folder

    def status(self, run_id: str) -> RunStatus:
        """Return whether a run exists and is whole: every file as listed, by size and SHA-256."""
        if not self._exists(run_id):
            return RunStatus("missing")
        try:
            verified(self._folder(run_id))
        except Damage as damage:
            return RunStatus("damaged", str(damage))
        return RunStatus("complete")

    def held(self) -> set[str]:
        """Return the names of all runs in the store, which are not verified."""
        with _explained(f"cannot look for runs in {self.root}"):
            return {path.name for path in self.runs.iterdir() if SAFE_NAME.fullmatch(path.name)}

    def missing(self, run_ids: Iterable[str], *, remake: bool = False) -> list[str]:
        """Return the runs that the store lacks, each once, in the order given.

        Parameters
        ----------
        remake : delete damaged runs, which are then missing.

        Raises
        ------
        DamagedRun : a run is damaged and `remake` is False; every damaged one is named.
        """
        statuses = {run_id: self.status(run_id) for run_id in dict.fromkeys(run_ids)}
        damaged = {run_id: status.reason for run_id, status in statuses.items() if status.state == "damaged"}
        if damaged and not remake:
            raise self._damaged(damaged)
        for run_id in damaged:
            self._delete_damaged(run_id)
        return [run_id for run_id, status in statuses.items() if status.state != "complete"]

    def load(self, run_id: str) -> StoredRun:
        """Return a complete run, every byte of it verified.

        Raises
        ------
        DamagedRun : the run is damaged. StoreError : it is missing.
        """
        folder = self._folder(run_id)
        if not self._exists(run_id):
            raise StoreError(f"there is no run {run_id} in {self.root}; run its study to make it")
        try:
            document = verified(folder)
        except Damage as damage:
            raise self._damaged({run_id: str(damage)}) from None
        tables = sorted(Path(name).stem for name in document["files"] if name.startswith("tables/"))
        experiment = {name: value for name, value in document.items() if name not in RESERVED}
        return StoredRun(run_id, folder, experiment, tuple(tables))

    def request(self, study_name: str, payload: Mapping[str, Any]) -> None:
        """Record the request for a study, in place of an earlier request under the same name.

        Raises
        ------
        StoreError : an unsafe name, a payload that JSON cannot hold, or a disk that cannot be written to.
        """
        path = self.studies / f"{safe_name(study_name, 'study')}.json"
        data = json_bytes(payload, f"the request for study {study_name!r}")
        with _explained(f"cannot write {path}"):
            atomic.write_file(path, data)

    def requests(self) -> dict[str, dict[str, Any]]:
        """Return the recorded requests by name of study, in the order of the names.

        Raises
        ------
        StoreError : a request cannot be read.
        """
        paths = sorted(path for path in self.studies.glob("*.json") if SAFE_NAME.fullmatch(path.stem))
        return {path.stem: _read_request(path) for path in paths}

    def sweep(self) -> None:
        """Remove what killed processes left half-written, but nothing that a running one is writing."""
        for folder in (self.runs, self.studies):
            atomic.sweep(folder)

    def _folder(self, run_id: str) -> Path:
        return self.runs / safe_name(run_id, "run")

    def _exists(self, run_id: str) -> bool:
        # Unlike os.path.exists, this distinguishes a folder that may not be read from an empty one.
        with _explained(f"cannot look for run {run_id} in {self.root}"):
            try:
                self._folder(run_id).lstat()
            except FileNotFoundError:
                return False
            return True

    def _delete_damaged(self, run_id: str) -> None:
        # Another process may have replaced it since it was found damaged.
        if self.status(run_id).state == "damaged":
            with _explained(f"cannot delete damaged run {run_id} in {self.root}"):
                atomic.discard(self._folder(run_id))

    def _damaged(self, reasons: Mapping[str, str]) -> DamagedRun:
        lines = [f"  {self._folder(run_id)}: {reason}" for run_id, reason in reasons.items()]
        what = f"{len(lines)} damaged run{'s' if len(lines) > 1 else ''} in {self.root}, not used:"
        remedy = "Make them again with --remake, or delete the folders and give the same command again."
        return DamagedRun("\n".join([what, *lines, remedy]))


def _refuse_unusable(root: Path, *, create: bool) -> None:
    in_the_way = next((place for place in (root, *root.parents) if place.exists() and not place.is_dir()), None)
    if in_the_way is not None:
        below = "" if in_the_way == root else f", and {root} would lie under it"
        raise StoreError(f"a store is a folder, but {in_the_way} is a file{below}; name another folder")
    if create or (root / "runs").is_dir():
        return
    came = "that folder has no folder 'runs'" if root.is_dir() else "there is no such folder"
    raise StoreError(f"expected a store at {root}, but {came}; check the path, or run a study to make a store there")


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn a file system error into one that says what is kept and what to do next."""
    try:
        yield
    except OSError as error:
        why, remedy = error.strerror or str(error), "Allow reading and writing there or name another folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "Free some space"
        at = f" (at {error.filename})" if error.filename else ""
        kept = "Every complete run is kept and nothing half-written is left."
        raise StoreError(f"{what}: {why}{at}. {kept} {remedy}, then give the same command: it resumes.") from error


def _read_request(path: Path) -> dict[str, Any]:
    try:
        payload = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot read {path} ({error}); delete it and run the study again: its runs are kept"
        ) from error
    if isinstance(payload, dict):
        return payload
    raise StoreError(f"{path} holds no JSON object; delete it and run the study again: its runs are kept")
