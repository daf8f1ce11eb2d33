"""A task that a user-defined function makes, named in a study or a TOML file."""

from __future__ import annotations

import functools
import json
from typing import Any, Literal

from pydantic import model_validator

from repbias.core.functions import call_user_code, resolve_function
from repbias.core.specs import Settings
from repbias.tasks.task import Task


def _delegated(name: str) -> Any:
    """Return a property that gives what `task` has under this name, a value or a method."""
    return property(lambda user: getattr(user.task, name), doc="See `Task`.")


class _Delegating:
    """The contract of a task, fulfilled by another task, `task`."""

    feature_names = _delegated("feature_names")
    n_classes = _delegated("n_classes")
    input_shape = _delegated("input_shape")
    n_stimuli = _delegated("n_stimuli")
    stimuli = _delegated("stimuli")
    is_controlled = _delegated("is_controlled")
    patience = _delegated("patience")
    measured_names = _delegated("measured_names")
    measured_labels = _delegated("measured_labels")
    content = _delegated("content")
    network_inputs = _delegated("network_inputs")
    stimuli_at_once = _delegated("stimuli_at_once")
    n_tokens = _delegated("n_tokens")
    teacher_forced = _delegated("teacher_forced")
    given = _delegated("given")
    agreements = _delegated("agreements")
    manipulations = _delegated("manipulations")
    positions = _delegated("positions")
    leakage = _delegated("leakage")


class UserTask(_Delegating, Task):
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
    settings: Settings = None

    @model_validator(mode="after")
    def _can_be_made(self) -> UserTask:
        _ = self.task
        return self

    @property
    def task(self) -> Task:
        """The task that the function makes."""
        return _made(self.function, json.dumps(self.settings or {}))


@functools.lru_cache(maxsize=16)
def _made(function: str, settings: str) -> Task:
    task = call_user_code(f"task {function!r}", resolve_function("task", function), **json.loads(settings))
    if not isinstance(task, Task):
        raise ValueError(
            f"task {function!r} must make a repbias task, a subclass of Task; it made {type(task).__name__}"
        )
    return task
