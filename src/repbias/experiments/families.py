"""The verdict on several rows together: those of one claim id in one study.

The primary rows are one family; the rows of the other conditions are another. Within a family the rows are judged by
Holm's steps on intervals: ordered by the smaller of their two one-sided p values about the bound, the k-th of K is
judged from its interval at level .025 / (K - k + 1), and from the first inconclusive row on all are inconclusive.

===========  =================================================================================================
quantifier   rule
===========  =================================================================================================
every        replicated: every primary row is, each at .025 (an intersection-union test, which needs no
             correction). No effect, reversed or contradicted: by the steps, every row speaks against the claim.
             Mixed: by the steps, one row or more is replicated and one or more speaks against the claim.
             Inconclusive otherwise: rows that are merely open never make a claim mixed.
some         replicated: one row or more is, by the steps. Contradicted: every row speaks against it, each at .025.
average      one row: the mean of each seed's numbers over the primary rows.
===========  =================================================================================================

The other conditions can change a headline only to mixed: where primary rows and they, each by the steps, disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from repbias.experiments.claim import Quantifier
from repbias.experiments.verdicts import (
    AGAINST,
    CONTRADICTED,
    INCONCLUSIVE,
    LEVEL,
    MIXED,
    NO_DATA,
    REPLICATED,
    VERDICTS,
    WHO_PASSED,
    Row,
    Verdict,
)

PRIMARY, BEYOND, DESCRIPTIVE = "primary", "beyond", "descriptive"
Words = Sequence[str]
HEADLINE_COLUMNS = ["id", "study", "role", "about", "domain", "statement", "verdict", "tally", "beyond", "scale"]


@dataclass(frozen=True)
class Part:
    """The rows of one part of a claim in one study that carry its verdict, and those beyond the primary conditions."""

    quantifier: Quantifier
    primary: Sequence[Row]
    beyond: Sequence[Row] = ()


@dataclass(frozen=True)
class Headline:
    """The verdict on a claim in one study.

    Attributes
    ----------
    tally : how many primary rows have each verdict. beyond : the same of the other conditions.
    """

    word: str
    tally: dict[str, int]
    beyond: dict[str, int]


def by_steps(rows: Sequence[Row]) -> list[Verdict]:
    """Return the rows' verdicts corrected for their number by Holm's steps on intervals.

    Rows with too few seeds for a conclusion are no tests and are left out of the number.
    """
    found = [row.verdict() if not row.is_tested else Verdict(INCONCLUSIVE) for row in rows]
    tested = sorted((place for place, row in enumerate(rows) if row.is_tested), key=lambda place: rows[place].least_p)
    for taken, place in enumerate(tested):
        found[place] = rows[place].verdict(LEVEL / (len(tested) - taken))
        if found[place].word == INCONCLUSIVE and found[place].note != WHO_PASSED:
            break
    return found


def headline(parts: Sequence[Part]) -> Headline:
    """Return the verdict on the parts of one claim id in one study."""
    rows = [row for part in parts for row in part.primary]
    alone = [row.verdict().word for row in rows]
    stepped = [verdict.word for verdict in by_steps(rows)]
    units: list[tuple[str, str]] = []  # the verdict alone and by the steps: of each row, or of a part as a whole
    start = 0
    for part in parts:
        own = slice(start, start := start + len(part.primary))
        units += (_some if part.quantifier == "some" else _each)(alone[own], stepped[own])
    word = _every(units)
    beyond = [verdict.word for verdict in by_steps([row for part in parts for row in part.beyond])]
    if _disagree([stepped_word for _, stepped_word in units], parts, beyond):
        word = MIXED
    return Headline(word, _tally(alone if word == REPLICATED else stepped), _tally(beyond))


def _each(alone: Words, stepped: Words) -> list[tuple[str, str]]:
    """A part that every row must show: a unit per row."""
    return list(zip(alone, stepped, strict=True))


def _some(alone: Words, stepped: Words) -> list[tuple[str, str]]:
    """A part that some row must show, as one unit; none where the part has no rows."""
    if not alone:
        return []
    if REPLICATED in stepped:
        return [(REPLICATED, REPLICATED)]
    if all(word in AGAINST for word in alone):
        return [(CONTRADICTED, CONTRADICTED)]
    word = NO_DATA if set(alone) == {NO_DATA} else INCONCLUSIVE
    return [(word, word)]


def _every(units: Sequence[tuple[str, str]]) -> str:
    alone, stepped = ({words[place] for words in units} for place in (0, 1))
    if alone <= {NO_DATA}:
        return NO_DATA
    if alone == {REPLICATED}:
        return REPLICATED
    return together(stepped)


def together(words: set[str]) -> str:
    """Return the verdict on several units by the rule "every": replicated or against as a whole, mixed, or open."""
    if not words or words == {NO_DATA}:
        return NO_DATA
    if words == {REPLICATED}:
        return REPLICATED
    if words <= set(AGAINST):
        return words.pop() if len(words) == 1 else CONTRADICTED
    if MIXED in words or (REPLICATED in words and words & set(AGAINST)):
        return MIXED
    return INCONCLUSIVE


def _disagree(stepped: Words, parts: Sequence[Part], beyond: Words) -> bool:
    """Whether rows beyond the primary ones disagree with these; rows that lack what only some must show do not."""
    holds, fails = REPLICATED in stepped, any(word in AGAINST for word in stepped)
    counted = [part.quantifier for part in parts for _ in part.beyond]
    against = any(word in AGAINST and how == "every" for word, how in zip(beyond, counted, strict=True))
    return (holds and against) or (fails and REPLICATED in beyond)


def _tally(words: Words) -> dict[str, int]:
    count = Counter(words)
    return {word: count[word] for word in VERDICTS if count[word]}


def corrected(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a claims table with its column `corrected`: each row's verdict by the steps within its family."""
    found = pd.Series("", index=claims.index, dtype=object)
    for _, family in claims[claims["family"] != DESCRIPTIVE].groupby(["study", "id", "family"], sort=False):
        found.loc[family.index] = np.array([verdict.word for verdict in by_steps(_rows(family))], dtype=object)
    return claims.assign(corrected=found)


def headlines(claims: pd.DataFrame) -> pd.DataFrame:
    """Return one row per study and claim id: `HEADLINE_COLUMNS`, with the tallies in words.

    Claims of which all rows are descriptive have no verdict, and no row.
    """
    rows = []
    judged = claims[claims["family"] != DESCRIPTIVE]
    for _, group in judged.groupby(["study", "id"], sort=False):
        parts = [
            Part(
                part["quantifier"].iloc[0],
                _rows(part[part["family"] == PRIMARY]),
                _rows(part[part["family"] == BEYOND]),
            )
            for _, part in group.groupby(["statement", "statistic"], sort=False)
        ]
        found, first = headline(parts), group.iloc[0]
        statement = "; ".join(dict.fromkeys(group["statement"]))
        rows.append(
            (first["id"], first["study"], first["role"], first["about"], first["domain"], statement, found.word,
             counted(found.tally), held_beyond(found.beyond), first["scale"])
        )  # fmt: skip
    return pd.DataFrame(rows, columns=HEADLINE_COLUMNS)


def qualification(verdict: str, note: str, stepped: str) -> str:
    """Return what qualifies a row's verdict: its note, and the verdict by the steps of its family if that differs."""
    return "; ".join(filter(None, (note, f"{stepped} in its family" if stepped != verdict else "")))


def counted(tally: dict[str, int]) -> str:
    """Return how many rows have each verdict: "replicated in 3, inconclusive in 1"."""
    return ", ".join(f"{word} in {count}" for word, count in tally.items())


def held_beyond(tally: dict[str, int]) -> str:
    """Return what the conditions beyond the primary ones show: "holds also in 7 of 9, against in 1"."""
    if not tally:
        return ""
    total, against = sum(tally.values()), sum(tally.get(word, 0) for word in AGAINST)
    held = tally.get(REPLICATED, 0)
    return f"holds also in {held} of {total}" + (f", against in {against}" if against else "")


def _rows(claims: pd.DataFrame) -> list[Row]:
    names = [one.name for one in fields(Row)]
    records: list[dict[str, Any]] = claims[names].to_dict("records")  # type: ignore[assignment]
    return [Row(**record) for record in records]
