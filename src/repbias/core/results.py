"""What results have in common: the names that their tables use, a tidy table of measures, and a page."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

ALL_FEATURES = "(all)"
EXPLAINED = "r2_unbiased"  # the measure of the audit on which statuses, sentences and figures rest
OUTPUT_POSITION = "output_position"  # the measure of a feature's place in the output, from 1
# Columns of tables that studies make and figures draw: trends by level, ladders, and effects of factors.
LEVEL_COLUMNS = [
    "id", "statement", "statistic", "group", "factor", "scale", "level", "mark", "seed", "value", "ci_low", "ci_high",
    "n",
]  # fmt: skip
POINT_COLUMNS = ["ladder", "point", "x", "x_low", "x_high", "x_n", "y", "y_low", "y_high", "y_n"]
EFFECT_COLUMNS = ["kind", "effect", "estimate", "ci_low", "ci_high", "n", "settings", "n_settings"]
ACCURACY_CRITERION = 0.95  # networks whose test accuracy on a feature is not above it failed the criterion


def measures_table(
    names: Sequence[str],
    by_feature: Mapping[str, Iterable[float] | None],
    whole: Mapping[str, float | None] | None = None,
    *,
    of: str = ALL_FEATURES,
) -> pd.DataFrame:
    """Return a table with the columns feature, measure and value; measures that are None are left out.

    Parameters
    ----------
    names : of the features, `[feature]`.
    by_feature : by measure, its value for each feature, `[feature]`.
    whole : by measure, a value that is of no single feature; its rows have the feature `of`.
    """
    rows = [
        (name, measure, float(value))
        for measure, values in by_feature.items()
        if values is not None
        for name, value in zip(names, values, strict=True)
    ]
    rows += [(of, measure, float(value)) for measure, value in (whole or {}).items() if value is not None]
    return pd.DataFrame(rows, columns=["feature", "measure", "value"])


class HasPage:
    """A result of which `repbias.save_html` can write a page."""

    def save_html(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the result as one HTML page that needs no network; see `repbias.save_html`."""
        # Drawing pages needs Matplotlib and templates, measuring does not; so this is looked up when it is called, and
        # no package below `report` imports it.
        written: Path = importlib.import_module("repbias.report.pages").save_html(self, path, overwrite=overwrite)
        return written
