"""The status of every feature in every layer, and how sentences state numbers and statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repbias.audit.nulls import LEVEL
from repbias.core.results import EXPLAINED


@dataclass(frozen=True)
class Sentence:
    """A conclusion about one layer or about the audit as a whole; `str` puts the name of the layer before it."""

    layer: str | None
    """The layer that the sentence is about; None for the whole audit."""

    text: str

    def __str__(self) -> str:
        return self.text if self.layer is None else f"{self.layer}: {self.text}"


def percent(value: float, low: float, high: float) -> str:
    """Return a share and its interval in percent, all with as many decimals as the largest of them needs."""
    decimals = _decimals(np.nanmax(np.abs([value, low, high])))
    low_text, high_text = short(low, decimals), short(high, decimals)
    return f"{short(value, decimals)} % [{low_text}, {high_text}]"


def short(share: float, decimals: int | None = None) -> str:
    """Return a share in percent, by default with about two significant digits."""
    text = f"{100 * share:.{_decimals(abs(share)) if decimals is None else decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _decimals(share: float) -> int:
    return next((places for places, size in ((3, 0.001), (2, 0.01), (1, 0.1)) if share < size), 0)


TESTS = (EXPLAINED, "decodability")
WEAK_R2 = 0.05
WEAK_RATIO = 0.2
_MOST_NAMES = 3  # layers that a summary names; more than that it counts

DOMINANT, TIED, DETECTED, WEAK = "dominant", "tied", "detected", "weak but decodable"
NOT_DETECTED, INCONCLUSIVE = "not detected", "inconclusive"
_ENOUGH = f"{short(WEAK_R2, 0)} % (of what repeats reproduce, where there is a share of the noise ceiling)"
MEANINGS = {
    DOMINANT: "it explains more of the layer's variance than any other feature (95 % intervals of the differences are "
    f"above 0), and at least {_ENOUGH}.",
    TIED: "no other feature is shown to explain more, but the 95 % interval of its difference from another feature "
    f"includes 0. It explains at least {_ENOUGH}.",
    DETECTED: "its R2 or its decodability is significant after Holm's correction, with an interval above 0 or above "
    "chance, and it is neither dominant, tied, nor weak.",
    WEAK: f"a linear decoder reads it out, but it explains less than {_ENOUGH}, or less than "
    f"{short(WEAK_RATIO, 0)} % of what the strongest feature explains.",
    NOT_DETECTED: "neither its R2 nor its decodability has p of at most .05, even before correction. It may be "
    "represented below the detectable R2, or in a form that a linear decoder cannot read.",
    INCONCLUSIVE: "R2 or decodability has p of at most .05 before correction, but neither of them has both p of at "
    "most .05 after Holm's correction for all tests and an interval above 0 (R2) or above chance (decodability).",
}


class Facts:
    """The results of one feature in one layer."""

    def __init__(self, of_layer: pd.DataFrame, feature: str) -> None:
        self.name = feature
        self._rows = of_layer[of_layer["feature"] == feature].set_index("measure")

    def value(self, measure: str, column: str = "value") -> float:
        return float(self._rows.loc[measure, column])  # type: ignore[arg-type]

    def interval(self, measure: str) -> tuple[float, float, float]:
        """Return the value of a measure and the ends of its interval."""
        value, low, high = (self.value(measure, column) for column in ("value", "ci_low", "ci_high"))
        return value, low, high

    def percent(self, measure: str) -> str:
        return percent(*self.interval(measure))

    def has(self, measure: str) -> bool:
        """Whether the measure was taken and has a value."""
        return measure in self._rows.index and not np.isnan(self.value(measure))

    @property
    def explained(self) -> float:
        """The share of the variance that the feature explains."""
        return self.value(EXPLAINED)

    @property
    def varies(self) -> bool:
        """Whether R2 is significant, and its interval above 0."""
        return self.value(EXPLAINED, "p_holm") <= LEVEL and self.value(EXPLAINED, "ci_low") > 0

    @property
    def decodable(self) -> bool:
        """Whether decodability is significant, and its interval above chance."""
        above = self.value("decodability", "ci_low") > self.value("chance")
        return above and self.value("decodability", "p_holm") <= LEVEL

    @property
    def insignificant(self) -> bool:
        """Whether neither test is significant, even before correction."""
        return min(self.value(measure, "p") for measure in TESTS) > LEVEL

    @property
    def explains_enough(self) -> bool:
        """Whether the feature varies, and explains .05 or more of the variance, or of what repeats reproduce."""
        return self.varies and max(self.explained, self._of_ceiling) >= WEAK_R2

    @property
    def explains_little(self) -> bool:
        """Whether the feature explains less than .05 of the variance, or of what repeats reproduce.

        This is not known where the ceiling cannot be distinguished from 0.
        """
        unknown = "r2_of_ceiling" in self._rows.index and not self.has("r2_of_ceiling")
        return not unknown and max(self.explained, self._of_ceiling) < WEAK_R2

    @property
    def _of_ceiling(self) -> float:
        return self.value("r2_of_ceiling") if self.has("r2_of_ceiling") else -np.inf

    @property
    def read_out(self) -> str:
        """How well the feature is decoded, in words; only R2 has chance 0."""
        share, chance = self.percent("decodability"), self.value("chance")
        if chance == 0:
            return f"decoded with a held-out R2 of {share}"
        return f"decoded with a balanced accuracy of {share} (chance {short(chance)} %)"


def facts_of(of_layer: pd.DataFrame) -> list[Facts]:
    """Return the facts about every feature, from the results of one layer."""
    features = of_layer.loc[of_layer["measure"] == "chance", "feature"]
    return [Facts(of_layer, str(feature)) for feature in features]


def detected_in(facts: Sequence[Facts]) -> list[Facts]:
    """Return the features that are detected in a layer, sorted by the variance that they explain, largest first."""
    return sorted((fact for fact in facts if fact.varies or fact.decodable), key=lambda fact: -fact.explained)


def rivals(facts: Sequence[Facts]) -> list[Facts]:
    """Return the features that are not shown to explain less than the strongest, which is the first of them."""
    strongest, *others = sorted(facts, key=lambda fact: -fact.explained)
    return [strongest, *(fact for fact in others if not fact.value("r2_lead", "ci_high") < 0)]


def status_of(fact: Facts, facts: Sequence[Facts]) -> str:
    """Return the status of a feature in a layer; `facts` are those of all its features.

    p values are at a level of .05, after Holm's correction unless stated otherwise, and R2 is `r2_unbiased`. The share
    is R2, or `r2_of_ceiling` where there is one.

        varies               the p value of R2 is significant, and its interval is above 0
        decodable            the p value of decodability is significant, and its interval is above chance
        detected             the feature varies or is decodable
        dominant             it varies, its share is .05 or more, and its R2 is larger than that of each other feature:
                             the 95 % intervals of the differences are above 0
        tied                 it varies, its share is .05 or more, and it is either the feature with the largest R2, but
                             not dominant, or the interval of its difference from that feature includes 0
        weak but decodable   decodable, and not dominant or tied; its share is below .05, or its R2 is below a fifth of
                             the largest
        not detected         neither p value is significant, even before correction
        inconclusive         all other cases
    """
    if not (fact.varies or fact.decodable):
        return NOT_DETECTED if fact.insignificant else INCONCLUSIVE
    largest = rivals(facts)
    if fact.explains_enough and fact in largest:
        return DOMINANT if len(largest) == 1 else TIED
    strongest = detected_in(facts)[0].explained
    if fact.decodable and (fact.explains_little or fact.explained < WEAK_RATIO * strongest):
        return WEAK
    return DETECTED


def statuses(results: pd.DataFrame) -> pd.DataFrame:
    """Return the status of every feature in every layer: the columns layer, feature, status; see `status_of`.

    Parameters
    ----------
    results : as in `AuditReport`.
    """
    rows = []
    for layer, of_layer in results.groupby("layer", sort=False):
        facts = facts_of(of_layer)
        rows += [(str(layer), fact.name, status_of(fact, facts)) for fact in facts]
    return pd.DataFrame(rows, columns=["layer", "feature", "status"])


def summary(table: pd.DataFrame) -> dict[str, str]:
    """Return the status of each feature over layers in words, such as "dominant in V4; not detected in IT".

    Parameters
    ----------
    table : what `statuses` returns.
    """
    found, n_layers = {}, table["layer"].nunique()
    for feature, of_feature in table.groupby("feature", sort=False):
        layers = {status: of_feature.loc[of_feature["status"] == status, "layer"].tolist() for status in MEANINGS}
        parts = [f"{status}{_where(status, names, n_layers)}" for status, names in layers.items() if names]
        found[str(feature)] = "; ".join(parts)
    return found


def meanings(table: pd.DataFrame) -> dict[str, str]:
    """Return the meaning of each status that occurs in a table of `statuses`, from dominant to inconclusive."""
    used = set(table["status"])
    return {status: meaning for status, meaning in MEANINGS.items() if status in used}


def _where(status: str, layers: list[str], n_layers: int) -> str:
    if n_layers == 1:
        return ""
    if len(layers) == n_layers and status == NOT_DETECTED:
        return " in any layer"
    if len(layers) == n_layers:
        return " in both layers" if n_layers == 2 else f" in all {n_layers} layers"
    return f" in {listed(layers)}" if len(layers) <= _MOST_NAMES else f" in {len(layers)} of {n_layers} layers"
