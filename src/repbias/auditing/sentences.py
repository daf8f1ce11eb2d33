"""What may and may not be concluded from an audit, in plain sentences that say the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from repbias.auditing.power import LEVEL

QUIET_R2 = 0.05
QUIET_RATIO = 0.2
LARGE_SHARE = 0.5


Shared = list[tuple[str, str, float, float, float]]


def conclusions(results: pd.DataFrame, shared: dict[str, Shared]) -> tuple[str, ...]:
    """Return the sentences of an audit, layer by layer.

    A feature is found where its R2 or its decodability has a p of at most .05 after Holm's correction. Of those, the
    one with the largest R2 is shouted, if that is .05 or more; one is whispered where its class can be decoded and its
    R2 is below .05, or below a fifth of the largest. A feature is not found where neither p is at most .05 before
    correction; all others stay open.

    Parameters
    ----------
    results : as in `AuditReport`.
    shared : by layer, two features whose labels are associated, the R2 that both explain, and its interval.
    """
    found: list[str] = []
    for layer, of_layer in results.groupby("layer", sort=False):
        name = str(layer)
        features = of_layer.loc[of_layer["measure"] == "chance", "feature"]
        facts = [_Facts(of_layer, str(feature)) for feature in features]
        pairs = shared.get(name, [])
        found += _loud_and_quiet(name, facts, pairs)
        found += _not_found(name, facts)
        found += _undecided(name, facts)
        found += _indistinct(name, pairs, {fact.name: fact for fact in facts})
        found += _similarity(name, facts)
    return (*found, *_calibration(results))


class _Facts:
    """The rows of one feature in one layer."""

    def __init__(self, of_layer: pd.DataFrame, feature: str) -> None:
        self.name = feature
        self._rows = of_layer[of_layer["feature"] == feature].set_index("measure")

    def value(self, measure: str, column: str = "value") -> float:
        return float(self._rows.loc[measure, column])  # type: ignore[arg-type]

    def percent(self, measure: str) -> str:
        return percent(*(self.value(measure, column) for column in ("value", "ci_low", "ci_high")))

    @property
    def varies(self) -> bool:
        return self.value("r2", "p_holm") <= LEVEL

    @property
    def decodable(self) -> bool:
        above = self.value("decodability", "ci_low") > self.value("chance")
        return above and self.value("decodability", "p_holm") <= LEVEL

    @property
    def unseen(self) -> bool:
        return min(self.value("r2", "p"), self.value("decodability", "p")) > LEVEL

    @property
    def read_out(self) -> str:
        share, chance = self.percent("decodability"), _number(self.value("chance"))
        return f"decoded with {share} balanced accuracy, chance {chance} %"


def percent(value: float, low: float, high: float) -> str:
    """Return a share with its interval in percent, all with as many decimals as the largest of them asks for."""
    decimals = _decimals(np.nanmax(np.abs([value, low, high])))
    low_text, high_text = _number(low, decimals), _number(high, decimals)
    return f"{_number(value, decimals)} % [{low_text}, {high_text}]"


def _decimals(share: float) -> int:
    return next((places for places, size in ((3, 0.001), (2, 0.01), (1, 0.1)) if share < size), 0)


def _number(share: float, decimals: int | None = None) -> str:
    """Return a share in percent; without a number of decimals, with two digits or so."""
    text = f"{100 * share:.{_decimals(abs(share)) if decimals is None else decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _loud_and_quiet(layer: str, facts: list[_Facts], pairs: Shared) -> Iterator[str]:
    found = sorted((fact for fact in facts if fact.varies or fact.decodable), key=lambda fact: -fact.value("r2"))
    if not found:
        yield f"{layer}: no feature was found after correction for the number of tests."
        return
    largest = found[0].value("r2")
    for fact in found:
        r2, explains = fact.value("r2"), f"{fact.percent('r2')} of the variance"
        if fact is found[0] and fact.varies and r2 >= QUIET_R2:
            yield (
                f"{layer}: {fact.name} is shouted. It explains {explains}, the most of {len(facts)} features, and is "
                f"{fact.read_out}."
            )
        elif fact.decodable and (r2 < QUIET_R2 or r2 < QUIET_RATIO * largest):
            yield (
                f"{layer}: {fact.name} is whispered but there. It explains only {explains}, and is {fact.read_out}: "
                f"that it takes little variance does not show that it is not represented."
                f"{_told_by_others(fact, facts, pairs)}"
            )
        else:
            yield f"{layer}: {fact.name} explains {explains}, and is {fact.read_out}."


def _told_by_others(fact: _Facts, facts: list[_Facts], pairs: Shared) -> str:
    """Return a warning where a feature may be read from a louder one that its labels go with."""
    partners = {name for pair in pairs if fact.name in pair[:2] for name in pair[:2]}
    louder = [one.name for one in facts if one.name in partners and one.value("r2") > fact.value("r2")]
    if not louder:
        return ""
    return f" But its labels go together with those of {', '.join(louder)}, from which it may be told."


def _not_found(layer: str, facts: list[_Facts]) -> Iterator[str]:
    for fact in facts:
        if not fact.unseen:
            continue
        detectable = fact.value("detectable_r2")
        bound = "no strength of such a feature would have been found with 80 % power: nothing can be concluded"
        if np.isfinite(detectable):
            bound = (
                f"a feature of {_number(detectable)} % or more would have been found with 80 % power. It may be there "
                "below that"
            )
        yield (
            f"{layer}: {fact.name} was not found. It explains {fact.percent('r2')} of the variance, and is "
            f"{fact.read_out}; {bound}."
        )


def _undecided(layer: str, facts: list[_Facts]) -> Iterator[str]:
    for fact in facts:
        if not (fact.unseen or fact.varies or fact.decodable):
            yield (
                f"{layer}: whether {fact.name} is represented stays open. It explains {fact.percent('r2')} of the "
                f"variance, and is {fact.read_out}; p {fact.value('r2', 'p'):.2g} and "
                f"{fact.value('decodability', 'p'):.2g}, after correction {fact.value('r2', 'p_holm'):.2g} and "
                f"{fact.value('decodability', 'p_holm'):.2g}."
            )


def _indistinct(layer: str, pairs: Shared, facts: dict[str, _Facts]) -> Iterator[str]:
    for first, second, value, low, high in pairs:
        less, more = sorted((facts[first], facts[second]), key=lambda fact: fact.value("r2"))
        if less.varies and low > 0 and value > LARGE_SHARE * less.value("r2"):
            yield (
                f"{layer}: much of what {less.name} explains cannot be told apart from {more.name}, as their labels go "
                f"together. Of its {less.percent('r2')} of the variance, {percent(value, low, high)} may be either's; "
                f"without {less.name} all features together explain {less.percent('r2_unique')} less, without "
                f"{more.name} {more.percent('r2_unique')}."
            )


def _similarity(layer: str, facts: list[_Facts]) -> Iterator[str]:
    driving = sorted((fact for fact in facts if fact.varies), key=lambda fact: -fact.value("rdm_share"))
    if driving:
        listed = "; ".join(f"{fact.name} {fact.percent('rdm_share')}" for fact in driving)
        yield f"{layer}: in an RSA or CKA with a linear kernel, of the variance of the similarities: {listed}."


def _calibration(results: pd.DataFrame) -> Iterator[str]:
    rates = results[results["measure"] == "false_positives"]
    worst = rates.iloc[int(rates["value"].to_numpy().argmax())]
    average, most = _number(float(rates["value"].mean())), percent(worst["value"], worst["ci_low"], worst["ci_high"])
    yield (
        f"Of features of zero strength planted in these data, {average} % were found on average by a test at "
        f"{100 * LEVEL:.0f} %; at most, {most} ({worst['feature']} in {worst['layer']})."
    )
