"""Which axis of a layer's output holds its units: followed through one forward pass from the functions that fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

Axes: TypeAlias = str | Mapping[str, str]
"""Names of all axes of a layer, such as "stimulus channel time"; or such names by layer."""

STIMULUS = "stimulus"
UNIT = ("unit", "units", "channel", "channels")

LAST = {
    "linear", "bilinear", "embedding", "layer_norm", "rms_norm", "multi_head_attention_forward",
    "lstm", "gru", "rnn_tanh", "rnn_relu",
}  # fmt: skip
"""Functions whose units are the last axis of their first argument and of their result."""

SECOND = {
    "batch_norm", "group_norm", "instance_norm", "local_response_norm", "interpolate", "upsample", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
    *(f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3)),
    *(f"{kind}_pool{n}d" for n in (1, 2, 3) for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max")),
    *(f"{kind}{n}d_with_indices" for n in (1, 2, 3) for kind in ("max_pool", "adaptive_max_pool")),
    *(f"max_unpool{n}d" for n in (1, 2, 3)), "fractional_max_pool2d", "fractional_max_pool3d",
}  # fmt: skip
"""Functions whose units are the second axis of their first argument and of their result."""

PRODUCTS = {"matmul", "__matmul__", "bmm", "mm", "addmm", "baddbmm"}
PARTS = {
    "split", "chunk", "tensor_split", "narrow", "cat", "concat", "concatenate", "pad", "glu", "repeat_interleave",
    "index_add", "index_add_", "index_copy", "index_copy_", "index_select",
}  # fmt: skip
"""Functions that keep the axes and may change their lengths."""

RESHAPES = {"view", "reshape", "flatten", "unflatten", "_unsafe_view", "view_as", "reshape_as"}


class UnitAxes(TorchFunctionMode):
    """Inside the block, the unit axis of every tensor is followed from function to function.

    Functions with documented axes fix it (a linear map: the last; a convolution: the second), also for their
    arguments; elementwise functions keep it; transpositions, slices and reshapes move it; where it cannot be followed,
    it is unknown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cells: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def of(self, tensor: Tensor) -> int | None:
        """Return the unit axis of a tensor; None where it is unknown."""
        return self._cell(tensor)[0]

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function, and note the unit axis of its result."""
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property, such as tensor.mT
            name = getattr(func.__self__, "__name__", name)  # type: ignore[attr-defined]
        given = list(_tensors((args, kwargs or {})))
        for tensor in _tensors(result) if given else ():
            self._follow(name, given, tensor, args)
            if name not in PARTS and not isinstance(result, Tensor) and name not in ("unbind", "unsafe_split"):
                break  # of several results the first is the one with the layer's axes
        return result

    def _cell(self, tensor: Tensor) -> list[int | None]:
        """Return what is known of a tensor, in a list that tensors with the same axes share."""
        cell: list[int | None] = self._cells.setdefault(tensor, [None])
        return cell

    def _fix(self, tensor: Tensor, axis: int) -> None:
        if (cell := self._cell(tensor))[0] is None:
            cell[0] = axis

    def _follow(self, name: str, given: list[Tensor], result: Tensor, args: Any) -> None:
        source = given[0]
        if name in LAST or name in SECOND:
            if name == "layer_norm" and len(args) > 1 and len(args[1]) > 1:  # over several axes, of any order
                self._share(given, result)
                return
            if name != "embedding":
                self._fix(source, source.ndim - 1 if name in LAST else 1)
            self._cells[result] = [result.ndim - 1 if name in LAST else 1]
        elif name in PRODUCTS or name == "__rmatmul__":
            self._product(given[-2:] if name != "__rmatmul__" else given[:2][::-1], result)
        elif name == "einsum":
            self._cells[result] = [None]
        elif name in PARTS:
            alike = [tensor for tensor in given if tensor.ndim == result.ndim]
            known = [tensor for tensor in alike if self.of(tensor) is not None] or alike
            if known:
                self._cells[result] = self._cell(known[0])
        elif name in RESHAPES:
            self._set(result, _reshaped(source, self.of(source), result))
        elif views := [tensor for tensor in given if _is_view(tensor, result)]:
            self._set(result, _viewed(views[0], self.of(views[0]), result))
        else:
            self._share(given, result)

    def _set(self, result: Tensor, axis: int | None) -> None:
        if axis is not None:
            self._cells[result] = [axis]

    def _share(self, given: list[Tensor], result: Tensor) -> None:
        """Note that a result has the axes of the arguments of its shape, unless they contradict one another."""
        alike = [tensor for tensor in given if tensor.shape == result.shape and tensor is not result]
        known = {axis for tensor in alike if (axis := self.of(tensor)) is not None}
        if len(known) == 1:
            self._fix(result, known.pop())
        elif not known and alike and result not in self._cells:
            self._cells[result] = self._cell(alike[0])

    def _product(self, factors: list[Tensor], result: Tensor) -> None:
        """Follow a product of matrices: its last axis is that of the second factor."""
        if len(factors) < 2:
            return
        first, second = factors
        if second.ndim == 2 and self.of(second) is None:  # by a matrix of weights
            self._fix(first, first.ndim - 1)
            self._set(result, result.ndim - 1)
        elif self.of(second) == second.ndim - 1:
            self._set(result, result.ndim - 1)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the strided tensors of two axes or more, in containers too."""
    if isinstance(value, Tensor):
        if not value.is_nested and value.layout == torch.strided and value.ndim > 1:
            yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _is_view(source: Tensor, result: Tensor) -> bool:
    same = source.untyped_storage().data_ptr() == result.untyped_storage().data_ptr()
    return same and (source.shape != result.shape or source.stride() != result.stride())


def _viewed(source: Tensor, axis: int | None, result: Tensor) -> int | None:
    """Return where an axis is in a view: the one axis with its length and stride."""
    if axis is None:
        return None
    wanted = source.shape[axis], source.stride(axis)
    found = [i for i in range(result.ndim) if (result.shape[i], result.stride(i)) == wanted]
    return found[0] if len(found) == 1 else None


def _reshaped(source: Tensor, axis: int | None, result: Tensor) -> int | None:
    """Return where an axis is after a reshape: the one with its length and as many elements before it."""
    if axis is None:
        return None
    before, length = prod(source.shape[:axis]), source.shape[axis]
    found = [i for i in range(result.ndim) if result.shape[i] == length and prod(result.shape[:i]) == before]
    return found[0] if len(found) == 1 else None


def named_axes(names: str, layer: str) -> tuple[int, int]:
    """Return the places of the stimulus axis and of the unit axis among the names of a layer's axes.

    Raises
    ------
    ValueError : a name given twice, or no axis of that kind.
    """
    axes = names.split()
    units = [place for place, name in enumerate(axes) if name in UNIT]
    if axes.count(STIMULUS) != 1 or len(units) != 1 or len(set(axes)) < len(axes):
        raise ValueError(
            f"axes of layer {layer!r} must name every axis once, one of them 'stimulus' and one 'unit' (or 'channel'), "
            f"such as 'stimulus channel time', got {names!r}"
        )
    return axes.index(STIMULUS), units[0]
