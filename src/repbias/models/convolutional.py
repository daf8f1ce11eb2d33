"""Convolutional networks: a plain one, and residual networks (He et al. 2016) with or without their skips."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.models.image_model import PROJECTION, NormKind, Stage, StagedModel, StagedNetwork, convolution


class ConvNet(StagedModel):
    """Stages of convolution (3x3) -> norm -> ReLU, the mean over space `pool`, and a linear `readout`.

    The first stage has the resolution of the image; the first convolution of every other stage has stride 2, so that
    the maps of four stages have sides 32, 16, 8 and 4 where images are of 32 px. There is no other pooling before
    `pool`. We do not know the paper's network; the sizes are our choice.

    Attributes
    ----------
    channels : of each stage.
    convolutions : how many per stage.
    norm : after each convolution: "none", "batch" or "group"; see `StagedModel`.

    Examples
    --------
    >>> import repbias
    >>> repbias.ConvNet(channels=(8, 16)).layer_names
    ('stage.0.mean', 'pool')
    """

    kind: Literal["convnet"] = "convnet"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 64, 64), min_length=1)
    convolutions: int = Field(default=1, ge=1)

    @property
    def stages(self) -> int:
        """The number of `channels`."""
        return len(self.channels)

    @property
    def reduction(self) -> int:
        """See `StagedModel.reduction`: 2 from stage to stage."""
        return 2 ** (self.stages - 1)

    def network(self, outputs: int, channels: int = 3) -> StagedNetwork:
        """See `StagedModel.network`."""
        widths = pairwise((channels, *self.channels))
        stages = [self._stage(a, b, stride=2 if i else 1) for i, (a, b) in enumerate(widths)]
        return StagedNetwork(nn.Identity(), stages, self.channels[-1], outputs)

    def _stage(self, inputs: int, channels: int, stride: int) -> Stage:
        first = convolution(inputs, channels, self.norm, stride=stride)
        others = [convolution(channels, channels, self.norm) for _ in range(self.convolutions - 1)]
        return Stage(*(nn.Sequential(*layer, nn.ReLU()) for layer in (first, *others)))


class ResNet(StagedModel):
    """A stem, stages of basic blocks, the mean over space `pool`, and a linear `readout`.

    A block is convolution (3x3) -> norm -> ReLU -> convolution (3x3) -> norm, its input added, -> ReLU. The first block
    of every stage but the first has stride 2. Where a block changes resolution or channels, a 1x1 convolution with norm
    projects its input. `ResNet(widths=(64, 128, 256, 512), norm="batch", stem="large")` is the ResNet-18; the narrow
    default is our choice.

    Without a norm, sums would double their variance from block to block, so there they are divided by the square root
    of 2 (Karras et al. 2020).

    Attributes
    ----------
    widths : channels of each stage. blocks : basic blocks per stage.
    skips : False removes the skips with their projections, and nothing else: all other layers have the same initial
        weights for the same seed, bit for bit.
    norm : after each convolution: "none", "batch" or "group"; see `StagedModel`.
    stem : "small" is one 3x3 convolution; "large", for images of 224 px, one of 7x7 with stride 2, and after it the
        maximum over 3x3 places with stride 2. Norm and ReLU follow the convolution.

    Examples
    --------
    >>> import repbias
    >>> repbias.ResNet(widths=(8, 16), blocks=(1, 1)).layer_names
    ('stage.0.mean', 'pool')
    """

    kind: Literal["resnet"] = "resnet"
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 64, 64), min_length=1)
    blocks: tuple[Annotated[int, Field(ge=1)], ...] = (2, 2, 2, 2)
    skips: bool = True
    norm: NormKind = "batch"
    stem: Literal["small", "large"] = "small"

    @model_validator(mode="after")
    def _as_many_blocks_as_widths(self) -> ResNet:
        if len(self.blocks) != len(self.widths):
            raise ValueError(
                f"widths={self.widths} are those of {len(self.widths)} stages and blocks={self.blocks} those of "
                f"{len(self.blocks)}; give one of each per stage"
            )
        return self

    @property
    def stages(self) -> int:
        """The number of `widths`."""
        return len(self.widths)

    @property
    def reduction(self) -> int:
        """See `StagedModel.reduction`: 2 from stage to stage, and 4 by a large stem."""
        return 2 ** (self.stages - 1) * (4 if self.stem == "large" else 1)

    def network(self, outputs: int, channels: int = 3) -> StagedNetwork:
        """See `StagedModel.network`."""
        sizes = zip(pairwise((self.widths[0], *self.widths)), self.blocks, strict=True)
        stages = [self._stage(a, b, blocks, stride=2 if i else 1) for i, ((a, b), blocks) in enumerate(sizes)]
        return StagedNetwork(self._stem(channels), stages, self.widths[-1], outputs)

    def _stem(self, channels: int) -> nn.Module:
        if self.stem == "small":
            return nn.Sequential(*convolution(channels, self.widths[0], self.norm), nn.ReLU())
        first = convolution(channels, self.widths[0], self.norm, kernel=7, stride=2)
        return nn.Sequential(*first, nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))

    def _stage(self, inputs: int, channels: int, blocks: int, stride: int) -> Stage:
        first = BasicBlock(self, inputs, channels, stride)
        return Stage(first, *(BasicBlock(self, channels, channels, 1) for _ in range(blocks - 1)))


class BasicBlock(nn.Module):
    """Two convolutions, to which the block's input is added where the spec has skips."""

    def __init__(self, spec: ResNet, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, channels, spec.norm, stride=stride)
        self.second = convolution(channels, channels, spec.norm)
        self.activation = nn.ReLU()
        self.skip = spec.skips
        self.scale = 1 / sqrt(2) if spec.norm == "none" else 1.0
        if spec.skips and (stride > 1 or inputs != channels):
            self.projection = convolution(inputs, channels, spec.norm, kernel=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[stimulus, inputs, row, column]` -> `[stimulus, channel, row, column]`; a stride of 2 halves its sides."""
        branch = self.second(self.activation(self.first(x)))
        if self.skip:
            projected = self.projection(x) if hasattr(self, PROJECTION) else x
            branch = (branch + projected) * self.scale
        y: Tensor = self.activation(branch)
        return y
