"""What figures of trends show: the contrast of a claim at every level of a factor."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.core.results import LEVEL_COLUMNS
from repbias.core.statistics import mean_interval
from repbias.experiments.comparisons import Trend
from repbias.experiments.condition import Condition
from repbias.experiments.contrast import by_condition
from repbias.experiments.groups import groups
from repbias.experiments.study import Study


def levels_table(study: Study, conditions: Sequence[Condition], table: pd.DataFrame) -> pd.DataFrame:
    """Return the contrast at every level of the factor over which a claim states a trend.

    Rows with mark "seed" are analysed networks, those with mark "mean" their mean at a level, with its 95 % interval
    and n.

    Parameters
    ----------
    table : as `evaluate` takes it.

    Returns
    -------
    The columns of `LEVEL_COLUMNS`; `statistic` is the contrast, `group` the conditions that are alike but for
    `factor`, `level` the factor's level as a number, `scale` how the trend reads it: "linear" or "log2".
    """
    tables = by_condition(table)
    rows: list[dict[str, object]] = []
    for claim in study.claims:
        if not isinstance(claim.compare, Trend):
            continue
        trend = claim.compare
        stated = {"id": claim.name_in(study.name), "statement": claim.statement, "statistic": claim.contrast.describe()}
        for label, group in groups(claim, conditions):
            for condition in group:
                level = float(condition.factors[trend.factor])
                at = {**stated, "group": label, "factor": trend.factor, "scale": trend.scale, "level": level}
                rows += [{**at, **row} for row in _level_rows(condition.numbers(claim.contrast, tables).dropna())]
    numeric = dict.fromkeys(("level", "value", "ci_low", "ci_high"), "float64") | {"seed": "Int64", "n": "Int64"}
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS).astype(numeric)


def _level_rows(values: pd.Series) -> list[dict[str, object]]:
    """Each network's number, and their mean with its interval."""
    if values.empty:
        return []
    seeds: list[dict[str, object]] = [{"mark": "seed", "seed": m, "value": v} for m, v in values.items()]
    mean = mean_interval(values.to_numpy(float))
    return [*seeds, {"mark": "mean", "value": mean.mean, "ci_low": mean.ci_low, "ci_high": mean.ci_high, "n": mean.n}]
