"""One run's folder: its files, the checksums by which a damaged one is recognised, and reading it back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

EXPERIMENT, WEIGHTS, LOG = "experiment.json", "weights.safetensors", "log.txt"
RESERVED = ("files", "checksum")
SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


class StoreError(ValueError):
    """The store cannot be used; the message says where, why, and what to do next."""


class DamagedRun(StoreError):  # noqa: N818
    """A run's folder does not hold what was saved in it."""


class Damage(Exception):  # noqa: N818
    """Why one folder is not a complete run."""


def safe_name(name: str, what: str) -> str:
    """Return `name` if it is safe as the name of a file, or raise StoreError."""
    if SAFE_NAME.fullmatch(name):
        return name
    allowed = "1 to 100 letters (a-z, A-Z), digits, dots, dashes and underscores, and does not start with a dot"
    shown = repr(name if len(name) <= 120 else name[:117] + "...")
    raise StoreError(f"{shown} cannot name a {what}, because it becomes the name of a file, which has {allowed}")


def json_bytes(value: Mapping[str, Any], what: str) -> bytes:
    """Return the JSON of a document, or raise StoreError where JSON cannot hold it."""
    try:
        return json.dumps(value, indent=2, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise StoreError(f"{what} can hold text, finite numbers, lists and dictionaries: {error}") from error


def file_contents(tables: Mapping[str, pd.DataFrame], weights: Mapping[str, Tensor], log: str) -> dict[str, bytes]:
    """Return the bytes of a run's files by relative path, `experiment.json` aside."""
    contents = {}
    for name, table in tables.items():
        contents[f"tables/{safe_name(name, 'table')}.parquet"] = table.to_parquet(None, engine="pyarrow")
    if weights:
        from repbias.training.weights import packed  # it imports torch, which listing runs does not need

        contents[WEIGHTS] = packed(weights)
    contents[LOG] = log.encode(errors="backslashreplace")
    return contents


def sealed(run_id: str, experiment: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """Return `experiment.json`: the experiment, with the size and SHA-256 of every other file and its own checksum."""
    taken = [name for name in RESERVED if name in experiment]
    if taken:
        raise StoreError(f"the experiment of run {run_id} has {taken[0]!r}, which is reserved for the store; rename it")
    files = {n: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for n, data in contents.items()}
    what = f"the experiment of run {run_id}"
    document = json.loads(json_bytes({**experiment, "files": files}, what))
    return json_bytes({**document, "checksum": _checksum(run_id, document)}, what)


def _checksum(run_id: str, document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document and of the name it was saved under, however the JSON is laid out."""
    return hashlib.sha256(json.dumps([run_id, document], sort_keys=True).encode()).hexdigest()


def verified(folder: Path) -> dict[str, Any]:
    """Return the content of `experiment.json` if every file that it lists is as it was saved, or raise Damage."""
    try:
        document = json.loads(_read(folder, EXPERIMENT))
    except ValueError as error:
        raise Damage(f"{EXPERIMENT} is not JSON ({error})") from None
    if not isinstance(document, dict) or document.pop("checksum", None) != _checksum(folder.name, document):
        raise Damage(f"{EXPERIMENT} is not as it was saved, or its folder was renamed")
    for name, saved in document["files"].items():
        data = _read(folder, name)
        if len(data) != saved["bytes"]:
            raise Damage(f"{name} has {len(data)} bytes instead of {saved['bytes']}")
        if hashlib.sha256(data).hexdigest() != saved["sha256"]:
            raise Damage(f"{name} is not as it was saved (its SHA-256 differs)")
    return document


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise Damage(f"{name} is missing") from None
    except OSError as error:
        raise Damage(f"{name} cannot be read ({error.strerror})") from None


@dataclass(frozen=True)
class StoredRun:
    """A complete run, verified when it was loaded; tables and weights are read on request.

    Attributes
    ----------
    experiment : as given to `Store.save`. table_names : the names of its tables, sorted.
    """

    id: str
    folder: Path
    experiment: dict[str, Any]
    table_names: tuple[str, ...]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table as it was saved, types of columns and index included.

        Parquet does not keep the categories of a categorical column without rows.

        Raises
        ------
        StoreError : the run has no table of that name.
        """
        import pandas as pd

        if name not in self.table_names:
            known = ", ".join(self.table_names) or "none"
            raise StoreError(f"run {self.id} has no table {name!r}; its tables: {known}")
        return pd.read_parquet(self.folder / f"tables/{name}.parquet", engine="pyarrow")

    def weights(self) -> dict[str, Tensor]:
        """Return the saved tensors by name, on the CPU; none for a network that failed."""
        from safetensors.torch import load

        path = self.folder / WEIGHTS
        return load(path.read_bytes()) if path.exists() else {}

    @property
    def log(self) -> str:
        """The log of the run."""
        return (self.folder / LOG).read_bytes().decode()
