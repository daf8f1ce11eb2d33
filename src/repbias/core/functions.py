"""User-defined functions, named by "package.module:function"; without pydantic, so that the command line loads fast."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


def look_here(folder: Path | None = None) -> None:
    """Make modules in a folder importable, by default in the current one; a console script does not search there."""
    if (here := os.getcwd() if folder is None else str(folder.resolve())) not in sys.path:
        sys.path.append(here)


def resolve_function(what: str, path: str) -> Callable[..., Any]:
    """Return the function that a path names; `what` describes its purpose in errors.

    Raises
    ------
    ValueError : a path that cannot be imported, or does not name a function.
    """
    module, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{what}: cannot import {path!r} ({error}); write 'package.module:function'; the module must be installed, "
            "or lie in the current folder or beside the TOML file"
        ) from error
    if not callable(function):
        raise ValueError(f"{what}: {path!r} is not a function")
    return function


def call_user_code(what: str, function: Callable[..., Result], *arguments: Any, **settings: Any) -> Result:
    """Call a user-defined function; `what` describes its purpose in errors.

    Raises
    ------
    ValueError : the function raised; the error says in which file, line and function, and what.
    """
    try:
        return function(*arguments, **settings)
    except Exception as error:
        raise ValueError(f"{what}: {_place(function, error)} raised {type(error).__name__}: {error}") from error


def _place(function: Callable[..., Any], error: Exception) -> str:
    """Return the last line of the function's own file that was running; only its name where a call itself failed."""
    name = getattr(function, "__qualname__", repr(function))
    frames = traceback.extract_tb(error.__traceback__)[1:]
    if not frames:
        return name
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    called = own[-1].name if own[-1].name in name or own[-1].name.startswith("<") else f"{own[-1].name}, from {name},"
    return f"{name if called.startswith('<') else called} ({own[-1].filename}, line {own[-1].lineno})"
