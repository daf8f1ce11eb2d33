"""Erasers of many features, and of shuffled ones, from one layer, with one inversion for all."""

from __future__ import annotations

import numpy as np
import torch

from repbias.core.arrays import FloatArray
from repbias.features.labels import IntArray
from repbias.measures.interventions.erasure import WEAKEST, Eraser, projection_eraser

STIMULI_A_UNIT = 2
"""Stimuli of the fit for each unit that LEACE needs: with fewer, the inverse covariance is mostly noise."""

REDUNDANT = 1e-10
"""Eigenvalues below this share of the largest are of one-hot codes that add up to 1."""


class EraserFitter:
    """Fits maps that erase class labels from the activity of some stimuli.

    With S the covariance of the activity and C its covariance with a feature's one-hot codes, LEACE is

        phi  ->  phi - C (C' S^+ C)^+ C' S^+ (phi - mean)

    which is what `repbias.measures.interventions.erasure.leace` computes by way of the roots of S; here S is
    inverted once for all
    features. With fewer than two stimuli a unit, what the class means span is projected out about the mean instead.

    Parameters
    ----------
    activity : float64 `[stimulus, unit]`.

    Source: Belrose et al. (2023), arXiv 2306.03819.
    """

    def __init__(self, activity: FloatArray) -> None:
        self._mean = activity.mean(0)
        self._centred = activity - self._mean
        n, n_units = activity.shape
        self.least_squares = n >= STIMULI_A_UNIT * n_units
        """Whether there are stimuli enough for LEACE."""
        if self.least_squares:
            covariance = self._centred.T @ self._centred / (n - 1)
            self._inverse = np.linalg.pinv(covariance, rcond=n_units * np.finfo(float).eps, hermitian=True)

    def fit(self, labels: IntArray) -> Eraser:
        """Return the map that erases labels `[stimulus]` of any whole numbers."""
        code = (labels[:, None] == np.unique(labels)).astype(np.float64)
        deviations = (self._centred.T @ code / code.sum(0)).T
        if self.least_squares:
            return self._leace(deviations.T * code.sum(0) / (len(code) - 1))
        if deviations.any():
            return projection_eraser(deviations, self._mean)
        return self._eraser(np.zeros((len(self._mean), 0)), np.zeros((0, len(self._mean))))

    def _leace(self, covariance: FloatArray) -> Eraser:
        weights = self._inverse @ covariance
        strengths, axes = np.linalg.eigh(covariance.T @ weights)
        present = strengths > max(REDUNDANT * strengths[-1], WEAKEST**2)
        axes = axes[:, present] / np.sqrt(strengths[present])
        return self._eraser(covariance @ axes, (weights @ axes).T)

    def _eraser(self, removal: FloatArray, coefficients: FloatArray) -> Eraser:
        return Eraser(*map(torch.from_numpy, (self._mean, removal, coefficients)))
