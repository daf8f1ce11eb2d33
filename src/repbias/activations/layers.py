"""Name the layers of a module, put it in eval mode, and hook its layers: the only place that registers hooks."""

from __future__ import annotations

import fnmatch
import re
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from torch import nn

from repbias.core.specs import did_you_mean

Hook: TypeAlias = Callable[[Any, int], Any]
"""From what a layer returns, and the number of the call in the forward pass from 0, to its replacement or None."""

CALL = re.compile(r"(.+?)(?:#(\d+))?")


def layer_names(module: nn.Module) -> tuple[str, ...]:
    """Return the dotted names of all submodules, in the order they were declared; a shared one has several names."""
    return tuple(name for name, _ in module.named_modules(remove_duplicate=False) if name)


def match_layers(module: nn.Module, patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that match the glob patterns, pattern by pattern, each once.

    `*` does not cross a dot: `hidden.*` means the layers of `hidden` and not what is inside them. Of a layer that is
    called several times in a forward pass, `act#0` is the first call, `act#1` the second.

    Raises
    ------
    ValueError : no pattern, or one that matches nothing; the nearest names are offered.
    TypeError : something else than names.
    """
    names = layer_names(module)
    given = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(given, Sequence) or not all(isinstance(pattern, str) for pattern in given):
        raise TypeError(
            f"layers must be names of layers or glob patterns, such as 'blocks.*', got {patterns!r}; "
            f"{did_you_mean('', names)}"
        )
    if not names:
        raise ValueError(
            f"the model is a {type(module).__name__} without submodules, so it has no layers: wrap it, "
            "nn.Sequential(model), and its layer is '0'"
        )
    if not given:
        raise ValueError(f"layers must name at least one layer, got {patterns!r}; {did_you_mean('', names)}")
    found: dict[str, None] = {}
    for pattern in given:
        bare, number = split_call(pattern)
        call = "" if number is None else f"#{number}"
        found.update(dict.fromkeys(name + call for name in match_names(names, bare, "layer")))
    return tuple(found)


def refuse_unknown_layer(module: nn.Module, name: str) -> None:
    """Raise where no submodule has that name."""
    try:
        if name and module.get_submodule(name) is not module:
            return
    except AttributeError:
        pass
    raise ValueError(f"no layer is called {name!r}; {did_you_mean(name, layer_names(module))}")


def other_names(module: nn.Module, name: str) -> tuple[str, ...]:
    """Return the other names of the submodule of a name, where it is shared."""
    layer = module.get_submodule(name)
    return tuple(n for n, m in module.named_modules(remove_duplicate=False) if m is layer and n != name)


def match_one_layer(module: nn.Module, layer: str) -> str:
    """Return the name of the only layer that has a name or matches a pattern."""
    if not isinstance(layer, str):
        raise TypeError(f"layer must be the name of one layer, got {type(layer).__name__} {layer!r}")
    if len(names := match_layers(module, layer)) > 1:
        raise ValueError(f"layer must name one layer, {layer!r} matches {len(names)}: {', '.join(names)}")
    return names[0]


def split_call(name: str) -> tuple[str, int | None]:
    """Return a layer's name without the number of a call, and that number: `act#1` is ("act", 1)."""
    match = CALL.fullmatch(name)
    return (name, None) if match is None else (match[1], None if match[2] is None else int(match[2]))


def match_names(names: Sequence[str], patterns: str | Sequence[str], what: str) -> tuple[str, ...]:
    """Return those of some names that match, as `match_layers` does; errors call them `what`."""
    found: dict[str, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        depth = pattern.count(".")
        matched = [n for n in names if n.count(".") == depth and fnmatch.fnmatchcase(n, pattern)]
        if not matched:
            raise ValueError(f"no {what} is called {pattern!r}; {_nearest(pattern, names)}")
        found.update(dict.fromkeys(matched))
    return tuple(found)


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """Offer longer names that end in the pattern, or else the most similar names."""
    parts = pattern.count(".") + 1
    split = [name.split(".") for name in names]
    ends = [(".".join(name[:-parts]), ".".join(name[-parts:])) for name in split if len(name) > parts]
    longer = dict.fromkeys(f"{before}.{pattern}" for before, end in ends if fnmatch.fnmatchcase(end, pattern))
    return f"did you mean {' or '.join(map(repr, list(longer)[:3]))}?" if longer else did_you_mean(pattern, names)


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`, `DataParallel` and `DistributedDataParallel`."""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put every submodule in eval mode, and restore the mode of each afterwards.

    Some modules override `train()`, for example to merge weights in eval mode. It is called on entry and on leaving,
    and the parameters and buffers of such a module are then restored to the last bit.
    """
    modes = [(submodule, submodule.training) for submodule in module.modules()]
    own = [(submodule, training) for submodule, training in modes if _overrides_train(submodule)]
    kept = {one: one.detach().clone() for submodule, _ in own for one in _tensors_of(submodule)}
    module.eval()
    try:
        yield
    finally:
        for submodule, training in own:  # a parent comes first, because it may set the mode of its children
            submodule.train(training)
        for submodule, training in modes:
            submodule.training = training
        with torch.no_grad():
            for tensor, before in kept.items():
                if not torch.equal(tensor, before):
                    tensor.copy_(before)


def _overrides_train(module: nn.Module) -> bool:
    return getattr(module.train, "__func__", None) is not nn.Module.train


def _tensors_of(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the parameters and buffers of a module, without those of its submodules, that hold values."""
    for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
        if not tensor.is_meta and not isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            yield tensor


@contextmanager
def hooked(
    module: nn.Module, hooks: Mapping[str, Hook], *, on_start: Callable[[], None] | None = None
) -> Iterator[None]:
    """Inside the block, what a named layer returns is passed to a function at each call of the layer.

    What the function returns replaces the output, unless it is None. A later module may change the output in place, so
    the function must copy what it keeps. A module that is registered under several names is hooked only where it is
    called by the given name. Compiled modules run uncompiled.

    Parameters
    ----------
    hooks : from a layer's name (neither a pattern nor a call; "" is the module itself) to a function of its output,
        which need not be a tensor, and the number of the call in this forward pass.
    on_start : called when a forward pass of `module` begins.

    Raises
    ------
    ValueError : a layer inside a scripted or traced module, where hooks do not run.
    """
    calls: Counter[str] = Counter()

    def start(_module: nn.Module, _inputs: Any) -> None:
        calls.clear()
        if on_start is not None:
            on_start()

    def numbered(name: str, hook: Hook) -> Callable[..., Any]:
        def forward_hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            calls[name] += 1
            return hook(output, calls[name] - 1)

        return forward_hook

    root = unwrapped(module)
    with ExitStack() as stack:
        stack.enter_context(_uncompiled(module))
        stack.enter_context(_apart(module, hooks))
        stack.callback(root.register_forward_pre_hook(start).remove)
        for name, hook in hooks.items():
            layer = module.get_submodule(name) if name else root
            stack.callback(layer.register_forward_hook(numbered(name, hook)).remove)
        yield


@contextmanager
def _apart(module: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Inside the block, each named layer is a separate object, which shares weights with its other names."""
    times = Counter(id(layer) for _, layer in module.named_modules(remove_duplicate=False)) if names else Counter()
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for name in names:
            parent = module
            for part in name.split(".") if name else ():
                _refuse_scripted(parent, name)
                layer = parent.get_submodule(part)
                if times[id(layer)] > 1:
                    replaced.append((parent, part, layer))
                    parent._modules[part] = layer = _twin(layer)
                parent = layer
        yield
    finally:
        for parent, part, layer in reversed(replaced):
            parent._modules[part] = layer


def _twin(layer: nn.Module) -> nn.Module:
    """Return another module with the same parameters, buffers and submodules, and with separate hooks."""
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__["_modules"] = dict(layer._modules)
    for hooks in ("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs"):
        twin.__dict__[hooks] = OrderedDict(layer.__dict__[hooks])
    return twin


def _refuse_scripted(parent: nn.Module, name: str) -> None:
    if isinstance(parent, torch.jit.ScriptModule):
        raise ValueError(
            f"layer {name!r} is inside a scripted or traced module ({type(parent).__name__}), where hooks do not run: "
            "use the Python module that it was made from"
        )


@contextmanager
def _uncompiled(module: nn.Module) -> Iterator[None]:
    """Inside the block, modules that `torch.compile` wraps run as they were written, so that hooks are called."""
    compiled = "torch._dynamo" in sys.modules and any(
        type(part).__name__ == "OptimizedModule" or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    if not compiled:
        yield
        return
    set_stance = getattr(torch.compiler, "set_stance", None)
    if set_stance is None:
        raise ValueError(
            "the model is compiled by torch.compile, and this version of PyTorch cannot hook it: use the module before "
            "compilation (model._orig_mod), or PyTorch 2.6 or newer"
        )
    with set_stance("force_eager"):
        yield
