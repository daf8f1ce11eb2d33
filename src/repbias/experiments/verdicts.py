"""From tables to verdicts: an estimate with its interval for every claim and condition, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.core.statistics import holm, larger_p, mean_interval
from repbias.experiments.comparisons import Trend
from repbias.experiments.study import Claim, Condition, Study

REPLICATED, NOT_REPLICATED, MIXED, NO_VERDICT = "replicated", "not replicated", "mixed", "no verdict"
VERDICT_RULE = (
    "A claim is replicated in a condition (or a group of conditions that it compares) where its statistic, one number "
    "a seed, is larger than the smallest effect of interest: Student's t, one-sided, at 2.5 % after Holm's "
    "correction for all tests of the study; it is not replicated otherwise. Where a claim says that there is no "
    "effect, both one-sided tests must keep the statistic within the bound. With fewer than two analysed seeds there "
    "is no verdict. Over the conditions that have one, a claim is replicated where it is in all, not replicated where "
    "it is in none, and mixed otherwise. Settings and seeds were fixed before the run, and every seed counts: seeds "
    "that fail the accuracy criterion are counted beside n. The intervals shown are 95 % each, not corrected."
)
LEVEL = 0.025
CLAIM_COLUMNS = [
    "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
    "n_planned", "sesoi", "p", "strength",
]  # fmt: skip
LEVEL_COLUMNS = [
    "id", "statement", "statistic", "group", "factor", "scale", "level", "mark", "seed", "value", "ci_low", "ci_high",
    "n",
]  # fmt: skip


def evaluate(
    study: Study, conditions: Sequence[Condition], table: pd.DataFrame, scale: str, seeds: int
) -> pd.DataFrame:
    """Return the claims table: one row a claim and condition (or group), with the columns of `CLAIM_COLUMNS`.

    Parameters
    ----------
    table : tidy, columns condition, network, step, layer, feature, measure, value; without networks that failed, for
        their last step is not the end of their training.
    seeds : networks planned for each condition.
    """
    by_condition = {str(name): rows for name, rows in table.groupby("condition", sort=False)}
    judged = [
        (claim, label, _values(claim, group, by_condition))
        for claim in study.claims
        for label, group in groups(claim, conditions)
    ]
    p_values = holm([_p_value(claim, values) for claim, _, values in judged])
    rows = []
    for (claim, label, values), p in zip(judged, p_values, strict=True):
        estimate = mean_interval(values) if len(values) else None
        numbers: tuple[float | None, ...] = (None, None, None, 0)
        if estimate is not None:
            numbers = (estimate.mean, estimate.ci_low, estimate.ci_high, estimate.n)
        words = (claim.id, study.name, label, claim.statement, claim.describe())
        verdict = NO_VERDICT if len(values) < 2 else REPLICATED if p < LEVEL else NOT_REPLICATED
        rows.append((*words, *numbers, verdict, scale, seeds, claim.sesoi, p, claim.strength))
    numeric = dict.fromkeys(("estimate", "ci_low", "ci_high", "sesoi", "p"), "float64")
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS).astype(numeric)


def groups(claim: Claim, conditions: Sequence[Condition]) -> list[tuple[str, list[Condition]]]:
    """Return what a claim is judged on, with its name: single conditions, or those that it compares.

    Groups that lack, at this scale, a level that the comparison needs are left out.
    """
    chosen = [condition for condition in conditions if claim.concerns(condition)]
    if claim.compare is None:
        return [(condition.name, [condition]) for condition in chosen]
    compare = claim.compare
    found: dict[frozenset[tuple[str, str]], list[Condition]] = {}
    for condition in chosen:
        found.setdefault(frozenset(_others(condition, compare.varying).items()), []).append(condition)
    return [
        (_label(_others(group[0], compare.varying)), group)
        for group in found.values()
        if not compare.problems([compare.level(condition.factors) for condition in group])
    ]


def _label(levels: dict[str, str]) -> str:
    """The name of a group: its levels, those that are mere numbers with their factor."""
    named = (f"{factor} {level}" if level.replace(".", "", 1).isdigit() else level for factor, level in levels.items())
    return ", ".join(named) or "all conditions"


def _others(condition: Condition, varying: Sequence[str]) -> dict[str, str]:
    return {name: level for name, level in condition.factors.items() if name not in varying}


def _values(claim: Claim, group: Sequence[Condition], tables: dict[str, pd.DataFrame]) -> NDArray[np.float64]:
    """The claim's number of every analysed seed."""
    own = [_own(claim, condition, tables) for condition in group]
    if claim.compare is None:
        values = own[0]
    else:
        levels = [claim.compare.level(condition.factors) for condition in group]
        values = claim.compare.compute(pd.concat(own, axis=1, keys=levels))
    return values.dropna().to_numpy(float)


def _own(claim: Claim, condition: Condition, tables: dict[str, pd.DataFrame]) -> pd.Series:
    """The contrast in one condition, one number a network, NaN where it was not analysed."""
    if condition.name not in tables:
        return pd.Series(dtype=float)
    return claim.contrast.per_seed(tables[condition.name], condition.model.layer_names)


def levels_table(study: Study, conditions: Sequence[Condition], table: pd.DataFrame) -> pd.DataFrame:
    """Return what each trend of a study runs through: the contrast at every level of the factor.

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
    by_condition = {str(name): rows for name, rows in table.groupby("condition", sort=False)}
    rows: list[dict[str, object]] = []
    for claim in study.claims:
        if not isinstance(claim.compare, Trend):
            continue
        trend = claim.compare
        said = {"id": claim.id, "statement": claim.statement, "statistic": claim.contrast.describe()}
        for label, group in groups(claim, conditions):
            for condition in group:
                level = float(condition.factors[trend.factor])
                at = {**said, "group": label, "factor": trend.factor, "scale": trend.scale, "level": level}
                rows += [{**at, **row} for row in _level_rows(_own(claim, condition, by_condition).dropna())]
    numeric = dict.fromkeys(("level", "value", "ci_low", "ci_high"), "float64") | {"seed": "Int64", "n": "Int64"}
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS).astype(numeric)


def _level_rows(values: pd.Series) -> list[dict[str, object]]:
    """Every network's number, and their mean with its interval."""
    if values.empty:
        return []
    seeds: list[dict[str, object]] = [{"mark": "seed", "seed": m, "value": v} for m, v in values.items()]
    mean = mean_interval(values.to_numpy(float))
    return [*seeds, {"mark": "mean", "value": mean.mean, "ci_low": mean.ci_low, "ci_high": mean.ci_high, "n": mean.n}]


def _p_value(claim: Claim, values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return float("nan")
    if claim.equivalent:
        return max(larger_p(values, -claim.sesoi), larger_p(-values, -claim.sesoi))
    return larger_p(values, claim.sesoi)


def overall(claims: pd.DataFrame) -> pd.DataFrame:
    """Return one row a claim id: id, statement, verdict over all its parts and conditions, strength."""
    rows = []
    for (study, claim), group in claims.groupby(["study", "id"], sort=False):
        statements = "; ".join(dict.fromkeys(group["statement"]))
        verdict = combine(group["verdict"].tolist())
        rows.append((claim, study, statements, verdict, group["strength"].iloc[0], group["scale"].iloc[0]))
    return pd.DataFrame(rows, columns=["id", "study", "statement", "verdict", "strength", "scale"])


def combine(verdicts: Sequence[str]) -> str:
    """Return the verdict over conditions: the one they agree on, or "mixed"."""
    given = {verdict for verdict in verdicts if verdict != NO_VERDICT}
    if not given:
        return NO_VERDICT
    return given.pop() if len(given) == 1 else MIXED
