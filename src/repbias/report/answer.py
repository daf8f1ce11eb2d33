"""The answer to a study's question, in sentences computed from its tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.report.views import joined
from repbias.runs.results import StudyResult
from repbias.studies.contrasts import Contrast, FeatureDifference, Growth, LayerSlope, at_last_step
from repbias.studies.study import Claim, Condition
from repbias.studies.verdicts import MIXED, NO_VERDICT, NOT_REPLICATED, REPLICATED, combine

_NO_CLAIMS = "This study states no claims; its tables and figures speak for themselves."
_SPACE = "\N{NO-BREAK SPACE}"


def answer(result: StudyResult) -> tuple[str, ...]:
    """Return the answer: one sentence on the study's first claim, one for each further claim, then what was left out.

    A claim's numbers are means over the members that its estimate counts; they are given as the smallest and the
    largest of the conditions that have a verdict.
    """
    claims = result.plan.study.claims
    if not claims:
        return (_NO_CLAIMS, *_left_out(result))
    ids = dict.fromkeys(claim.id for claim in claims)
    further = [[claim for claim in claims[1:] if claim.id == name] for name in ids]
    return (
        _lead(claims[0], result),
        *(_further(parts, result) for parts in further if parts),
        *_left_out(result),
    )


def _lead(claim: Claim, result: StudyResult) -> str:
    rows = _rows(claim, result.claims)
    decided = rows[rows["verdict"] != NO_VERDICT]
    opening = _capital(_verdict(rows["verdict"]))
    if decided.empty:
        return f"{opening}: fewer than two members could be analysed in each."
    if isinstance(claim.contrast, FeatureDifference) and claim.contrast.measure == "r2":
        return f"{opening}: {_explained(claim.contrast, result, decided)} (means over {_seeds(decided['n'])})."
    return f"{opening}: {claim.statement.rstrip('.')}; {_effect(claim.contrast, decided)}."


def _further(parts: Sequence[Claim], result: StudyResult) -> str:
    """One claim, or the parts of one that the lead does not tell."""
    told = [_part(claim, result) for claim in parts]
    every = result.claims[result.claims["id"] == parts[0].id]
    if len(every.drop_duplicates(["statement", "statistic"])) == 1:
        (statement, verdict, effect) = told[0]
        return f"{parts[0].id}, {verdict}: {statement}{effect}."
    whole = combine(every["verdict"].tolist())
    each = "; ".join(f"{statement}: {verdict}{effect}" for statement, verdict, effect in told)
    return f"{parts[0].id}, {whole} as a whole: {each}."


def _part(claim: Claim, result: StudyResult) -> tuple[str, str, str]:
    """The statement in quotes, its verdict with counts, and its mean effect in brackets where there is one."""
    rows = _rows(claim, result.claims)
    decided = rows[rows["verdict"] != NO_VERDICT]
    effect = "" if decided.empty else f" ({_effect(claim.contrast, decided)})"
    return f"“{claim.statement.rstrip('.')}”", _verdict(rows["verdict"]), effect


def _rows(claim: Claim, claims: pd.DataFrame) -> pd.DataFrame:
    """The conditions of one claim, or of one part of a claim."""
    same = (claims["id"] == claim.id) & (claims["statement"] == claim.statement)
    return claims[same & (claims["statistic"] == claim.contrast.describe())]


def _verdict(verdicts: pd.Series) -> str:
    """The verdict over conditions, with in how many of them it was reached: "replicated in 2 of 2 conditions"."""
    total = f"of {len(verdicts)} condition{'s' if len(verdicts) > 1 else ''}"
    count = verdicts.value_counts()
    undecided = int(count.get(NO_VERDICT, 0))
    overall = combine(verdicts.tolist())
    if overall == MIXED:
        held, failed = int(count[REPLICATED]), int(count[NOT_REPLICATED])
        without = f", {NO_VERDICT} in {undecided}" if undecided else ""
        return f"{MIXED}, {REPLICATED} in {held} {total} and {NOT_REPLICATED} in {failed}{without}"
    without = f", {NO_VERDICT} in {undecided}" if undecided and overall != NO_VERDICT else ""
    return f"{overall} in {int(count[overall])} {total}{without}"


def _explained(contrast: FeatureDifference, result: StudyResult, decided: pd.DataFrame) -> str:
    """How much of a layer each of the two features explains, as means over the members that the claim counts."""
    conditions = [one for one in result.plan.conditions if one.name in set(decided["condition"])]
    means = pd.DataFrame([_means(contrast, condition, result) for condition in conditions])
    more, less = (_shares(means[name].min(), means[name].max(), f"{_SPACE}%") for name in means)
    place = "the penultimate layer’s" if contrast.layer == "penultimate" else f"layer {contrast.layer}’s"
    return f"{contrast.more} explains {more} of {place} variance, {contrast.less} {less}"


def _means(contrast: FeatureDifference, condition: Condition, result: StudyResult) -> pd.Series:
    """The two features' means in one condition, over the members that the claim counts: not failed, and not NaN."""
    members = result.members[result.members["condition"] == condition.name]
    failed = members.loc[members["status"] == "failed", "member"]
    table = result.table[(result.table["condition"] == condition.name) & ~result.table["member"].isin(failed)]
    counted = contrast.per_member(table, condition.model.layer_names).dropna().index
    (layer,) = contrast.layers_read(condition.model.layer_names)
    values = at_last_step(table, contrast.measure).xs(layer, level="layer").loc[counted]
    return pd.Series({name: values[name].mean() for name in (contrast.more, contrast.less)})


def _effect(contrast: Contrast, decided: pd.DataFrame) -> str:
    """The smallest and largest mean effect; the difference of two shares is in percentage points."""
    low, high = float(decided["estimate"].min()), float(decided["estimate"].max())
    if not _is_share(contrast):
        return f"mean effect {_range(_minus(f'{low:.2g}'), _minus(f'{high:.2g}'))}"
    per_layer = " a layer" if isinstance(contrast, LayerSlope) else ""
    return f"mean effect {_shares(low, high)} percentage points{per_layer}"


def _is_share(contrast: Contrast) -> bool:
    """Whether the contrast compares shares of variance or of units."""
    if isinstance(contrast, FeatureDifference | LayerSlope):
        return contrast.measure == "r2" or contrast.measure.startswith("density_")
    return isinstance(contrast, Growth)


def _left_out(result: StudyResult) -> list[str]:
    """What the numbers do not cover: conditions of another scale, members not run, failed, or below the gate."""
    sentences = []
    all_conditions, members = len(result.plan.study.conditions), result.members
    if len(result.plan.conditions) < all_conditions:
        here = len(result.plan.conditions)
        sentences.append(f"The {result.plan.scale} scale covers {here} of the study’s {all_conditions} conditions.")
    for status, what in (("not run", "Not run yet"), ("failed", "Failed in training")):
        if count := int((members["status"] == status).sum()):
            sentences.append(f"{what}: {count} of {len(members)} members.")
    missed = members.loc[~members["status"].isin(["failed", "not run"]) & (members["missed"] != ""), "missed"]
    if len(missed):
        names = joined(dict.fromkeys(name for cell in missed for name in cell.split(", ")))
        sentences.append(
            f"Missed the accuracy gate on {names}: {len(missed)} of {len(members)} members; "
            "a claim leaves out the members that missed one of its features."
        )
    return sentences


def _seeds(counts: pd.Series) -> str:
    return f"{_range(str(int(counts.min())), str(int(counts.max())))} seeds"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _shares(low: float, high: float, unit: str = "") -> str:
    """A range of shares in hundredths: whole where all are at least ten, else with one decimal."""
    decimals = 1 if 100 * min(abs(low), abs(high)) < 9.95 else 0
    return _range(*(f"{_minus(f'{100 * share:.{decimals}f}')}{unit}" for share in (low, high)))


def _minus(number: str) -> str:
    """The number with a true minus sign, and without one where only zeros are left."""
    return number.lstrip("-") if float(number) == 0 else number.replace("-", "−")


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
