"""Trained networks as a folder of files: JSON, safetensors and Parquet, and no pickles.

<folder>/networks.json                task, model and outcome of every network, and the SHA-256 of every other file
         weights-<seed>.safetensors   absent for a network that diverged
         measures.parquet, units.parquet
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load, save
from torch import Tensor, nn

from repbias.core import VERSION, atomic
from repbias.core.functions import resolve_function
from repbias.core.specs import explain
from repbias.models import AnyModel, Model
from repbias.tasks import AnyTask
from repbias.tasks.task import Task
from repbias.training.job import Outcome

FORMAT, INDEX = 1, "networks.json"
_FIELDS = ("seed", "status", "steps", "failed_step", "seconds")
ModelLike = Model | Callable[[], nn.Module]


def write_outcomes(outcomes: Sequence[Outcome], task: Task, model: ModelLike, folder: str | Path) -> Path:
    """Write the outcomes of networks of one task and model; the folder appears whole or not at all.

    Raises
    ------
    FileExistsError : something is there already. ValueError : there are no networks.
    """
    path = Path(folder).expanduser().absolute()
    if not outcomes:
        raise ValueError("there are no networks to save")
    if path.exists():
        raise FileExistsError(f"{path} exists already; name a new folder, or delete it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {f"weights-{one.seed:04d}.safetensors": _packed(one.state) for one in outcomes if one.state}
    for name, tables in {"measures": [o.table for o in outcomes], "units": [o.units for o in outcomes]}.items():
        stacked = pd.concat([t.assign(seed=o.seed) for t, o in zip(tables, outcomes, strict=True)], ignore_index=True)
        files[f"{name}.parquet"] = stacked.to_parquet(None, engine="pyarrow")
    index = {
        "format": FORMAT,
        "repbias": VERSION,
        "task": task.model_dump(mode="json"),
        "model": _described(model),
        "networks": [
            {**{name: getattr(one, name) for name in _FIELDS}, "failed_criterion": list(one.failed_criterion)}
            for one in outcomes
        ],
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    if not atomic.write_folder(path, {**files, INDEX: json.dumps(index, indent=2).encode()}):
        raise FileExistsError(f"{path} exists already; name a new folder, or delete it first")
    return path


def read_outcomes(folder: str | Path, model: ModelLike | None) -> tuple[list[Outcome], Task, ModelLike]:
    """Read what `write_outcomes` wrote.

    Parameters
    ----------
    model : what made the modules, where the folder does not say it.

    Raises
    ------
    ValueError : no such folder, a file of it is missing or not as it was saved, or its model is not known.
    """
    path = Path(folder).expanduser().absolute()
    try:
        index = json.loads((path / INDEX).read_bytes())
    except FileNotFoundError:
        came = f"that folder has no {INDEX}" if path.is_dir() else "there is no such folder"
        raise ValueError(f"expected a folder that networks.save wrote at {path}, but {came}") from None
    except ValueError as error:
        raise ValueError(f"{path / INDEX} is not JSON ({error})") from None
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise ValueError(f"{path / INDEX} is not of format {FORMAT}, which this version of repbias reads")
    files = {name: _verified(path / name, digest) for name, digest in index["sha256"].items()}
    try:
        task = TypeAdapter[Task](AnyTask).validate_python(index["task"])
    except ValidationError as error:
        raise ValueError(explain(error, f"the task in {path / INDEX}")) from error
    return _outcomes(index["networks"], files), task, model or _restored(index["model"], path)


def _outcomes(networks: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]) -> list[Outcome]:
    tables = {name: pd.read_parquet(io.BytesIO(files[f"{name}.parquet"])) for name in ("measures", "units")}
    found = []
    for one in networks:
        mine = {
            name: table[table["seed"] == one["seed"]].drop(columns="seed").reset_index(drop=True)
            for name, table in tables.items()
        }
        weights = files.get(f"weights-{one['seed']:04d}.safetensors")
        found.append(
            Outcome(
                **{name: one[name] for name in _FIELDS},
                failed_criterion=tuple(one["failed_criterion"]),
                table=mine["measures"],
                units=mine["units"],
                state={} if weights is None else load(weights),
            )
        )
    return found


def _described(model: ModelLike) -> dict[str, Any]:
    """Return a model as JSON: its spec, or the name of the function that makes it, None where it cannot be imported."""
    if isinstance(model, Model):
        return {"spec": model.model_dump(mode="json")}
    path = f"{getattr(model, '__module__', None)}:{getattr(model, '__qualname__', None)}"
    try:
        importable = not path.startswith("__main__:") and resolve_function("model", path) is model
    except ValueError:
        importable = False
    return {"function": path if importable else None}


def _restored(described: Mapping[str, Any], path: Path) -> ModelLike:
    if "spec" in described:
        try:
            return TypeAdapter[Model](AnyModel).validate_python(described["spec"])
        except ValidationError as error:
            raise ValueError(explain(error, f"the model in {path / INDEX}")) from error
    if described["function"] is None:
        raise ValueError(
            f"the networks in {path} were made by a function that cannot be imported by its name; give the function, "
            "as it was given to train: load_networks(folder, model=MyNetwork)"
        )
    return resolve_function(f"the model of {path}", described["function"])


def _packed(state: Mapping[str, Tensor]) -> bytes:
    # Clones, because safetensors refuses tensors that share memory.
    return save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()})


def _verified(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); the folder is not whole") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} is not as it was saved (its SHA-256 differs)")
    return data
