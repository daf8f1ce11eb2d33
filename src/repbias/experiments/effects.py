"""Effects of crossed factors: what each does on average over the others, and how far one depends on another."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, field_validator

from repbias.core.results import EFFECT_COLUMNS
from repbias.core.specs import Spec, refuse_all, unknown_names
from repbias.core.statistics import contrast_interval
from repbias.experiments.condition import Condition, Where
from repbias.experiments.contrast import by_condition
from repbias.experiments.contrasts import AnyContrast

MAIN, INTERACTION = "main effect", "interaction"
CELL_COLUMNS = ["seed", "value", "n_trained", "mark", "sesoi"]  # beside the factors, in tables of cells


class Effects(Spec):
    """Main effects and two-factor interactions of a contrast over conditions that cross several factors.

    The main effect of a level is the contrast there minus the contrast at the factor's first level. An interaction is
    the difference between two such differences. Both are of cell means, averaged over the settings of the other
    factors; a cell's mean is that of its networks that passed the accuracy criterion. Levels stand in the order in
    which the conditions first have them.

    Attributes
    ----------
    factors : what is crossed: every combination of their levels is one condition.
    where : only conditions with one of these levels of these factors, or all.
    sesoi : the smallest effect of interest, in the contrast's units.
    """

    contrast: AnyContrast
    factors: tuple[str, ...] = Field(min_length=2)
    where: Where = Field(default_factory=dict)
    sesoi: float = Field(default=0.0, ge=0)

    @field_validator("factors")
    @classmethod
    def _each_once_and_free(cls, factors: tuple[str, ...]) -> tuple[str, ...]:
        problems = []
        if repeated := [name for name in dict.fromkeys(factors) if factors.count(name) > 1]:
            problems.append(f"a factor is crossed with others, each named once; repeated: {', '.join(repeated)}")
        if taken := [name for name in dict.fromkeys(factors) if name in (*EFFECT_COLUMNS, *CELL_COLUMNS)]:
            problems.append(f"{', '.join(taken)} is what a column of the numbers is called; rename the factor")
        refuse_all(problems)
        return factors

    @property
    def lead(self) -> str:
        """How error messages refer to them."""
        return f"effects of {', '.join(self.factors)}"

    def concerns(self, condition: Condition) -> bool:
        """Whether a condition is part of the crossing."""
        return condition.matches(self.where)

    def levels(self, conditions: Sequence[Condition]) -> dict[str, list[str]]:
        """Return the levels of each factor in these conditions, the one that others are compared with first."""
        chosen = [condition for condition in conditions if self.concerns(condition)]
        return {name: list(dict.fromkeys(condition.factors[name] for condition in chosen)) for name in self.factors}

    def cells(self, conditions: Sequence[Condition], table: pd.DataFrame) -> pd.DataFrame:
        """Return the contrast in every cell: one row per trained network, columns the factors, seed and value.

        The value is NaN where the network failed the accuracy criterion.

        Parameters
        ----------
        table : tidy, of the networks that did not fail.
        """
        tables = by_condition(table)
        frames = []
        for condition in conditions:
            if self.concerns(condition) and condition.name in tables:
                values = condition.numbers(self.contrast, tables)
                cell = {name: condition.factors[name] for name in self.factors}
                frames.append(values.rename("value").reset_index().assign(**cell))
        if not frames:
            return pd.DataFrame(columns=[*self.factors, "seed", "value"])
        return pd.concat(frames, ignore_index=True)

    def table(self, levels: dict[str, list[str]], cells: pd.DataFrame) -> pd.DataFrame:
        """Return every effect with its 95 % interval (see `contrast_interval`), `EFFECT_COLUMNS`.

        An effect is averaged over those settings of the other factors in which two networks or more passed the
        accuracy criterion in every cell that it compares (`settings`, of `n_settings`; one network, where no setting
        has two). An effect without such a setting is left out.

        Parameters
        ----------
        levels, cells : what the methods of these names return.
        """
        values = _array(levels, cells)
        rows = []
        for kind, factors in _effects(self.factors):
            for chosen in itertools.product(*(levels[name][1:] for name in factors)):
                compared = {name: (level, levels[name][0]) for name, level in zip(factors, chosen, strict=True)}
                label = " × ".join(f"{name} {level} - {first}" for name, (level, first) in compared.items())
                signs = [_signs(own, *compared.get(name, ())) for name, own in levels.items()]
                weights = functools.reduce(np.multiply.outer, signs)
                rows += _row(kind, label, values, weights, [self.factors.index(name) for name in factors])
        return pd.DataFrame(rows, columns=EFFECT_COLUMNS)

    def problems(self, conditions: Sequence[Condition]) -> Iterator[str]:
        """Yield what keeps the factors from being crossed in the conditions of the study, one sentence per problem."""
        lead = self.lead
        known = dict.fromkeys(name for condition in conditions for name in condition.factors)
        unknown = [name for name in self.factors if name not in known]
        yield from unknown_names(f"{lead}: no condition has a factor", unknown, known)
        chosen = [condition for condition in conditions if self.concerns(condition)]
        lacking = [(c.name, name) for c in chosen for name in self.factors if name in known and name not in c.factors]
        yield from (
            f"{lead}: condition {name!r} has no factor {factor!r}; leave it out by where" for name, factor in lacking
        )
        if chosen and not unknown and not lacking:
            yield from (f"{lead}: {problem}" for problem in self._gaps(chosen))

    def _gaps(self, chosen: Sequence[Condition]) -> Iterator[str]:
        """Yield the factors that do not vary, the cells that several conditions share, and those that have none."""
        levels = self.levels(chosen)
        for name, own in levels.items():
            if len(own) < 2:
                yield f"{name} has one level, {own[0]!r}, and an effect is between two; leave it out"
        found: dict[tuple[str, ...], str] = {}
        for condition in chosen:
            first = found.setdefault(tuple(condition.factors[name] for name in self.factors), condition.name)
            if first != condition.name:
                yield f"{first!r} and {condition.name!r} are in one cell; choose one by where, or add a factor"
        missing = [cell for cell in itertools.product(*levels.values()) if cell not in found]
        if missing:
            named = "; ".join(" × ".join(map(" ".join, zip(self.factors, cell, strict=True))) for cell in missing)
            yield f"no condition has {named}; add what is missing, or leave levels out by where"


def _effects(factors: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The factors of each main effect and of each interaction."""
    yield from ((MAIN, (name,)) for name in factors)
    yield from ((INTERACTION, pair) for pair in itertools.combinations(factors, 2))


def _array(levels: dict[str, list[str]], cells: pd.DataFrame) -> NDArray[np.float64]:
    """The contrast `[network, level of the first factor, level of the second, ...]`, NaN where there is none."""
    known = cells.dropna(subset=["value"])
    networks = list(dict.fromkeys(known["seed"]))
    values = np.full((len(networks), *map(len, levels.values())), np.nan)
    places = [known["seed"].map(networks.index), *(known[name].map(own.index) for name, own in levels.items())]
    values[tuple(place.to_numpy(int) for place in places)] = known["value"].to_numpy(float)
    return values


def _signs(levels: list[str], more: str | None = None, less: str | None = None) -> NDArray[np.float64]:
    """The sign of each level of a factor in an effect, `[level]`; 1 for all where the effect is not of this factor."""
    if more is None:
        return np.ones(len(levels))
    return np.array([(level == more) - float(level == less) for level in levels])


def _row(
    kind: str, name: str, values: NDArray[np.float64], signs: NDArray[np.float64], own: Sequence[int]
) -> list[tuple[object, ...]]:
    """An effect's row, from `[network, *level]` and the sign of each cell `[*level]`; nothing where no setting has it.

    `own` are the axes of the effect's own factors; the others are the settings.
    """
    counts = np.isfinite(values).sum(axis=0)
    fewest = np.where(signs != 0, counts, len(values)).min(axis=tuple(own), keepdims=True, initial=len(values))
    counted = fewest >= min(2, max(1, fewest.max(initial=0)))
    settings = int(counted.sum())
    if not settings:
        return []
    mean = contrast_interval(values.reshape(len(values), -1), (signs * counted / settings).ravel())
    return [(kind, name, mean.mean, mean.ci_low, mean.ci_high, mean.n, settings, counted.size)]
