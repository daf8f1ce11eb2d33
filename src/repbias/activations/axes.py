"""Find the axis of a layer's output that holds its units, by tracking it through one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

Axes: TypeAlias = str | Mapping[str, str]
"""The names of all axes of a layer, such as "stimulus channel time"; or a mapping of such names by layer."""

STIMULUS = "stimulus"
UNIT = ("unit", "units", "channel", "channels")

LAST = {
    "linear", "bilinear", "embedding", "layer_norm", "rms_norm", "multi_head_attention_forward",
    "lstm", "gru", "rnn_tanh", "rnn_relu",
}  # fmt: skip
"""Functions whose units are on the last axis of their first argument and of their result."""

SECOND = {
    "batch_norm", "group_norm", "instance_norm", "local_response_norm", "interpolate", "upsample", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
    *(f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3)),
    *(f"{kind}_pool{n}d" for n in (1, 2, 3) for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max")),
    *(f"{kind}{n}d_with_indices" for n in (1, 2, 3) for kind in ("max_pool", "adaptive_max_pool")),
    *(f"max_unpool{n}d" for n in (1, 2, 3)), "fractional_max_pool2d", "fractional_max_pool3d",
}  # fmt: skip
"""Functions whose units are on the second axis of their first argument and of their result."""

PRODUCTS = {"matmul", "__matmul__", "bmm", "mm", "addmm", "baddbmm"}
PARTS = {
    "split", "chunk", "tensor_split", "narrow", "cat", "concat", "concatenate", "pad", "glu", "repeat_interleave",
    "index_add", "index_add_", "index_copy", "index_copy_", "index_select",
}  # fmt: skip
"""Functions that keep the order of the axes and may change their lengths."""

RESHAPES = {"view", "reshape", "flatten", "unflatten", "_unsafe_view", "view_as", "reshape_as"}


class UnitAxes(TorchFunctionMode):
    """Within the context, the unit axis of every tensor is tracked from function to function.

    Functions with documented axes determine it, also for their arguments: it is the last axis for a linear map, and the
    second for a convolution. Elementwise functions keep it; transpositions, slices and reshapes move it. Where it
    cannot be tracked, it is unknown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cells: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def of(self, tensor: Tensor) -> int | None:
        """Return the unit axis of a tensor; None if it is unknown."""
        return self._cell(tensor)[0]

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function, and record the unit axis of its result."""
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property, such as tensor.mT
            name = getattr(func.__self__, "__name__", name)  # type: ignore[attr-defined]
        given = list(_tensors((args, kwargs or {})))
        for tensor in _tensors(result) if given else ():
            self._follow(name, given, tensor, args)
            if name not in PARTS and not isinstance(result, Tensor) and name not in ("unbind", "unsafe_split"):
                break  # of several results, the first has the axes of the layer
        return result

    def _cell(self, tensor: Tensor) -> list[int | None]:
        """Return the record of a tensor's unit axis: a list of one item, which tensors with the same axes share."""
        cell: list[int | None] = self._cells.setdefault(tensor, [None])
        return cell

    def _fix(self, tensor: Tensor, axis: int) -> None:
        if (cell := self._cell(tensor))[0] is None:
            cell[0] = axis

    def _follow(self, name: str, given: list[Tensor], result: Tensor, args: Any) -> None:
        source = given[0]
        if name in LAST or name in SECOND:
            if name == "layer_norm" and len(args) > 1 and len(args[1]) > 1:  # over several axes, whose order is unknown
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
            self._move(source, result, _elements_before)
        elif views := [tensor for tensor in given if _is_view(tensor, result)]:
            self._move(views[0], result, Tensor.stride)
        else:
            self._share(given, result)

    def _move(self, source: Tensor, result: Tensor, mark: Callable[[Tensor, int], Any]) -> None:
        """Record the unit axis of a result: the one axis that has the length and the mark of the source's."""
        axis = self.of(source)
        if axis is None:
            return
        wanted = source.shape[axis], mark(source, axis)
        found = [i for i in range(result.ndim) if (result.shape[i], mark(result, i)) == wanted]
        if len(found) == 1:
            self._cells[result] = [found[0]]

    def _share(self, given: list[Tensor], result: Tensor) -> None:
        """Record that a result has the axes of the arguments of the same shape, unless these contradict one another."""
        alike = [tensor for tensor in given if tensor.shape == result.shape and tensor is not result]
        known = {axis for tensor in alike if (axis := self.of(tensor)) is not None}
        if len(known) == 1:
            self._fix(result, known.pop())
        elif not known and alike and result not in self._cells:
            self._cells[result] = self._cell(alike[0])

    def _product(self, factors: list[Tensor], result: Tensor) -> None:
        """Track a matrix product: its last axis is that of the second factor."""
        if len(factors) < 2:
            return
        first, second = factors
        if second.ndim == 2 and self.of(second) is None:  # a matrix of weights
            self._fix(first, first.ndim - 1)
            self._cells[result] = [result.ndim - 1]
        elif self.of(second) == second.ndim - 1:
            self._cells[result] = [result.ndim - 1]


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the strided tensors with two or more axes, also those inside containers."""
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


def _elements_before(tensor: Tensor, axis: int) -> int:
    return prod(tensor.shape[:axis])


def named_axes(names: str, layer: str) -> tuple[int, int]:
    """Return the index of the stimulus axis and that of the unit axis, given the names of all axes of a layer.

    Raises
    ------
    ValueError : a name occurs twice, or there is not exactly one stimulus axis and one unit axis.
    """
    axes = names.split()
    units = [place for place, name in enumerate(axes) if name in UNIT]
    if axes.count(STIMULUS) != 1 or len(units) != 1 or len(set(axes)) < len(axes):
        raise ValueError(
            f"axes of layer {layer!r} must name every axis once, one of them 'stimulus' and one 'unit' (or 'channel'), "
            f"such as 'stimulus channel time', got {names!r}"
        )
    return axes.index(STIMULUS), units[0]
