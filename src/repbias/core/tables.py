"""Tidy tables of results: one row per feature and measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

ALL_FEATURES = "(all)"


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
