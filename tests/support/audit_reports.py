"""A report of an audit made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repbias.audit.report import RESULT_COLUMNS, AuditReport
from repbias.audit.status import Sentence

MEASURES = {
    "r2_unbiased": 0.4, "r2_unique": 0.3, "r2_common": 0.1, "r2_lead": 0.2, "density_0.1": 0.5, "participation": 12.0,
    "decodability": 0.75,
    "chance": 0.5, "detectable_r2": 0.02, "false_positives": 0.05, "rdm_share": 0.6, "rsa": 0.7, "cka": 0.72,
    "rsa_equalised": 0.4, "cka_equalised": 0.42, "r2_equalised": 0.3,
}  # fmt: skip


def make_report(
    layers: tuple[str, ...] = ("V4", "IT"),
    features: tuple[str, ...] = ("shape", "colour"),
    without: tuple[str, ...] = (),
) -> AuditReport:
    """A report by hand, in which the first feature explains .4 and each further one half of that before it."""
    rows = []
    for layer in layers:
        for place, feature in enumerate(features):
            for measure, value in MEASURES.items():
                shown = value / 2**place if measure.startswith("r2") else value
                tested = 0.0004 if measure in {"r2_unbiased", "decodability"} else np.nan
                if measure == "r2_lead":
                    shown = 0.2 if place == 0 else 0.4 / 2**place - 0.4
                rows.append((layer, feature, measure, shown, shown - 0.01, shown + 0.01, 100, tested, tested))
        rows.append((layer, "(all)", "r2_unbiased", 0.55, 0.5, 0.6, 100, np.nan, np.nan))
    results = pd.DataFrame(rows, columns=list(RESULT_COLUMNS))
    grid = [(layer, name, k, 0.6 / 2**k, 0.9 / (k + 1)) for layer in layers for name in features for k in range(12)]
    units = [(layer, unit, name, 0.2) for layer in layers for unit in range(3) for name in features]
    return AuditReport(
        layers=layers,
        features=features,
        classes={name: ("0", "1") for name in features},
        n_stimuli=12_345,
        n_units={layer: 3 for layer in layers},
        results=results[~results["measure"].isin(without)],
        units=pd.DataFrame(units, columns=["layer", "unit", "feature", "r2_unbiased"]),
        components=pd.DataFrame(grid, columns=["layer", "feature", "component", "share", "r2_unbiased"]).assign(r2=0.0),
        sentences=(Sentence(layers[0], "shape is dominant."), Sentence(layers[-1], "colour is weak.")),
        notes=("2 of 3 units are constant.",),
        settings={"seed": 7, "resamples": 500},
    )
