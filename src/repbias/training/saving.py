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
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field, TypeAdapter
from safetensors.torch import load
from torch import nn

from repbias.core import VERSION, atomic
from repbias.core.functions import resolve_function
from repbias.core.specs import Spec, explaining
from repbias.models import AnyModel, Model
from repbias.tasks import AnyTask
from repbias.tasks.task import Task
from repbias.training.job import Outcome, Status
from repbias.training.summaries import all_steps, all_units
from repbias.training.weights import packed

FORMAT, INDEX = 1, "networks.json"
TABLES = ("measures", "units")
ModelLike = Model | Callable[[], nn.Module]


class SavedNetwork(Spec):
    """What the index says of one network; see `Outcome`."""

    seed: Annotated[int, Field(ge=0)]
    status: Status
    steps: int
    failed_step: int | None
    seconds: float
    failed_criterion: tuple[str, ...]

    @property
    def weights(self) -> str | None:
        """The name of the file of its weights; None for a network that diverged."""
        return None if self.status == "failed" else f"weights-{self.seed:04d}.safetensors"


class Index(Spec):
    """The content of `networks.json`.

    Attributes
    ----------
    format : of the folder. repbias : the version that wrote it.
    model : `spec`, a repbias model, or `function`, the name of what makes the modules, None where it has no such name.
    """

    format: Literal[1]
    repbias: str
    task: dict[str, Any]
    model: dict[str, Any]
    networks: Annotated[tuple[SavedNetwork, ...], Field(min_length=1)]
    sha256: dict[str, str]


def write_outcomes(outcomes: Sequence[Outcome], task: Task, model: ModelLike, folder: str | Path) -> Path:
    """Write the outcomes of networks of one task and model; the folder appears whole or not at all.

    Raises
    ------
    FileExistsError : something is there already. ValueError : there are no networks, or several of one seed.
    """
    path = Path(folder).expanduser().absolute()
    seeds = [one.seed for one in outcomes]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"networks of at least one seed, and of different seeds, can be saved, got seeds {seeds}")
    saved = [SavedNetwork(**{name: getattr(one, name) for name in SavedNetwork.model_fields}) for one in outcomes]
    files = {one.weights: packed(o.state) for one, o in zip(saved, outcomes, strict=True) if one.weights}
    for name, table in zip(TABLES, (all_steps(outcomes), all_units(outcomes)), strict=True):
        files[f"{name}.parquet"] = table.to_parquet(None, engine="pyarrow")
    index = Index(
        format=FORMAT,
        repbias=VERSION,
        task=task.model_dump(mode="json"),
        model=_described(model),
        networks=tuple(saved),
        sha256={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() or not atomic.write_folder(path, {**files, INDEX: index.model_dump_json(indent=2).encode()}):
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
    index = _index(path)
    names = [*(f"{name}.parquet" for name in TABLES), *(one.weights for one in index.networks if one.weights)]
    files = {name: _verified(path / name, index.sha256.get(name)) for name in names}
    remedy = "define again, as before saving, what the task uses: boolean functions by their names, and arrays"
    with explaining(f"the task in {path / INDEX}", remedy):
        task = TypeAdapter[Task](AnyTask).validate_python(index.task)
    return _outcomes(index.networks, files), task, model or _restored(index.model, path)


def _index(path: Path) -> Index:
    try:
        content = json.loads((path / INDEX).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        came = f"that folder has no {INDEX}" if path.is_dir() else "there is no such folder"
        raise ValueError(f"expected a folder that networks.save wrote at {path}, but {came}") from None
    except ValueError as error:
        raise ValueError(f"{path / INDEX} is not JSON ({error})") from None
    with explaining(str(path / INDEX)):
        return Index.model_validate(content)


def _outcomes(networks: Sequence[SavedNetwork], files: Mapping[str, bytes]) -> list[Outcome]:
    stacked = [pd.read_parquet(io.BytesIO(files[f"{name}.parquet"])) for name in TABLES]
    found = []
    for one in networks:
        table, units = (t[t["seed"] == one.seed].drop(columns="seed").reset_index(drop=True) for t in stacked)
        state = load(files[one.weights]) if one.weights else {}
        found.append(Outcome(**dict(one), table=table, units=units, state=state))
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
        with explaining(f"the model in {path / INDEX}"):
            return TypeAdapter[Model](AnyModel).validate_python(described["spec"])
    if described["function"] is None:
        raise ValueError(
            f"the networks in {path} were made by a function that cannot be imported by its name; give the function, "
            "as it was given to train: load_networks(folder, model=MyNetwork)"
        )
    return resolve_function(f"the model of {path}", described["function"])


def _verified(path: Path, sha256: str | None) -> bytes:
    if sha256 is None:
        raise ValueError(f"{path.parent / INDEX} has no SHA-256 of {path.name}; the folder is not as it was saved")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); the folder is not whole") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} is not as it was saved (its SHA-256 differs)")
    return data
