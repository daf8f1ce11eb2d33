"""PCA of a layer: which feature each component shows, and what the network still reports from the top k."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repbias.analyses.reading import Layer, Row
from repbias.measures.interventions.truncation import components_needed
from repbias.measures.variance.components import components
from repbias.training import Network


def analyse(network: Network, *, layer: str = "penultimate", shown: int = 12) -> dict[str, pd.DataFrame]:
    """Return a network's principal components, fitted on validation and scored on test stimuli.

    Measures of each feature: `r2_component_1` (R2 of the first component by the feature), `components_needed` (how
    many it takes until 95 % of the accuracy above chance is kept, by the network's own read-out), and `top_1_accuracy`
    to `top_3_accuracy`. Curves: R2 by component, and accuracy by the number of components kept.

    Parameters
    ----------
    shown : how many components the curves go to.
    """
    read = Layer.of(network, layer)
    found = components(
        read.fit, read.fit_labels, test_representation=read.test, test_labels=read.test_labels, names=read.features
    )
    kept = components_needed(read.read_out, read.test, read.test_labels, found)
    needed = np.where(np.isfinite(kept.needed), kept.needed, np.nan)
    rows: list[Row] = []
    curves = []
    for i, name in enumerate(read.features):
        rows += [(name, "r2_component_1", found.r2[i, 0]), (name, "components_needed", needed[i])]
        rows += [(name, f"top_{k}_accuracy", kept.curve[i, min(k, kept.curve.shape[1] - 1)]) for k in (1, 2, 3)]
        r2, accuracy = found.r2[i, :shown], kept.curve[i, : shown + 1]
        curves.append(read.curve("accuracy", name, range(len(accuracy)), accuracy))
        curves.append(read.curve("r2", name, range(1, len(r2) + 1), r2))
    curves.append(read.curve("r2", "share of variance", range(1, len(found.share[:shown]) + 1), found.share[:shown]))
    return {"measures": read.measures(rows), "curves": pd.concat(curves, ignore_index=True)}
