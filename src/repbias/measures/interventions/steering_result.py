"""The result of steering: how often each feature's report flips at each length of the push."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from repbias.core.arrays import FloatArray
from repbias.core.specs import did_you_mean

UNITS = ("absolute", "sd", "difference")


@dataclass(frozen=True, eq=False)
class Steering:
    """How often each feature's report flips as one feature is pushed towards its opposite class."""

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    feature: str
    """The feature that was steered."""

    lengths: FloatArray
    """Lengths of the push in the representation's own units, ascending, `[length]`."""

    flips: FloatArray
    """Share of the steered stimuli whose predicted label differs from that without a push, `[length, feature]`."""

    representation_sd: float
    """The unit "sd": root of the representation's total variance, i.e. of the mean squared distance from the mean."""

    class_distance: float
    """The unit "difference": length of the steered feature's difference vector, i.e. the distance of the means of the
    two classes."""

    n_stimuli: int
    """Number of stimuli that were steered."""

    @property
    def specificity(self) -> FloatArray:
        """The steered feature's flips less the mean of the other features' flips, `[length]`: 1 where it alone flips,
        for every stimulus. Without other features, the flips themselves."""
        own = self.names.index(self.feature)
        others = np.delete(self.flips, own, axis=1)
        return np.asarray(self.flips[:, own] - (others.mean(1) if others.size else 0.0))

    def lengths_in(self, unit: str) -> FloatArray:
        """Return the lengths `[length]` in a unit: "absolute", "sd" or "difference".

        Infinite (and 0 for length 0) where the unit has no length: a representation that does not vary, or classes
        with the same mean.
        """
        return self._converted(self.lengths, unit)

    def length_at(self, fraction: float = 0.5, unit: str = "absolute") -> FloatArray:
        """Return the shortest length at which a fraction of the stimuli flips, `[feature]`.

        Interpolated linearly between the lengths that were measured, and from no flips at length 0; NaN where the
        fraction is never reached.
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be more than 0 and at most 1, got {fraction}")
        lengths = np.append(0.0, self.lengths)
        crossings = [_first_crossing(lengths, np.append(0.0, flips), fraction) for flips in self.flips.T]
        return self._converted(np.array(crossings), unit)

    def _converted(self, lengths: FloatArray, unit: str) -> FloatArray:
        size = unit_size(unit, self.representation_sd, self.class_distance)
        return np.asarray(lengths / size) if size > 0 else np.where(lengths > 0, np.inf, lengths)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure, length, length_sd, length_difference and value.

        Measures: `flips` of each feature at each length, and `specificity` of the steered feature.
        """
        measured = [(name, "flips", flips) for name, flips in zip(self.names, self.flips.T, strict=True)]
        measured.append((self.feature, "specificity", self.specificity))
        parts = [
            pd.DataFrame(
                {
                    "feature": name,
                    "measure": measure,
                    "length": self.lengths,
                    "length_sd": self.lengths_in("sd"),
                    "length_difference": self.lengths_in("difference"),
                    "value": values,
                }
            )
            for name, measure, values in measured
        ]
        return pd.concat(parts, ignore_index=True)


def unit_size(unit: str, representation_sd: float, class_distance: float) -> float:
    """Return the length of a unit in the representation's own units."""
    if unit not in UNITS:
        raise ValueError(f"no unit of length is called {unit!r}; {did_you_mean(unit, UNITS)}")
    return {"absolute": 1.0, "sd": representation_sd, "difference": class_distance}[unit]


def _first_crossing(lengths: FloatArray, flips: FloatArray, fraction: float) -> float:
    """Return where the piecewise linear curve first reaches `fraction`; NaN where it never does."""
    reached = np.flatnonzero(flips >= fraction)
    if not len(reached):
        return float("nan")
    stop = reached[0]  # 1 or more: the curve starts with no flips
    step = (fraction - flips[stop - 1]) / (flips[stop] - flips[stop - 1])
    return float(lengths[stop - 1] + step * (lengths[stop] - lengths[stop - 1]))
