"""What all models that read images share: the shapes they accept, and what is read of a network of stages."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from repbias.activations.editing import capture
from repbias.models.image_parts import PROJECTION, MeanOverSpace, NormKind, Stage, initialise
from repbias.models.model import Model


class ImageModel(Model):
    """A model of images `[3, size, size]`, as `Task.network_inputs` has them."""

    def check_image(self, input_shape: tuple[int, ...]) -> int:
        """Return the size of an image in px.

        Raises
        ------
        ValueError : it is no square image of three channels, or one of a size that this model cannot read.
        """
        name = type(self).__name__
        if len(input_shape) != 3 or input_shape[0] != 3 or input_shape[1] != input_shape[2]:
            raise ValueError(
                f"a {name} reads images (3, size, size): colours, rows, columns; got stimuli of shape "
                f"{tuple(input_shape)}; take an ImageTask, or an MLP, which reads any shape"
            )
        self.check_size(input_shape[1])
        return input_shape[1]

    @abstractmethod
    def check_size(self, size: int) -> None:
        """Raise ValueError if images of so many px are not for this model."""

    @property
    @abstractmethod
    def all_layers(self) -> tuple[str, ...]:
        """Globs of everything that is read, from input to output."""


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
        """How many stages there are."""

    @property
    @abstractmethod
    def reduction(self) -> int:
        """By how much the strides reduce the side of an image on the way to the last stage."""

    @abstractmethod
    def network(self, outputs: int) -> StagedNetwork:
        """Make the network, without its initial weights."""

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network; see `Model.build`.

        Raises
        ------
        ValueError : the stimuli are no images, or images too small for the strides.
        """
        self.check_image(input_shape)
        network = self.network(outputs)
        initialise(network, generator, last=PROJECTION)
        return network

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over space of each stage's feature map; of the last stage's, it is `pool`."""
        return (*(f"stage.{i}.mean" for i in range(self.stages - 1)), "pool")

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `ImageModel.all_layers`: the feature maps too, every channel at every place of which is a unit."""
        return ("stage.*.map", "stage.*.mean", "pool")

    def check_size(self, size: int) -> None:
        """See `ImageModel.check_size`: every stride must have something to reduce."""
        if size < self.reduction:
            raise ValueError(
                f"images of {size} px are too small for a {type(self).__name__} of {self.stages} stages, whose strides "
                f"divide their side by {self.reduction}; take images of at least {self.reduction} px, or fewer stages"
            )

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`; those of convolutions and read-out, places beyond the border included."""
        self.check_image(input_shape)
        network = self.network(outputs).to("meta").eval()
        weighted = {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
        with torch.no_grad(), capture(network, tuple(weighted)) as seen:
            network(torch.empty(1, *input_shape, device="meta"))
        return sum(seen[name].numel() * module.weight[0].numel() for name, module in weighted.items())


class StagedNetwork(nn.Module):
    """Stages of convolutions, the mean over space `pool`, and a linear `readout` of it.

    Parameters
    ----------
    stem : what comes before the first stage. channels : of the last stage's feature map.
    """

    def __init__(self, stem: nn.Module, stages: list[Stage], channels: int, outputs: int) -> None:
        super().__init__()
        self.stem = stem
        self.stage = nn.ModuleList(stages)
        self.pool = MeanOverSpace()
        self.readout = nn.utils.skip_init(nn.Linear, channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, 3, row, column]` -> logits `[stimulus, output]`."""
        if x.device.type == "cpu":  # whose convolutions are a tenth to a quarter faster on maps with the channels last
            x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        x = self.stem(x)
        for stage in self.stage:
            x = stage(x)
        logits: Tensor = self.readout(self.pool(x))
        return logits
