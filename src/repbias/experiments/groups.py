"""The conditions on which a claim is judged, alone or in groups that it compares, and its numbers there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.experiments.claim import Claim
from repbias.experiments.condition import Condition, Tables


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


def seed_numbers(
    claim: Claim, group: Sequence[Condition], tables: Tables, ungated: Tables
) -> tuple[pd.Series, pd.Series]:
    """Return the claim's number for every seed, NaN where its networks do not count, and that of the ungated twin.

    The twin has a number for every seed with a last step, whether or not its networks pass the accuracy criterion.
    """
    values = [condition.numbers(claim.contrast, tables) for condition in group]
    twins = [
        claim.contrast.per_seed_ungated(ungated[condition.name], condition.model.layer_names)
        if own.isna().any() and condition.name in ungated
        else own
        for condition, own in zip(group, values, strict=True)
    ]
    return _compared(claim, group, values), _compared(claim, group, twins)


def _compared(claim: Claim, group: Sequence[Condition], each: Sequence[pd.Series]) -> pd.Series:
    if claim.compare is None:
        return each[0]
    levels = [claim.compare.level(condition.factors) for condition in group]
    return claim.compare.compute(pd.concat(each, axis=1, keys=levels))
