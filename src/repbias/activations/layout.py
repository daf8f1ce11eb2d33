"""Reduce the output of a layer with any axes to activity `[stimulus, unit]`, and edit exactly what was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from repbias.core.specs import did_you_mean

Pool: TypeAlias = Literal["mean", "flatten", "first", "last"] | int
POOLS = ("mean", "flatten", "first", "last")

Change: TypeAlias = Callable[[Tensor], Tensor]
"""From values `[stimulus, position, unit]` of a layer to other values of the same shape."""


@dataclass(frozen=True)
class Layout:
    """What the axes of the output of a layer are, and what is read of it.

    ============================================  =================================================================
    `[stimulus, unit]`                            as it is
    `[stimulus, token, unit]`                     mean, first, last or one numbered token; padding left out
    `[stimulus, unit, space ...]`                 mean over space, for "mean", "first" and "last" alike
    `[stimulus, space, space ..., unit]`          the same
    ============================================  =================================================================

    The stimulus axis may also come later, as in `[token, stimulus, unit]`. With "flatten" every value of a stimulus is
    a unit, padding included.
    """

    layer: str
    pool: Pool
    shape: tuple[int, ...]
    """Shape of the output for a few stimuli, which errors show."""

    stimulus: int = 0
    """The axis of the stimuli."""

    unit: int | None = None
    """The axis of the units; None if it is unknown."""

    masked: bool = False
    """Whether a mask of padding applies to the tokens."""

    @property
    def tokens(self) -> bool:
        """Whether there is an axis of tokens, before that of the units, to which a mask applies."""
        return len(self.shape) == 3 and self.unit is not None and self.unit > 3 - self.stimulus - self.unit

    @property
    def n_tokens(self) -> int:
        """Number of tokens of the stimuli of `shape`, in a layout with tokens."""
        return self.shape[3 - self.stimulus - (self.unit or 0)]

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli of `shape`."""
        return self.shape[self.stimulus]

    @property
    def stimulus_shape(self) -> tuple[int, ...]:
        """The shape of what the layer returns for each stimulus."""
        return self.shape[: self.stimulus] + self.shape[self.stimulus + 1 :]

    @property
    def n_units(self) -> int:
        """Number of units that are read, for stimuli as long as those of `shape`."""
        return prod(self.stimulus_shape) if self.pool == "flatten" or self.unit is None else self.shape[self.unit]

    def refuse_unclear(self) -> None:
        """Raise where what is read depends on an unknown unit axis, or on a token of a layer without tokens."""
        if len(self.shape) == 2 or self.pool == "flatten":
            return
        if self.unit is None:
            rest = " ".join("abcdefgh"[: len(self.shape) - 2])
            raise ValueError(
                f"layer {self.layer!r} returns {list(self.shape)} for {self.n_stimuli} stimuli, and neither "
                "its modules nor those before and after it show which axis holds its units: name all axes, such as "
                f"axes={{{self.layer!r}: 'stimulus {rest} unit'}}, or read every value as a unit (pool='flatten')"
            )
        if isinstance(self.pool, int) and not self.tokens:
            raise ValueError(
                f"pool={self.pool} reads one token, and layer {self.layer!r} is {self.axes}: use 'mean' or 'flatten'"
            )

    @property
    def axes(self) -> str:
        """The names of the axes, such as "[stimulus, token, unit]"."""
        names = ["token" if self.tokens else "space"] * len(self.shape)
        names[self.stimulus] = "stimulus"
        if self.unit is not None:
            names[self.unit] = "unit"
        return f"[{', '.join('space ...' if name == 'space' else name for name, _ in groupby(names))}]"

    def policy(self) -> str:
        """Return in words how axes other than stimulus and unit are treated; "" if there are none."""
        if len(self.shape) == 2:
            return ""
        if self.pool == "flatten":
            return "every value of a stimulus is a unit" + (", padding included" if self.masked else "")
        if not self.tokens:
            return f"read as {self.axes}, mean over space"
        which = {"mean": "mean over tokens", "first": "the first token", "last": "the last token"}
        padding = ", padding left out" if self.masked else ""
        return f"read as {self.axes}, {which.get(str(self.pool), f'token {self.pool}')}{padding}"

    def read(self, output: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the activity `[stimulus, unit]`, on the device of the output, of which it may be a view.

        Parameters
        ----------
        mask : Boolean `[stimulus, token]`, True where a token is no padding; only used where the layout is `masked`.
        """
        places = self.places(output)
        mask = self._fitting(places, mask)
        if places.shape[1] == 1:
            return places[:, 0]
        if self.tokens and self.pool not in ("mean", "flatten"):
            return places[torch.arange(len(places), device=places.device), self._place(places, mask)]
        if mask is None:
            return places.mean(1, dtype=_wide(places))
        kept = mask[:, :, None]
        return places.masked_fill(~kept, 0).sum(1, dtype=_wide(places)) / kept.sum(1)  # padding may hold NaN

    def edit(self, output: Tensor, mask: Tensor | None, change: Change) -> Tensor:
        """Return a copy of the output in which what is read is changed, and nothing else.

        Where the mean over positions is read, every position is changed: if all undergo the same affine change, their
        mean does too.
        """
        places = self.places(output)
        if self.tokens and self.pool not in ("mean", "flatten"):
            mask = self._fitting(places, mask)
            rows, place = torch.arange(len(places), device=places.device), self._place(places, mask)
            changed = places.clone()
            changed[rows, place] = change(places[rows, place][:, None])[:, 0].to(places)
        else:
            changed = change(places).to(places)
        view = output.movedim(self.stimulus, 0)
        if self.unit is None or self.pool == "flatten":
            moved = changed.reshape(view.shape)
        else:
            unit = self.unit + (self.stimulus > self.unit)
            moved = changed.reshape(view.movedim(unit, -1).shape).movedim(-1, unit)
        return torch.empty_like(output).copy_(moved.movedim(0, self.stimulus))

    def places(self, output: Tensor) -> Tensor:
        """Return a view `[stimulus, position, unit]` of the output."""
        if output.ndim != len(self.shape):
            raise ValueError(
                f"layer {self.layer!r} returns {output.ndim} axes in one batch and {len(self.shape)} in another: "
                "leave it out"
            )
        self.refuse_unclear()
        view = output.movedim(self.stimulus, 0)
        if self.pool == "flatten" or output.ndim == 2 or self.unit is None:
            return view.flatten(1)[:, None]
        return view.movedim(self.unit + (self.stimulus > self.unit), -1).flatten(1, -2)

    def _fitting(self, places: Tensor, mask: Tensor | None) -> Tensor | None:
        """Return the mask if it applies, or raise where it has another number of tokens."""
        if mask is None or not self.masked or not self.tokens or self.pool == "flatten":
            return None
        if mask.shape != places.shape[:2]:
            raise ValueError(
                f"attention_mask is {list(mask.shape)} for a batch in which layer {self.layer!r} returns "
                f"{list(places.shape)}: it must be [stimulus, token] with the tokens of the layer"
            )
        return mask.to(places.device)

    def _place(self, places: Tensor, mask: Tensor | None) -> Tensor:
        """Return the position that is read of each stimulus, `[stimulus]`."""
        n = places.shape[1]
        if isinstance(self.pool, int):
            if not -n <= self.pool < n:
                raise ValueError(
                    f"pool={self.pool}, but layer {self.layer!r} has {n} tokens: give a number from {-n} to {n - 1}"
                )
            return torch.full((len(places),), self.pool % n, device=places.device)
        if mask is None:
            return torch.full((len(places),), 0 if self.pool == "first" else n - 1, device=places.device)
        kept = mask.to(torch.uint8)  # of several largest values, argmax must find the first
        return kept.argmax(1) if self.pool == "first" else n - 1 - kept.flip(1).argmax(1)


def refuse_unknown_pool(pool: object) -> None:
    """Raise where there is no such way to pool."""
    if isinstance(pool, int) and not isinstance(pool, bool):
        return
    if pool not in POOLS:
        raise ValueError(
            f"pool must be one of {', '.join(POOLS)}, or the number of a token, got {pool!r}; "
            f"{did_you_mean(str(pool), POOLS)}"
        )


def _wide(values: Tensor) -> torch.dtype:
    """Return the type in which to average: half precision would lose digits."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32
