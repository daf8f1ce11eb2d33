"""From tables of trained networks to the claims table: an estimate and a verdict for every claim and condition.

A row of the claims table is one part of a claim in one condition, or in one group of conditions that it compares:

=====================================  ===============================================================================
column                                 meaning
=====================================  ===============================================================================
id, study, role, about, domain         the claim ("study/name" for a study's own question), the study, "paper" or
                                       "ours", the claim of the catalogue concerned, and the kind of stimuli
condition, statement, statistic        where the statistic is taken, what is claimed, and the statistic
test, quantifier, family               as in `Claim`; "primary", "beyond" (other conditions) or "descriptive"
estimate, ci_low, ci_high, n,          mean over the seeds that count, its 95 % interval, how many they are, how many
n_planned, spread                      were planned, and their standard deviation
sesoi, p, detectable, seeds_needed     smallest effect of interest; one-sided p of the claim; see `Row` in `verdicts`
twin_estimate, twin_ci_low,            the same of the ungated twin: networks that fail the accuracy criterion are read
twin_ci_high, twin_n                   at their last step
verdict, note, corrected               the row's verdict alone, what qualifies it, and the verdict by Holm's steps in
                                       its family; empty where the row is descriptive
scale, test_id                         "quick" or "full"; rows that test the same thing in two studies share `test_id`
=====================================  ===============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from repbias.core.specs import digest
from repbias.core.statistics import Estimate, mean_interval
from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.claim import Claim
from repbias.experiments.condition import Condition
from repbias.experiments.contrast import by_condition
from repbias.experiments.families import BEYOND, DESCRIPTIVE, PRIMARY, corrected
from repbias.experiments.groups import groups, seed_numbers
from repbias.experiments.study import Study
from repbias.experiments.verdicts import LEAST_SEEDS, Row

CLAIM_COLUMNS = [
    "id", "study", "role", "about", "domain", "condition", "statement", "statistic", "test", "quantifier", "family",
    "estimate", "ci_low", "ci_high", "n", "n_planned", "spread", "sesoi", "p", "detectable", "seeds_needed",
    "twin_estimate", "twin_ci_low", "twin_ci_high", "twin_n", "verdict", "note", "corrected", "scale", "test_id",
]  # fmt: skip
_NUMBERS = (
    "estimate", "ci_low", "ci_high", "spread", "sesoi", "p", "detectable", "seeds_needed", "twin_estimate",
    "twin_ci_low", "twin_ci_high",
)  # fmt: skip
SEED_COLUMNS = ["row", "id", "condition", "seed", "passed", "value", "ungated"]
_NO_ESTIMATE = Estimate(math.nan, math.nan, math.nan, 0, 0.95)


def evaluate(
    study: Study,
    conditions: Sequence[Condition],
    table: pd.DataFrame,
    scale: str,
    seeds: int,
    ungated: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the claims table: one row per claim and condition (or group of conditions), `CLAIM_COLUMNS`.

    Parameters
    ----------
    table : tidy, columns condition, seed, step, layer, feature, measure, value; without the networks that diverged,
        whose last step is not the end of their training.
    scale : "quick" or "full".
    seeds : networks planned for each condition.
    ungated : the table for the ungated twins, where it differs: analyses of several networks at once are then of all
        networks, those that failed the accuracy criterion among them.
    """
    rows = [
        _row(claim, study, (label, group), numbers, family, seeds)
        for claim, label, group, numbers, family in _parts(study, conditions, table, ungated)
    ]
    claims = pd.DataFrame(rows).reindex(columns=CLAIM_COLUMNS).assign(scale=scale)
    kinds = dict.fromkeys(_NUMBERS, "float64") | dict.fromkeys(("n", "n_planned", "twin_n"), "int64")
    return corrected(claims.astype(kinds))


def seed_values(
    study: Study, conditions: Sequence[Condition], table: pd.DataFrame, ungated: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the numbers from which every row of the claims table follows, one per seed, `SEED_COLUMNS`.

    Parameters
    ----------
    table, ungated : as `evaluate` takes them.

    Returns
    -------
    One row per row of the claims table and seed: `row` (the position of that row in the claims table), the claim's id,
    its condition, the seed, whether its networks `passed` the accuracy criterion, the `value` that counts (NaN where
    they did not pass), and the value of the `ungated` twin.
    """
    frames = []
    for place, (claim, label, _, (values, twin), _) in enumerate(_parts(study, conditions, table, ungated)):
        both = pd.DataFrame({"value": values, "ungated": twin}).astype(float).dropna(how="all")
        both = both.rename_axis("seed").reset_index().assign(row=place, id=claim.name_in(study.name), condition=label)
        frames.append(both.assign(passed=both["value"].notna()))
    return pd.concat(frames, ignore_index=True)[SEED_COLUMNS] if frames else pd.DataFrame(columns=SEED_COLUMNS)


def judged_again(claims: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Return a claims table with estimates and verdicts that are computed anew from the numbers of its seeds.

    Parameters
    ----------
    claims : a claims table, of which what is claimed, tested and planned is read. values : as `seed_values` returns it.
    """
    rows = []
    for place, row in enumerate(claims.to_dict("records")):
        mine = values[values["row"] == place]
        gated, twin = (mine[name].dropna().to_numpy(float) for name in ("value", "ungated"))
        again: dict[str, Any] = {str(name): value for name, value in row.items()}
        again |= _summary(gated, twin)
        rows.append(again if row["test"] == "descriptive" else again | _judged(again))
    return corrected(pd.DataFrame(rows, columns=claims.columns).astype(claims.dtypes.to_dict()))


def _parts(
    study: Study, conditions: Sequence[Condition], table: pd.DataFrame, ungated: pd.DataFrame | None
) -> Iterator[tuple[Claim, str, list[Condition], tuple[pd.Series, pd.Series], str]]:
    """Yield each row's claim, the name and conditions of its group, the numbers of its seeds and twins, its family."""
    tables, twins = by_condition(table), by_condition(table if ungated is None else ungated)
    for claim in study.claims:
        primary = _primary_labels(claim, study)
        found = [
            (label, group, seed_numbers(claim, group, tables, twins)) for label, group in groups(claim, conditions)
        ]
        average = claim.quantifier == "average"
        for label, group, numbers in found:
            family = DESCRIPTIVE if average else PRIMARY if primary is None or label in primary else BEYOND
            yield claim, label, group, numbers, family
        if average and found:
            chosen = [one for one in found if primary is None or one[0] in primary]
            # Each seed's mean over the primary rows; a seed needs all of them.
            both = ([numbers[place] for _, _, numbers in chosen] for place in (0, 1))
            values, twin = (pd.concat(each, axis=1).mean(axis=1, skipna=False) for each in both)
            over = [condition for _, group, _ in chosen for condition in group]
            yield claim, f"average of {len(chosen)}", over, (values, twin), PRIMARY


def _primary_labels(claim: Claim, study: Study) -> set[str] | None:
    """The names of the groups that decide a claim; None for all."""
    if claim.primary is not None:
        chosen = [condition for condition in study.conditions if condition.matches(claim.primary)]
        return {label for label, _ in groups(claim, chosen)}
    quick = groups(claim, study.at("quick")) if "quick" in study.scales else []
    return {label for label, _ in quick} or None


def _row(
    claim: Claim,
    study: Study,
    place: tuple[str, Sequence[Condition]],
    numbers: tuple[pd.Series, pd.Series],
    family: str,
    seeds: int,
) -> dict[str, Any]:
    """One row of the claims table; `numbers` are those of the seeds that count, and of the ungated twin."""
    label, group = place
    values, twin = (series.dropna().to_numpy(float) for series in numbers)
    descriptive = claim.test == "descriptive" or family == DESCRIPTIVE
    row = {
        "id": claim.name_in(study.name), "study": study.name, "role": claim.role,
        "about": claim.id if claim.id in CATALOGUE else claim.illuminates or "", "domain": study.domain,
        "condition": label, "statement": claim.statement, "statistic": claim.describe(),
        "test": "descriptive" if descriptive else claim.test, "quantifier": claim.quantifier,
        "family": DESCRIPTIVE if descriptive else family, "n_planned": seeds, "sesoi": claim.sesoi,
        "verdict": "", "note": "", "test_id": _test_id(claim, group), **_summary(values, twin),
    }  # fmt: skip
    return row if descriptive else row | _judged(row)


def _judged(row: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a row, and the numbers of the test."""
    judged = Row(**{one.name: row.get(one.name, math.nan) for one in fields(Row)})
    verdict = judged.verdict()
    return {
        "verdict": verdict.word,
        "note": verdict.note,
        "p": judged.p if judged.n >= LEAST_SEEDS else math.nan,
        "detectable": judged.detectable,
        "seeds_needed": judged.seeds_needed,
    }


def _summary(values: NDArray[np.float64], twin: NDArray[np.float64]) -> dict[str, float]:
    """What the claims table says of the numbers of a row's seeds, and of their ungated twins."""
    spread = {"n": len(values), "twin_n": len(twin), "spread": _spread(values)}
    return {**spread, **_estimates(values, ""), **_estimates(twin, "twin_")}


def _spread(values: NDArray[np.float64]) -> float:
    """The standard deviation over seeds; exactly 0 where all agree."""
    if len(values) < 2:
        return math.nan
    return float(values.std(ddof=1)) if values.min() < values.max() else 0.0


def _estimates(values: NDArray[np.float64], prefix: str) -> dict[str, float]:
    mean = mean_interval(values) if len(values) else _NO_ESTIMATE
    return {f"{prefix}estimate": mean.mean, f"{prefix}ci_low": mean.ci_low, f"{prefix}ci_high": mean.ci_high}


def _test_id(claim: Claim, group: Sequence[Condition]) -> str:
    """What two rows share that test the same thing: contrast, comparison, and the networks' settings."""
    levels = [claim.compare.level(one.factors) if claim.compare else "" for one in group]
    settings = [f"{level} {one.network(0).run_id}" for level, one in zip(levels, group, strict=True)]
    compare = claim.compare.canonical_json() if claim.compare else ""
    return digest("; ".join([claim.contrast.canonical_json(), compare, claim.test, *settings]))
