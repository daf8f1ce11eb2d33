"""Which feature each analysis of a layer follows: regression, the first principal component, RSA and CKA, in sentences.

The analyses weigh features differently. A regression and the first component follow variance; RSA and CKA compare
distances, in which a feature with many classes counts for less than in the variance. So each is read from its own
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from repbias.audit.status import WEAK_R2, Facts, percent, short
from repbias.core.results import EXPLAINED


class _Analysis(NamedTuple):
    """What an analysis shows of each feature: its numbers by feature, with intervals (NaN without), and in words."""

    name: str
    numbers: dict[str, tuple[float, float, float]]
    text: dict[str, str]

    @property
    def leader(self) -> str:
        return max(self.numbers, key=lambda feature: self.numbers[feature][0])

    def clear(self, feature: str) -> bool:
        """Return whether the interval of a feature ends below that of the leader; unknown without intervals."""
        return not self.numbers[feature][2] >= self.numbers[self.leader][1]


def followed(facts: Sequence[Facts], components: pd.DataFrame) -> Iterator[str]:
    """Yield which feature each analysis follows, and where analyses follow another feature than regression does.

    Nothing is said where fewer than two features were audited, or none explains variance.

    Parameters
    ----------
    facts : about each feature of the layer.
    components : the rows of `AuditReport.components` of the layer.
    """
    if len(facts) < 2 or not any(fact.varies for fact in facts):
        return
    regression, *others = _analyses(facts, components)
    shown = [f"{one.name} follows {one.leader}, {one.text[one.leader]}" for one in (regression, *others)]
    yield f"each analysis follows the feature with its largest value: {'; '.join(shown)}."
    strongest = regression.leader
    for one in others:
        if one.leader != strongest:
            hedge = "" if one.clear(strongest) else ", with overlapping intervals"
            yield (
                f"{one.name} follows {one.leader} ({one.text[one.leader]}) more than {strongest} "
                f"({one.text[strongest]}), which explains the most variance{hedge}."
            )


def _analyses(facts: Sequence[Facts], components: pd.DataFrame) -> Iterator[_Analysis]:
    yield _shares("regression (R2)", EXPLAINED, facts)
    first = components[components["component"] == 0].set_index("feature")
    r2 = {fact.name: float(first.loc[fact.name, "r2_unbiased"]) for fact in facts}  # type: ignore[arg-type]
    if max(r2.values()) >= WEAK_R2:
        share = short(float(first["share"].iloc[0]))
        texts = {name: f"R2 {short(value)} %" for name, value in r2.items()}
        none = float("nan")
        yield _Analysis(
            f"the first principal component ({share} % of the variance)",
            {name: (value, none, none) for name, value in r2.items()},
            texts,
        )
    for name, measure in (("RSA", "rsa"), ("CKA", "cka")):
        if all(fact.has(measure) for fact in facts):
            yield _scores(name, measure, facts)
    if not any(fact.has("rsa") for fact in facts):
        yield _shares("the linear kernel (RDM share)", "rdm_share", facts)


def _shares(name: str, measure: str, facts: Sequence[Facts]) -> _Analysis:
    numbers = {fact.name: fact.interval(measure) for fact in facts}
    return _Analysis(name, numbers, {feature: percent(*three) for feature, three in numbers.items()})


def _scores(name: str, measure: str, facts: Sequence[Facts]) -> _Analysis:
    numbers = {fact.name: fact.interval(measure) for fact in facts}
    texts = {feature: f"{value:z.2f} [{low:z.2f}, {high:z.2f}]" for feature, (value, low, high) in numbers.items()}
    return _Analysis(name, numbers, texts)
