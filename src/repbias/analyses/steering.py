"""Steering a layer: how hard a push along a feature's direction it takes to flip what the network reports."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repbias.analyses.reading import Layer, Row
from repbias.measures.interventions.ablation import ablate
from repbias.measures.interventions.erasure import leace
from repbias.measures.interventions.steering import steer
from repbias.measures.interventions.steering_directions import difference_vector, probe_direction
from repbias.measures.interventions.steering_result import Steering
from repbias.training import Network

UNITS = {"absolute": "length", "sd": "length_sd", "difference": "length_difference"}


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    longest: float = 2.0,
    lengths: int = 41,
    stimuli: int = 1024,
    shown: dict[str, float] | None = None,
) -> dict[str, pd.DataFrame]:
    """Steer each feature along its difference vector, and along a probe's direction, and erase it.

    Vectors come from validation stimuli, what flips is counted on test stimuli. A push of 1 in units of the feature's
    own difference vector leads from the mean of one class to that of the other.

    Measures of each steered feature: `flip_length`, `flip_length_sd`, `flip_length_difference` (the push that flips
    half of the stimuli, in the representation's own units, in its standard deviations, in difference vectors),
    `flip_length_probe` (the first of them, along a logistic probe's direction), `own_flips` and `other_flips` (share
    of its own and of the other features' reports that a push of 1 difference vector flips), `erased_own` and
    `erased_others` (accuracy after LEACE of this feature, of itself and mean of the others). NaN where half is never
    reached.

    Parameters
    ----------
    longest : the longest push, in difference vectors. lengths : how many pushes, from 0.
    stimuli : how many of the test stimuli are pushed.
    shown : the longest push that the curves show, by unit: "absolute", "sd" and "difference".
    """
    read = Layer.of(network, layer)
    inputs, labels = read.test_inputs[:stimuli], read.test_labels[:stimuli]
    grid = np.linspace(0, longest, lengths)
    rows: list[Row] = []
    curves = []
    for i, name in enumerate(read.features):
        settings = {"feature": name, "labels": labels[:, i], "predict": read.predict, "names": read.features}
        along = difference_vector(read.fit, read.fit_labels[:, i])
        pushed = steer(network.module, inputs, read.name, along, grid, unit="difference", **settings)  # type: ignore[arg-type]
        probe = probe_direction(read.fit, read.fit_labels[:, i])
        probed = steer(network.module, inputs, read.name, probe, grid, unit="difference", **settings)  # type: ignore[arg-type]
        rows += [(name, f"flip_{column}", pushed.length_at(0.5, unit)[i]) for unit, column in UNITS.items()]
        rows.append((name, "flip_length_probe", probed.length_at(0.5)[i]))
        rows += _flips(pushed, i, grid)
        eraser = leace(read.fit, read.fit_labels[:, i])
        erased = ablate(network.module, inputs, read.name, eraser, labels, predict=read.predict, names=read.features)
        rows += [(name, "erased_own", erased.after[i]), (name, "erased_others", np.delete(erased.after, i).mean())]
        curves += _curves(read, pushed, i, shown or {})
    return {"measures": read.measures(rows), "curves": pd.concat(curves, ignore_index=True)}


def _flips(pushed: Steering, own: int, grid: np.ndarray) -> list[Row]:
    """What a push of one difference vector flips; NaN where none so long was made."""
    at_one = [float(np.interp(1.0, grid, flips, right=np.nan)) for flips in pushed.flips.T]
    others = [share for i, share in enumerate(at_one) if i != own]
    return [(pushed.feature, "own_flips", at_one[own]), (pushed.feature, "other_flips", float(np.mean(others)))]


def _curves(read: Layer, pushed: Steering, own: int, shown: dict[str, float]) -> list[pd.DataFrame]:
    """The feature's own flips on all three scales of length, and the others' by difference vectors.

    Networks differ in how long a difference vector is, so curves are read at common lengths; beyond the longest push
    that was made there is nothing.
    """
    curves = []
    for unit in UNITS:
        lengths = pushed.lengths_in(unit)
        x = np.linspace(0, shown.get(unit, float(lengths[-1])), 25)
        curves.append(read.curve(unit, pushed.feature, x, np.interp(x, lengths, pushed.flips[:, own], right=np.nan)))
    others = np.delete(pushed.flips, own, axis=1).mean(1)
    lengths = pushed.lengths_in("difference")
    x = np.linspace(0, shown.get("difference", float(lengths[-1])), 25)
    values = np.interp(x, lengths, others, right=np.nan)
    curves.append(read.curve("others", pushed.feature, x, values))
    return curves
