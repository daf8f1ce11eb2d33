"""The one tensor in what a module returns: how it is found, and how another is put in its place."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

HIDDEN = "last_hidden_state"


def find_tensor(output: object, what: str) -> tuple[Tensor, str]:
    """Return the tensor that stands for what a module returns, and which one it is, in words ("" for a tensor itself).

    Of a tuple or list it is the first tensor; of a mapping or a dataclass, `last_hidden_state` or the one tensor that
    there is. Single numbers, such as a loss, are passed over.

    Raises
    ------
    TypeError : no tensor, or several of which none is to be preferred.
    """
    if isinstance(output, Tensor):
        return output, ""
    key = _place(output, what)
    tensor = dict(_items(output))[key]
    return tensor, f"the tensor {key!r}" if isinstance(key, str) else f"the first tensor (place {key})"


def put_tensor(output: Any, tensor: Tensor, what: str) -> Any:
    """Return a module's output with `tensor` in the place of the one that `find_tensor` finds; `output` stays."""
    if isinstance(output, Tensor):
        return tensor
    key = _place(output, what)
    if isinstance(output, Mapping):
        changed: Any = copy.copy(output)
        changed[key] = tensor
        return changed
    if isinstance(output, tuple | list):
        parts = [tensor if place == key else part for place, part in enumerate(output)]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return dataclasses.replace(output, **{str(key): tensor})


def _items(output: object) -> list[tuple[Any, Any]]:
    """Return the parts of a container by key, place or field; nothing where it is none."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, tuple | list):
        return list(enumerate(output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def _place(output: object, what: str) -> Any:
    keys = [key for key, part in _items(output) if isinstance(part, Tensor) and part.ndim > 0]
    if not keys:
        raise TypeError(f"{what} returns {type(output).__name__} without a tensor in it; name a layer inside it")
    if isinstance(output, tuple | list) or len(keys) == 1:
        return keys[0]
    if HIDDEN in keys:
        return HIDDEN
    raise TypeError(
        f"{what} returns {type(output).__name__} of {len(keys)} tensors ({', '.join(map(str, keys))}), of which none "
        f"is {HIDDEN!r}: name a layer inside it"
    )
