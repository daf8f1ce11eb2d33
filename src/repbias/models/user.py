"""A network of somebody's own, made by a function: as an argument of `train`, or by its name in a study."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from repbias.activations.layers import match_layers
from repbias.core.functions import resolve_function
from repbias.models.model import Model


class UserModule(Model):
    """What a function without arguments makes: an `nn.Module` that maps stimuli to logits, read at named layers.

    The module maps float32 stimuli `[stimulus, *input_shape]` to logits, one a binary feature and C a feature of C
    classes, in order. Its initial weights come from torch's global generator, which is set to the network's seed. The
    function's name, not its code, is what a run's identity records: give a changed network a new name.

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
        make = resolve_function("model", self.function)
        try:
            network = made_by(make, generator)
        except Exception as error:  # whatever somebody's own function does
            raise ValueError(f"model {self.function!r} cannot be made: {type(error).__name__}: {error}") from error
        match_layers(network, self.layers)
        return network

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """The number of parameters, which it is for a network that uses each once a stimulus."""
        return _made_once(self)[1]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """See `Model`."""
        return _made_once(self)[0]

    @property
    def layers_read(self) -> tuple[str, ...]:
        """Its layers: which of its modules gives the logits, if one does, is not known."""
        return self.layer_names


@functools.cache
def _made_once(model: UserModule) -> tuple[tuple[str, ...], int]:
    """The layers that are read and the number of parameters, which are asked for often, of a network made for that."""
    network = model.build((), 0, torch.Generator())
    return match_layers(network, model.layers), sum(p.numel() for p in network.parameters())


def made_by(make: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Return what a function makes while torch's global generator is in the state of another; it is put back after.

    Raises
    ------
    TypeError : it makes no `nn.Module`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(generator.get_state())
        network = make()
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"model must be a repbias model or a function that makes an nn.Module; it made {type(network).__name__}"
        )
    return network
