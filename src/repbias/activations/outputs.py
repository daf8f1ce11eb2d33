"""The tensor in what a module returns: how it is found in tuples, mappings, dataclasses and sequences, and replaced."""

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
    """The tensor that stands for what a module returns."""

    tensor: Tensor
    """The tensor itself; of a packed or nested one, its padded form `[stimulus, token, unit]`."""

    which: str
    """Which part of the output it is, in words; "" where the output is the tensor."""

    put: Callable[[Tensor], Any]
    """Return the output with another tensor in this one's place; the output itself stays as it is."""

    mask: Tensor | None = None
    """Where a packed or nested tensor has tokens, Boolean `[stimulus, token]`."""


def find_part(output: Any, what: str) -> Part:
    """Return the part of a module's output that is read and edited; errors call the module `what`.

    Of a tuple or list it is the first tensor, also inside further tuples and lists; of a mapping or a dataclass,
    `last_hidden_state` or the only tensor. Single numbers, such as a loss, are passed over. A `PackedSequence` and a
    nested tensor are padded, and what is put back is packed or nested again.

    Raises
    ------
    TypeError : no tensor, or several, none of which is `last_hidden_state`.
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
    """Yield every tensor in a module's output: itself, or those inside tuples, lists, mappings and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    for _, part in [] if isinstance(value, Tensor) else _items(value):
        yield from all_tensors(part)


def _items(output: Any) -> list[tuple[Any, Any]]:
    """Return the parts of a container by key, place or field; nothing where it is no container."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, tuple | list):
        return list(enumerate(output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def _place(output: Any, what: str) -> Any:
    """Return the key, place or field of the part that stands for an output."""
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
    """Return a copy of a container with another part in one place."""
    if isinstance(output, Mapping):
        changed: Any = copy.copy(output)
        changed[key] = part
        return changed
    if isinstance(output, tuple | list):
        parts = [part if place == key else other for place, other in enumerate(output)]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    changed = copy.copy(output)
    object.__setattr__(changed, key, part)  # of frozen dataclasses too
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
