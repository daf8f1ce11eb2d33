"""The conclusions that an audit allows, and the limits of them, in sentences with numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from repbias.audit import status
from repbias.audit.findings import Shared
from repbias.audit.followed import followed
from repbias.audit.nulls import LEVEL
from repbias.audit.status import (
    TESTS,
    Facts,
    Sentence,
    detected_in,
    facts_of,
    listed,
    percent,
    rivals,
    short,
    status_of,
)
from repbias.core.results import ALL_FEATURES, EXPLAINED

LARGE_SHARE = 0.5
ALIKE = 1.5  # scores whose ratio is below this count as similar
MOSTLY = 5.0  # above this ratio, the larger score hides the smaller
_SCORES = ("rsa", "cka", "rsa_equalised", "cka_equalised")


def conclusions(
    results: pd.DataFrame,
    components: pd.DataFrame,
    shared: Mapping[str, Shared],
    equalised: Mapping[str, tuple[str, ...]],
) -> tuple[Sentence, ...]:
    """Return the sentences of an audit: on each layer, on scores in each layer, and on the audit as a whole.

    Parameters
    ----------
    results, components : as in `AuditReport`.
    shared : by layer, pairs of features whose labels are associated, with their shared `r2_unbiased` and its interval.
    equalised : by layer, the features whose shares were made equal for the scores.
    """
    sentences = []
    for layer, of_layer in results.groupby("layer", sort=False):
        facts, pairs = facts_of(of_layer), shared.get(str(layer), [])
        texts = (
            *_statuses(facts, pairs),
            *_indistinct(pairs, {fact.name: fact for fact in facts}),
            *followed(facts, components[components["layer"] == layer]),
            *_reproduced(Facts(of_layer, ALL_FEATURES)),
        )
        sentences += [Sentence(str(layer), text) for text in texts]
    cells = results.set_index(["layer", "measure", "feature"])["value"].sort_index()
    for layer, names in equalised.items():
        if names:
            scores = {measure: cells.loc[layer, measure][list(names)] for measure in _SCORES}
            sentences += [Sentence(layer, text) for text in _scores(scores)]
    return (*sentences, _calibration(results))


def _calibration(results: pd.DataFrame) -> Sentence:
    rates = results[results["measure"] == "false_positives"]
    worst = rates.iloc[int(rates["value"].to_numpy().argmax())]
    average, most = short(float(rates["value"].mean())), percent(worst["value"], worst["ci_low"], worst["ci_high"])
    return Sentence(
        None,
        f"The empirical false-positive rate of the test at {100 * LEVEL:.0f} %, from planted features without effect "
        f"in these data, is {average} % on average and at most {most} ({worst['feature']} in {worst['layer']}).",
    )


def _statuses(facts: list[Facts], pairs: Shared) -> Iterator[str]:
    """State the status and the numbers of each feature, detected ones first, in the order of what they explain."""
    detected = detected_in(facts)
    if not detected:
        yield "no feature was detected after correction for the number of tests."
    for fact in (*detected, *(fact for fact in facts if fact not in detected)):
        name, explains, read_out = fact.name, _explains(fact), fact.read_out
        match status_of(fact, facts):
            case status.DOMINANT:
                yield f"{name} is dominant. It {explains}, and is {read_out}.{_lead(fact, facts)}"
            case status.TIED:
                yield f"{name} is tied. It {explains}, and is {read_out}.{_tie(fact, facts)}"
            case status.DETECTED:
                yield f"{name} is detected. It {explains}, and is {read_out}."
            case status.WEAK:
                yield (
                    f"{name} is weak but decodable. It {_explains(fact, 'only ')}, but is {read_out}: a small share of "
                    f"the variance does not show that a feature is not represented.{_confounded(fact, facts, pairs)}"
                )
            case status.NOT_DETECTED:
                yield f"{name} was not detected. It {explains}, and is {read_out}; {_bound(fact)}."
            case status.INCONCLUSIVE:
                p = [[f"{fact.value(measure, when):.2g}" for measure in TESTS] for when in ("p", "p_holm")]
                yield (
                    f"for {name} the audit is inconclusive. It {explains}, and is {read_out}; the p values "
                    f"are {' and '.join(p[0])}, after correction {' and '.join(p[1])}."
                )


def _explains(fact: Facts, only: str = "") -> str:
    """Return "explains 12 % [8, 16] of the variance" with its share of the ceiling; an R2 below 0 is no share."""
    share = fact.percent(EXPLAINED)
    if fact.explained <= 0:
        return f"explains no variance that can be measured (R2 {share})"
    of_ceiling = f" ({fact.percent('r2_of_ceiling')} of what repeats reproduce)" if fact.has("r2_of_ceiling") else ""
    return f"explains {only}{share} of the variance{of_ceiling}"


def _lead(fact: Facts, facts: list[Facts]) -> str:
    """Return by how much the strongest feature exceeds the next."""
    others = [one for one in facts if one is not fact]
    if not others:
        return ""
    following = max(others, key=lambda one: one.explained)
    return f" The next feature, {following.name}, explains less, by {fact.percent('r2_lead')} of the variance."


def _tie(fact: Facts, facts: list[Facts]) -> str:
    """Return the difference of a tied feature from the one that it cannot be distinguished from."""
    strongest, closest, *_ = rivals(facts)
    more, less = (fact, closest) if fact is strongest else (strongest, fact)
    value, low, high = less.interval("r2_lead")
    return (
        f" {more.name} explains {percent(-value, -high, -low)} of the variance more than {less.name}, which cannot be "
        "distinguished from 0."
    )


def _confounded(fact: Facts, facts: list[Facts], pairs: Shared) -> str:
    """Return a warning where a feature may be decoded by way of a stronger one, because their labels are associated."""
    partners = {name for pair in pairs if fact.name in pair[:2] for name in pair[:2]}
    stronger = [one.name for one in facts if one.name in partners and one.explained > fact.explained]
    if not stronger:
        return ""
    return f" However, its labels are associated with those of {listed(stronger)}, from which it may be decoded."


def _bound(fact: Facts) -> str:
    """Return which effect these data could have shown of a feature that was not detected."""
    detectable = fact.value("detectable_r2")
    if not np.isfinite(detectable):
        return "no feature of this kind would have been detected with 80 % power, so nothing can be concluded"
    return (
        f"a feature that explains {short(detectable)} % or more would have been detected with 80 % power, but a weaker "
        "one may be represented"
    )


def _indistinct(pairs: Shared, facts: dict[str, Facts]) -> Iterator[str]:
    """Name for each feature the weaker ones that cannot be distinguished from it, as their labels are associated."""
    weaker: dict[str, list[str]] = defaultdict(list)
    for first, second, value, low, high in pairs:
        less, more = sorted((facts[first], facts[second]), key=lambda fact: fact.explained)
        if less.varies and low > 0 and value > LARGE_SHARE * less.explained:
            weaker[more.name].append(
                f"{less.name} explains {less.percent(EXPLAINED)} of the variance, {percent(value, low, high)} is "
                f"shared with {more.name}, and {_unique(less)}"
            )
    for name, ones in weaker.items():
        yield (
            f"some features cannot be distinguished from {name}, as their labels are associated: {'; '.join(ones)}. "
            f"For {name}, {_unique(facts[name])}."
        )


def _unique(fact: Facts) -> str:
    share = fact.percent("r2_unique")
    return (
        f"{share} of the variance is unique"
        if fact.value("r2_unique") > 0
        else f"no unique variance can be measured (R2 {share})"
    )


def _reproduced(whole: Facts) -> Iterator[str]:
    """State the noise ceiling, where there is one."""
    if not whole.has("noise_ceiling"):
        return
    share = whole.percent("noise_ceiling")
    if not whole.value("noise_ceiling", "ci_low") > 0:
        yield (
            f"repeats do not reliably reproduce any variance ({share}), so a feature of the stimulus may explain "
            "little only because these data are noisy."
        )
        return
    yield f"repeats reproduce {share} of the variance; no feature of the stimulus can explain more."


def _scores(scores: Mapping[str, pd.Series[float]]) -> Iterator[str]:
    """State the scores of models that represent one feature alone, before and after shares are made equal."""
    before, after = scores["rsa"].sort_values(ascending=False), scores["rsa_equalised"]
    if before.isna().any() or after.isna().any():
        return
    now = "; ".join(f"{name} {before[name]:z.2f}, {scores['cka'][name]:z.2f}" for name in before.index)
    then = "; ".join(f"{name} {after[name]:z.2f}, {scores['cka_equalised'][name]:z.2f}" for name in before.index)
    yield (
        f"a model that represents one feature alone would score, in RSA and in CKA with this layer: {now}. After the "
        f"shares of these features are made equal: {then}."
    )
    yield _allowed(before, after)


def _allowed(before: pd.Series[float], after: pd.Series[float]) -> str:
    """Return what the scores can be used for; `before` is sorted, the largest first."""
    strong, weak = before.index[0], before.index[-1]
    if before.iloc[0] < ALIKE * before.iloc[-1]:
        return (
            f"RSA weighs {strong} and {weak} about equally, so one model does not score higher than another merely "
            "because it represents the stronger feature."
        )
    if before.iloc[0] <= MOSTLY * before.iloc[-1]:
        ratio = before.iloc[0] / before.iloc[-1]
        text = f"in the responses as recorded, RSA weighs {strong} {ratio:.1f} times as much as {weak}"
    else:
        text = (
            f"in the responses as recorded, a high RSA score shows that a model represents {strong}, and almost "
            f"nothing about {weak}"
        )
    text += f": of two models, the one with {strong} may score higher, whatever else it lacks."
    if after.max() < ALIKE * after.min():
        return f"{text} With equal shares the scores are similar: each feature counts about equally."
    return (
        f"{text} With equal shares the scores still differ, from {after.min():z.2f} to {after.max():z.2f}, because the "
        "noise along the directions of a feature is scaled with it, and a feature with more classes spreads over more "
        "directions: compare models feature by feature."
    )
