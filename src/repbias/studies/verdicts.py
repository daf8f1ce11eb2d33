"""From tables to verdicts: an estimate with its interval for every claim and condition, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.statistics import Estimate, mean_interval
from repbias.studies.study import Claim, Condition, Study

REPLICATED, NOT_REPLICATED, MIXED, NO_VERDICT = "replicated", "not replicated", "mixed", "no verdict"
VERDICT_RULE = (
    "A claim is replicated in a condition where the whole 95 % interval of its statistic (Student's t over seeds) lies "
    "above the smallest effect worth the name, and not replicated otherwise; with fewer than two analysed seeds there "
    "is no verdict. Over the conditions that have one, a claim is replicated where it is in all, not replicated where "
    "it is in none, and mixed otherwise. Settings and seeds were fixed before the run, and every seed counts: seeds "
    "that miss the gate are counted beside n. Intervals are not corrected for the number of conditions."
)
CLAIM_COLUMNS = [
    "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
    "n_planned", "minimum", "strength",
]  # fmt: skip


def evaluate(
    study: Study, conditions: Sequence[Condition], table: pd.DataFrame, scale: str, seeds: int
) -> pd.DataFrame:
    """Return the claims table: one row a claim and condition, with the columns of `CLAIM_COLUMNS`.

    Parameters
    ----------
    table : tidy, columns condition, member, step, layer, feature, measure, value; without members that failed, for
        their last step is not the end of their training.
    seeds : members planned for each condition.
    """
    rows = []
    for claim in study.claims:
        for condition in conditions:
            estimate = _estimate(claim, condition, table[table["condition"] == condition.name])
            numbers: tuple[float | None, ...] = (None, None, None, 0)
            if estimate is not None:
                numbers = (estimate.mean, estimate.ci_low, estimate.ci_high, estimate.n)
            verdict = _verdict(estimate, claim.minimum)
            words = (claim.id, study.name, condition.name, claim.statement, claim.contrast.describe())
            rows.append((*words, *numbers, verdict, scale, seeds, claim.minimum, claim.strength))
    types = {"estimate": "float64", "ci_low": "float64", "ci_high": "float64", "minimum": "float64"}
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS).astype(types)


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


def _estimate(claim: Claim, condition: Condition, table: pd.DataFrame) -> Estimate | None:
    if table.empty:
        return None
    values = claim.contrast.per_member(table, condition.model.layer_names).dropna()
    return mean_interval(values.to_numpy()) if len(values) else None


def _verdict(estimate: Estimate | None, minimum: float) -> str:
    if estimate is None or estimate.n < 2:
        return NO_VERDICT
    return REPLICATED if estimate.ci_low > minimum else NOT_REPLICATED
