"""The verdict on one row: the rule at its edges, attrition, power, and how often the words are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from repbias.experiments.claim import Test
from repbias.experiments.verdicts import (
    CONTRADICTED,
    FEW_PASS,
    INCONCLUSIVE,
    NO_DATA,
    NO_EFFECT,
    REPLICATED,
    REVERSED,
    SIZE_OPEN,
    WHO_PASSED,
    Row,
    Verdict,
    judged,
)

M = 0.25  # exact in binary, as are the numbers below
ABOVE, BELOW = np.nextafter(M, 1), np.nextafter(M, 0)


def row(
    estimate: float,
    spread: float = 0.0,
    test: Test = "larger",
    *,
    n: int = 10,
    planned: int = 10,
    twin: tuple[float, float, float] = (math.nan,) * 3,
) -> Row:
    return Row(test, M, estimate, spread, n, planned, *twin)


@pytest.mark.parametrize(
    ("test", "low", "high", "verdict"),
    [
        ("larger", ABOVE, 9, REPLICATED),
        ("larger", M, 9, INCONCLUSIVE),  # the bound itself is not exceeded
        ("larger", -BELOW, BELOW, NO_EFFECT),
        ("larger", 0.125, BELOW, NO_EFFECT),  # above zero, and too small to matter
        ("larger", -BELOW, -0.125, NO_EFFECT),  # reversed, and too small to matter
        ("larger", -M, -0.125, REVERSED),
        ("larger", -9, -ABOVE, REVERSED),
        ("larger", -M, 0, CONTRADICTED),
        ("larger", -9, BELOW, CONTRADICTED),
        ("larger", -9, M, INCONCLUSIVE),
        ("larger", -BELOW, M, INCONCLUSIVE),
        ("sign", 1e-9, BELOW, REPLICATED),
        ("sign", 0, BELOW, NO_EFFECT),
        ("sign", 0, M, INCONCLUSIVE),
        ("sign", -9, -1e-9, REVERSED),
        ("sign", -9, 0.125, CONTRADICTED),
        ("change", ABOVE, 9, REPLICATED),
        ("change", -9, -ABOVE, REPLICATED),
        ("change", -M, -M, INCONCLUSIVE),
        ("change", -BELOW, BELOW, NO_EFFECT),
        ("change", -9, BELOW, INCONCLUSIVE),
        ("equivalence", -BELOW, BELOW, REPLICATED),
        ("equivalence", -BELOW, M, INCONCLUSIVE),
        ("equivalence", -M, BELOW, INCONCLUSIVE),
        ("equivalence", ABOVE, 9, CONTRADICTED),
        ("equivalence", -9, -ABOVE, CONTRADICTED),
        ("equivalence", M, M, INCONCLUSIVE),
    ],
)
def test_the_rule_at_its_edges(test: Test, low: float, high: float, verdict: str) -> None:
    assert judged(test, low, high, M) == verdict


class TestInterval:
    @pytest.mark.parametrize(("n", "level"), [(4, 0.025), (10, 0.025), (20, 0.0125)])
    def test_it_is_students_as_scipy_has_it(self, n: int, level: float) -> None:
        low, high = stats.t.interval(1 - 2 * level, n - 1, loc=0.3, scale=0.2 / math.sqrt(n))
        assert row(0.3, 0.2, n=n).interval(level) == pytest.approx((low, high), rel=1e-12)

    def test_the_p_values_agree_with_scipy(self) -> None:
        values = [0.1, 0.5, 0.35, 0.6, 0.2]
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))

        def p(test: Test) -> float:
            return row(mean, spread, test, n=5, planned=5).p

        def scipy(bound: float, side: str) -> float:
            return float(stats.ttest_1samp(values, bound, alternative=side).pvalue)

        assert p("larger") == pytest.approx(scipy(M, "greater"))
        assert p("sign") == pytest.approx(scipy(0, "greater"))
        assert p("change") == pytest.approx(min(scipy(M, "greater"), scipy(-M, "less")))
        assert p("equivalence") == pytest.approx(max(scipy(-M, "greater"), scipy(M, "less")))
        assert row(mean, spread, n=5, planned=5).least_p == pytest.approx(min(scipy(M, "greater"), scipy(M, "less")))

    @pytest.mark.parametrize("test", ["larger", "sign", "equivalence"])
    def test_a_verdict_turns_where_p_crosses_the_level(self, test: Test) -> None:
        """Replicated at a level is the same as p below it."""
        for estimate in np.linspace(-0.5, 0.8, 400):
            found = row(float(estimate), 0.2, test)
            assert (found.verdict().word == REPLICATED) == (found.p < 0.025)

    def test_seeds_that_agree_are_judged_by_their_value(self) -> None:
        assert row(ABOVE).verdict().word == REPLICATED
        assert row(M).verdict().word == INCONCLUSIVE
        assert (row(ABOVE).p, row(M).p) == (0, 1)


class TestSeedsAndNotes:
    @pytest.mark.parametrize(("n", "word"), [(0, NO_DATA), (3, NO_DATA), (4, REPLICATED)])
    def test_fewer_than_four_seeds_are_no_data(self, n: int, word: str) -> None:
        assert row(1.0, 0.01, n=n, planned=n).verdict().word == word

    def test_an_interval_above_zero_leaves_the_size_open(self) -> None:
        assert row(0.3, 0.2).verdict() == Verdict(INCONCLUSIVE, SIZE_OPEN)
        assert row(0.1, 0.9).verdict() == Verdict(INCONCLUSIVE)
        assert row(0.1, 0.9, "sign").verdict() == Verdict(INCONCLUSIVE)


class TestAttrition:
    def test_below_four_fifths_of_the_seeds_no_row_is_conclusive(self) -> None:
        assert row(1.0, 0.01, n=8, planned=10).verdict().word == REPLICATED
        for estimate in (1.0, 0.0, -1.0):
            assert row(estimate, 0.01, n=7, planned=10).verdict() == Verdict(INCONCLUSIVE, FEW_PASS)

    @pytest.mark.parametrize(
        ("estimate", "test", "twin", "verdict"),
        [
            (1.0, "larger", (0.5, 0.1, 0.9), Verdict(REPLICATED)),
            (1.0, "larger", (0.5, 0.0, 1.0), Verdict(INCONCLUSIVE, WHO_PASSED)),  # its interval contains 0
            (1.0, "larger", (-0.5, -0.9, -0.1), Verdict(INCONCLUSIVE, WHO_PASSED)),  # its sign differs
            (1.0, "change", (-0.5, -0.9, -0.1), Verdict(INCONCLUSIVE, WHO_PASSED)),
            (-1.0, "change", (-0.5, -0.9, -0.1), Verdict(REPLICATED)),
            (0.1, "sign", (0.1, -0.1, 0.3), Verdict(INCONCLUSIVE, WHO_PASSED)),
            (-1.0, "larger", (-0.5, -0.9, -0.1), Verdict(REVERSED)),
            (-1.0, "larger", (-0.5, -0.9, 0.1), Verdict(INCONCLUSIVE, WHO_PASSED)),
            (1.0, "equivalence", (0.5, -0.1, 0.9), Verdict(INCONCLUSIVE, WHO_PASSED)),
            (0.0, "larger", (-0.1, -0.2, 0.2), Verdict(NO_EFFECT)),  # that an effect is small has no sign to keep
            (0.0, "larger", (0.1, -0.1, 0.3), Verdict(INCONCLUSIVE, WHO_PASSED)),
            (0.0, "equivalence", (-0.1, -0.2, 0.2), Verdict(REPLICATED)),
            (0.0, "equivalence", (0.1, -0.1, 0.3), Verdict(INCONCLUSIVE, WHO_PASSED)),
        ],
    )
    def test_a_conclusion_holds_only_where_the_ungated_twin_agrees(
        self, estimate: float, test: Test, twin: tuple[float, float, float], verdict: Verdict
    ) -> None:
        assert row(estimate, 0.01, test, twin=twin).verdict() == verdict

    def test_too_small_in_the_claimed_direction_must_be_so_in_the_twin(self) -> None:
        """Its own interval contains 0, and so may the twin's."""
        contradicted = (-0.05, 0.35)
        assert row(*contradicted, n=10, twin=(-0.1, -0.4, 0.2)).verdict() == Verdict(CONTRADICTED)
        assert row(*contradicted, n=10, twin=(0.1, -0.2, 0.4)).verdict() == Verdict(INCONCLUSIVE, WHO_PASSED)


class TestPower:
    RNG = np.random.default_rng(0)

    def share_replicated(self, test: Test, effect: float, spread: float, n: int, m: float) -> float:
        values = self.RNG.normal(effect, spread, (4_000, n))
        mean, half = values.mean(axis=1), stats.t.isf(0.025, n - 1) * values.std(axis=1, ddof=1) / math.sqrt(n)
        words = [judged(test, low, high, m) for low, high in zip(mean - half, mean + half, strict=True)]
        return words.count(REPLICATED) / len(words)

    @pytest.mark.parametrize(("n", "test"), [(10, "larger"), (20, "larger"), (20, "sign"), (20, "change")])
    def test_the_detectable_effect_is_found_in_four_of_five(self, n: int, test: Test) -> None:
        found = row(0.0, 0.5, test, n=n, planned=n)
        assert found.detectable == pytest.approx(
            (0 if test == "sign" else M) + (stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)) * 0.5 / math.sqrt(n)
        )
        assert self.share_replicated(test, found.detectable, 0.5, n, M) == pytest.approx(0.8, abs=0.03)

    def test_the_detectable_bound_of_an_equivalence_is_shown_in_four_of_five(self) -> None:
        bound = row(0.0, 0.5, "equivalence", n=20, planned=20).detectable
        assert self.share_replicated("equivalence", 0.0, 0.5, 20, bound) == pytest.approx(0.8, abs=0.03)

    @pytest.mark.parametrize("test", ["larger", "sign", "change", "equivalence"])
    def test_the_seeds_needed_are_the_fewest_that_would_do(self, test: Test) -> None:
        needed = int(row(0.0, 0.5, test).seeds_needed)

        def bar(n: int) -> float:
            return row(0.0, 0.5, test, n=n, planned=n).detectable

        room = M if test == "equivalence" else 2 * M
        assert bar(needed) <= room < bar(needed - 1)

    def test_no_number_of_seeds_is_given_where_none_would_do(self) -> None:
        assert row(0.0, 0.0).seeds_needed == 4
        assert math.isnan(row(0.0, 1e3).seeds_needed)


# Spread in units of m, seeds, and true effect in units of m; then how often each word is the verdict.
RATES = [
    (1, 4, 0.0, (0.000, 0.020, 0.096, 0.177, 0.707)),
    (1, 4, 2.0, (0.289, 0.000, 0.000, 0.000, 0.711)),
    (1, 10, 0.0, (0.000, 0.019, 0.612, 0.174, 0.195)),
    (1, 10, 2.0, (0.804, 0.000, 0.000, 0.000, 0.196)),
    (1, 20, 0.0, (0.000, 0.006, 0.978, 0.004, 0.011)),
    (1, 20, 1.0, (0.029, 0.000, 0.026, 0.000, 0.945)),
    (1, 20, 2.0, (0.988, 0.000, 0.000, 0.000, 0.012)),
    (2, 20, 0.5, (0.001, 0.002, 0.103, 0.079, 0.816)),
    (2, 20, 2.0, (0.567, 0.000, 0.000, 0.000, 0.433)),
]
WORDS = (REPLICATED, REVERSED, NO_EFFECT, CONTRADICTED, INCONCLUSIVE)


def rates(values: np.ndarray) -> list[float]:
    """How often each word is the verdict on experiments `[repetition, seed]` with m = 1."""
    _, n = values.shape
    rows = zip(values.mean(axis=1), values.std(axis=1, ddof=1), strict=True)
    words = [Row("larger", 1.0, float(mean), float(spread), n, n).verdict().word for mean, spread in rows]
    return [words.count(word) / len(words) for word in WORDS]


class TestErrorRates:
    """The table of error rates that the rule was chosen by."""

    def check(self, repetitions: int) -> None:
        rng = np.random.default_rng(1)
        for spread, n, effect, expected in RATES:
            found = rates(rng.normal(effect, spread, (repetitions, n)))
            for one, p in zip(found, expected, strict=True):  # the table itself comes from 20,000 repetitions
                noise = math.sqrt(max(p * (1 - p), 1e-3) * (1 / repetitions + 1 / 20_000))
                assert one == pytest.approx(p, abs=4 * noise), (spread, n, effect, found)

    def test_they_are_those_of_the_table_coarsely(self) -> None:
        self.check(500)

    @pytest.mark.slow
    def test_they_are_those_of_the_table(self) -> None:
        self.check(20_000)

    @pytest.mark.slow
    def test_skewed_seeds_make_replicated_at_the_bound_too_frequent(self) -> None:
        rng = np.random.default_rng(2)
        for n, expected in ((4, 0.074), (10, 0.068), (20, 0.058)):
            replicated = rates(1 - (rng.chisquare(4, (20_000, n)) - 4) / 4)[0]
            assert 0.025 < replicated == pytest.approx(expected, abs=0.01)
