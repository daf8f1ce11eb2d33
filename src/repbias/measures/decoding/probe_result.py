"""What probes found: how well each feature can be read out, and what the controls say."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from repbias.core.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """How well a linear classifier reads each feature out, on stimuli it was not fitted on, and its controls."""

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    accuracy: FloatArray
    """Share of the test stimuli that are classified correctly, `[feature]`."""

    balanced_accuracy: FloatArray
    """Mean over the test stimuli's classes of the share of each that is classified correctly, `[feature]`."""

    chance: FloatArray
    """Accuracy of always saying the fit stimuli's most frequent class, `[feature]`."""

    n_fit: int
    """Number of stimuli that the classifiers were fitted on."""

    n_test: int
    """Number of stimuli that they were scored on."""

    shuffled: FloatArray | None = None
    """Accuracy after fitting on permuted labels, `[permutation, feature]`; None from `probe`."""

    memorized: FloatArray | None = None
    """Accuracy of the same classifiers on the permuted labels of their own fit stimuli, `[permutation, feature]`: what
    the probe can learn by heart. None from `probe`."""

    random_coordinates: FloatArray | None = None
    """Accuracy from Gaussian noise with as many units in place of the representation, `[feature]`; None from
    `probe`."""

    baseline: FloatArray | None = None
    """Accuracy from the baseline representation, `[feature]`; None without one."""

    @property
    def selectivity(self) -> FloatArray | None:
        """Accuracy less the mean accuracy under permuted labels, `[feature]`; None from `probe`."""
        return None if self.shuffled is None else self.accuracy - self.shuffled.mean(0)

    @property
    def above_baseline(self) -> FloatArray | None:
        """Accuracy less that from the baseline representation, `[feature]`; None without one."""
        return None if self.baseline is None else self.accuracy - self.baseline

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `accuracy`, `balanced_accuracy`, `chance`, and where computed `shuffled` and `memorized` (means over
        permutations), `selectivity`, `random_coordinates`, `baseline`, `above_baseline`.
        """
        measures = {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "chance": self.chance,
            "shuffled": None if self.shuffled is None else self.shuffled.mean(0),
            "memorized": None if self.memorized is None else self.memorized.mean(0),
            "selectivity": self.selectivity,
            "random_coordinates": self.random_coordinates,
            "baseline": self.baseline,
            "above_baseline": self.above_baseline,
        }
        wide = pd.DataFrame({measure: values for measure, values in measures.items() if values is not None})
        wide.index = pd.Index(self.names, name="feature")
        return wide.melt(ignore_index=False, var_name="measure").reset_index()
