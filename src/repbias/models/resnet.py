"""Residual networks of basic blocks (He et al. 2016), and the same networks without their skips."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from repbias.models.image_model import StagedModel, StagedNetwork
from repbias.models.image_parts import PROJECTION, NormKind, Stage, convolution


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
    widths : channels of each stage. blocks : basic blocks of each stage.
    skips : False takes the skips out, their projections included, and nothing else: all other layers are there, with
        the same initial weights for the same seed, bit for bit.
    norm : after each convolution: "none", "batch" or "group"; see `StagedModel`.
    stem : "small" is one 3x3 convolution; "large", for images of 224 px, one of 7x7 with stride 2, and after it the
        maximum over 3x3 places with stride 2. Norm and ReLU follow the convolution.
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
                f"{len(self.blocks)}; give one of each a stage"
            )
        return self

    @property
    def stages(self) -> int:
        """As many as `widths`."""
        return len(self.widths)

    @property
    def reduction(self) -> int:
        """See `StagedModel.reduction`: 2 from stage to stage, and 4 by a large stem."""
        return 2 ** (self.stages - 1) * (4 if self.stem == "large" else 1)

    def network(self, outputs: int) -> StagedNetwork:
        """See `StagedModel.network`."""
        sizes = zip(pairwise((self.widths[0], *self.widths)), self.blocks, strict=True)
        stages = [self._stage(a, b, blocks, stride=2 if i else 1) for i, ((a, b), blocks) in enumerate(sizes)]
        return StagedNetwork(self._stem(), stages, self.widths[-1], outputs)

    def _stem(self) -> nn.Module:
        if self.stem == "small":
            return nn.Sequential(*convolution(3, self.widths[0], self.norm), nn.ReLU())
        first = convolution(3, self.widths[0], self.norm, kernel=7, stride=2)
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
