"""Operations that a stack computes differently from torch, or refuses, intercepted wherever a network calls them.

Dropout would draw from one generator for all members, and a member's masks would depend on who is trained beside it.
So dropout is intercepted: once to find where and on what shapes it is called, then, in each step, to multiply by masks
from each member's own random stream, which are inputs of the step. Batch normalisation, as `torch.func` batches it,
sums in an order that depends on the number of members, which would change a member's last digits. Any other random
number would come from a global generator, and is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from repbias.core.randomness import rng

Site = tuple[tuple[int, ...], float]  # the shape and the probability of a dropout
_LEVELS = 1 << 16
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
    """Raise ValueError if this call of an operation draws random numbers; attention without dropout does not."""
    if torch.Tag.nondeterministic_seeded not in getattr(operation, "tags", ()):
        return
    names = [argument.name for argument in operation._schema.arguments]
    if "dropout_p" in names:
        given = dict(zip(names, args, strict=False)) | dict(kwargs)
        if given.get("dropout_p", 0) == 0:
            return
    raise ValueError(
        f"the network draws random numbers with {operation} while it trains, so that its result would depend on the "
        "networks beside it; of all random layers only nn.Dropout (F.dropout) is supported: use it, or remove the noise"
    )


def find_sites(forward: Callable[[], Any]) -> tuple[list[Site], Any]:
    """Run `forward` once; return the shape and probability of each dropout that it applies, in order, and its output.

    Raises
    ------
    ValueError : it draws random numbers in another way.
    """
    sites: list[Site] = []

    def note(x: Tensor, p: float) -> Tensor:
        sites.append((tuple(x.shape), p))
        return x

    with torch.no_grad(), InterceptDropout(note), InterceptBatchNorm(), RefuseRandomness():
        output = forward()
    return sites, output


def using_masks(masks: Sequence[Tensor]) -> InterceptDropout:
    """Return a context in which the i-th dropout multiplies by `masks[i]` (0, or 1 / (1 - p))."""
    remaining = iter(masks)
    return InterceptDropout(lambda x, _p: x * next(remaining))


class MaskStream:
    """One member's dropout masks, step after step.

    The probability is exact to within 2^-17: masks are drawn from 16 random bits per unit, because drawing them is a
    large part of a step's cost.
    """

    def __init__(self, seed: int, sites: Sequence[Site]) -> None:
        self._rng = rng(seed, "dropout")
        self._sites = [(prod(shape), round(p * _LEVELS), 1 / (1 - p) if p < 1 else 0.0) for shape, p in sites]
        self.size = sum(size for size, _, _ in self._sites)

    def fill(self, out: np.ndarray) -> None:
        """Write the next step's masks, one after another, into `out` `[size]` float32."""
        bits = self._rng.integers(0, _LEVELS, size=self.size, dtype=np.uint16)
        start = 0
        for size, threshold, scale in self._sites:
            part = slice(start, start + size)
            np.multiply(bits[part] >= threshold, np.float32(scale), out=out[part])
            start += size


def split_masks(flat: Tensor, sites: Sequence[Site]) -> list[Tensor]:
    """Return views `[member, *shape]`, one per site, of the masks `[member, size]`."""
    masks, start = [], 0
    for shape, _ in sites:
        size = prod(shape)
        masks.append(flat[:, start : start + size].view(len(flat), *shape))
        start += size
    return masks


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
        raise ValueError(f"batch norm needs more than one value per channel, got input of shape {tuple(x.shape)}")
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
