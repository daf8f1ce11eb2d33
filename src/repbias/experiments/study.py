"""What a study is, as data: a question, conditions, scales, and claims with the rule that decides them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from repbias.core.specs import Spec, did_you_mean, explain
from repbias.experiments.analysis import Analysis
from repbias.experiments.comparisons import AnyComparison
from repbias.experiments.contrasts import MEASURES, AnyContrast
from repbias.experiments.effects import Effects
from repbias.experiments.ladder import Ladder
from repbias.experiments.network_spec import AnyModel, AnyTask, NetworkSpec
from repbias.experiments.validation import misfits
from repbias.models import MLP
from repbias.training import Training

ScaleName = Literal["quick", "full"]


class Condition(Spec):
    """One setting of task, model and training, repeated over seeds.

    Attributes
    ----------
    factors : what distinguishes the condition from the others, in words for tables and figures.
    layers : layers to measure; by default all hidden layers and the read-out.
    measures : further measures, name -> "package.module:function"; see `repbias.train`.
    steps : about how many steps a network takes, for estimates of cost and time left; it decides nothing.
    """

    name: str = Field(min_length=1)
    factors: dict[str, str] = Field(default_factory=dict)
    task: AnyTask
    model: AnyModel = MLP()
    training: Training = Training()
    layers: tuple[str, ...] | None = None
    measures: dict[str, str] = Field(default_factory=dict)
    steps: int = Field(default=5_000, ge=1)

    @field_validator("measures")
    @classmethod
    def _names_are_free(cls, measures: dict[str, str]) -> dict[str, str]:
        if taken := [name for name in measures if name in (*MEASURES, "accuracy", "mastery_step")]:
            raise ValueError(f"{', '.join(taken)} is measured already; give your own measure another name")
        return measures

    @model_validator(mode="after")
    def _curriculum_fits(self) -> Condition:
        self.training.check_features(self.task.feature_names)
        if self.training.batch > self.task.n_stimuli[0]:
            raise ValueError(
                f"a batch of {self.training.batch} is larger than the training set of {self.task.n_stimuli[0]} stimuli"
            )
        return self

    @property
    def layers_measured(self) -> tuple[str, ...]:
        """The layers to measure, as glob patterns."""
        return self.layers or self.model.layers_read

    def network(self, seed: int) -> NetworkSpec:
        """Return the network of this condition with a seed."""
        return NetworkSpec(
            task=self.task,
            model=self.model,
            training=self.training,
            layers=self.layers_measured,
            measures=self.measures,
            seed=seed,
        )


class Claim(Spec):
    """A statement, and the number that decides it in each condition.

    Attributes
    ----------
    id : the claim's number, such as "C1". Claims with one id are parts of one claim.
    strength : how well the paper's own finding is known: A (its abstract says it), B (notes of a careful reader or the
        authors' summaries), C (our own question).
    contrast : one number a network, positive where the claim holds.
    compare : makes one number a network of those it has in several conditions; without it each condition is judged.
    where : only conditions with one of these levels of these factors, or all.
    sesoi : the smallest effect of interest, in the contrast's (or comparison's) units.
    equivalent : the claim is that there is no effect worth the name: the statistic lies within plus or minus `sesoi`.
    """

    id: str = Field(min_length=1)
    statement: str
    strength: str = ""
    contrast: AnyContrast
    compare: AnyComparison | None = None
    where: dict[str, tuple[str, ...]] | None = None
    sesoi: float = Field(default=0.0, ge=0)
    equivalent: bool = False

    @model_validator(mode="after")
    def _equivalence_has_a_bound(self) -> Claim:
        if self.equivalent and self.sesoi == 0:
            raise ValueError("a claim that there is no effect needs the smallest effect of interest; set sesoi")
        return self

    def describe(self) -> str:
        """Return the statistic in words and symbols, as it stands in the claims table."""
        statistic = self.contrast.describe()
        return statistic if self.compare is None else self.compare.describe(statistic)

    def concerns(self, condition: Condition) -> bool:
        """Whether the claim says anything of a condition."""
        return all(condition.factors.get(factor) in levels for factor, levels in (self.where or {}).items())


class Scale(Spec):
    """How much of a study is run: which conditions (None for all) and how many seeds."""

    conditions: tuple[str, ...] | None = Field(default=None, min_length=1)
    seeds: int = Field(ge=1)


class Study(Spec):
    """A question, the conditions that answer it, and the claims it bears on. Settings are fixed before the run.

    Attributes
    ----------
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
        if "conditions" in info.data:  # else they were refused, and that is what is said
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
        if "conditions" in info.data:  # else they were refused, and that is what is said
            analysis = info.data.get("analysis")
            _refuse(problem for claim in claims for problem in misfits(claim, info.data["conditions"], analysis))
        return claims

    @field_validator("ladders")
    @classmethod
    def _ladders_fit(cls, ladders: tuple[Ladder, ...], info: ValidationInfo) -> tuple[Ladder, ...]:
        if "conditions" in info.data:  # else they were refused, and that is what is said
            _refuse(problem for ladder in ladders for problem in ladder.problems(info.data["conditions"]))
        return ladders

    @field_validator("effects")
    @classmethod
    def _effects_fit(cls, effects: tuple[Effects, ...], info: ValidationInfo) -> tuple[Effects, ...]:
        if "conditions" in info.data:  # else they were refused, and that is what is said
            conditions, analysis = info.data["conditions"], info.data.get("analysis")
            uncrossed = [problem for one in effects for problem in one.problems(conditions)]
            # What is read is there where a claim on the same contrast could be judged.
            claims = [Claim(id=one.title, statement="", contrast=one.contrast, where=one.where) for one in effects]
            unread = [problem for claim in claims for problem in misfits(claim, conditions, analysis)]
            _refuse(problem.removeprefix("claim ") for problem in (*uncrossed, *unread))
        return effects

    def at(self, scale: ScaleName) -> tuple[Condition, ...]:
        """Return the conditions of a scale, in the order of the study."""
        chosen = self.scales[scale].conditions
        return tuple(c for c in self.conditions if chosen is None or c.name in chosen)


def _refuse(problems: Iterator[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise ValueError("\n    ".join(found))


def read_study(path: Path) -> Study:
    """Read a study of one's own from a TOML file: the fields of `Study`, with `[[conditions]]` and `[[claims]]`.

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
