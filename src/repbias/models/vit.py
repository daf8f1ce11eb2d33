"""Vision transformers (Dosovitskiy et al. 2021) that report what is in an image from the mean over its patches."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.models.attention import BlockShape, EncoderLayer
from repbias.models.decoding import initialise
from repbias.models.image_model import ImageModel
from repbias.models.readouts import MeanOverTokens, linear

POSITION_STD = 0.02


class ViT(ImageModel):
    """Patches in a linear code with learned positions, pre-norm Transformer layers, and a linear `readout` of `pool`.

    A layer norm follows the last layer, and `pool` is the mean over patches of what comes out of it (as in Beyer et al.
    2022). Linear maps begin with Glorot's uniform weights, positions with a standard deviation of 0.02. The sizes are
    our choice.

    Attributes
    ----------
    patch : side of a patch in px; the image's side must be a multiple of it.
    layers : Transformer layers. width : units of the stream. heads : attention heads, which share it evenly.
    mlp_width : hidden units of each layer's MLP; four times the width where it is None.
    dropout : probability with which units of what is written to the stream are silenced in a training step.
    """

    kind: Literal["vit"] = "vit"
    patch: int = Field(default=4, ge=1)
    layers: int = Field(default=4, ge=1)
    width: int = Field(default=64, ge=1)
    heads: int = Field(default=4, ge=1)
    mlp_width: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _divisible(self) -> ViT:
        if self.width % self.heads:
            raise ValueError(
                f"width={self.width} is not a multiple of heads={self.heads}, and the heads share it evenly; "
                f"set width to {-(-self.width // self.heads) * self.heads}"
            )
        return self

    @property
    def block_shape(self) -> BlockShape:
        """The sizes of each layer."""
        return BlockShape(self.width, self.heads, self.mlp_width or 4 * self.width, self.dropout)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mean over patches after each layer, and `pool`, which the layer norm sets apart from the last of them."""
        return (*(f"block.{i}.mean" for i in range(self.layers)), "pool")

    @property
    def all_layers(self) -> tuple[str, ...]:
        """See `ImageModel.all_layers`: what attention and MLP write to the stream, too, and the stream itself."""
        return ("block.*.*_mean", "block.*", "block.*.mean", "pool")

    def check_size(self, size: int) -> None:
        """See `ImageModel.check_size`."""
        if size % self.patch:
            raise ValueError(
                f"images of {size} px do not divide into patches of {self.patch} px; set patch to a divisor of {size}"
            )

    def patches(self, input_shape: tuple[int, ...]) -> int:
        """Return how many patches an image has."""
        return (self.check_image(input_shape) // self.patch) ** 2

    def connections(self, input_shape: tuple[int, ...], outputs: int) -> int:
        """See `Model.connections`."""
        patches = self.patches(input_shape)
        embedding = patches * 3 * self.patch**2 * self.width
        return embedding + self.layers * patches * self.block_shape.connections(patches) + self.width * outputs

    def build(self, input_shape: tuple[int, ...], outputs: int, generator: torch.Generator) -> nn.Module:
        """Make the network; see `Model.build`.

        Raises
        ------
        ValueError : the stimuli are no images, or images that do not divide into patches.
        """
        network = ViTNetwork(self, self.patches(input_shape), outputs)
        initialise(network, generator)
        nn.init.xavier_uniform_(network.embedding.code.weight.flatten(1), generator=generator)
        nn.init.normal_(network.embedding.position, std=POSITION_STD, generator=generator)
        return network


class PatchEmbedding(nn.Module):
    """A linear code of each patch, written as a convolution without a bias, and a learned vector for its place."""

    def __init__(self, patch: int, patches: int, width: int) -> None:
        super().__init__()
        self.code = nn.utils.skip_init(nn.Conv2d, 3, width, patch, stride=patch, bias=False)
        self.position = nn.Parameter(torch.empty(patches, width))

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, 3, row, column]` -> `[stimulus, patch, width]`, the patches row by row."""
        codes: Tensor = self.code(x)
        return codes.flatten(2).transpose(1, 2) + self.position


class ViTNetwork(nn.Module):
    """The network that a `ViT` spec describes."""

    def __init__(self, spec: ViT, patches: int, outputs: int) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(spec.patch, patches, spec.width)
        self.block = nn.ModuleList(EncoderLayer(spec.block_shape, patches) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(spec.width)
        self.pool = MeanOverTokens()
        self.readout = linear(spec.width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Images `[stimulus, 3, row, column]` -> logits `[stimulus, output]`."""
        x = self.embedding(x)
        for block in self.block:
            x = block(x)
        logits: Tensor = self.readout(self.pool(self.norm(x)))
        return logits
