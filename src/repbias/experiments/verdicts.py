"""The verdict on one row: a claim in one condition, or in one comparison of conditions.

The evidence is one number per seed. With [L, U] Student's interval at a one-sided level of .025 and m the smallest
effect of interest:

=============  ============  ====================================================
test           verdict       where
=============  ============  ====================================================
larger         replicated    L > m
               no effect     -m < L and U < m
               reversed      U < 0, and not "no effect"
               contradicted  0 <= U < m and L <= -m: too small in this direction
sign           replicated    L > 0; the other verdicts as above
change         replicated    L > m or U < -m
               no effect     -m < L and U < m
equivalence    replicated    -m < L and U < m
               contradicted  L > m or U < -m
any            inconclusive  otherwise
any            no data       fewer than four seeds
=============  ============  ====================================================

Two rules guard against attrition, networks that fail the accuracy criterion. Where fewer than 80 % of the planned seeds
count, the verdict is at most inconclusive; networks that diverged, or were not run, are missing seeds here. And every
row has an ungated twin, in which the networks that failed the criterion are read at their last step (those that
diverged have none). A verdict on the direction of an effect stands only where the twin's mean has the same sign and its
interval excludes 0; a verdict that an effect is small, only where the twin's interval lies within the same bounds.
Otherwise the row is inconclusive, "depends on who passed".
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repbias.experiments.claim import Test

REPLICATED, NO_EFFECT, REVERSED, CONTRADICTED = "replicated", "no effect", "reversed", "contradicted"
INCONCLUSIVE, NO_DATA, MIXED = "inconclusive", "no data", "mixed"
AGAINST = (NO_EFFECT, REVERSED, CONTRADICTED)
VERDICTS = (REPLICATED, *AGAINST, MIXED, INCONCLUSIVE, NO_DATA)
SIZE_OPEN, FEW_PASS, WHO_PASSED = "right sign, size open", "fewer than 80 % of the seeds count", "depends on who passed"
LEVEL, POWER = 0.025, 0.8
VERDICT_RULE = (
    "One number per seed; the 95 % interval [L, U] is Student’s, and m is the smallest effect of interest, fixed "
    "before the run. A claim is replicated in a condition where L > m; where only the sign is claimed, L > 0; where a "
    "change in either direction is claimed, also where U < −m; where it is claimed that there is no effect, where the "
    "interval lies between −m and m. For the other claims, an interval between −m and m shows that there is no "
    "effect. A claim is reversed where U < 0, contradicted where the effect is shown to be too small in the direction "
    "claimed (or, if no effect is claimed, to be larger than m), and inconclusive otherwise. With fewer than four "
    "seeds there are no data. Where fewer than 80 % of the planned seeds count, or the result depends on leaving out "
    "the networks that fail the accuracy criterion, the verdict is inconclusive. Primary conditions are those of the "
    "quick scale, unless the claim names others. A claim that every condition must show is replicated where all "
    "primary conditions replicate it; it is mixed only where, after Holm’s correction, at least one replicates it and "
    "another speaks against it. The other conditions form a separate family and change a verdict only to mixed. "
    "Each conclusive word is wrong in at most 2.5 % of rows whose seeds are normally distributed; with skewed seeds "
    "and an effect at the bound, “replicated” is wrong in 7.4, 6.8 and 5.8 % for 4, 10 and 20 seeds. This rule "
    "replaced an earlier one, “replicated” or “not replicated”, after results at full scale were known. The earlier "
    "rule said “not replicated” of most effects of twice the smallest effect of interest where seeds were few. The "
    "rule was changed for that reason, and not for any result."
)
LEAST_SEEDS, LEAST_SHARE, MOST_SEEDS = 4, 0.8, 10_000


@dataclass(frozen=True)
class Verdict:
    """A verdict in a word, and what qualifies it."""

    word: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """What decides one row: the mean and spread of one number per seed, and its ungated twin.

    Attributes
    ----------
    sesoi : the smallest effect of interest, m.
    estimate, spread : mean and standard deviation over the `n` seeds that count, of `n_planned`.
    twin_estimate, twin_ci_low, twin_ci_high : mean and 95 % interval of the twin; NaN where there is none.
    """

    test: Test
    sesoi: float
    estimate: float
    spread: float
    n: int
    n_planned: int
    twin_estimate: float = math.nan
    twin_ci_low: float = math.nan
    twin_ci_high: float = math.nan

    @property
    def is_tested(self) -> bool:
        """Whether enough seeds count for a conclusion."""
        return self.n >= LEAST_SEEDS and self.n >= LEAST_SHARE * self.n_planned

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return Student's interval at a one-sided level."""
        half = float(stats.t.isf(level, self.n - 1)) * self._error
        return self.estimate - half, self.estimate + half

    def verdict(self, level: float = LEVEL) -> Verdict:
        """Return the verdict at a one-sided level, attrition included."""
        if self.n < LEAST_SEEDS:
            return Verdict(NO_DATA)
        low, high = self.interval(level)
        word = judged(self.test, low, high, self.sesoi)
        if not self.is_tested:
            return Verdict(INCONCLUSIVE, FEW_PASS)
        if word == INCONCLUSIVE:
            return Verdict(word, SIZE_OPEN if self.test == "larger" and low > 0 else "")
        return Verdict(word) if self._holds_in_twin(word) else Verdict(INCONCLUSIVE, WHO_PASSED)

    @property
    def p(self) -> float:
        """The p value of the claim, one-sided: of a mean so far beyond the bound if it were not beyond."""
        return self._p_change() if self.test == "change" else self._p_claimed()

    @property
    def least_p(self) -> float:
        """The smaller of the p values for and against the claim, by which a family orders its rows."""
        against = {"equivalence": self._p_change, "change": self._p_within}.get(self.test, self._p_smaller)
        return min(self.p, against())

    @property
    def detectable(self) -> float:
        """The smallest true effect that this spread and n would have called replicated in 80 % of repetitions.

        Of an equivalence, the smallest bound that they would have shown in 80 % if there were no effect at all.
        """
        if self.n < 2:
            return math.nan
        return self._bar + self.spread * float(_reach(np.array([self.n]), self.test == "equivalence")[0])

    @property
    def seeds_needed(self) -> float:
        """The seeds needed to call an effect of twice m replicated in 80 % of repetitions, with this spread.

        Of an equivalence, those needed to show it in 80 % if there were no effect at all. NaN beyond 10,000 seeds.
        """
        if self.n < 2:
            return math.nan
        room = self.sesoi if self.test == "equivalence" else 2 * self.sesoi - self._bar
        numbers = np.arange(LEAST_SEEDS, MOST_SEEDS + 1)
        enough = self.spread * _all_reaches(self.test == "equivalence") <= room
        return float(numbers[enough.argmax()]) if enough.any() else math.nan

    @property
    def _error(self) -> float:
        return self.spread / math.sqrt(self.n)

    @property
    def _bar(self) -> float:
        """What the mean must exceed for the claim to hold."""
        return self.sesoi if self.test in ("larger", "change") else 0.0

    def _holds_in_twin(self, word: str) -> bool:
        low, high, m = self.twin_ci_low, self.twin_ci_high, self.sesoi
        if math.isnan(self.twin_estimate):
            return True
        if word == NO_EFFECT or (word == REPLICATED and self.test == "equivalence"):
            return -m < low and high < m
        if word == CONTRADICTED and self.test != "equivalence":
            return high < m
        return low > 0 if self.estimate > 0 else high < 0

    def _p_beyond(self, distance: float) -> float:
        """One-sided p of a mean that lies beyond a bound by some distance."""
        if self._error == 0:
            return float(distance <= 0)
        return float(stats.t.sf(distance / self._error, self.n - 1))

    def _p_claimed(self) -> float:
        return self._p_within() if self.test == "equivalence" else self._p_beyond(self.estimate - self._bar)

    def _p_smaller(self) -> float:
        return self._p_beyond(self.sesoi - self.estimate)

    def _p_within(self) -> float:
        return max(self._p_beyond(self.estimate + self.sesoi), self._p_beyond(self.sesoi - self.estimate))

    def _p_change(self) -> float:
        return self._p_beyond(abs(self.estimate) - self.sesoi)


def judged(test: Test, low: float, high: float, sesoi: float) -> str:
    """Return the verdict that an interval gives, by the table of this module."""
    within, beyond = -sesoi < low and high < sesoi, low > sesoi or high < -sesoi
    if test == "equivalence":
        return REPLICATED if within else CONTRADICTED if beyond else INCONCLUSIVE
    if test == "change":
        return REPLICATED if beyond else NO_EFFECT if within else INCONCLUSIVE
    if low > (0 if test == "sign" else sesoi):
        return REPLICATED
    if within:
        return NO_EFFECT
    if high < 0:
        return REVERSED
    return CONTRADICTED if high < sesoi and low <= -sesoi else INCONCLUSIVE


def _reach(n: NDArray[np.int_], both_sides: bool) -> NDArray[np.float64]:
    """How far beyond its bar, in spreads, a mean over n seeds must lie to be found beyond it in 80 % of repetitions."""
    power = (1 + POWER) / 2 if both_sides else POWER
    reach: NDArray[np.float64] = (stats.t.isf(LEVEL, n - 1) + stats.t.ppf(power, n - 1)) / np.sqrt(n)
    return reach


@functools.cache
def _all_reaches(both_sides: bool) -> NDArray[np.float64]:
    return _reach(np.arange(LEAST_SEEDS, MOST_SEEDS + 1), both_sides)
