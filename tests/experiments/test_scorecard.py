"""The scorecard: one verdict per claim and domain, and what is no part of it."""

from __future__ import annotations

import pandas as pd
import pytest

from repbias.experiments.catalogue import CATALOGUE, SOURCES
from repbias.experiments.evaluation import CLAIM_COLUMNS
from repbias.experiments.scorecard import NOT_STUDIED, Score, chance_sentence, scorecard, with_headlines
from repbias.experiments.verdicts import CONTRADICTED, INCONCLUSIVE, MIXED, NO_EFFECT, REPLICATED, REVERSED
from repbias.studies import NAMES, find_study

MEANS = {REPLICATED: 1.0, NO_EFFECT: 0.0, REVERSED: -1.0}


def rows(
    study: str, words: str = REPLICATED, *, id: str = "C1", domain: str = "bits", **changes: object
) -> pd.DataFrame:
    """A row of a claims table for each verdict named."""
    made = [
        {
            "id": id, "study": study, "about": id if "/" not in id else "", "domain": domain, "condition": str(place),
            "statement": "It is so", "statistic": "R2", "test": "larger", "quantifier": "every", "family": "primary",
            "estimate": MEANS.get(word, 0.3), "spread": 0.4 if word == INCONCLUSIVE else 0.01, "n": 8, "n_planned": 8,
            "sesoi": 0.1, "verdict": word, "scale": "full", "test_id": f"{study} {place}", **changes,
        }
        for place, word in enumerate(words.split(", "))
    ]  # fmt: skip
    return pd.DataFrame(made).reindex(columns=CLAIM_COLUMNS)


def score(*tables: pd.DataFrame, id: str = "C1") -> Score:
    (found,) = (one for one in scorecard(pd.concat(tables, ignore_index=True)) if one.claim and one.claim.id == id)
    return found


class TestVerdict:
    def test_there_is_one_verdict_per_domain(self) -> None:
        found = score(
            rows("complexity"), rows("string_complexity", domain="strings"),
            rows("vision", f"{REPLICATED}, {INCONCLUSIVE}", domain="images"),
        )  # fmt: skip
        assert found.domains == {"bits": REPLICATED, "strings": REPLICATED, "images": INCONCLUSIVE}
        assert found.sentence == "replicated in bits and strings, inconclusive in images"
        assert found.verdict == INCONCLUSIVE

    @pytest.mark.parametrize(
        ("first", "second", "verdict"),
        [
            (REPLICATED, REPLICATED, REPLICATED),
            (REPLICATED, NO_EFFECT, MIXED),
            (REPLICATED, INCONCLUSIVE, INCONCLUSIVE),
            (NO_EFFECT, REVERSED, CONTRADICTED),
            (REVERSED, REVERSED, REVERSED),
        ],
    )
    @pytest.mark.parametrize("domain", ["bits", "strings"])
    def test_studies_and_domains_are_taken_together_by_the_rule_every(
        self, first: str, second: str, verdict: str, domain: str
    ) -> None:
        assert score(rows("one", first), rows("two", second, domain=domain)).verdict == verdict

    def test_a_claim_without_studies_is_not_studied(self) -> None:
        found = score(rows("one"), id="C2")
        assert (found.verdict, found.sentence, found.domains) == (NOT_STUDIED, NOT_STUDIED, {})

    def test_a_question_of_a_study_is_listed_and_no_part_of_the_verdict(self) -> None:
        own = rows("position_learning", NO_EFFECT, id="position_learning/alone", about="C1")
        found = score(rows("position"), own)
        assert found.verdict == REPLICATED
        assert [(one.id, one.verdict) for one in found.further] == [("position_learning/alone", NO_EFFECT)]
        assert [one.study for one in found.studies] == ["position"]

    def test_questions_that_bear_on_no_claim_come_last(self) -> None:
        *_, last = scorecard(pd.concat([rows("one"), rows("two", id="two/T")], ignore_index=True))
        assert last.claim is None
        assert [one.id for one in last.further] == ["two/T"]


class TestOnce:
    def test_the_same_test_in_two_studies_counts_once_in_the_one_with_more_seeds(self) -> None:
        small = rows("dynamics", NO_EFFECT, test_id="same", n=8, n_planned=8)
        large = rows("complexity", REPLICATED, test_id="same", n=20, n_planned=20)
        for tables in ((small, large), (large, small)):
            found = score(*tables)
            assert [one.study for one in found.studies] == ["complexity"]
            assert found.verdict == REPLICATED

    def test_what_else_the_other_study_tests_still_counts(self) -> None:
        first = rows("complexity", test_id="same")
        again = pd.concat(
            [rows("dynamics", test_id="same"), rows("dynamics", NO_EFFECT, statement="More", test_id="x")]
        )
        found = score(first, again)
        assert [(one.study, one.verdict) for one in found.studies] == [
            ("complexity", REPLICATED),
            ("dynamics", NO_EFFECT),
        ]
        assert found.verdict == MIXED

    def test_other_claims_may_rest_on_the_same_test(self) -> None:
        tables = (rows("one", id="C1", test_id="same"), rows("one", id="C2", test_id="same"))
        assert score(*tables, id="C1").verdict == score(*tables, id="C2").verdict == REPLICATED


def test_the_level_allows_one_false_replicated_in_forty_verdicts() -> None:
    scores = scorecard(pd.concat([rows(f"s{i}", id=f"C{i}") for i in range(1, 21)], ignore_index=True))
    assert "20 verdicts allow for 0.5 false " in chance_sentence(scores)


def test_rows_carry_the_verdict_on_their_claim() -> None:
    own = rows("two", INCONCLUSIVE, id="two/T", about="C1")
    found = with_headlines(pd.concat([rows("one", f"{REPLICATED}, {NO_EFFECT}"), own], ignore_index=True))
    assert found["headline"].to_list() == [MIXED, MIXED, INCONCLUSIVE]
    assert found["scorecard"].to_list() == ["mixed in bits"] * 3


class TestCatalogue:
    def test_it_has_the_claims_in_order_each_with_what_would_count_against_it(self) -> None:
        assert list(CATALOGUE) == [f"C{number}" for number in range(1, 23)]
        for claim in CATALOGUE.values():
            assert set(claim.sources) <= set(SOURCES)
            assert claim.against
            assert not claim.statement.endswith(".")

    @pytest.mark.parametrize("name", NAMES)
    def test_a_study_files_only_parts_of_its_claims_under_them(self, name: str) -> None:
        """A part is under a claim of the catalogue by its id; every other question has the study's name before it."""
        study = find_study(name)
        for claim in study.claims:
            shown = claim.name_in(name)
            assert shown == (claim.id if claim.id in CATALOGUE else f"{name}/{claim.id}")
            assert claim.role == ("paper" if claim.id in CATALOGUE and claim.id != "C22" else "ours")
            assert claim.test == "descriptive" or (claim.sesoi or 0) > 0

    def test_every_claim_of_the_literature_is_studied(self) -> None:
        studied = {claim.id for name in NAMES for claim in find_study(name).claims}
        assert set(CATALOGUE) <= studied

    def test_the_studys_own_questions_on_position_are_none_of_the_papers(self) -> None:
        assert {claim.role for claim in find_study("position_learning").claims} == {"ours"}
        assert {claim.illuminates for claim in find_study("position_learning").claims} == {"C11"}
