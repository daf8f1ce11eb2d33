"""The measurements of one network, checkpoint by checkpoint, and the tidy tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.core.results import ALL_FEATURES
from repbias.measures import Density, VarianceExplained

OUTPUT = "output"
Row = tuple[int, str, str, str, float]
COLUMNS = ["step", "layer", "feature", "measure", "value"]
UNIT_COLUMNS = ["layer", "unit", "feature", "r2"]


@dataclass(frozen=True)
class Examination:
    """One checkpoint: `accuracy` `[feature]` on test stimuli, and the variance explained in each layer.

    `extra` holds the additional measures, one number per feature, by (layer, measure).
    """

    names: tuple[str, ...]
    accuracy: NDArray[np.float64]
    layers: dict[str, VarianceExplained]
    extra: dict[tuple[str, str], tuple[float, ...]]


@dataclass
class Record:
    """The measurements of one network by step."""

    examinations: dict[int, Examination] = field(default_factory=dict)

    def table(self, mastery: dict[str, int], given: Mapping[str, Mapping[str, float]] | None = None) -> pd.DataFrame:
        """Return the tidy table: step, layer, feature, measure, value.

        `r2` is the share of a layer's variance at that step. `r2_final` has the same numerator over the layer's
        total variance at the last step, so that all points of a learning curve share a scale. Only the first and last
        step have the measures of spread over units (`density_*`, `participation`, `r2_per_stimulus`), `joint_r2`, the
        R2 of all measured variables together (under the feature "(all)"), and `unique`, the decrease of it without one
        of them. Properties `given` by the task (see `Task.given`) are listed at the last step.
        """
        rows: list[Row] = []
        steps = sorted(self.examinations)
        for step in steps:
            examination = self.examinations[step]
            rows += [
                (step, OUTPUT, name, "accuracy", value)
                for name, value in zip(examination.names, examination.accuracy, strict=True)
            ]
            for layer, result in examination.layers.items():
                total = self.examinations[steps[-1]].layers[layer].total
                rows += _variance_rows(step, layer, result, total)
                if step in (steps[0], steps[-1]):
                    rows += [*_density_rows(step, layer, result), *_joint_rows(step, layer, result)]
            rows += [
                (step, layer, name, measure, value)
                for (layer, measure), values in examination.extra.items()
                for name, value in zip(examination.layers[layer].names, values, strict=True)
            ]
        rows += [(step, OUTPUT, name, "mastery_step", step) for name, step in mastery.items()]
        rows += [
            (steps[-1], OUTPUT, name, measure, value)
            for measure, values in (given or {}).items()
            for name, value in values.items()
            if steps
        ]
        return pd.DataFrame(rows, columns=COLUMNS).astype({"step": "int64", "value": "float64"})

    def units(self) -> pd.DataFrame:
        """Return the per-unit R2 at the last step: layer, unit, feature, r2."""
        if not self.examinations:
            return pd.DataFrame(columns=UNIT_COLUMNS).astype({"unit": "int64", "r2": "float64"})
        last = self.examinations[max(self.examinations)]
        frames = [
            pd.DataFrame({"layer": layer, "unit": np.arange(len(r2)), "feature": name, "r2": r2})
            for layer, result in last.layers.items()
            for name, r2 in zip(result.names, result.unit_r2, strict=True)
        ]
        return pd.concat(frames, ignore_index=True)


def _variance_rows(step: int, layer: str, result: VarianceExplained, final_total: float) -> list[Row]:
    rows: list[Row] = []
    for name, r2, explained in zip(result.names, result.r2, result.explained, strict=True):
        rows.append((step, layer, name, "r2", r2))
        rows.append((step, layer, name, "r2_final", explained / final_total if final_total > 0 else 0.0))
    return rows


def _joint_rows(step: int, layer: str, result: VarianceExplained) -> list[Row]:
    if result.joint_r2 is None or result.unique is None:
        return []
    unique = zip(result.names, result.unique, strict=True)
    return [
        (step, layer, ALL_FEATURES, "joint_r2", result.joint_r2),
        *((step, layer, n, "unique", value) for n, value in unique),
    ]


def _density_rows(step: int, layer: str, result: VarianceExplained) -> list[Row]:
    density = Density.from_variance(result)
    rows: list[Row] = []
    for i, name in enumerate(result.names):
        if result.r2_per_stimulus is not None:
            rows.append((step, layer, name, "r2_per_stimulus", result.r2_per_stimulus[i]))
        rows.append((step, layer, name, "participation", density.participation[i]))
        rows += [
            (step, layer, name, f"density_{threshold:g}", density.fraction_above[i, j])
            for j, threshold in enumerate(density.thresholds)
        ]
    return rows
