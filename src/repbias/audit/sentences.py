"""What may and may not be concluded from an audit, in plain sentences that say the numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pandas as pd

from repbias.audit.power import LEVEL
from repbias.audit.status import (
    DOMINANT,
    INCONCLUSIVE,
    NOT_DETECTED,
    WEAK,
    Facts,
    facts_of,
    found_in,
    status_of,
)
from repbias.audit.wording import listed, percent, short
from repbias.measures.variance.result import ALL_FEATURES

LARGE_SHARE = 0.5

Shared = list[tuple[str, str, float, float, float]]


def conclusions(results: pd.DataFrame, shared: dict[str, Shared]) -> tuple[str, ...]:
    """Return the sentences of an audit on each layer; where features stand is said as in `status_of`.

    Parameters
    ----------
    results : as in `AuditReport`.
    shared : by layer, two features whose labels are associated, the R2 that both explain, and its interval.
    """
    said: list[str] = []
    for layer, of_layer in results.groupby("layer", sort=False):
        facts, pairs = facts_of(of_layer), shared.get(str(layer), [])
        sentences = (
            *_loud_and_quiet(facts, pairs),
            *_not_found(facts),
            *_indistinct(pairs, {fact.name: fact for fact in facts}),
            *_similarity(facts),
            *_reproduced(Facts(of_layer, ALL_FEATURES), facts),
        )
        said += [f"{layer}: {sentence}" for sentence in sentences]
    return tuple(said)


def calibration(results: pd.DataFrame) -> str:
    """Return how often features that are not there were found."""
    rates = results[results["measure"] == "false_positives"]
    worst = rates.iloc[int(rates["value"].to_numpy().argmax())]
    average, most = short(float(rates["value"].mean())), percent(worst["value"], worst["ci_low"], worst["ci_high"])
    return (
        f"Of features of zero strength planted in these data, {average} % were found on average by a test at "
        f"{100 * LEVEL:.0f} %; at most, {most} ({worst['feature']} in {worst['layer']})."
    )


def _loud_and_quiet(facts: list[Facts], pairs: Shared) -> Iterator[str]:
    found = found_in(facts)
    if not found:
        yield "no feature was found after correction for the number of tests."
    for fact in found:
        status, explains = status_of(fact, found), f"{fact.percent('r2_unbiased')} of the variance"
        if status == DOMINANT:
            yield (
                f"{fact.name} is dominant. It explains {explains}, the most of {len(facts)} features, and is "
                f"{fact.read_out}."
            )
        elif status == WEAK:
            yield (
                f"{fact.name} is weak but decodable. It explains only {explains}, and is {fact.read_out}: that it "
                f"takes little variance does not show that it is not represented.{_told_by_others(fact, facts, pairs)}"
            )
        else:
            yield f"{fact.name} explains {explains}, and is {fact.read_out}."


def _told_by_others(fact: Facts, facts: list[Facts], pairs: Shared) -> str:
    """Return a warning where a feature may be read from a louder one that its labels go with."""
    partners = {name for pair in pairs if fact.name in pair[:2] for name in pair[:2]}
    louder = [
        one.name for one in facts if one.name in partners and one.value("r2_unbiased") > fact.value("r2_unbiased")
    ]
    if not louder:
        return ""
    return f" But its labels go together with those of {listed(louder)}, from which it may be told."


def _not_found(facts: list[Facts]) -> Iterator[str]:
    found = found_in(facts)
    for fact in facts:
        status, explains = status_of(fact, found), f"It explains {fact.percent('r2_unbiased')} of the variance"
        if status == NOT_DETECTED:
            detectable = fact.value("detectable_r2")
            bound = "no strength of such a feature would have been found with 80 % power: nothing can be concluded"
            if np.isfinite(detectable):
                bound = (
                    f"a feature of {short(detectable)} % or more would have been found with 80 % power. It may be "
                    "there below that"
                )
            yield f"{fact.name} was not detected. {explains}, and is {fact.read_out}; {bound}."
        elif status == INCONCLUSIVE:
            yield (
                f"whether {fact.name} is represented stays open. {explains}, and is {fact.read_out}; p "
                f"{fact.value('r2_unbiased', 'p'):.2g} and {fact.value('decodability', 'p'):.2g}, after correction "
                f"{fact.value('r2_unbiased', 'p_holm'):.2g} and {fact.value('decodability', 'p_holm'):.2g}."
            )


def _indistinct(pairs: Shared, facts: dict[str, Facts]) -> Iterator[str]:
    """Say for each feature which quieter ones cannot be told apart from it, as labels go together."""
    quieter: dict[str, list[str]] = defaultdict(list)
    for first, second, value, low, high in pairs:
        less, more = sorted((facts[first], facts[second]), key=lambda fact: fact.value("r2_unbiased"))
        if less.varies and low > 0 and value > LARGE_SHARE * less.value("r2_unbiased"):
            quieter[more.name].append(
                f"{less.name} {less.percent('r2_unbiased')}, of which {percent(value, low, high)} may be either's and "
                f"{less.percent('r2_unique')} is in no other feature's labels"
            )
    for name, ones in quieter.items():
        yield (
            f"much of what other features explain cannot be told apart from {name}, as their labels go together: "
            f"{'; '.join(ones)}. Without {name} all features together explain {facts[name].percent('r2_unique')} less."
        )


def _similarity(facts: list[Facts]) -> Iterator[str]:
    driving = sorted((fact for fact in facts if fact.varies), key=lambda fact: -fact.value("rdm_share"))
    if driving:
        shares = "; ".join(f"{fact.name} {fact.percent('rdm_share')}" for fact in driving)
        yield f"in an RSA or CKA with a linear kernel, of the variance of the similarities: {shares}."


def _reproduced(whole: Facts, facts: list[Facts]) -> Iterator[str]:
    """Say the noise ceiling, where there is one, and what of it the features that were found explain."""
    if not whole.has("noise_ceiling"):
        return
    share = whole.percent("noise_ceiling")
    if not whole.value("noise_ceiling", "ci_low") > 0:
        yield (
            f"that repeats reproduce anything is not shown, {share} of the variance: that a feature of the "
            "stimulus explains little may be all that these data allow."
        )
        return
    yield f"repeats reproduce {share} of the variance; no feature of the stimulus can explain more."
    found = [fact for fact in facts if fact.varies and fact.has("r2_of_ceiling")]
    if found:
        found.sort(key=lambda fact: -fact.value("r2_of_ceiling"))
        shares = "; ".join(f"{fact.name} {fact.percent('r2_of_ceiling')}" for fact in found)
        of_all = short(whole.value("noise_ceiling"))
        yield f"of what repeats reproduce ({of_all} %), features of the stimulus explain: {shares}."
