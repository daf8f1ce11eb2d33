"""The tables of an audit from what was found of each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from repbias.audit.report import RESULT_COLUMNS
from repbias.core.statistics import holm

TESTED = ("r2", "r2_unbiased", "decodability")


def stacked(rows: Mapping[str, Iterable[Sequence[Any]]], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all layers as one table, the layer's name first."""
    return pd.DataFrame([(layer, *row) for layer, some in rows.items() for row in some], columns=["layer", *columns])


def results_table(rows: Mapping[str, Iterable[Sequence[Any]]], n_stimuli: int) -> pd.DataFrame:
    """Return the results of an audit, with p values that are corrected over features and layers.

    Parameters
    ----------
    rows : by layer: feature, measure, value, ci_low, ci_high, p.
    """
    return corrected(stacked(rows, ["feature", "measure", "value", "ci_low", "ci_high", "p"]), n_stimuli, TESTED)


def corrected(results: pd.DataFrame, n_stimuli: int, tested: Iterable[str]) -> pd.DataFrame:
    """Return rows of results as `AuditReport` has them, p of each measure that is `tested` corrected by Holm's rule."""
    results = results.assign(n=n_stimuli, p_holm=np.nan)
    for measure in tested:
        tests = results["measure"] == measure
        results.loc[tests, "p_holm"] = holm(results.loc[tests, "p"].to_numpy(dtype=float))
    return results[list(RESULT_COLUMNS)]


def units_table(rows: Mapping[str, Iterable[Sequence[Any]]]) -> pd.DataFrame:
    """Return the R2 of every unit; `rows` are, by layer: unit, feature, R2."""
    return stacked(rows, ["unit", "feature", "r2", "r2_unbiased"])


def components_table(rows: Mapping[str, Iterable[Sequence[Any]]]) -> pd.DataFrame:
    """Return the leading principal components; `rows` are, by layer: feature, component, share, R2."""
    return stacked(rows, ["feature", "component", "share", "r2", "r2_unbiased"])
