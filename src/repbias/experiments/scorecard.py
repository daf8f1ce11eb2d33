"""The scorecard: every claim of the catalogue, with one verdict per domain, from the claims tables of many studies.

A claim's verdict rests on the parts that studies declare to be that claim's. The same networks, contrast and comparison
in two studies count once, in the study with more seeds. The studies of one domain are taken together by the rule
"every", and so are the domains. A study's own question is listed under the claim that it illuminates, and is no part of
its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from repbias.core.display import joined
from repbias.experiments.catalogue import CATALOGUE, CatalogueClaim
from repbias.experiments.families import headlines, together
from repbias.experiments.verdicts import LEVEL

NOT_STUDIED = "not studied"


@dataclass(frozen=True)
class StudyScore:
    """What one study found on a claim, or on a question that the study adds.

    Attributes
    ----------
    verdict, tally, beyond : see `repbias.experiments.families.headlines`.
    rows : its rows of the claims table that count here.
    """

    id: str
    study: str
    domain: str
    scale: str
    statement: str
    verdict: str
    tally: str
    beyond: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Score:
    """One claim: its verdict in each domain and over all, and the studies behind it.

    Attributes
    ----------
    claim : the claim of the catalogue; None for questions of studies that illuminate none.
    domains : the verdict in each domain in which the claim was studied.
    studies : what each study found. further : questions of the studies' own that throw light on the claim.
    """

    claim: CatalogueClaim | None
    domains: dict[str, str]
    studies: tuple[StudyScore, ...]
    further: tuple[StudyScore, ...]

    @property
    def verdict(self) -> str:
        """The verdict over domains in a word; "not studied" where there are none."""
        return together(set(self.domains.values())) if self.domains else NOT_STUDIED

    @property
    def sentence(self) -> str:
        """The verdict with its domains: "replicated in bits and strings, inconclusive in images"."""
        by_word: dict[str, list[str]] = {}
        for domain, word in self.domains.items():
            by_word.setdefault(word, []).append(domain)
        return ", ".join(f"{word} in {joined(domains)}" for word, domains in by_word.items()) or NOT_STUDIED


def scorecard(claims: pd.DataFrame) -> list[Score]:
    """Return every claim of the catalogue in its order, then the questions that illuminate none of them.

    Parameters
    ----------
    claims : the claims tables of studies, one below the other.
    """
    counted = _once(claims)
    scores = [_score(claim, counted) for claim in CATALOGUE.values()]
    apart = _studies(counted[counted["about"] == ""])
    return [*scores, Score(None, {}, (), apart)] if apart else scores


def with_headlines(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a claims table with two columns more: `headline`, the verdict on a row's claim in its study, and
    `scorecard`, that on the claim of the catalogue which the row is about, over all studies; empty where there is none.
    """
    found = headlines(claims)
    by_study = dict(zip(zip(found["study"], found["id"], strict=True), found["verdict"], strict=True))
    sentences = {score.claim.id: score.sentence for score in scorecard(claims) if score.claim}
    return claims.assign(
        headline=[by_study.get(key, "") for key in zip(claims["study"], claims["id"], strict=True)],
        scorecard=[sentences.get(about, "") for about in claims["about"]],
    )


def chance_sentence(scores: Sequence[Score]) -> str:
    """Return how many verdicts "replicated" the level allows to be false."""
    verdicts = sum(len(score.domains) + len(score.further) for score in scores)
    return (
        f"At a level of {100 * LEVEL:g} % each, {verdicts} verdicts allow for {LEVEL * verdicts:.1f} false "
        "“replicated” at most, on average; nothing is corrected over claims or studies."
    )


def _score(claim: CatalogueClaim, claims: pd.DataFrame) -> Score:
    own = claims["id"] == claim.id
    studies = _studies(claims[own])
    domains: dict[str, set[str]] = {}
    for study in studies:
        domains.setdefault(study.domain, set()).add(study.verdict)
    further = _studies(claims[~own & (claims["about"] == claim.id)])
    return Score(claim, {domain: together(words) for domain, words in domains.items()}, studies, further)


def _studies(claims: pd.DataFrame) -> tuple[StudyScore, ...]:
    names = ("id", "study", "domain", "scale", "statement", "verdict", "tally", "beyond")
    return tuple(
        StudyScore(
            **{name: str(row[name]) for name in names},
            rows=claims[(claims["id"] == row["id"]) & (claims["study"] == row["study"])],
        )
        for row in headlines(claims).to_dict("records")
    )


def _once(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims table without rows that test, in another study with as many seeds or more, the same thing again."""
    most_first = claims.sort_values("n_planned", ascending=False, kind="stable")
    return claims.loc[most_first.drop_duplicates(["id", "test_id"]).index.sort_values()]
