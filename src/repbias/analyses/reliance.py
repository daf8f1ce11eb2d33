"""Reliance: which of two features a linear classifier on a frozen layer sides with, where its label could be either."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.analyses.reading import Layer, Row
from repbias.measures.decoding.reliance import Reliance, reliance
from repbias.training import Network


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    features: Sequence[str] = ("easy", "hard"),
    classifiers: Sequence[str] = ("logistic", "ridge", "svm", "nearest_mean"),
    regularizations: Sequence[float] = (1e-4, 1e-2, 1.0),
    training_sizes: Sequence[int] = (32, 128, 512, 1024),
    strengths: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
) -> dict[str, pd.DataFrame]:
    """Train classifiers on validation stimuli in which both features predict the label, and set them a conflict.

    Measures of each of the two features: `sides_with` followed by the classifier's name: the share of test stimuli, of
    those where the features differ, in which the classifier gives this feature's value (all training stimuli, default
    regularisation). Curves of the logistic classifier: `n_train`, `regularization`, and `strength`, in which the easy
    feature's value is the label in a share of the training stimuli only, the other's in all.
    """
    read = Layer.of(network, layer)
    one, other = features

    def found(**settings: object) -> Reliance:
        return reliance(
            read.fit, read.fit_labels, test_representation=read.test, test_labels=read.test_labels,
            features=(one, other), names=read.features, seed=network.seed, **settings,  # type: ignore[arg-type]
        )  # fmt: skip

    rows: list[Row] = []
    for classifier in classifiers:
        shares = found(classifier=classifier).reliance
        rows += [(name, f"sides_with_{classifier}", share) for name, share in zip(features, shares, strict=True)]
    sweeps: dict[str, list[tuple[float, Reliance]]] = {
        "n_train": [(n, found(n_train=n)) for n in training_sizes],
        "regularization": [(value, found(regularization=value)) for value in regularizations],
        "strength": [(share, found(strength=(share, 1.0))) for share in strengths],
    }
    curves = [
        read.curve(curve, name, [x for x, _ in points], [result.reliance[i] for _, result in points])
        for curve, points in sweeps.items()
        for i, name in enumerate(features)
    ]
    return {"measures": read.measures(rows), "curves": pd.concat(curves, ignore_index=True)}
