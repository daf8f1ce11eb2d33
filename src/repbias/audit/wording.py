"""The sentences of an audit, and how numbers are written in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sentence:
    """A conclusion about one layer, or about the audit as a whole; `str` gives it with the name of its layer."""

    layer: str | None
    """The layer that it is about; None for the whole audit."""

    text: str

    def __str__(self) -> str:
        return self.text if self.layer is None else f"{self.layer}: {self.text}"


def percent(value: float, low: float, high: float) -> str:
    """Return a share and its interval in percent, all with the number of decimals that suits the largest of them."""
    decimals = _decimals(np.nanmax(np.abs([value, low, high])))
    low_text, high_text = short(low, decimals), short(high, decimals)
    return f"{short(value, decimals)} % [{low_text}, {high_text}]"


def short(share: float, decimals: int | None = None) -> str:
    """Return a share in percent, with about two significant digits where the number of decimals is not given."""
    text = f"{100 * share:.{_decimals(abs(share)) if decimals is None else decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _decimals(share: float) -> int:
    return next((places for places, size in ((3, 0.001), (2, 0.01), (1, 0.1)) if share < size), 0)
