"""Numbers as an audit says them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percent(value: float, low: float, high: float) -> str:
    """Return a share with its interval in percent, all with as many decimals as the largest of them asks for."""
    decimals = _decimals(np.nanmax(np.abs([value, low, high])))
    low_text, high_text = short(low, decimals), short(high, decimals)
    return f"{short(value, decimals)} % [{low_text}, {high_text}]"


def short(share: float, decimals: int | None = None) -> str:
    """Return a share in percent; without a number of decimals, with two digits or so."""
    text = f"{100 * share:.{_decimals(abs(share)) if decimals is None else decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _decimals(share: float) -> int:
    return next((places for places, size in ((3, 0.001), (2, 0.01), (1, 0.1)) if share < size), 0)
