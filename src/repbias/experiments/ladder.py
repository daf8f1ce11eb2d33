"""A ladder: one contrast plotted against another, with a point for each level of a factor."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pydantic import Field

from repbias.core.results import POINT_COLUMNS
from repbias.core.specs import Spec
from repbias.core.statistics import mean_interval
from repbias.experiments.condition import Condition, Tables, Where
from repbias.experiments.contrast import by_condition
from repbias.experiments.contrasts import AnyContrast


class Rung(Spec):
    """One axis of a ladder: a contrast, and the conditions in which it is read."""

    contrast: AnyContrast
    where: Where = Field(default_factory=dict)

    def values(self, by: str, point: str, conditions: Sequence[Condition], tables: Tables) -> pd.Series:
        """Return the contrast at one level of the factor `by`, one number per analysed network."""
        chosen = [condition for condition in conditions if condition.matches({**self.where, by: (point,)})]
        found = [condition.numbers(self.contrast, tables).dropna() for condition in chosen if condition.name in tables]
        return pd.concat(found) if found else pd.Series(dtype=float)


class Ladder(Spec):
    """A figure of `y` over `x`, with a point for each level of the factor `by`."""

    title: str
    by: str
    x: Rung
    y: Rung

    @property
    def lead(self) -> str:
        """How error messages refer to it."""
        return f"ladder {self.title!r}"

    def points(self, conditions: Sequence[Condition], table: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each level that has both: means over networks with 95 % intervals, `POINT_COLUMNS`.

        Parameters
        ----------
        table : tidy, of the networks that did not fail.
        """
        tables = by_condition(table)
        rows = []
        for point in dict.fromkeys(c.factors[self.by] for c in conditions if self.by in c.factors):
            axes = [rung.values(self.by, point, conditions, tables) for rung in (self.x, self.y)]
            if all(len(values) for values in axes):
                x, y = (mean_interval(values.to_numpy(float)) for values in axes)
                rows.append((self.title, point, x.mean, x.ci_low, x.ci_high, x.n, y.mean, y.ci_low, y.ci_high, y.n))
        return pd.DataFrame(rows, columns=POINT_COLUMNS)
