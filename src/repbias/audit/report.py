"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from repbias.audit.status import statuses

RESULT_COLUMNS = ("layer", "feature", "measure", "value", "ci_low", "ci_high", "n", "p", "p_holm")


@dataclass(frozen=True, eq=False)
class AuditReport:
    """How much of each layer's variance every feature explains, how well it can be read out, and what that allows."""

    layers: tuple[str, ...]
    """The layers' names."""

    features: tuple[str, ...]
    """The features' names."""

    classes: dict[str, tuple[str, ...]]
    """The classes of each feature, sorted, as text."""

    n_stimuli: int
    """Number of stimuli that were audited, after those without a label were dropped."""

    n_units: dict[str, int]
    """Number of units of each layer, constant ones included."""

    results: pd.DataFrame
    """One row for each layer, feature and measure: `value`, its 95 % interval (`ci_low`, `ci_high`), the number of
    stimuli `n`, the `p` of its permutation test and the same after Holm's correction over features and layers
    (`p_holm`); NaN where a measure has none. What all features explain together has the feature `(all)`, and so has the
    noise ceiling."""

    units: pd.DataFrame
    """R2 of each unit by each feature: the columns layer, unit, feature, r2, r2_unbiased; may be negative."""

    components: pd.DataFrame
    """The leading principal components: the columns layer, feature, component (from 0), share (of the variance), r2,
    r2_unbiased."""

    sentences: tuple[str, ...]
    """What may and what may not be concluded."""

    notes: tuple[str, ...]
    """The policies that were applied, with counts."""

    settings: dict[str, Any]
    """What the audit was asked for."""

    def __repr__(self) -> str:
        return (
            f"AuditReport({self.n_stimuli:,} stimuli, layers {', '.join(self.layers)}; features "
            f"{', '.join(self.features)}): see .statuses(), .table(), .sentences, .save(path)"
        )

    def table(self) -> pd.DataFrame:
        """Return a copy of `results`."""
        return self.results.copy()

    def statuses(self) -> pd.DataFrame:
        """Return where each feature stands in each layer: the columns layer, feature, status.

        A feature is "dominant", "found", "weak but decodable", "not found", or "open"; see
        `repbias.audit.status.status_of` for the rule.
        """
        return statuses(self.results)

    def save(self, path: str | Path) -> None:
        """Write the report as one HTML page that needs no network."""
        # The one place where the audit reaches up: drawing pages needs Matplotlib and templates, measuring does not.
        from repbias.report.audit_page import write_audit_page

        write_audit_page(self, Path(path))
