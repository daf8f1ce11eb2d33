"""A layer's activity about its mean, scaled to a mean square of 1, and the same along its principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repbias.core.arrays import FloatArray

LEAST_SHARE = 1e-14  # of the largest component's variance; less is the rounding of the eigenvalues


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One layer. Scaling the activity changes no measure of the audit, and rotating it no pooled measure, so these are
    computed along the axes that have variance, which may be far fewer than the units."""

    centred: FloatArray
    """Activity about each unit's mean, its mean square over stimuli and units 1, `[stimulus, unit]`; a unit that never
    changes is exactly 0."""

    scores: FloatArray
    """Principal components' scores, from the largest, `[stimulus, component]`."""

    shares: FloatArray
    """Share of the variance, `[component]`; adds up to 1."""

    @property
    def kernel_scores(self) -> FloatArray:
        """The scores times their own standard deviation. With K the centred linear kernel of the stimuli, the sum of
        their squares is || K ||^2: their variance is the kernel's."""
        return self.scores * np.sqrt(self.shares / (self.shares[0] or 1.0))


def coordinates(values: FloatArray) -> Coordinates:
    """Return the coordinates of activity `[stimulus, unit]`; a layer without variance keeps one component, of zeros."""
    size = float(np.abs(values - values[0]).max()) or 1.0  # before anything is squared
    centred = (values - values[0]) / size
    centred -= centred.mean(0)
    centred[:, np.ptp(values, axis=0) == 0] = 0.0
    centred /= np.sqrt((centred**2).mean()) or 1.0
    if not centred.any():
        return Coordinates(centred, np.zeros((len(values), 1)), np.zeros(1))
    wide = centred.shape[1] > len(centred)
    variances, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = np.flatnonzero(variances > LEAST_SHARE * variances[-1])[::-1]
    variances, vectors = variances[kept], vectors[:, kept]
    scores = vectors * np.sqrt(variances) if wide else centred @ vectors
    return Coordinates(centred, scores, variances / variances.sum())
