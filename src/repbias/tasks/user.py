"""A task that a user-defined function makes, named in a study or a TOML file."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue, field_validator, model_validator
from torch import Tensor

from repbias.core.functions import call_user_code, resolve_function
from repbias.tasks.task import Finding, Manipulation, Split, Stimuli, Task


class UserTask(Task):
    """A task made by a user-defined function or class, which is named by its file.

    In Python, use your `Task` itself. A study in a store or a TOML file names the function that makes it instead,
    because other processes make the task again:
    ``task = { kind = "user", function = "mine:MyTask", settings = { size = 8 } }``.

    The identity of a run includes the function's name and settings, but not its code: give a changed task a new name.

    Attributes
    ----------
    function : "package.module:function", a subclass of `Task` or a function that returns a task.
    settings : its keyword arguments; by default none.

    Raises
    ------
    ValueError : the function cannot be imported, raises, or makes no task.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.UserTask(function="repbias:BooleanTask", settings={"features": {"a": "copy", "b": "xor"}})
    >>> task.feature_names
    ('a', 'b')
    """

    kind: Literal["user"] = "user"
    function: str
    settings: dict[str, JsonValue] | None = None

    @field_validator("settings")
    @classmethod
    def _none_if_empty(cls, settings: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        return settings or None  # so that both have one identity

    @model_validator(mode="after")
    def _can_be_made(self) -> UserTask:
        _ = self.task
        return self

    @property
    def task(self) -> Task:
        """The task that the function makes."""
        return _made(self.function, json.dumps(self.settings or {}))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """See `Task`."""
        return self.task.feature_names

    @property
    def n_classes(self) -> tuple[int, ...]:
        """See `Task`."""
        return self.task.n_classes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """See `Task`."""
        return self.task.input_shape

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """See `Task`."""
        return self.task.n_stimuli

    def stimuli(self, seed: int) -> Stimuli:
        """See `Task`."""
        return self.task.stimuli(seed)

    @property
    def is_controlled(self) -> bool:
        """See `Task`."""
        return self.task.is_controlled

    @property
    def patience(self) -> int | None:
        """See `Task`."""
        return self.task.patience

    @property
    def measured_names(self) -> tuple[str, ...]:
        """See `Task`."""
        return self.task.measured_names

    def measured_labels(self, split: Split) -> NDArray[np.int64]:
        """See `Task`."""
        return self.task.measured_labels(split)

    def content(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """See `Task`."""
        return self.task.content(inputs)

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """See `Task`."""
        return self.task.network_inputs(inputs, device)

    @property
    def stimuli_at_once(self) -> int | None:
        """See `Task`."""
        return self.task.stimuli_at_once

    @property
    def n_tokens(self) -> int | None:
        """See `Task`."""
        return self.task.n_tokens

    @property
    def teacher_forced(self) -> bool:
        """See `Task`."""
        return self.task.teacher_forced

    def given(self, seed: int) -> dict[str, dict[str, float]]:
        """See `Task`."""
        return self.task.given(seed)

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        """See `Task`."""
        return self.task.agreements

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """See `Task`."""
        return self.task.manipulations

    def positions(self) -> dict[str, tuple[int, ...]]:
        """See `Task`."""
        return self.task.positions()

    def leakage(self, splits: Mapping[str, Split], alpha: float) -> Iterable[Finding]:
        """See `Task`."""
        return self.task.leakage(splits, alpha)


@functools.lru_cache(maxsize=16)
def _made(function: str, settings: str) -> Task:
    task = call_user_code(f"task {function!r}", resolve_function("task", function), **json.loads(settings))
    if not isinstance(task, Task):
        raise ValueError(
            f"task {function!r} must make a repbias task, a subclass of Task; it made {type(task).__name__}"
        )
    return task
