"""A plain convolutional network: stages of 3x3 convolutions, without skips."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from repbias.models.image_model import StagedModel, StagedNetwork
from repbias.models.image_parts import Stage, convolution


class ConvNet(StagedModel):
    """Stages of convolution (3x3) -> norm -> ReLU, the mean over space `pool`, and a linear `readout`.

    The first stage has the resolution of the image; the first convolution of every other stage has stride 2, so that
    the maps of four stages have sides 32, 16, 8 and 4 where images are of 32 px. Nothing else pools before `pool`.
    The paper's network is not known to us; the sizes are our choice.

    Attributes
    ----------
    channels : of each stage.
    convolutions : how many each stage has.
    norm : after each convolution: "none", "batch" or "group"; see `StagedModel`.
    """

    kind: Literal["convnet"] = "convnet"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 64, 64), min_length=1)
    convolutions: int = Field(default=1, ge=1)

    @property
    def stages(self) -> int:
        """As many as `channels`."""
        return len(self.channels)

    @property
    def reduction(self) -> int:
        """See `StagedModel.reduction`: 2 from stage to stage."""
        return 2 ** (self.stages - 1)

    def network(self, outputs: int) -> StagedNetwork:
        """See `StagedModel.network`."""
        widths = pairwise((3, *self.channels))
        stages = [self._stage(a, b, stride=2 if i else 1) for i, (a, b) in enumerate(widths)]
        return StagedNetwork(nn.Identity(), stages, self.channels[-1], outputs)

    def _stage(self, inputs: int, channels: int, stride: int) -> Stage:
        first = convolution(inputs, channels, self.norm, stride=stride)
        others = [convolution(channels, channels, self.norm) for _ in range(self.convolutions - 1)]
        return Stage(*(nn.Sequential(*layer, nn.ReLU()) for layer in (first, *others)))
