"""Layer names, eval mode and forward hooks; no other module of the package registers hooks."""

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
"""Takes the output of a layer and the number of the call in the forward pass, from 0; returns a replacement or None."""

CALL = re.compile(r"(.+?)(?:#(\d+))?")


def layer_names(module: nn.Module) -> tuple[str, ...]:
    """Return the dotted names of all submodules, in the order of their declaration; a shared one has several names."""
    return tuple(name for name, _ in module.named_modules(remove_duplicate=False) if name)


def match_layers(module: nn.Module, patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the layers that match glob patterns, in the order of the patterns, each name once.

    `*` does not match a dot: `hidden.*` matches the layers directly inside `hidden`, but not the layers inside those.
    If a layer is called several times in a forward pass, `act#0` is its first call and `act#1` its second.

    Raises
    ------
    ValueError : there is no pattern, or one of them matches nothing; the error suggests the nearest names.
    TypeError : the patterns are not strings.
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
    """Raise ValueError if no submodule has this name."""
    try:
        if name and module.get_submodule(name) is not module:
            return
    except AttributeError:
        pass
    raise ValueError(f"no layer is called {name!r}; {did_you_mean(name, layer_names(module))}")


def other_names(module: nn.Module, name: str) -> tuple[str, ...]:
    """Return the other names of a submodule that is shared."""
    layer = module.get_submodule(name)
    return tuple(n for n, m in module.named_modules(remove_duplicate=False) if m is layer and n != name)


def match_one_layer(module: nn.Module, layer: str) -> str:
    """Return the name of the only layer that matches a name or a pattern; raise if there are several."""
    if not isinstance(layer, str):
        raise TypeError(f"layer must be the name of one layer, got {type(layer).__name__} {layer!r}")
    if len(names := match_layers(module, layer)) > 1:
        raise ValueError(f"layer must name one layer, {layer!r} matches {len(names)}: {', '.join(names)}")
    return names[0]


def split_call(name: str) -> tuple[str, int | None]:
    """Split the name of a call into the layer's name and the number of the call, if any: `act#1` into ("act", 1)."""
    match = CALL.fullmatch(name)
    return (name, None) if match is None else (match[1], None if match[2] is None else int(match[2]))


def match_names(names: Sequence[str], patterns: str | Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names that match, by the rules of `match_layers`; `what` says in errors what the names are."""
    found: dict[str, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        depth = pattern.count(".")
        matched = [n for n in names if n.count(".") == depth and fnmatch.fnmatchcase(n, pattern)]
        if not matched:
            raise ValueError(f"no {what} is called {pattern!r}; {_nearest(pattern, names)}")
        found.update(dict.fromkeys(matched))
    return tuple(found)


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """Suggest longer names that end in the pattern or, if there are none, the most similar names."""
    parts = pattern.count(".") + 1
    split = [name.split(".") for name in names]
    ends = [(".".join(name[:-parts]), ".".join(name[-parts:])) for name in split if len(name) > parts]
    longer = dict.fromkeys(f"{before}.{pattern}" for before, end in ends if fnmatch.fnmatchcase(end, pattern))
    return f"did you mean {' or '.join(map(repr, list(longer)[:3]))}?" if longer else did_you_mean(pattern, names)


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside its wrappers: `torch.compile`, `DataParallel` and `DistributedDataParallel`."""
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
    """Within the context, each call of a named layer passes the layer's output to a function.

    If the function returns anything but None, this replaces the output. Later modules may change the output in place,
    so the function must copy what it keeps. A module that is registered under several names is hooked only where it is
    called by the given name. Compiled modules run uncompiled.

    Parameters
    ----------
    hooks : the functions by the name of their layer; "" is the module itself, and patterns and single calls are not
        allowed. A function takes the layer's output, which need not be a tensor, and the number of the call in the
        forward pass.
    on_start : is called when a forward pass of `module` begins.

    Raises
    ------
    ValueError : a layer is inside a scripted or traced module, where hooks do not run.
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
    """Within the context, each named layer is a separate object, which shares its weights with its other names."""
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
    """Return a module with the same parameters, buffers and submodules, but with separate hooks."""
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
    """Within the context, modules compiled by `torch.compile` run uncompiled, so that their hooks are called."""
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
