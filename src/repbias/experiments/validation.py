"""Checks, before training, that the conditions of a study have what its claims need."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence

from repbias.core.specs import did_you_mean
from repbias.experiments.analysis import Analysis
from repbias.experiments.claim import Claim
from repbias.experiments.comparisons import AnyComparison
from repbias.experiments.condition import Condition, Where
from repbias.experiments.contrasts import END, MEASURES, START, Contrast, Growth, LayerSlope
from repbias.training.checkpoint import INPUT


def misfits(claim: Claim, conditions: Sequence[Condition], analysis: Analysis | None = None) -> Iterator[str]:
    """Yield what keeps a claim from being judged in the conditions of its study, one sentence per problem."""
    lead = f"claim {claim.id}"
    yield from unread(lead, claim.contrast, claim.where, conditions, analysis)
    yield from _unknown_levels(lead, claim.primary, conditions)
    chosen = [condition for condition in conditions if claim.concerns(condition)]
    if chosen and claim.compare is not None:
        yield from _incomparable(lead, claim.compare, chosen)


def unread(
    lead: str, contrast: Contrast, where: Where | None, conditions: Sequence[Condition], analysis: Analysis | None
) -> Iterator[str]:
    """Yield what a contrast reads and the conditions lack: features, measures, layers; `lead` opens each sentence."""
    yield from _unknown_levels(lead, where, conditions)
    chosen = [condition for condition in conditions if condition.matches(where)]
    if not chosen:
        yield f"{lead} concerns no condition; check its where"
    for condition in chosen:
        yield from _lacking(lead, contrast, condition, analysis)


def _unknown_levels(lead: str, where: Where | None, conditions: Sequence[Condition]) -> Iterator[str]:
    for factor, levels in (where or {}).items():
        known = list(dict.fromkeys(c.factors[factor] for c in conditions if factor in c.factors))
        if known:
            yield from _unknown(f"{lead}: no condition has {factor}", levels, known)
        else:
            factors = dict.fromkeys(name for condition in conditions for name in condition.factors)
            yield f"{lead}: no condition has a factor {factor!r}; {did_you_mean(factor, factors)}"


def _incomparable(lead: str, compare: AnyComparison, chosen: Sequence[Condition]) -> Iterator[str]:
    for condition in chosen:
        for missing in (name for name in compare.varying if name not in condition.factors):
            known = did_you_mean(missing, condition.factors)
            yield f"{lead}: condition {condition.name!r} has no factor {missing!r}; {known}"
    able = [condition.factors for condition in chosen if set(compare.varying) <= set(condition.factors)]
    levels = dict.fromkeys(map(compare.level, able))
    if levels:
        yield from (f"{lead}: {problem}" for problem in compare.problems(list(levels)))
    first: dict[frozenset[tuple[str, str]], str] = {}
    for condition in chosen:
        same = first.setdefault(frozenset(condition.factors.items()), condition.name)
        if same != condition.name:
            yield f"{lead} compares by factors, and those of {same!r} and {condition.name!r} are the same; add another"


def _lacking(lead: str, contrast: Contrast, condition: Condition, analysis: Analysis | None) -> Iterator[str]:
    hidden = condition.model.layer_names
    features, measures = condition.task.measured_names, (*MEASURES, *condition.measures)
    if analysis is not None:
        features, measures = (*features, *analysis.features), (*measures, *analysis.measures)
    where = f"{lead}: condition {condition.name!r}"
    if isinstance(contrast, Growth):
        for event in (START, END):
            if event in features:
                yield f"{where} has a feature called {event!r}, which names a step of training; rename the feature"
    if isinstance(contrast, LayerSlope) and len(hidden) < 2:
        yield f"{where} has one hidden layer; a slope over layers needs two"
    yield from _unknown(f"{where} has no feature", contrast.features(), features)
    of_features = [measure for measure in measures if measure != "joint_r2"]
    yield from _unknown(f"{where} has no measure", contrast.measures_read(), of_features)
    measured = (INPUT, *condition.layers_measured)
    for layer in contrast.layers_read(hidden):
        if not any(_matches(layer, pattern) for pattern in measured):
            yield f"{where} does not measure layer {layer!r}; {did_you_mean(layer, measured)}"


def _matches(layer: str, pattern: str) -> bool:
    return layer.count(".") == pattern.count(".") and fnmatch.fnmatchcase(layer, pattern)


def _unknown(lead: str, names: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    return (f"{lead} {name!r}; {did_you_mean(name, known)}" for name in names if name not in known)
