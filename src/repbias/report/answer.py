"""The answer to a study's question, in sentences computed from its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from repbias.core.display import joined
from repbias.experiments.claim import Claim
from repbias.experiments.comparisons import Trend
from repbias.experiments.condition import Condition
from repbias.experiments.contrast import at_last_step, by_condition
from repbias.experiments.contrasts import FeatureDifference, LayerSlope, Level
from repbias.experiments.families import BEYOND, DESCRIPTIVE, PRIMARY, counted, headlines
from repbias.experiments.growth import Growth
from repbias.experiments.verdicts import NO_DATA
from repbias.figures.select import count_range, span
from repbias.runs.results import StudyResult
from repbias.runs.study_tables import trained_networks

_NO_CLAIMS = "This study states no claims; its results are in the tables and figures."
_SHARES = ("r2", "r2_final", "r2_per_stimulus", "unique", "joint_r2")
_SPACE = "\N{NO-BREAK SPACE}"


def answer(result: StudyResult) -> tuple[str, ...]:
    """Return the answer: a sentence on the study's first claim, one on each further claim, then what was left out.

    A claim's numbers are means over the networks that its estimate counts; they are given as the smallest and the
    largest over the primary conditions that have data.
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
    rows = _rows(claim, result)
    estimated = _estimated(rows)
    opening, statement = _capital(_verdict(claim, result)), claim.statement.rstrip(".")
    if rows.empty:
        return f"{opening}: {statement}."
    if estimated.empty:
        return f"{opening}: {statement}; fewer than four seeds count in each."
    if isinstance(claim.contrast, FeatureDifference) and claim.contrast.measure == "r2" and claim.compare is None:
        return f"{opening}: {_explained(claim.contrast, result, estimated)} (means over {_seeds(estimated['n'])})."
    return f"{opening}: {statement}; {_effect(claim, estimated)}."


def _further(parts: Sequence[Claim], result: StudyResult) -> str:
    """A sentence on one claim, or on the parts of one that the lead does not cover."""
    name = parts[0].name_in(result.plan.study.name)
    each = [_part(claim, result) for claim in parts]
    if sum(claim.id == parts[0].id for claim in result.plan.study.claims) == 1:
        ((statement, verdict, effect),) = each
        return f"{name}, {verdict}: {statement}{effect}."
    whole = result.verdicts.loc[result.verdicts["id"] == name, "verdict"]
    as_a_whole = f", {whole.item()} as a whole" if len(whole) else ""
    return f"{name}{as_a_whole}: " + "; ".join(f"{words}: {verdict}{effect}" for words, verdict, effect in each) + "."


def _part(claim: Claim, result: StudyResult) -> tuple[str, str, str]:
    """The statement in quotes, its verdict with counts, and its mean effect in brackets where there is one."""
    estimated = _estimated(_rows(claim, result))
    effect = "" if estimated.empty else f" ({_effect(claim, estimated)})"
    return f"“{claim.statement.rstrip('.')}”", _verdict(claim, result), effect


def _rows(claim: Claim, result: StudyResult) -> pd.DataFrame:
    """The conditions, or groups of them, of one claim or one part of a claim."""
    claims = result.claims
    same = (claims["id"] == claim.name_in(result.plan.study.name)) & (claims["statement"] == claim.statement)
    return claims[same & (claims["statistic"] == claim.describe())]


def _estimated(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that decide a claim, or describe it, and have data."""
    deciding = rows[rows["family"] == (PRIMARY if (rows["family"] != DESCRIPTIVE).any() else DESCRIPTIVE)]
    return deciding[deciding["estimate"].notna() & (deciding["verdict"] != NO_DATA)]


def _verdict(claim: Claim, result: StudyResult) -> str:
    """The verdict on one part, with the conditions or comparisons in which it was reached, and what qualifies it.

    "replicated in 2 of 2 conditions"; "inconclusive (replicated in 1, inconclusive in 1 of 2 conditions)".
    """
    rows = _rows(claim, result)
    if rows.empty:
        return f"not tested at the {result.plan.scale} scale"
    found = headlines(rows)
    if found.empty:
        return "descriptive"
    ((verdict, tally, beyond),) = found[["verdict", "tally", "beyond"]].itertuples(index=False, name=None)
    primary = rows[rows["family"] == PRIMARY]
    if primary.empty:
        return f"beyond the primary conditions it {beyond}" if beyond else "not tested"
    noun = "condition" if claim.compare is None and claim.quantifier != "average" else "comparison"
    kind = "primary " if (rows["family"] == BEYOND).any() else ""
    of = f"of {len(primary)} {kind}{noun}{'s' if len(primary) > 1 else ''}"
    words = f"{tally} {of}" if tally.startswith(verdict) and "," not in tally else f"{verdict} ({tally} {of})"
    notes = counted(Counter(str(note) for note in primary["note"] if note))
    return "; ".join([words, *([f"elsewhere it {beyond}"] if beyond else []), *([notes] if notes else [])])


def _explained(contrast: FeatureDifference, result: StudyResult, estimated: pd.DataFrame) -> str:
    """How much of a layer each of the two features explains: means over the networks that count."""
    conditions = [one for one in result.plan.conditions if one.name in set(estimated["condition"])]
    tables = by_condition(trained_networks(result.table, result.outcomes))
    means = pd.DataFrame([_means(contrast, condition, tables[condition.name]) for condition in conditions])
    more, less = (_shares(means[name].min(), means[name].max(), f"{_SPACE}%") for name in means)
    place = "the penultimate layer’s" if contrast.layer == "penultimate" else f"layer {contrast.layer}’s"
    return f"{contrast.more} explains {more} of {place} variance, {contrast.less} {less}"


def _means(contrast: FeatureDifference, condition: Condition, table: pd.DataFrame) -> pd.Series:
    """The two features' means in one condition, over the networks that count: those that have a contrast."""
    counted = contrast.per_seed(table, condition.model.layer_names).dropna().index
    (layer,) = contrast.layers_read(condition.model.layer_names)
    values = at_last_step(table, contrast.measure).xs(layer, level="layer").loc[counted]
    return pd.Series({name: values[name].mean() for name in (contrast.more, contrast.less)})


def _effect(claim: Claim, estimated: pd.DataFrame) -> str:
    """The smallest and largest mean effect; the difference of two shares is in percentage points."""
    low, high = float(estimated["estimate"].min()), float(estimated["estimate"].max())
    per = _per(claim)
    if not _is_share(claim):
        return f"mean effect {span(_minus(f'{low:.2g}'), _minus(f'{high:.2g}'))}{per}"
    return f"mean effect {_shares(low, high)} percentage points{per}"


def _per(claim: Claim) -> str:
    """The unit to which the effect refers: a layer, a doubling of a factor."""
    layer = " per layer" if isinstance(claim.contrast, LayerSlope) else ""
    if not isinstance(claim.compare, Trend):
        return layer
    return f"{layer} per {'doubling' if claim.compare.scale == 'log2' else 'unit'} of {claim.compare.factor}"


def _is_share(claim: Claim) -> bool:
    """Whether the claim's numbers are shares of variance or of units."""
    contrast = claim.contrast
    if isinstance(contrast, FeatureDifference | LayerSlope | Level):
        return contrast.measure in _SHARES or contrast.measure.startswith("density_")
    return isinstance(contrast, Growth)


def _left_out(result: StudyResult) -> list[str]:
    """Say what the numbers leave out: conditions of another scale, and networks not run, diverged or inaccurate."""
    sentences = []
    all_conditions, networks = len(result.plan.study.conditions), result.outcomes
    if len(result.plan.conditions) < all_conditions:
        here = len(result.plan.conditions)
        sentences.append(f"The {result.plan.scale} scale covers {here} of the study’s {all_conditions} conditions.")
    for status, what in (("not run", "Not run yet"), ("failed", "Diverged in training")):
        if count := int((networks["status"] == status).sum()):
            sentences.append(f"{what}: {count} of {len(networks)} networks.")
    if result.n_analyses_missing:
        sentences.append(f"Analyses not done yet: {result.n_analyses_missing}.")
    missed = networks.loc[
        ~networks["status"].isin(["failed", "not run"]) & (networks["failed_criterion"] != ""), "failed_criterion"
    ]
    if len(missed):
        names = joined(dict.fromkeys(name for cell in missed for name in cell.split(", ")))
        sentences.append(
            f"Failed the accuracy criterion on {names}: {len(missed)} of {len(networks)} networks; "
            "a claim leaves out the networks that failed it on one of the claim’s features."
        )
    return sentences


def _seeds(counts: pd.Series) -> str:
    return f"{count_range(counts)} seeds"


def _shares(low: float, high: float, unit: str = "") -> str:
    """A range of shares in hundredths: whole where all are at least ten, else with one decimal."""
    decimals = 1 if 100 * min(abs(low), abs(high)) < 9.95 else 0
    return span(*(f"{_minus(f'{100 * share:.{decimals}f}')}{unit}" for share in (low, high)))


def _minus(number: str) -> str:
    """The number with a true minus sign, and without one where only zeros are left."""
    return number.lstrip("-") if float(number) == 0 else number.replace("-", "−")


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
