"""A claim as a study states it: the statistic that decides it, the smallest effect of interest, and the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from repbias.core.specs import Spec, refuse_all
from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.comparisons import AnyComparison
from repbias.experiments.condition import Condition, Where
from repbias.experiments.contrasts import AnyContrast, FeatureDifference

Test = Literal["larger", "sign", "change", "equivalence", "descriptive"]
Quantifier = Literal["every", "some", "average"]
Role = Literal["paper", "ours"]


class Claim(Spec):
    """One part of a claim: a statement, and the number that decides it in each condition.

    Attributes
    ----------
    id : the number of a claim of the catalogue, such as "C1", where this part is one of that claim's; otherwise a name
        of the study's own, shown with the study's name before it. Parts with one id are judged together.
    statement : what this part claims.
    contrast : one number per network, positive where the claim holds.
    sesoi : the smallest effect of interest, above 0, in the units of the contrast (or comparison).
    test : what is claimed of the mean over seeds. "larger": it is larger than `sesoi`. "sign": it is larger than 0.
        "change": it is larger than `sesoi` in either direction. "equivalence": it lies between -`sesoi` and `sesoi`.
        "descriptive": nothing; the rows have estimates and intervals, and no verdict.
    compare : makes one number per network of those it has in several conditions; without it each condition is judged.
    where : only conditions with one of these levels of these factors, or all.
    primary : the conditions that decide the claim, in the form of `where`; by default those of the quick scale, or all
        where the quick scale has none. The others are reported apart.
    quantifier : over the primary conditions, the claim is that "every" one shows it, that "some" do, or that the
        "average" over them does.
    illuminates : the claim of the catalogue on which a question of the study's own throws light. The scorecard lists
        the question there, and it is no part of that claim's verdict.
    """

    id: str = Field(min_length=1)
    statement: str
    contrast: AnyContrast
    sesoi: float | None = Field(default=None, gt=0)
    test: Test = "larger"
    compare: AnyComparison | None = None
    where: Where | None = None
    primary: Where | None = None
    quantifier: Quantifier = "every"
    illuminates: str | None = None

    @model_validator(mode="after")
    def _can_be_judged(self) -> Claim:
        problems = []
        if self.test != "descriptive" and self.sesoi is None:
            problems.append(
                f"claim {self.id!r} needs the smallest effect of interest: set sesoi to a number above 0, in units of "
                f"{self.describe()!r}"
            )
        if self.illuminates is not None and self.illuminates not in CATALOGUE:
            problems.append(
                f"claim {self.id!r} illuminates {self.illuminates!r}, which the catalogue of claims lacks; "
                f"it has {', '.join(CATALOGUE)}"
            )
        if self.illuminates is not None and self.id in CATALOGUE:
            problems.append(f"claim {self.id!r} is one of the catalogue; only a study's own question illuminates one")
        refuse_all(problems)
        return self

    @property
    def role(self) -> Role:
        """Whether the claim is one of the literature, "paper", or a question of ours."""
        return "paper" if self.id in CATALOGUE and not CATALOGUE[self.id].is_ours else "ours"

    def name_in(self, study: str) -> str:
        """Return the id as tables show it: a question of the study's own has the study's name before it."""
        return self.id if self.id in CATALOGUE else f"{study}/{self.id}"

    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""
        statistic = self.contrast.describe()
        return statistic if self.compare is None else self.compare.describe(statistic)

    def concerns(self, condition: Condition) -> bool:
        """Whether the claim says anything about a condition."""
        return condition.matches(self.where)


def favours(
    id: str,
    statement: str,
    *,
    measure: str = "r2",
    pair: tuple[str, str] = ("easy", "hard"),
    sesoi: float | None = None,
    test: Test = "larger",
    compare: AnyComparison | None = None,
    where: Mapping[str, tuple[str, ...]] | None = None,
    quantifier: Quantifier = "every",
    illuminates: str | None = None,
) -> Claim:
    """Return the claim that the last hidden layer has more of `measure` for the first feature of a pair.

    It reads a `FeatureDifference`; the other parameters are those of `Claim`.
    """
    return Claim(
        id=id,
        statement=statement,
        contrast=FeatureDifference(measure=measure, more=pair[0], less=pair[1]),
        sesoi=sesoi,
        test=test,
        compare=compare,
        where=None if where is None else dict(where),
        quantifier=quantifier,
        illuminates=illuminates,
    )
