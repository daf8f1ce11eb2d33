"""The scale of units in an audit: as recorded, of equal variance, or with white noise of variance 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from repbias.audit.repeats import Repeats
from repbias.core.arrays import FloatArray, about_mean
from repbias.features.folds import one_hot

FEW_UNITS = 20  # a few units are at most one in this many
LEAST_UNITS = 3
QUIET = 1e-9  # noise below this share of a unit's standard deviation is rounding


def scaled(values: FloatArray, repeats: Repeats | None, scale: str, layer: str) -> FloatArray:
    """Return the activity of a layer `[stimulus, unit]` in the scale of an audit; a constant unit is 0.

        none      as it is
        zscore    each unit about its mean, divided by its standard deviation over stimuli
        noise     (x - mean) S^-1/2, with S the covariance of the noise, shrunk towards its diagonal

    The noise is the deviation of presentations from the mean of their stimulus. S is shrunk by the rule of Ledoit &
    Wolf, applied to correlations. The root is symmetric, so each unit remains the one that it was.

    Residuals of a regression on the features are not noise here: the same labels would shape the metric and be tested
    in it. With 120 stimuli of four random classes, that made 28 % of tests significant with 30 units, and all with 100.

    Raises
    ------
    ValueError : a unit that varies between stimuli and not between repeats.

    Source: Walther et al. (2016), NeuroImage 137, 188-200; Ledoit & Wolf (2004), J Multivariate Anal 88, 365-411.
    """
    refuse_unknown_noise(scale, repeats=repeats is not None)
    if scale == "none":
        return values
    centred, spread = about_mean(values)[0], values.std(0)
    constant = np.ptp(values, axis=0) == 0
    centred[:, constant] = 0.0
    if scale == "zscore" or repeats is None:
        return np.asarray(centred / np.where(constant, 1.0, spread))
    noise = _noise(centred, repeats)
    size = np.sqrt((noise**2).mean(0))
    _refuse_quiet(size, spread, constant, layer)
    size[constant] = 1.0
    return _whitened(centred / size, noise / size)


def refuse_unknown_noise(scale: str, *, repeats: bool) -> None:
    """Raise where noise is to be whitened and there are no repeats, which alone show it."""
    if scale == "noise" and not repeats:
        raise ValueError(
            'scale="noise" needs repeats=, the stimulus of which each row is a presentation, as only they show noise: '
            "residuals of a regression on the features would make labels at random significant; without repeats use "
            'scale="zscore"'
        )


def _noise(centred: FloatArray, repeats: Repeats) -> FloatArray:
    """Return the activity of presentations that have a repeat, about the mean of their stimulus, `[stimulus, unit]`."""
    code = one_hot(repeats.stimulus, int(repeats.stimulus.max()) + 1)
    means = (code.T @ centred) / code.sum(0)[:, None]
    return np.asarray((centred - means[repeats.stimulus])[repeats.n_others > 0])


def _refuse_quiet(size: FloatArray, spread: FloatArray, constant: npt.NDArray[np.bool_], layer: str) -> None:
    quiet = np.flatnonzero(~constant & (size <= QUIET * spread))
    if len(quiet):
        raise ValueError(
            f'scale="noise" needs noise in every unit that varies, got {len(quiet)} without in {layer!r}, the first '
            f'unit {quiet[0]}: use scale="zscore"'
        )


def _whitened(x: FloatArray, noise: FloatArray) -> FloatArray:
    """Return `x` `[stimulus, unit]`, times the inverse root of the shrunk covariance of noise of variance 1."""
    n, n_units = noise.shape
    _, spread, axes = np.linalg.svd(noise, full_matrices=False)
    variances = spread**2 / n
    squares, mean = float(variances @ variances), float(variances.sum()) / n_units
    fourths = float(((noise**2).sum(1) ** 2).mean())
    apart = squares - mean**2 * n_units
    shrinkage = float(np.clip((fourths - squares) / n / apart, 0, 1)) if apart > 0 else 1.0
    least = max(shrinkage * mean, QUIET)
    along = x @ axes.T
    change = 1 / np.sqrt((1 - shrinkage) * variances + least) - 1 / np.sqrt(least)
    return np.asarray(x / np.sqrt(least) + (along * change) @ axes)


def scale_notes(variances: Mapping[str, FloatArray]) -> Iterator[str]:
    """Yield a note for each layer in which a few units hold half of the variance; variances are `[unit]` by layer."""
    for layer, of_units in variances.items():
        shares = np.sort(of_units)[::-1].cumsum()
        few = int(np.searchsorted(shares, shares[-1] / 2)) + 1
        if len(of_units) >= LEAST_UNITS and shares[-1] > 0 and few <= max(1, len(of_units) // FEW_UNITS):
            yield (
                f"{few} of {len(of_units)} units {'holds' if few == 1 else 'hold'} half of the variance of {layer!r}, "
                'and so R2 and other measures of variance are mostly about them; scale="zscore" weighs all units alike.'
            )
