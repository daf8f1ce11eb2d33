"""Methods that read out or edit a layer: steering, reliance of classifiers, and these with components together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.analyses.reading import Layer, Tables
from repbias.analyses.unsupervised import pca
from repbias.measures.decoding.reliance import reliance as classifier_reliance
from repbias.measures.interventions.ablation import ablate
from repbias.measures.interventions.erasure import leace
from repbias.measures.interventions.steering import Steering, steer
from repbias.measures.interventions.steering_directions import difference_vector, probe_direction
from repbias.training import Network

UNITS = {"absolute": "length", "sd": "length_sd", "difference": "length_difference"}


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    lengths: int = 41,
    stimuli: int = 1024,
    training_sizes: Sequence[int] = (32, 128, 512, 1024),
) -> dict[str, pd.DataFrame]:
    """Return the results of `pca`, `steering` and `reliance` for a layer, with the defaults of their other settings.

    The layer must lie on the path to the outputs, because its responses are edited.

    Parameters
    ----------
    lengths, stimuli : see `steering`. training_sizes : see `reliance`.
    """
    found = [
        pca(network, layer=layer),
        steering(network, layer=layer, lengths=lengths, stimuli=stimuli),
        reliance(network, layer=layer, training_sizes=training_sizes),
    ]
    return {name: pd.concat([one[name] for one in found], ignore_index=True) for name in ("measures", "curves")}


def steering(
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
    tables = read.tables()
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


def reliance(
    network: Network,
    *,
    layer: str = "penultimate",
    features: Sequence[str] = ("easy", "hard"),
    classifiers: Sequence[str] = ("logistic", "ridge", "svm", "nearest_mean"),
    regularizations: Sequence[float] = (1e-4, 1e-2, 1.0),
    training_sizes: Sequence[int] = (32, 128, 512, 1024),
    strengths: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
) -> dict[str, pd.DataFrame]:
    """Train classifiers on stimuli in which both features predict the label, and test them where the features differ.

    Measures of each of the two features: `sides_with_` followed by the classifier's name, the share of the test stimuli
    with different values of the features in which the classifier answers with this feature's value (all training
    stimuli, default regularisation). Curves of the logistic classifier: `n_train`, `regularization`, and `strength`, in
    which the label equals the easy feature's value in only a share of the training stimuli, and the other's in all.
    """
    read = Layer.of(network, layer)
    one, other = features

    def found(**settings: object) -> NDArray[np.float64]:
        return classifier_reliance(
            read.fit, read.fit_labels, test_representation=read.test, test_labels=read.test_labels,
            features=(one, other), names=read.features, seed=network.seed, **settings,  # type: ignore[arg-type]
        ).reliance  # fmt: skip

    tables = read.tables()
    for classifier in classifiers:
        tables.measure(f"sides_with_{classifier}", found(classifier=classifier), features)
    sweeps: dict[str, list[tuple[float, NDArray[np.float64]]]] = {
        "n_train": [(n, found(n_train=n)) for n in training_sizes],
        "regularization": [(value, found(regularization=value)) for value in regularizations],
        "strength": [(share, found(strength=(share, 1.0))) for share in strengths],
    }
    for curve, points in sweeps.items():
        for i, name in enumerate(features):
            tables.line(curve, name, [x for x, _ in points], [shares[i] for _, shares in points])
    return tables.made()
