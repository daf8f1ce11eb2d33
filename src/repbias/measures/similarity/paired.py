"""Two representations of the same stimuli, in float64, ready to be compared: checked, centred, of unit norm."""

from __future__ import annotations

import numpy as np

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_representation


def as_float64_pair(a: ArrayLike, b: ArrayLike, *, least: int) -> tuple[FloatArray, FloatArray]:
    """Return both representations in float64; they must be of the same stimuli, `least` of them or more."""
    x, y = as_float64(as_representation(a, "a")), as_float64(as_representation(b, "b"))
    if len(x) != len(y):
        raise ValueError(
            f"a and b must be responses to the same stimuli, got {len(x)} and {len(y)} stimuli: "
            "read both from the same stimuli, in the same order (the units may differ)"
        )
    if len(x) < least:
        raise ValueError(f"a and b must hold {least} stimuli or more, got {len(x)}: read more stimuli")
    return x, y


def normalised_pair(a: ArrayLike, b: ArrayLike, *, least: int = 2) -> tuple[FloatArray, FloatArray]:
    """Return both representations less their mean over stimuli, each scaled to a Frobenius norm of 1."""
    x, y = as_float64_pair(a, b, least=least)
    return _normalised(x, "a"), _normalised(y, "b")


def refuse_constant(varies: bool, what: str) -> None:
    """Raise where a representation does not vary at all."""
    if not varies:
        raise ValueError(
            f"{what} must vary over stimuli, got the same response to every stimulus: its similarity to anything is "
            "undefined; leave a dead layer out, or check that the stimuli differ"
        )


def _normalised(x: FloatArray, what: str) -> FloatArray:
    x, _ = about_mean(x)
    largest = max(x.max(), -x.min())
    refuse_constant(bool(largest > 0), what)
    x /= largest  # so that squares neither overflow nor vanish
    x /= np.sqrt(np.vdot(x, x))
    return x
