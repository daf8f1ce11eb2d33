"""User-defined networks, made by a function: given to `train`, or named in a study."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from repbias.activations.layers import match_layers
from repbias.core.specs import resolve_function
from repbias.models.model import Model


class UserModule(Model):
    """An `nn.Module` that maps stimuli to logits, made by a function without arguments and read at named layers.

    The module maps float32 stimuli `[stimulus, *input_shape]` to logits, one per binary feature and C per
    feature of C classes, in order. Its initial weights come from torch's global generator, which is set to the seed's
    stream. The identity of a run includes the function's name, but not its code: give a changed network a new name.

    Attributes
    ----------
    function : "package.module:function".
    layers : glob patterns of the layers to read, from input to output; the last is the one that claims are about.
    """

    kind: Literal["user"] = "user"
    function: str
    layers: tuple[str, ...] = Field(min_length=1)

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """See `Model`.

        Raises
        ------
        ValueError : the function cannot be imported, fails, makes no `nn.Module`, or one without these layers.
        """
        try:
            network = made_by(resolve_function("model", self.function), generator)
        except TypeError as error:
            raise ValueError(f"model {self.function!r}: {error}") from error
        match_layers(network, self.layers)
        return network

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """Return the number of parameters: right for a network that uses each of them once per stimulus."""
        return _made_once(self)[1]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """See `Model`."""
        return _made_once(self)[0]

    @property
    def layers_read(self) -> tuple[str, ...]:
        """Its layers; which module computes the logits is not known."""
        return self.layer_names


@functools.cache
def _made_once(model: UserModule) -> tuple[tuple[str, ...], int]:
    """Return the layers that are read and the number of parameters, from one network made for the purpose."""
    network = model.build((), 0, torch.Generator())
    return match_layers(network, model.layers), sum(p.numel() for p in network.parameters())


def made_by(make: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Return what a function makes while torch's global generator has the state of another; it is restored afterwards.

    Raises
    ------
    ValueError : the function fails, or its network has no layers to read. TypeError : it makes no `nn.Module`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(generator.get_state())
        try:
            network = make()
        except Exception as error:  # whatever a user-defined function raises
            raise ValueError(
                f"the function {getattr(make, '__name__', make)!r}, which makes the model and is called without "
                f"arguments, raised {type(error).__name__}: {error}"
            ) from error
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"model must be a repbias model or a function that makes an nn.Module; it made {type(network).__name__}"
        )
    if not any(True for _ in network.children()):
        name = type(network).__name__
        raise ValueError(
            f"the model is a single {name} without submodules, so that it has no layer to measure; put it into a "
            f"container, for example lambda: nn.Sequential({name}(...)), and its layer is called '0'"
        )
    return network
