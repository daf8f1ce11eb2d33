"""Functions of somebody's own that a study or a command names by "package.module:function"."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any


def look_here() -> None:
    """Let modules in the current folder be imported: a console script does not look there, where one's own code is."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)


def resolve_function(what: str, path: str) -> Callable[..., Any]:
    """Return the function that a path names; `what` says in errors what it is for.

    Raises
    ------
    ValueError : a path that cannot be imported, or does not name a function.
    """
    module, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{what}: cannot import {path!r} ({error}); write 'package.module:function', of a module that is installed "
            "or lies in the current folder"
        ) from error
    if not callable(function):
        raise ValueError(f"{what}: {path!r} is not a function")
    return function
