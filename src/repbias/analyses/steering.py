"""Steering a layer: the length of a push along a feature's direction that flips the network's report of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repbias.analyses.reading import Layer, Tables
from repbias.measures.interventions.erasure import ablate, leace
from repbias.measures.interventions.steering import Steering, steer
from repbias.measures.interventions.steering_directions import difference_vector, probe_direction
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

    Vectors come from validation stimuli, flips are counted on test stimuli. A push of 1 in units of the feature's
    difference vector leads from the mean of one class to that of the other.

    Measures of each steered feature: `flip_length`, `flip_length_sd`, `flip_length_difference` (the push that flips
    half of the stimuli, in units of the representation, in its standard deviations, in difference vectors),
    `flip_length_probe` (the first of them, along a logistic probe's direction), `own_flips` and `other_flips` (the
    share of the reports of this feature, and of the others, that a push of 1 difference vector flips), `erased_own` and
    `erased_others` (accuracy after LEACE of this feature, for itself and on average for the others). NaN where half is
    never reached.

    Parameters
    ----------
    longest : the longest push, in difference vectors. lengths : how many pushes, from 0.
    stimuli : how many of the test stimuli are pushed.
    shown : the longest push in the curves, by unit: "absolute", "sd" and "difference".
    """
    read = Layer.of(network, layer)
    inputs, labels = read.test_inputs[:stimuli], read.test_labels[:stimuli]
    grid = np.linspace(0, longest, lengths)
    tables = Tables(read)
    for i, name in enumerate(read.features):
        settings = {"feature": name, "labels": labels[:, i], "predict": read.predict, "names": read.features}
        along = difference_vector(read.fit, read.fit_labels[:, i])
        pushed = steer(network.module, inputs, read.name, along, grid, unit="difference", **settings)  # type: ignore[arg-type]
        probe = probe_direction(read.fit, read.fit_labels[:, i])
        probed = steer(network.module, inputs, read.name, probe, grid, unit="difference", **settings)  # type: ignore[arg-type]
        eraser = leace(read.fit, read.fit_labels[:, i])
        erased = ablate(network.module, inputs, read.name, eraser, labels, predict=read.predict, names=read.features)
        # NaN where no push of one difference vector was made.
        at_one = np.array([np.interp(1.0, grid, flips, right=np.nan) for flips in pushed.flips.T])
        values = {
            **{f"flip_{column}": pushed.length_at(0.5, unit)[i] for unit, column in UNITS.items()},
            "flip_length_probe": probed.length_at(0.5)[i],
            "own_flips": at_one[i],
            "other_flips": np.delete(at_one, i).mean(),
            "erased_own": erased.after[i],
            "erased_others": np.delete(erased.after, i).mean(),
        }
        for measure, value in values.items():
            tables.measure(measure, [value], [name])
        _add_curves(tables, pushed, i, shown or {})
    return tables.made()


def _add_curves(tables: Tables, pushed: Steering, own: int, shown: dict[str, float]) -> None:
    """Add the feature's flips on all three scales of length, and the other features' by difference vectors.

    The length of a difference vector varies between networks, so curves are interpolated at common lengths; they end at
    the longest push.
    """
    others = np.delete(pushed.flips, own, axis=1).mean(1)
    lines = {unit: (unit, pushed.flips[:, own]) for unit in UNITS} | {"others": ("difference", others)}
    for curve, (unit, flips) in lines.items():
        lengths = pushed.lengths_in(unit)
        x = np.linspace(0, shown.get(unit, float(lengths[-1])), 25)
        tables.line(curve, pushed.feature, x, np.interp(x, lengths, flips, right=np.nan))
