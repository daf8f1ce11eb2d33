"""A study as data: a question, the conditions that answer it, scales, and claims."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from repbias.core.specs import Spec, did_you_mean, explain
from repbias.experiments.analysis import Analysis
from repbias.experiments.claim import Claim as Claim
from repbias.experiments.condition import Condition as Condition
from repbias.experiments.effects import Effects
from repbias.experiments.ladder import Ladder
from repbias.experiments.validation import misfits, unread

ScaleName = Literal["quick", "full"]


class Scale(Spec):
    """How much of a study is run: which conditions (None: all) and how many seeds."""

    conditions: tuple[str, ...] | None = Field(default=None, min_length=1)
    seeds: int = Field(ge=1)


class Study(Spec):
    """A question, the conditions that answer it, and the claims it bears on. Settings are fixed before the run.

    Attributes
    ----------
    domain : the kind of stimuli; the scorecard gives each claim one verdict per domain.
    analysis : what is computed from the trained networks beyond what is measured while they train.
    ladders : figures of one contrast over another, a point for each level of a factor.
    effects : figures of the main effects and interactions of crossed factors, each of one contrast.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")
    title: str = ""
    question: str
    domain: str = "bits"
    conditions: tuple[Condition, ...] = Field(min_length=1)
    scales: dict[ScaleName, Scale]
    analysis: Analysis | None = None
    claims: tuple[Claim, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    effects: tuple[Effects, ...] = ()
    notes: tuple[str, ...] = ()

    @field_validator("conditions")
    @classmethod
    def _different_names(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        names = [condition.name for condition in conditions]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"conditions need different names; repeated: {', '.join(repeated)}")
        return conditions

    @field_validator("scales")
    @classmethod
    def _scales_fit(cls, scales: dict[ScaleName, Scale], info: ValidationInfo) -> dict[ScaleName, Scale]:
        if "conditions" in info.data:  # otherwise they were refused, and that error is enough
            names = [condition.name for condition in info.data["conditions"]]
            _refuse(
                f"scale {scale!r}: no condition is called {name!r}; {did_you_mean(name, names)}"
                for scale, chosen in scales.items()
                for name in chosen.conditions or ()
                if name not in names
            )
        return scales

    @field_validator("claims")
    @classmethod
    def _claims_fit(cls, claims: tuple[Claim, ...], info: ValidationInfo) -> tuple[Claim, ...]:
        if "conditions" in info.data:  # otherwise they were refused, and that error is enough
            analysis = info.data.get("analysis")
            _refuse(problem for claim in claims for problem in misfits(claim, info.data["conditions"], analysis))
        return claims

    @field_validator("ladders")
    @classmethod
    def _ladders_fit(cls, ladders: tuple[Ladder, ...], info: ValidationInfo) -> tuple[Ladder, ...]:
        if "conditions" in info.data:  # otherwise they were refused, and that error is enough
            _refuse(problem for ladder in ladders for problem in ladder.problems(info.data["conditions"]))
        return ladders

    @field_validator("effects")
    @classmethod
    def _effects_fit(cls, effects: tuple[Effects, ...], info: ValidationInfo) -> tuple[Effects, ...]:
        if "conditions" in info.data:  # otherwise they were refused, and that error is enough
            conditions, analysis = info.data["conditions"], info.data.get("analysis")
            uncrossed = [problem for one in effects for problem in one.problems(conditions)]
            lacking = [
                problem
                for one in effects
                for problem in unread(one.title, one.contrast, one.where, conditions, analysis)
            ]
            _refuse(problem for problem in (*uncrossed, *lacking))
        return effects

    def at(self, scale: ScaleName) -> tuple[Condition, ...]:
        """Return the conditions of a scale, in the order of the study."""
        chosen = self.scales[scale].conditions
        return tuple(c for c in self.conditions if chosen is None or c.name in chosen)


def _refuse(problems: Iterable[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise ValueError("\n    ".join(found))


def read_study(path: Path) -> Study:
    """Read a user's study from a TOML file: the fields of `Study`, with `[[conditions]]` and `[[claims]]`.

    Raises
    ------
    ValueError : the file cannot be read or parsed, or describes no valid study; every problem is listed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        where = "" if path.is_absolute() else f"; looked for in {Path.cwd()}"
        raise ValueError(f"{path}: {error.strerror}{where}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    data.setdefault("name", path.stem)
    data.setdefault("scales", {"quick": {"seeds": 4}, "full": {"seeds": 20}})
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        raise ValueError(explain(error, str(path))) from error
