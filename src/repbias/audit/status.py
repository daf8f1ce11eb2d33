"""Where each feature stands in a layer: shouted, found, whispered, not found, or open."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.audit.power import LEVEL
from repbias.audit.wording import percent, short

QUIET_R2 = 0.05
QUIET_RATIO = 0.2

DOMINANT, DETECTED, WEAK, NOT_DETECTED, INCONCLUSIVE = (
    "dominant",
    "detected",
    "weak but decodable",
    "not detected",
    "inconclusive",
)


class Facts:
    """The rows of one feature in one layer."""

    def __init__(self, of_layer: pd.DataFrame, feature: str) -> None:
        self.name = feature
        self._rows = of_layer[of_layer["feature"] == feature].set_index("measure")

    def value(self, measure: str, column: str = "value") -> float:
        return float(self._rows.loc[measure, column])  # type: ignore[arg-type]

    def percent(self, measure: str) -> str:
        return percent(*(self.value(measure, column) for column in ("value", "ci_low", "ci_high")))

    def has(self, measure: str) -> bool:
        return measure in self._rows.index

    @property
    def varies(self) -> bool:
        return self.value("r2_unbiased", "p_holm") <= LEVEL

    @property
    def decodable(self) -> bool:
        above = self.value("decodability", "ci_low") > self.value("chance")
        return above and self.value("decodability", "p_holm") <= LEVEL

    @property
    def unseen(self) -> bool:
        return min(self.value("r2_unbiased", "p"), self.value("decodability", "p")) > LEVEL

    @property
    def read_out(self) -> str:
        share, chance = self.percent("decodability"), short(self.value("chance"))
        return f"decoded with {share} balanced accuracy, chance {chance} %"


def facts_of(of_layer: pd.DataFrame) -> list[Facts]:
    """Return the facts of every feature of one layer's rows."""
    features = of_layer.loc[of_layer["measure"] == "chance", "feature"]
    return [Facts(of_layer, str(feature)) for feature in features]


def found_in(facts: Sequence[Facts]) -> list[Facts]:
    """Return the features that were found, the one that explains most first."""
    return sorted(
        (fact for fact in facts if fact.varies or fact.decodable), key=lambda fact: -fact.value("r2_unbiased")
    )


def status_of(fact: Facts, found: Sequence[Facts]) -> str:
    """Return where a feature stands among those that were `found` in its layer.

    A feature is found where its R2 or its decodability has a p of at most .05 after Holm's correction. Of those, the
    one with the largest R2 is shouted, if that is .05 or more; one is whispered where its class can be decoded and its
    R2 is below .05, or below a fifth of the largest. A feature is not found where neither p is at most .05 before
    correction; all others stay open.
    """
    if fact not in found:
        return NOT_DETECTED if fact.unseen else INCONCLUSIVE
    r2, largest = fact.value("r2_unbiased"), found[0].value("r2_unbiased")
    if fact is found[0] and fact.varies and r2 >= QUIET_R2:
        return DOMINANT
    if fact.decodable and (r2 < QUIET_R2 or r2 < QUIET_RATIO * largest):
        return WEAK
    return DETECTED


def statuses(results: pd.DataFrame) -> pd.DataFrame:
    """Return where every feature stands in every layer: the columns layer, feature, status; see `status_of`.

    Parameters
    ----------
    results : as in `AuditReport`.
    """
    rows = []
    for layer, of_layer in results.groupby("layer", sort=False):
        facts = facts_of(of_layer)
        found = found_in(facts)
        rows += [(str(layer), fact.name, status_of(fact, found)) for fact in facts]
    return pd.DataFrame(rows, columns=["layer", "feature", "status"])
