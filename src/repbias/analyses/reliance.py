"""Reliance: which of two features a classifier on a frozen layer relies on, where both predict its label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.analyses.reading import Layer, Tables
from repbias.measures.decoding.reliance import reliance
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
    """Train classifiers on stimuli in which both features predict the label, and test them where the features differ.

    Measures of each of the two features: `sides_with_` followed by the classifier's name, the share of the test stimuli
    with different values of the features in which the classifier answers with this feature's value (all training
    stimuli, default regularisation). Curves of the logistic classifier: `n_train`, `regularization`, and `strength`, in
    which the label equals the easy feature's value in only a share of the training stimuli, and the other's in all.
    """
    read = Layer.of(network, layer)
    one, other = features

    def found(**settings: object) -> NDArray[np.float64]:
        return reliance(
            read.fit, read.fit_labels, test_representation=read.test, test_labels=read.test_labels,
            features=(one, other), names=read.features, seed=network.seed, **settings,  # type: ignore[arg-type]
        ).reliance  # fmt: skip

    tables = Tables(read)
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
