"""Vision transformers (Dosovitskiy et al. 2021) that report features from the mean over an image's patches."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from repbias.models.attention import AttentionSpec, EncoderLayer
from repbias.models.decoding import initialise
from repbias.models.image_model import ImageModel
from repbias.models.model import linear
from repbias.models.readouts import MeanOverTokens

POSITION_STD = 0.02


class ViT(AttentionSpec, ImageModel):
    """Patches in a linear code with learned positions, pre-norm Transformer layers, and a linear `readout` of `pool`.

    A layer norm follows the last layer, and `pool` is the mean of its output over patches (as in Beyer et al. 2022).
    Linear maps begin with Glorot's uniform weights, positions with a standard deviation of 0.02. The sizes are our
    choice.

    Attributes
    ----------
    patch : side of a patch in px; the image's side must be a multiple of it.
    layers : Transformer layers. width : units of the stream. heads : attention heads, which share it evenly.
    mlp_width : hidden units of each layer's MLP; four times the width where it is None.
    dropout : probability with which outputs of attention and MLP are silenced in a training step, unit by unit.

    Examples
    --------
    >>> import repbias
    >>> repbias.ViT(patch=8, layers=2).layer_names
    ('block.0.mean', 'block.1.mean', 'pool')
    """

    kind: Literal["vit"] = "vit"
    patch: int = Field(default=4, ge=1)
    layers: int = Field(default=4, ge=1)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over patches after each layer, and `pool`, which differs from the last of them by the layer norm."""
        return (*(f"block.{i}.mean" for i in range(self.layers)), "pool")

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `ImageModel.all_layers`: also the outputs of attention and MLP, and the stream."""
        return ("block.*.*_mean", "block.*", "block.*.mean", "pool")

    def check_size(self, size: int) -> None:
        """See `ImageModel.check_size`."""
        if size % self.patch:
            raise ValueError(
                f"images of {size} px do not divide into patches of {self.patch} px; set patch to a divisor of {size}"
            )

    def patches(self, input_shape: tuple[int, ...]) -> int:
        """Return the number of patches of an image."""
        return (self.check_image(input_shape) // self.patch) ** 2

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`."""
        patches = self.patches(input_shape)
        embedding = patches * input_shape[0] * self.patch**2 * self.width
        return embedding + self.layers * patches * self.block_shape.connections(patches) + self.width * outputs

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network; see `Model.build`.

        Raises
        ------
        ValueError : the stimuli are not images, or the images do not divide into patches.
        """
        network = ViTNetwork(self, input_shape[0], self.patches(input_shape), outputs)
        initialise(network, generator)
        nn.init.xavier_uniform_(network.embedding.code.weight.flatten(1), generator=generator)
        nn.init.normal_(network.embedding.position, std=POSITION_STD, generator=generator)
        return network


class PatchEmbedding(nn.Module):
    """A linear code of each patch, written as a convolution without a bias, and a learned vector for its place."""

    def __init__(self, channels: int, patch: int, patches: int, width: int) -> None:
        super().__init__()
        self.code = nn.utils.skip_init(nn.Conv2d, channels, width, patch, stride=patch, bias=False)
        self.position = nn.Parameter(torch.empty(patches, width))

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, channel, row, column]` -> `[stimulus, patch, width]`, the patches row by row."""
        codes: Tensor = self.code(x)
        return codes.flatten(2).transpose(1, 2) + self.position


class ViTNetwork(nn.Module):
    """The network that a `ViT` spec describes."""

    def __init__(self, spec: ViT, channels: int, patches: int, outputs: int) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(channels, spec.patch, patches, spec.width)
        self.block = nn.ModuleList(EncoderLayer(spec.block_shape, patches) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(spec.width)
        self.pool = MeanOverTokens()
        self.readout = linear(spec.width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, channel, row, column]` -> logits `[stimulus, output]`."""
        x = self.embedding(x)
        for block in self.block:
            x = block(x)
        logits: Tensor = self.readout(self.pool(self.norm(x)))
        return logits
