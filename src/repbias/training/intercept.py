"""Functions that a stack must do in its own way, or cannot do, intercepted wherever a network calls them.

Dropout would draw from one generator for all members. Batch normalisation, as `torch.func` batches it, sums in an
order that depends on how many members there are, so a member's last digits would depend on its neighbours. Any other
random number would come from a global generator, and is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_DROPOUT = inspect.signature(nn.functional.dropout)
_BATCH_NORM = inspect.signature(nn.functional.batch_norm)


class InterceptDropout(TorchFunctionMode):
    """A context in which every active dropout is `dropout(input, p)`."""

    def __init__(self, dropout: Callable[[Tensor, float], Tensor]) -> None:
        super().__init__()
        self.dropout = dropout

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function; see `TorchFunctionMode`."""
        kwargs = kwargs or {}
        return self._dropout(*args, **kwargs) if func is nn.functional.dropout else func(*args, **kwargs)

    def _dropout(self, *args: Any, **kwargs: Any) -> Tensor:
        bound = _DROPOUT.bind(*args, **kwargs)
        bound.apply_defaults()
        call = bound.arguments
        return self.dropout(call["input"], call["p"]) if call["training"] and call["p"] > 0 else call["input"]


class InterceptBatchNorm(TorchFunctionMode):
    """A context in which batch norm, in training mode, is `batch_norm` below."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function; see `TorchFunctionMode`."""
        kwargs = kwargs or {}
        if func is nn.functional.batch_norm:
            bound = _BATCH_NORM.bind(*args, **kwargs)
            if bound.arguments.get("training"):
                return batch_norm(*bound.args, **bound.kwargs)
        return func(*args, **kwargs)


class RefuseRandomness(TorchDispatchMode):
    """A context in which an operation that would draw random numbers raises ValueError."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every operation; see `TorchDispatchMode`."""
        refuse_randomness(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def refuse_randomness(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise ValueError if the operation, called like this, draws random numbers; attention without dropout does not."""
    if torch.Tag.nondeterministic_seeded not in getattr(operation, "tags", ()):
        return
    names = [argument.name for argument in operation._schema.arguments]
    if "dropout_p" in names:
        given = dict(zip(names, args, strict=False)) | dict(kwargs)
        if given.get("dropout_p", 0) == 0:
            return
    raise ValueError(
        f"the network draws random numbers with {operation} while it trains, which would make a member depend on the "
        "others; of all random layers only nn.Dropout (F.dropout) is supported: replace it, or take the noise out"
    )


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`F.batch_norm` in training mode from elementary operations: `[stimulus, channel, ...]` in and out.

    The running statistics are updated in place, the variance without bias, as torch does.
    """
    count = x.numel() // x.shape[1]
    if count < 2:
        raise ValueError(f"batch norm needs more than one value a channel, got input of shape {tuple(x.shape)}")
    axes = [0, *range(2, x.ndim)]
    shape = [1, -1] + [1] * (x.ndim - 2)
    mean = x.mean(axes, keepdim=True)
    centred = x - mean
    variance = (centred * centred).mean(axes, keepdim=True)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.mul_(1 - momentum).add_(mean.detach().flatten(), alpha=momentum)
            running_var.mul_(1 - momentum).add_(variance.detach().flatten() * (count / (count - 1)), alpha=momentum)
    y = centred * torch.rsqrt(variance + eps)
    if weight is not None:
        y = y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)
