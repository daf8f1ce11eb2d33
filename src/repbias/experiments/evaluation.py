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
from repbias.core.statistics import mean_interval
from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.claim import Claim
from repbias.experiments.comparisons import Trend
from repbias.experiments.condition import Condition
from repbias.experiments.contrast import by_condition
from repbias.experiments.families import BEYOND, DESCRIPTIVE, PRIMARY, corrected
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
LEVEL_COLUMNS = [
    "id", "statement", "statistic", "group", "factor", "scale", "level", "mark", "seed", "value", "ci_low", "ci_high",
    "n",
]  # fmt: skip
Tables = dict[str, pd.DataFrame]
SEED_COLUMNS = ["row", "id", "condition", "seed", "passed", "value", "ungated"]
_ESTIMATES = ("estimate", "ci_low", "ci_high")


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
        again |= {"n": len(gated), "twin_n": len(twin), "spread": _spread(gated)}
        again |= dict.fromkeys([f"{which}{name}" for which in ("", "twin_") for name in _ESTIMATES], math.nan)
        again |= _estimates(gated, "") | _estimates(twin, "twin_")
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
            (label, group, _gated(claim, group, tables), _twin(claim, group, tables, twins))
            for label, group in groups(claim, conditions)
        ]
        average = claim.quantifier == "average"
        for label, group, values, twin in found:
            family = DESCRIPTIVE if average else PRIMARY if primary is None or label in primary else BEYOND
            yield claim, label, group, (values, twin), family
        if average and found:
            chosen = [one for one in found if primary is None or one[0] in primary]
            # Each seed's mean over the primary rows; a seed needs all of them.
            numbers = _mean_over([values for _, _, values, _ in chosen]), _mean_over([twin for _, _, _, twin in chosen])
            over = [condition for _, group, _, _ in chosen for condition in group]
            yield claim, f"average of {len(chosen)}", over, numbers, PRIMARY


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
        "family": DESCRIPTIVE if descriptive else family, "n": len(values), "n_planned": seeds,
        "spread": _spread(values), "sesoi": claim.sesoi, "twin_n": len(twin), "verdict": "", "note": "",
        "test_id": _test_id(claim, group), **_estimates(values, ""), **_estimates(twin, "twin_"),
    }  # fmt: skip
    return row if descriptive else row | _judged(row)


def _judged(row: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a row, and the numbers of the test."""
    known = {one.name: row.get(one.name, math.nan) for one in fields(Row)}
    judged = Row(**known)
    verdict = judged.verdict()
    return {
        "verdict": verdict.word,
        "note": verdict.note,
        "p": judged.p if judged.n >= LEAST_SEEDS else math.nan,
        "detectable": judged.detectable,
        "seeds_needed": judged.seeds_needed,
    }


def _spread(values: NDArray[np.float64]) -> float:
    """The standard deviation over seeds; exactly 0 where all agree."""
    if len(values) < 2:
        return math.nan
    return float(values.std(ddof=1)) if values.min() < values.max() else 0.0


def _estimates(values: NDArray[np.float64], prefix: str) -> dict[str, float]:
    if not len(values):
        return {}
    mean = mean_interval(values)
    return {f"{prefix}estimate": mean.mean, f"{prefix}ci_low": mean.ci_low, f"{prefix}ci_high": mean.ci_high}


def _mean_over(each: Sequence[pd.Series]) -> pd.Series:
    return pd.concat(each, axis=1).mean(axis=1, skipna=False)


def _test_id(claim: Claim, group: Sequence[Condition]) -> str:
    """What two rows share that test the same thing: contrast, comparison, and the networks' settings."""
    levels = [claim.compare.level(one.factors) if claim.compare else "" for one in group]
    settings = [f"{level} {one.network(0).run_id}" for level, one in zip(levels, group, strict=True)]
    compare = claim.compare.canonical_json() if claim.compare else ""
    return digest("; ".join([claim.contrast.canonical_json(), compare, claim.test, *settings]))


def groups(claim: Claim, conditions: Sequence[Condition]) -> list[tuple[str, list[Condition]]]:
    """Return the conditions on which a claim is judged, by name: each alone, or groups of those that it compares.

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
    """The name of a group: its levels; those that are plain numbers come with their factor."""
    named = (f"{factor} {level}" if level.replace(".", "", 1).isdigit() else level for factor, level in levels.items())
    return ", ".join(named) or "all conditions"


def _others(condition: Condition, varying: Sequence[str]) -> dict[str, str]:
    return {name: level for name, level in condition.factors.items() if name not in varying}


def _gated(claim: Claim, group: Sequence[Condition], tables: Tables) -> pd.Series:
    """The claim's number for every seed, NaN where a network does not count."""
    return _compared(claim, group, [_contrast(claim, condition, tables) for condition in group])


def _twin(claim: Claim, group: Sequence[Condition], tables: Tables, twins: Tables) -> pd.Series:
    """The claim's number for every seed with a last step, whether or not its networks pass the accuracy criterion."""
    each = []
    for condition in group:
        values = _contrast(claim, condition, tables)
        if values.isna().any() and condition.name in twins:
            values = claim.contrast.per_seed_ungated(twins[condition.name], condition.model.layer_names)
        each.append(values)
    return _compared(claim, group, each)


def _compared(claim: Claim, group: Sequence[Condition], each: Sequence[pd.Series]) -> pd.Series:
    if claim.compare is None:
        return each[0]
    levels = [claim.compare.level(condition.factors) for condition in group]
    return claim.compare.compute(pd.concat(each, axis=1, keys=levels))


def _contrast(claim: Claim, condition: Condition, tables: Tables) -> pd.Series:
    """The contrast in one condition, one number per network, NaN where it does not count."""
    if condition.name not in tables:
        return pd.Series(dtype=float)
    return claim.contrast.per_seed(tables[condition.name], condition.model.layer_names)


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
                rows += [{**at, **row} for row in _level_rows(_contrast(claim, condition, tables).dropna())]
    numeric = dict.fromkeys(("level", "value", "ci_low", "ci_high"), "float64") | {"seed": "Int64", "n": "Int64"}
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS).astype(numeric)


def _level_rows(values: pd.Series) -> list[dict[str, object]]:
    """Each network's number, and their mean with its interval."""
    if values.empty:
        return []
    seeds: list[dict[str, object]] = [{"mark": "seed", "seed": m, "value": v} for m, v in values.items()]
    mean = mean_interval(values.to_numpy(float))
    return [*seeds, {"mark": "mean", "value": mean.mean, "ci_low": mean.ci_low, "ci_high": mean.ci_high, "n": mean.n}]
