"""What a plan starts from, checked: amounts, settings, and activity and features from numbers or from pilot data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from repbias.audit.arrays import check_layers
from repbias.audit.inputs import check_stimuli, refuse_below
from repbias.audit.planning.detection import FEWEST_STIMULI
from repbias.audit.planning.spectrum import Spectrum, spectra_of_pilot
from repbias.core.arrays import ArrayLike
from repbias.features.values import Values

Classes = int | Literal["continuous"] | None
Kind = tuple[int, float]  # degrees of freedom, and how much the variance of the values varies: see `Wanted`
Activity = tuple[list[Spectrum], dict[str, Kind]]

LEAST_SHARE = 1e-9
NORMAL = 2.0  # variance of the square of a standard normal variable
NOTHING = "give stimuli, to get the detectable share, or share, to get the number of stimuli"


def amounts(
    stimuli: int | Sequence[int] | None, share: float | Sequence[float] | None, pilot: ArrayLike | None
) -> list[float]:
    """Return the numbers of stimuli, or the shares, that were given; by default the pilot's number of stimuli."""
    if stimuli is not None and share is not None:
        raise ValueError(f"{NOTHING}, not both")
    if share is not None:
        shares = list(share) if np.iterable(share) else [share]
        for one in shares:
            _refuse_outside("share", one, LEAST_SHARE, 1.0)
        return [float(one) for one in _not_empty("share", shares)]
    if stimuli is None:
        if pilot is None:
            raise ValueError(NOTHING)
        return [float(len(check_layers({"pilot": pilot})["pilot"]))]
    counts = list(stimuli) if np.iterable(stimuli) else [stimuli]
    for count in counts:
        refuse_below("stimuli", count, FEWEST_STIMULI, "with fewer, the distribution of R2 is not known well enough")
    return [float(count) for count in _not_empty("stimuli", counts)]


def check_settings(
    power: float, level: float, tests: int, seed: int, repeats: int, noise_ceiling: float | None
) -> None:
    """Raise where a setting of `repbias.power` is out of range."""
    _refuse_outside("power", power, 0.5, 0.99)
    _refuse_outside("level", level, 1e-6, 0.5)
    refuse_below("tests", tests, 1, "an audit tests something")
    refuse_below("seed", seed, 0, "seeds start at 0")
    refuse_below("repeats", repeats, 1, "each stimulus is presented once or more")
    if noise_ceiling is not None:
        _refuse_outside("noise_ceiling", noise_ceiling, 1e-6, 1.0)
    elif repeats > 1:
        raise ValueError(
            "repeats need noise_ceiling, the share of the variance of single presentations that repeats reproduce: "
            "audit_arrays(..., repeats=...) estimates it"
        )


def activity_planned(features: object, units: int | None, classes: Classes, dimensionality: float | None) -> Activity:
    """Return the spectrum and the kind of one feature, from numbers."""
    if features is not None:
        raise ValueError("features are those of a pilot: give pilot, too, or classes instead of features")
    if units is None:
        raise ValueError("give pilot, activity [stimulus, unit], or the number of units, such as units=100")
    refuse_below("units", units, 1, "an audit needs activity")
    if dimensionality is not None:
        _refuse_outside("dimensionality", dimensionality, 1.0, float(units))
    return [Spectrum.power_law(units, dimensionality)], _one_feature(classes)


def activity_of_pilot(
    pilot: ArrayLike,
    features: Mapping[str, ArrayLike] | pd.DataFrame | None,
    units: int | None,
    classes: Classes,
    dimensionality: float | None,
    seed: int,
) -> Activity:
    """Return the spectra of pilot data, and the kind of each feature."""
    for name, value in {"units": units, "dimensionality": dimensionality}.items():
        if value is not None:
            raise ValueError(f"{name} follows from the pilot: leave out {name}, or the pilot")
    activity = check_layers({"pilot": pilot})["pilot"]
    if len(activity) < FEWEST_STIMULI:
        raise ValueError(f"a pilot needs {FEWEST_STIMULI} stimuli or more, got {len(activity)}; give units instead")
    if not np.ptp(activity, axis=0).any():
        raise ValueError("the pilot does not vary between stimuli, so it shows nothing about power; check the array")
    if features is None:
        return spectra_of_pilot(activity, seed), _one_feature(classes)
    if classes is not None:
        raise ValueError("classes follow from features: leave out one of them")
    found = check_stimuli(features, n=len(activity), of="pilot").features
    kinds = {name: _kind(values, name) for name, values in found.items()}
    return spectra_of_pilot(activity, seed), kinds


def _one_feature(classes: Classes) -> dict[str, Kind]:
    if classes == "continuous":
        return {"feature": (1, NORMAL)}
    if classes is None:
        return {"feature": (1, 0.0)}
    refuse_below("classes", classes, 2, "one class leaves nothing to explain")
    return {"feature": (int(classes) - 1, 0.0)}


def _kind(values: Values, name: str) -> Kind:
    if values.penalised:
        raise ValueError(
            f"the feature {name!r} has {values.n_columns} columns and a ridge penalty, of whose test the power is not "
            "known: leave it out, or see detectable_r2 of an audit of the pilot"
        )
    if values.categorical:
        return values.freedom, 0.0
    white = np.linalg.svd(values.code - values.code.mean(0), full_matrices=False)[0]
    lengths = (white**2).sum(1)
    return values.freedom, float((lengths / lengths.mean()).var())


def _not_empty(name: str, values: Sequence[float]) -> Sequence[float]:
    if not values:
        raise ValueError(f"{name} must hold one number or more, got none")
    return values


def _refuse_outside(name: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, got {value:g}")
