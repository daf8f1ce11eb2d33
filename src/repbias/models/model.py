"""The contract of a model, its outputs and its loss, and the model that a user-defined function makes.

A model is a spec that builds an ordinary `nn.Module` with named layers, and one logit for each binary feature or C for
a feature of C classes. Nothing else in the package knows how a network is built, so a user-defined `nn.Module` is
trained and measured in the same way.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from repbias.activations.layers import match_layers
from repbias.core.functions import call_user_code, resolve_function
from repbias.core.specs import Settings, Spec
from repbias.tasks.task import Task


class Model(Spec):
    """A description of a network; `build` makes it.

    Examples
    --------
    >>> import repbias
    >>> isinstance(repbias.MLP(widths=(32, 32)), repbias.Model)
    True
    >>> repbias.MLP(widths=(32, 32)).layer_names
    ('hidden.0', 'hidden.1')
    """

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network: stimuli `[stimulus, *input_shape]` in, logits `[stimulus, outputs]` out.

        Every initial weight comes from `generator`.
        """

    def build_for(self, task: Task, generator: torch.Generator) -> nn.Module:
        """Make the network for a task: stimuli in, one logit per binary feature and C per feature of C classes out.

        By default it calls `build` with the sizes; a model that depends on more of the task, such as its tokens,
        overrides it.

        Raises
        ------
        ValueError : the model cannot read such a task.
        """
        if task.teacher_forced:
            raise ValueError(
                f"a {type(self).__name__} would read the answers in the training inputs of a "
                f"{type(task).__name__}; use a model that reports features in sequence, such as EncoderDecoder"
            )
        return self.build(task.input_shape, n_outputs(task.n_classes), generator)

    @abstractmethod
    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """Return how many multiply-adds one stimulus costs in a forward pass, for estimates of cost."""

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """The hidden layers that are read, from input to output."""

    @property
    def layers_read(self) -> tuple[str, ...]:
        """The layers that are measured by default: the hidden layers and the read-out."""
        return (*self.layer_names, "readout")

    @property
    def penultimate(self) -> str:
        """The input of the read-out: the last hidden layer."""
        return self.layer_names[-1]


def linear(inputs: int, units: int) -> nn.Linear:
    """Return a linear layer without initial weights, because torch would draw them from its global generator."""
    return nn.utils.skip_init(nn.Linear, inputs, units)


def output_slices(n_classes: Sequence[int]) -> list[slice]:
    """Return the slice of the output units that reports each feature, in the order of the features."""
    slices, start = [], 0
    for count in n_classes:
        width = 1 if count == 2 else count
        slices.append(slice(start, start + width))
        start += width
    return slices


def n_outputs(n_classes: Sequence[int]) -> int:
    """Return the number of output units for features with these numbers of classes."""
    return output_slices(n_classes)[-1].stop


def predictions(logits: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return the reported class of each feature, `[stimulus, feature]`, from the logits `[stimulus, output]`."""
    columns = [
        logits[:, part].squeeze(1) > 0 if count == 2 else logits[:, part].argmax(1)
        for part, count in zip(output_slices(n_classes), n_classes, strict=True)
    ]
    return torch.stack([column.long() for column in columns], dim=1)


def feature_loss(logits: Tensor, labels: Tensor, weights: Tensor, n_classes: Sequence[int]) -> Tensor:
    """Return one network's loss: cross-entropy of each labelled feature, averaged over stimuli, summed over features.

    Every feature has its own outputs, the same form of loss and the same weight: their computational roles are matched.

    Parameters
    ----------
    logits : `[stimulus, output]`.
    labels : `[stimulus, feature]`, -1 where a feature is not labelled; such items add nothing, and the average is still
        over all stimuli of the batch.
    weights : `[feature]`, 0 for a feature that is not in the phase's loss.
    """
    logits = logits.double()  # last digits of exp and log1p would otherwise depend, rarely, on an element's place
    if all(count == 2 for count in n_classes):
        losses = _binary(logits, labels)
    else:
        parts = zip(output_slices(n_classes), n_classes, labels.unbind(1), strict=True)
        losses = torch.stack([_several(logits[:, part], label, count) for part, count, label in parts], dim=1)
    labelled = (labels >= 0).to(logits.dtype)
    return ((losses * labelled).mean(0) * weights).sum()


def _binary(logits: Tensor, labels: Tensor) -> Tensor:
    # Written with exp and log1p: unlike those of torch's softplus and sigmoid, their results do not depend on where
    # in a vector an element lies, so that a network's arithmetic is the same in every stack.
    return logits.clamp_min(0) - logits * labels.to(logits.dtype) + torch.log1p(torch.exp(-logits.abs()))


def _several(logits: Tensor, label: Tensor, count: int) -> Tensor:
    if count == 2:
        return _binary(logits[:, 0], label)
    chosen = (label.unsqueeze(1) == torch.arange(count, device=label.device)).to(logits.dtype)
    return -(torch.log_softmax(logits, dim=1) * chosen).sum(1)


class UserModule(Model):
    """An `nn.Module` that maps stimuli to logits, made by a user-defined function and read at named layers.

    The module maps float32 stimuli `[stimulus, *input_shape]` to logits, one per binary feature and C per
    feature of C classes, in order. Its initial weights come from torch's global generator, which is set to the seed's
    stream. The identity of a run includes the function's name, but not its code: give a changed network a new name.

    Attributes
    ----------
    function : "package.module:function".
    layers : glob patterns of the layers to read, from input to output; the last is the one that claims are about.
    settings : keyword arguments of the function, such as {"width": 64}; by default none.

    Examples
    --------
    A file mine.py defines `MyNetwork(width)`; two widths are two settings of one function:

    >>> import repbias
    >>> models = [repbias.UserModule(function="mine:MyNetwork", layers=("body.*",), settings={"width": width})
    ...           for width in (32, 64)]
    >>> models[1].settings
    {'width': 64}
    """

    kind: Literal["user"] = "user"
    function: str
    layers: tuple[str, ...] = Field(min_length=1)
    settings: Settings = None

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """See `Model`.

        Raises
        ------
        ValueError : the function cannot be imported, fails, makes no `nn.Module`, or one without these layers.
        """
        try:
            network = made_by(resolve_function("model", self.function), generator, self.settings)
        except TypeError as error:
            raise ValueError(f"model {self.function!r}: {error}") from error
        match_layers(network, self.layers)
        return network

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """Return the number of parameters: right for a network that uses each of them once per stimulus."""
        return _made_once(self.canonical_json())[1]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """See `Model`."""
        return _made_once(self.canonical_json())[0]

    @property
    def layers_read(self) -> tuple[str, ...]:
        """Its layers; which module computes the logits is not known."""
        return self.layer_names


@functools.cache
def _made_once(description: str) -> tuple[tuple[str, ...], int]:
    """Return the layers that are read and the number of parameters, from one network made for the purpose."""
    model = UserModule.model_validate_json(description)
    network = model.build((), 0, torch.Generator())
    return match_layers(network, model.layers), sum(p.numel() for p in network.parameters())


def made_by(
    make: Callable[..., nn.Module], generator: torch.Generator, settings: dict[str, Any] | None = None
) -> nn.Module:
    """Return what a function makes while torch's global generator has the state of another; it is restored afterwards.

    Raises
    ------
    ValueError : the function fails, or its network has no layers to read. TypeError : it makes no `nn.Module`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(generator.get_state())
        given = f"with {', '.join(settings)}" if settings else "without arguments"
        network = call_user_code(f"the function that makes the model, called {given}", make, **(settings or {}))
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
