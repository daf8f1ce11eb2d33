"""Multilayer perceptrons with named hidden layers: `hidden.0`, `hidden.1`, ... and `readout`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.models.model import Model, linear

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda width: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}
INITS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "glorot": lambda weight, generator: nn.init.xavier_uniform_(weight, generator=generator),
    "he": lambda weight, generator: nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator),
    "orthogonal": lambda weight, generator: nn.init.orthogonal_(weight, generator=generator),
}


class MLP(Model):
    """A multilayer perceptron that reads a flattened stimulus.

    Each hidden layer is linear -> norm -> activation -> dropout, and its representation is its output. Biases start at
    zero.

    Attributes
    ----------
    widths : units of each hidden layer. 256-128-64-64 is the predecessor's network (Hermann & Lampinen 2020).
    activation : "leaky_relu" (slope 0.2, our choice), "relu", "tanh" or "gelu".
    dropout : probability that a hidden unit is silenced in a training step, in [0, 1).
    norm : "none", "batch" or "layer", before the activation.
    residual : add a layer's input to its output wherever the two have the same width.
    init : "glorot" (uniform), "he" (uniform) or "orthogonal".
    gain : factor on the initial weights of the hidden layers; 1 where it is None.

    Examples
    --------
    >>> import repbias
    >>> repbias.MLP(widths=(64, 64)).layer_names
    ('hidden.0', 'hidden.1')
    """

    kind: Literal["mlp"] = "mlp"
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(256, 128, 64, 64), min_length=1)
    activation: Literal["leaky_relu", "relu", "tanh", "gelu"] = "leaky_relu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    norm: Literal["none", "batch", "layer"] = "none"
    residual: bool = False
    init: Literal["glorot", "he", "orthogonal"] = "glorot"
    gain: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _residual_needs_equal_widths(self) -> MLP:
        if self.residual and not any(a == b for a, b in pairwise(self.widths)):
            raise ValueError(
                f"residual=True, but no two consecutive hidden layers of widths {self.widths} are equally wide; "
                "use equal widths or residual=False"
            )
        return self

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden.0` to `hidden.N`."""
        return tuple(f"hidden.{i}" for i in range(len(self.widths)))

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`."""
        sizes = (prod(input_shape), *self.widths, outputs)
        return sum(a * b for a, b in pairwise(sizes))

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network; see `Model.build`."""
        network = MLPNetwork(self, prod(input_shape), outputs)
        for module in network.modules():
            if isinstance(module, nn.Linear):
                INITS[self.init](module.weight, generator)
                nn.init.zeros_(module.bias)
        if self.gain is not None:
            with torch.no_grad():
                for layer in network.hidden:
                    layer.linear.weight.mul_(self.gain)  # type: ignore[union-attr, operator]
        return network


class HiddenLayer(nn.Module):
    """Linear -> norm -> activation -> dropout, plus the input where the spec is residual and widths are equal."""

    def __init__(self, spec: MLP, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = linear(inputs, units)
        self.norm = NORMS[spec.norm](units)
        self.activation = ACTIVATIONS[spec.activation]()
        self.dropout = nn.Dropout(spec.dropout)
        self.skip = spec.residual and inputs == units

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, inputs]` -> `[stimulus, units]`."""
        y: Tensor = self.dropout(self.activation(self.norm(self.linear(x))))
        return x + y if self.skip else y


class MLPNetwork(nn.Module):
    """The network that an `MLP` spec describes."""

    def __init__(self, spec: MLP, inputs: int, outputs: int) -> None:
        super().__init__()
        sizes = (inputs, *spec.widths)
        self.hidden = nn.ModuleList(HiddenLayer(spec, a, b) for a, b in pairwise(sizes))
        self.readout = linear(sizes[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, ...]` -> logits `[stimulus, output]`."""
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x)
        logits: Tensor = self.readout(x)
        return logits
