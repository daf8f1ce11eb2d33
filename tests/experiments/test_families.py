"""The verdict on several rows: Holm's steps, quantifiers, and conditions beyond the primary ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from repbias.experiments.claim import Quantifier
from repbias.experiments.families import Part, by_steps, headline, held_beyond, qualification
from repbias.experiments.verdicts import (
    CONTRADICTED,
    INCONCLUSIVE,
    MIXED,
    NO_DATA,
    NO_EFFECT,
    REPLICATED,
    REVERSED,
    Row,
)

N = 10
YES = Row("larger", 1.0, 3.0, 0.5, N, N)
OPEN = Row("larger", 1.0, 1.0, 2.0, N, N)
NONE = Row("larger", 1.0, 0.0, 0.2, N, N)
REVERSE = Row("larger", 1.0, -3.0, 0.5, N, N)
FEW = Row("larger", 1.0, 3.0, 0.5, 3, N)
LEFT = Row("larger", 1.0, 3.0, 0.5, 7, N)  # 70 % of the seeds
ROWS = {"yes": YES, "open": OPEN, "none": NONE, "reverse": REVERSE, "few": FEW, "left": LEFT}


def at_p(p: float, *, below: bool = False) -> Row:
    """A row with this one-sided p about the bound, above it or below."""
    distance = stats.t.isf(p, N - 1) * 0.1 / math.sqrt(N)
    return Row("larger", 1.0, 1 - distance if below else 1 + distance, 0.1, N, N)


def words(rows: Sequence[Row]) -> list[str]:
    return [verdict.word for verdict in by_steps(rows)]


def verdict(primary: str, beyond: str = "", quantifier: Quantifier = "every") -> str:
    part = Part(quantifier, [ROWS[name] for name in primary.split()], [ROWS[name] for name in beyond.split()])
    return headline([part]).word


class TestSteps:
    def test_the_first_of_k_is_judged_at_a_kth_of_the_level(self) -> None:
        for k in (1, 2, 5):
            others = [OPEN] * (k - 1)
            assert words([*others, at_p(0.0249 / k)])[-1] == REPLICATED
            assert words([*others, at_p(0.0251 / k)])[-1] == INCONCLUSIVE

    def test_each_conclusive_row_leaves_a_wider_level_for_the_next(self) -> None:
        assert words([at_p(0.024), at_p(0.012), at_p(0.008)]) == [REPLICATED] * 3

    def test_from_the_first_inconclusive_on_all_are(self) -> None:
        assert words([at_p(0.024), at_p(0.013), at_p(0.008)]) == [INCONCLUSIVE, INCONCLUSIVE, REPLICATED]

    def test_rows_against_the_claim_take_their_place_in_the_order(self) -> None:
        assert words([at_p(0.012), at_p(0.0249, below=True)]) == [REPLICATED, NO_EFFECT]
        assert words([at_p(0.024), at_p(0.02, below=True)]) == [INCONCLUSIVE, INCONCLUSIVE]

    def test_rows_with_too_few_seeds_are_no_tests(self) -> None:
        assert words([FEW, LEFT, at_p(0.0249)]) == [NO_DATA, INCONCLUSIVE, REPLICATED]

    def test_a_conclusion_that_the_twin_takes_back_does_not_stop_the_rest(self) -> None:
        withdrawn = Row("larger", 1.0, 3.0, 0.01, N, N, 0.1, -1.0, 1.2)
        assert words([withdrawn, at_p(0.0249)]) == [INCONCLUSIVE, REPLICATED]

    def test_any_wrong_word_among_ten_rows_at_the_bound_is_rare(self) -> None:
        """Both sides of the bound together: at most .05, whatever the number of rows."""
        rng = np.random.default_rng(0)
        wrong = 0
        for values in rng.normal(1.0, 1.0, (500, 10, N)):
            rows = [Row("larger", 1.0, float(x.mean()), float(x.std(ddof=1)), N, N) for x in values]
            wrong += set(words(rows)) != {INCONCLUSIVE}
        assert wrong / 500 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 500)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("yes yes yes", REPLICATED),
        ("yes yes open", INCONCLUSIVE),
        ("yes open open", INCONCLUSIVE),  # open rows never make a claim mixed
        ("yes few", INCONCLUSIVE),
        ("yes left", INCONCLUSIVE),
        ("yes none", MIXED),
        ("yes open none", MIXED),
        ("none none", NO_EFFECT),
        ("reverse reverse", REVERSED),
        ("none reverse", CONTRADICTED),
        ("none open", INCONCLUSIVE),
        ("few few", NO_DATA),
        ("open", INCONCLUSIVE),
        ("", NO_DATA),
    ],
)
def test_every(rows: str, expected: str) -> None:
    assert verdict(rows) == expected


def test_every_row_at_the_level_is_replicated_without_correction() -> None:
    """An intersection-union test; one row alone among them would not pass by the steps."""
    rows = [at_p(0.024)] * 5
    assert words(rows) == [INCONCLUSIVE] * 5
    found = headline([Part("every", rows)])
    assert (found.word, found.tally) == (REPLICATED, {REPLICATED: 5})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("yes none reverse", REPLICATED),
        ("open open", INCONCLUSIVE),
        ("none open", INCONCLUSIVE),
        ("none reverse", CONTRADICTED),
        ("none few", INCONCLUSIVE),
        ("few", NO_DATA),
    ],
)
def test_some(rows: str, expected: str) -> None:
    assert verdict(rows, quantifier="some") == expected


def test_some_is_corrected_and_against_all_is_not() -> None:
    assert headline([Part("some", [at_p(0.024), OPEN])]).word == INCONCLUSIVE
    assert headline([Part("some", [at_p(0.024, below=True)] * 3)]).word == CONTRADICTED


@pytest.mark.parametrize(
    ("primary", "beyond", "quantifier", "expected"),
    [
        ("yes", "open few", "every", REPLICATED),
        ("yes", "yes none", "every", MIXED),
        ("none", "yes", "every", MIXED),
        ("none", "none", "every", NO_EFFECT),
        ("open", "yes yes", "every", INCONCLUSIVE),  # the others never make a claim replicated
        ("open", "none none", "every", INCONCLUSIVE),
        ("yes", "none", "some", REPLICATED),
        ("none", "yes", "some", MIXED),
    ],
)
def test_conditions_beyond_the_primary_ones_change_a_headline_only_to_mixed(
    primary: str, beyond: str, quantifier: Quantifier, expected: str
) -> None:
    assert verdict(primary, beyond, quantifier) == expected


def test_the_parts_of_a_claim_are_one_family() -> None:
    alone, crowded = Part("some", [at_p(0.02)]), Part("every", [OPEN])
    assert headline([alone]).word == REPLICATED
    assert headline([alone, crowded]).tally == {INCONCLUSIVE: 2}
    assert headline([Part("every", [YES]), Part("some", [YES, NONE])]).word == REPLICATED
    assert headline([Part("every", [YES]), Part("some", [NONE])]).word == MIXED


def test_what_qualifies_a_row() -> None:
    assert qualification(REPLICATED, "", REPLICATED) == ""
    assert qualification(INCONCLUSIVE, "right sign, size open", INCONCLUSIVE) == "right sign, size open"
    assert qualification(CONTRADICTED, "", INCONCLUSIVE) == "inconclusive in its family"


def test_what_other_conditions_show_in_words() -> None:
    assert held_beyond({}) == ""
    assert held_beyond({REPLICATED: 7, NO_EFFECT: 1, INCONCLUSIVE: 1}) == "holds also in 7 of 9, against in 1"
    assert held_beyond({INCONCLUSIVE: 2}) == "holds also in 0 of 2"
