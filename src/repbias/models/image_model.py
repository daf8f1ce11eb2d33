"""What all models of images share: the shapes they accept, stages of convolutions, and initial weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import gcd
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from repbias.activations.editing import capture
from repbias.models.model import Model

NormKind: TypeAlias = Literal["none", "batch", "group"]
GROUPS = 8
PROJECTION = "projection"  # the name of a skip that changes resolution or channels
NORMS: dict[NormKind, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(gcd(GROUPS, channels), channels),
}


class ImageModel(Model):
    """A model of images `[channel, size, size]`, as `Task.network_inputs` returns them."""

    def check_image(self, input_shape: tuple[int, ...]) -> int:
        """Return the size of an image in px.

        Raises
        ------
        ValueError : not a square image, or a size that this model cannot read.
        """
        name = type(self).__name__
        if len(input_shape) != 3 or input_shape[1] != input_shape[2]:
            raise ValueError(
                f"a {name} reads images (channels, size, size) that are square; got stimuli of shape "
                f"{tuple(input_shape)}; use images, such as those of an ImageTask, or an MLP, which reads any shape"
            )
        self.check_size(input_shape[1])
        return input_shape[1]

    @abstractmethod
    def check_size(self, size: int) -> None:
        """Raise ValueError if the model cannot read images of this many px."""

    @property
    @abstractmethod
    def all_layers(self) -> tuple[str, ...]:
        """Globs of all layers that can be read, from input to output."""


class StagedModel(ImageModel):
    """A convolutional network of stages, each at half the resolution of the one before.

    Attributes
    ----------
    norm : after each convolution: "none", "batch", or "group" (Wu & He 2018), in 8 groups of channels, or in as many as
        8 and the number of channels have in common.
    """

    norm: NormKind = "none"

    @property
    @abstractmethod
    def stages(self) -> int:
        """The number of stages."""

    @property
    @abstractmethod
    def reduction(self) -> int:
        """The factor by which the strides reduce the side of an image up to the last stage."""

    @abstractmethod
    def network(self, outputs: int, channels: int = 3) -> StagedNetwork:
        """Make the network of images with this many channels, without its initial weights."""

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network; see `Model.build`.

        Raises
        ------
        ValueError : the stimuli are not images, or the images are too small for the strides.
        """
        self.check_image(input_shape)
        network = self.network(outputs, input_shape[0])
        initialise(network, generator, last=PROJECTION)
        return network

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over space of each stage's feature map; of the last stage's, it is `pool`."""
        return (*(f"stage.{i}.mean" for i in range(self.stages - 1)), "pool")

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `ImageModel.all_layers`: the feature maps too, in which every channel at every place is a unit."""
        return ("stage.*.map", "stage.*.mean", "pool")

    def check_size(self, size: int) -> None:
        """See `ImageModel.check_size`: every stride must have something to reduce."""
        if size < self.reduction:
            raise ValueError(
                f"images of {size} px are too small for a {type(self).__name__} of {self.stages} stages, whose strides "
                f"divide their side by {self.reduction}; use images of at least {self.reduction} px, or fewer stages"
            )

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`; those of convolutions and read-out, padding included."""
        self.check_image(input_shape)
        network = self.network(outputs, input_shape[0]).to("meta").eval()
        weighted = {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
        with torch.no_grad(), capture(network, tuple(weighted)) as seen:
            network(torch.empty(1, *input_shape, device="meta"))
        return sum(seen[name].numel() * module.weight[0].numel() for name, module in weighted.items())


class StagedNetwork(nn.Module):
    """Stages of convolutions, the mean over space `pool`, and a linear `readout` of it.

    Parameters
    ----------
    stem : the layers before the first stage. channels : of the last stage's feature map.
    """

    def __init__(self, stem: nn.Module, stages: list[Stage], channels: int, outputs: int) -> None:
        super().__init__()
        self.stem = stem
        self.stage = nn.ModuleList(stages)
        self.pool = MeanOverSpace()
        self.readout = nn.utils.skip_init(nn.Linear, channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, channel, row, column]` -> logits `[stimulus, output]`."""
        if x.device.type == "cpu":  # where convolutions are a tenth to a quarter faster with channels last
            x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        x = self.stem(x)
        for stage in self.stage:
            x = stage(x)
        logits: Tensor = self.readout(self.pool(x))
        return logits


def convolution(inputs: int, channels: int, norm: NormKind, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution, padded so that stride 1 keeps the size of a map, and the norm that follows it.

    It has a bias where no norm follows, since a norm has its own. Initial weights come from `initialise`, because torch
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
    last : modules with this in their name are drawn after all others, whose values thus do not depend on them.
    """
    for _, module in sorted(network.named_modules(), key=lambda named: bool(last) and last in named[0]):
        if isinstance(module, nn.Conv2d | nn.Linear):
            gain: Literal["relu", "linear"] = "relu" if isinstance(module, nn.Conv2d) else "linear"
            nn.init.kaiming_normal_(module.weight, nonlinearity=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class MeanOverSpace(nn.Module):
    """The mean of a feature map over space."""

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, channel, row, column]` -> `[stimulus, channel]`."""
        return x.mean((2, 3))


class Stage(nn.Module):
    """Layers of one resolution; the last feature map can be read as `map`, and its `mean` over space.

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
        """`[stimulus, channel, row, column]` -> the feature map; an edit of `map` affects all later layers."""
        x = self.map(self.layers(x))
        self.mean(x)
        return x
