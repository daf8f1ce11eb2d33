"""User-defined functions, named by "package.module:function"; without pydantic, so that the command line loads fast."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any


def look_here() -> None:
    """Make modules in the current folder importable, where user code is; a console script does not search there."""
    if (here := os.getcwd()) not in sys.path:
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
            f"{what}: cannot import {path!r} ({error}); write 'package.module:function'; the module must be installed "
            "or lie in the current folder"
        ) from error
    if not callable(function):
        raise ValueError(f"{what}: {path!r} is not a function")
    return function
