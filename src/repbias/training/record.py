"""The measurements of one network, checkpoint by checkpoint, and the tidy tables of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
            rows += _rows(step, OUTPUT, examination.names, {"accuracy": examination.accuracy})
            for layer, result in examination.layers.items():
                total = self.examinations[steps[-1]].layers[layer].total
                final = result.explained / total if total > 0 else np.zeros_like(result.explained)
                rows += _rows(step, layer, result.names, {"r2": result.r2, "r2_final": final})
                if step in (steps[0], steps[-1]):
                    rows += _rows(step, layer, result.names, _spread(result))
                    if result.joint_r2 is not None and result.unique is not None:
                        rows.append((step, layer, ALL_FEATURES, "joint_r2", result.joint_r2))
                        rows += _rows(step, layer, result.names, {"unique": result.unique})
            for (layer, measure), values in examination.extra.items():
                rows += _rows(step, layer, examination.layers[layer].names, {measure: values})
        rows += [(step, OUTPUT, name, "mastery_step", step) for name, step in mastery.items()]
        for measure, by_feature in (given or {}).items() if steps else ():
            rows += _rows(steps[-1], OUTPUT, tuple(by_feature), {measure: tuple(by_feature.values())})
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


def _rows(
    step: int, layer: str, features: Sequence[str], measures: Mapping[str, NDArray[np.float64] | Sequence[float]]
) -> Iterator[Row]:
    """Yield one row per feature and measure; each measure has one value per feature."""
    for i, feature in enumerate(features):
        for measure, values in measures.items():
            yield step, layer, feature, measure, values[i]


def _spread(result: VarianceExplained) -> dict[str, NDArray[np.float64]]:
    """Return the measures of how a feature is spread over stimuli and units."""
    density = Density.from_variance(result)
    spread = {} if result.r2_per_stimulus is None else {"r2_per_stimulus": result.r2_per_stimulus}
    shares = zip(density.thresholds, density.fraction_above.T, strict=True)
    return {
        **spread,
        "participation": density.participation,
        **{f"density_{limit:g}": above for limit, above in shares},
    }
