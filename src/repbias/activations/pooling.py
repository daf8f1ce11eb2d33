"""From a layer's output with any axes to activity `[stimulus, unit]`, and an edit of just what was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from repbias.core.specs import did_you_mean

Pool = Literal["mean", "flatten", "first", "last"]
POOLS = ("mean", "flatten", "first", "last")
ALONG_LINES = (
    nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.MaxPool1d, nn.AvgPool1d, nn.LPPool1d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d,
)  # fmt: skip
"""Modules whose output `[stimulus, channel, position]` cannot be told from tokens by its shape."""


@dataclass(frozen=True)
class Layout:
    """How the axes of one layer's output are understood.

    ========================================  ==========================================================
    `[stimulus, unit]`                        as it is
    `[stimulus, token, unit]`                 pooled over tokens as asked; padding left out
    `[stimulus, channel, row, column]`, more  mean over space, whether mean, first or last was asked for
    `[stimulus, channel, position]`           the same, of PyTorch's one-dimensional convolutions and poolings
    ========================================  ==========================================================

    With "flatten", every value of a stimulus is a unit of its own, padding included.
    """

    layer: str
    pool: Pool
    n_axes: int
    channels_first: bool

    @classmethod
    def of(cls, layer: str, module: nn.Module, output: Tensor, pool: Pool) -> Layout:
        """Return the layout of a module's output.

        Raises
        ------
        TypeError : whole, Boolean or complex numbers. ValueError : no unit axis.
        """
        if not output.is_floating_point():
            raise TypeError(f"layer {layer!r} returns {output.dtype}, not activity in floating point: leave it out")
        if output.ndim < 2:
            raise ValueError(
                f"layer {layer!r} returns shape {tuple(output.shape)}, a layer is [stimulus, ..., unit]: leave it out"
            )
        channels_first = output.ndim > 3 or (output.ndim == 3 and isinstance(module, ALONG_LINES))
        no_choice = output.ndim == 2 or (channels_first and pool != "flatten")
        return cls(layer, "mean" if no_choice else pool, output.ndim, channels_first)

    @property
    def tokens(self) -> bool:
        """Whether there is an axis of tokens, on which an attention mask has a say."""
        return self.n_axes == 3 and not self.channels_first

    def policy(self, masked: bool) -> str:
        """Return in words what is done with the axes beyond stimulus and unit; "" where there are none."""
        if self.n_axes == 2:
            return ""
        if self.pool == "flatten":
            return "every position and unit a unit of its own" + (
                ", padding included" if masked and self.tokens else ""
            )
        if self.channels_first:
            return "read as [stimulus, channel, space ...], mean over space"
        which = "mean over tokens" if self.pool == "mean" else f"the {self.pool} token"
        return f"read as [stimulus, token, unit], {which}" + (", padding left out" if masked else "")

    def read(self, output: Tensor, mask: Tensor | None) -> Tensor:
        """Return the activity `[stimulus, unit]`, on the device of the output, of which it may be a view.

        Parameters
        ----------
        mask : Boolean `[stimulus, token]`, True where a token is no padding.
        """
        places = self._places(output)
        if self.pool in ("first", "last"):
            return places[torch.arange(len(places), device=places.device), self._place(places, mask)]
        if mask is None or not self._masked(places, mask):
            return places.mean(1, dtype=_wide(places)) if places.shape[1] > 1 else places[:, 0]
        kept = mask.to(places.device)[:, :, None]
        return places.masked_fill(~kept, 0).sum(1, dtype=_wide(places)) / kept.sum(1)  # padding may hold NaN

    def edit(self, output: Tensor, mask: Tensor | None, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return a copy of the output in which what is read is changed, and nothing else.

        Where a mean over positions is read, every position is changed, and an affine change of all of them is the same
        change of their mean.

        Parameters
        ----------
        change : from values `[stimulus, position, unit]` to others of the same shape.
        """
        places = self._places(output)
        if self.pool in ("first", "last"):
            rows, place = torch.arange(len(places), device=places.device), self._place(places, mask)
            changed = places.clone()
            changed[rows, place] = change(places[rows, place][:, None])[:, 0].to(places)
        else:
            changed = change(places).to(places)
        if self.channels_first and self.pool != "flatten":
            changed = changed.transpose(1, 2)
        return changed.reshape(output.shape).clone()

    def _places(self, output: Tensor) -> Tensor:
        """Return a view `[stimulus, position, unit]`."""
        if output.ndim != self.n_axes:
            raise ValueError(
                f"layer {self.layer!r} returns {output.ndim} axes in one batch and {self.n_axes} in another: "
                "leave it out"
            )
        if self.pool == "flatten" or self.n_axes == 2:
            return output.flatten(1)[:, None]
        return output.flatten(2).transpose(1, 2) if self.channels_first else output

    def _masked(self, places: Tensor, mask: Tensor) -> bool:
        """Return whether the mask has a say; refuse one of another number of tokens."""
        if not self.tokens or self.pool == "flatten":
            return False
        if mask.shape != places.shape[:2]:
            raise ValueError(
                f"attention_mask is {list(mask.shape)} for a batch in which layer {self.layer!r} returns "
                f"{list(places.shape)}: it must be [stimulus, token] with the tokens of the layer"
            )
        return True

    def _place(self, places: Tensor, mask: Tensor | None) -> Tensor:
        """Return which position of each stimulus is read, `[stimulus]`."""
        n = places.shape[1]
        if self.n_axes == 2 or mask is None:
            return torch.full((len(places),), 0 if self.pool == "first" else n - 1, device=places.device)
        self._masked(places, mask)
        kept = mask.to(places.device).to(torch.uint8)  # of several largest values, argmax must find the first
        return kept.argmax(1) if self.pool == "first" else n - 1 - kept.flip(1).argmax(1)


def refuse_unknown_pool(pool: str) -> None:
    """Raise where there is no such way to pool."""
    if pool not in POOLS:
        raise ValueError(f"pool must be one of {', '.join(POOLS)}, got {pool!r}; {did_you_mean(str(pool), POOLS)}")


def _wide(values: Tensor) -> torch.dtype:
    """Return the kind of number to average in: half precision would lose digits."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32
