"""Find the tensor in the output of a module, such as a tuple, mapping, dataclass or packed sequence, and replace it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

HIDDEN = "last_hidden_state"


@dataclass(frozen=True, eq=False)
class Part:
    """The tensor that represents the output of a module."""

    tensor: Tensor
    """The tensor; a packed or nested one is padded, `[stimulus, token, unit]`."""

    which: str
    """The part of the output that it is, in words; "" if the output is a tensor."""

    put: Callable[[Tensor], Any]
    """Return a copy of the output with another tensor in place of this one."""

    mask: Tensor | None = None
    """True where a packed or nested tensor has a token, Boolean `[stimulus, token]`."""


def find_part(output: Any, what: str) -> Part:
    """Return the part of a module's output that is read and edited; `what` names the module in errors.

    In a tuple or list, it is the first tensor, also within nested tuples and lists. In a mapping or dataclass, it is
    `last_hidden_state` or the only tensor. Scalars, such as a loss, are ignored. A `PackedSequence` or nested tensor is
    padded, and is packed or nested again when it is put back.

    Raises
    ------
    TypeError : there is no tensor, or there are several and none is `last_hidden_state`.
    """
    if isinstance(output, PackedSequence):
        return _packed(output)
    if isinstance(output, Tensor):
        return _nested(output) if output.is_nested else Part(output, "", lambda tensor: tensor)
    key = _place(output, what)
    inner = find_part(dict(_items(output))[key], what)
    here = f"the tensor {key!r}" if isinstance(key, str) else f"the first tensor (place {key})"
    which = f"{here}, {inner.which}" if inner.which else here
    return dataclasses.replace(inner, which=which, put=lambda tensor: _with_item(output, key, inner.put(tensor)))


def all_tensors(value: Any) -> Iterator[Tensor]:
    """Yield every tensor in an output: the output itself, or those inside tuples, lists, mappings and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    for _, part in [] if isinstance(value, Tensor) else _items(value):
        yield from all_tensors(part)


def _items(output: Any) -> list[tuple[Any, Any]]:
    """Return the parts of a container with their keys, indices or field names; an empty list for anything else."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, tuple | list):
        return list(enumerate(output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def _place(output: Any, what: str) -> Any:
    """Return the key, index or field name of the part that represents an output."""
    sequence = isinstance(output, tuple | list)
    keys = [key for key, part in _items(output) if any(t.ndim > 0 for t in all_tensors(part))]
    if not sequence:
        keys = [key for key in keys if isinstance(dict(_items(output))[key], Tensor)] or keys
    if not keys:
        raise TypeError(f"{what} returns {type(output).__name__} without a tensor in it; name a layer inside it")
    if sequence or len(keys) == 1:
        return keys[0]
    if HIDDEN in keys:
        return HIDDEN
    raise TypeError(
        f"{what} returns {type(output).__name__} of {len(keys)} tensors ({', '.join(map(str, keys))}), of which none "
        f"is {HIDDEN!r}: name a layer inside it"
    )


def _with_item(output: Any, key: Any, part: Any) -> Any:
    """Return a copy of a container with one part replaced."""
    if isinstance(output, Mapping):
        changed: Any = copy.copy(output)
        changed[key] = part
        return changed
    if isinstance(output, tuple | list):
        parts = [part if place == key else other for place, other in enumerate(output)]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    changed = copy.copy(output)
    object.__setattr__(changed, key, part)  # frozen dataclasses, too, can be set this way
    return changed


def _packed(output: PackedSequence) -> Part:
    padded, lengths = pad_packed_sequence(output, batch_first=True)

    def pack(tensor: Tensor) -> PackedSequence:
        order = output.sorted_indices
        ordered, sizes = (tensor, lengths) if order is None else (tensor[order], lengths[order.cpu()])
        return output._replace(data=pack_padded_sequence(ordered, sizes, batch_first=True).data)

    return Part(padded, "a packed sequence, padded", pack, _mask(lengths, padded))


def _nested(output: Tensor) -> Part:
    rows = output.unbind()
    padded, lengths = torch.nested.to_padded_tensor(output, 0.0), torch.tensor([len(row) for row in rows])

    def nest(tensor: Tensor) -> Tensor:
        kept = [row[:length] for row, length in zip(tensor, lengths.tolist(), strict=True)]
        return torch.nested.as_nested_tensor(kept, layout=output.layout)

    return Part(padded, "a nested tensor, padded", nest, _mask(lengths, padded))


def _mask(lengths: Tensor, padded: Tensor) -> Tensor:
    return (torch.arange(padded.shape[1]) < lengths[:, None].cpu()).to(padded.device)
