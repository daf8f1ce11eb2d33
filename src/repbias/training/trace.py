"""Trace a step once to a flat graph of tensor operations, simplify it, and replay it.

`torch.func` makes one gradient function of many members' networks, but repeats its bookkeeping at every step. The
bookkeeping is the same each time, so the step is traced once with `make_fx` and the flat list of operations is
replayed. Operations that vmap leaves behind (views that change nothing, transposes of transposes, a bias added after a
product) are removed; the result stays the same. Products of odd sizes are padded, so that a member's
result does not depend on its place in the stack.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import gcd
from typing import Any, cast

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from repbias.training.intercept import refuse_randomness

aten = torch.ops.aten
_VIEWS = {aten.expand.default, aten.view.default, aten._unsafe_view.default}


def trace(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """Return a replayable form of `function` for arguments with the examples' shapes.

    Raises
    ------
    ValueError : the function draws random numbers, which a replay would take from torch's global generator.
    """
    module = make_fx(function, tracing_mode="fake")(*examples)
    for node in module.graph.nodes:
        refuse_randomness(node.target, node.args, node.kwargs)
    changed = {_root(argument) for node in module.graph.nodes for argument in _written_arguments(node)}
    for node in list(module.graph.nodes):
        if node.op == "call_function":
            replacement = _same_as(node, changed) or _fused_product(node, changed)
            if replacement is not None:
                changed |= {replacement} if node in changed else set()
                node.replace_all_uses_with(replacement)
                module.graph.erase_node(node)
    for node in list(module.graph.nodes):
        if node.target is aten.bmm.default and _padding(node):
            node.replace_all_uses_with(_padded_product(node))
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _same_as(node: fx.Node, changed: set[fx.Node]) -> fx.Node | None:
    """Return the earlier node that has the same value, if `node` changes nothing.

    `changed` are the nodes whose memory some operation writes to: of these a copy is not the same as the original.
    """
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return None
    if node.target in _VIEWS and _layout(node) == _layout(source):
        return source
    if node.target is aten.transpose.int and source.target is aten.transpose.int and source.args[1:] == node.args[1:]:
        return source.args[0]  # type: ignore[return-value]
    if node.target is aten.mul.Scalar and node.args[1] == 1 and _layout(node) == _layout(source):
        return None if {node, _root(source)} & changed else source
    return None


def _layout(node: fx.Node) -> tuple[Any, ...]:
    value = node.meta["val"]
    return value.shape, value.stride(), value.dtype


def _written_arguments(node: fx.Node) -> list[fx.Node]:
    """Return the arguments whose memory `node` writes to."""
    return [argument for argument, info in _with_alias_info(node) if info is not None and info.is_write]


def _root(node: fx.Node) -> fx.Node:
    """Return the node that made the memory which `node` may be a view of."""
    if node.target in _VIEWS or node.target is operator.getitem:
        return _root(cast(fx.Node, node.args[0]))
    source = next((argument for argument, info in _with_alias_info(node) if info is not None), None)
    return node if source is None else _root(source)


def _with_alias_info(node: fx.Node) -> list[tuple[fx.Node, Any]]:
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return []
    given = {declared.name: value for declared, value in zip(schema.arguments, node.args, strict=False)} | node.kwargs
    infos = {declared.name: declared.alias_info for declared in schema.arguments}
    return [(value, infos[name]) for name, value in given.items() if isinstance(value, fx.Node)]


def _fused_product(node: fx.Node, changed: set[fx.Node]) -> fx.Node | None:
    """Return one `baddbmm` in place of a batched product whose only use is to have something added to it."""
    if node.target is not aten.add.Tensor or node.kwargs:
        return None
    added, product = node.args[:2]
    if not isinstance(product, fx.Node) or product.target is not aten.bmm.default or len(product.users) > 1:
        return None
    if not isinstance(added, fx.Node) or added.meta["val"].ndim != 3 or _padding(product):
        return None
    if _layout(node) != _layout(product) or added.meta["val"].dtype != product.meta["val"].dtype:
        return None
    if {_root(operand) for operand in (product, *product.all_input_nodes)} & changed:
        return None
    with node.graph.inserting_before(node):
        fused = node.graph.call_function(aten.baddbmm.default, (added, *product.args))
    fused.meta = node.meta
    return fused


def _padding(product: fx.Node) -> int:
    """Return how many columns a batched product lacks for every slice of it to start at a multiple of 64 bytes.

    Where a slice starts elsewhere, the BLAS may add up in another order, and a member's last digits would depend on
    its place in the stack.
    """
    value = product.meta["val"]
    together = 64 // value.element_size()
    return -value.shape[2] % (together // gcd(value.shape[1], together))


def _padded_product(product: fx.Node) -> fx.Node:
    """Return the same product, made with columns of zeros beside it that are cut off again."""
    left, right = product.args
    columns = product.meta["val"].shape[2]
    call = product.graph.call_function
    with product.graph.inserting_before(product):
        padded = call(aten.constant_pad_nd.default, (right, [0, _padding(product)]))
        whole = call(aten.bmm.default, (left, padded))
        part = call(aten.slice.Tensor, (whole, 2, 0, columns))
        return call(aten.clone.default, (part,), {"memory_format": torch.contiguous_format})
