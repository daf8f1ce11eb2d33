"""What networks that read images are made of: convolutions, norms, pools over space, and their initial weights."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

NormKind: TypeAlias = Literal["none", "batch", "group"]
GROUPS = 8
PROJECTION = "projection"  # what a skip is called that changes resolution or channels
NORMS: dict[NormKind, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(gcd(GROUPS, channels), channels),
}


def convolution(inputs: int, channels: int, norm: NormKind, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution, padded so that stride 1 keeps the size of a map, and the norm that follows it.

    It has a bias where no norm follows, since a norm has one of its own. Initial weights come from `initialise`: torch
    would draw them from its global generator.
    """
    convolved = nn.utils.skip_init(
        nn.Conv2d, inputs, channels, kernel, stride=stride, padding=kernel // 2, bias=norm == "none"
    )
    return nn.Sequential(convolved, NORMS[norm](channels))


def initialise(network: nn.Module, generator: torch.Generator, last: str = "") -> None:
    """Draw all initial weights of convolutions and of the read-out from a normal distribution; biases are zero.

    Convolutions get He's (He et al. 2015: variance 2 / inputs of a unit), so that a ReLU's output has the mean square
    of its input; the read-out, which no ReLU follows, half that variance. Norms begin as the identity.

    Parameters
    ----------
    last : modules with this in their name draw after all others, whose values then do not depend on them.
    """
    for _, module in sorted(network.named_modules(), key=lambda named: bool(last) and last in named[0]):
        if isinstance(module, nn.Conv2d | nn.Linear):
            gain: Literal["relu", "linear"] = "relu" if isinstance(module, nn.Conv2d) else "linear"
            nn.init.kaiming_normal_(module.weight, nonlinearity=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class MeanOverSpace(nn.Module):
    """The mean of a feature map over all its places."""

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, channel, row, column]` -> `[stimulus, channel]`."""
        return x.mean((2, 3))


class Stage(nn.Module):
    """Layers that work at one resolution, read at their last feature map: `map`, and its `mean` over space.

    Parameters
    ----------
    layers : applied one after another; the first may change the resolution.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.map = nn.Identity()
        self.mean = MeanOverSpace()

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, channel, row, column]` -> the feature map, so that an edit of `map` acts on all that follows."""
        x = self.map(self.layers(x))
        self.mean(x)
        return x
