"""A study as data: a question, conditions, scales and claims; and the checks that these fit one another."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from repbias.core.functions import look_here
from repbias.core.specs import Spec, did_you_mean, explaining, unknown_names
from repbias.experiments.analysis import Analysis
from repbias.experiments.claim import Claim
from repbias.experiments.comparisons import AnyComparison
from repbias.experiments.condition import Condition, Where
from repbias.experiments.contrast import END, MEASURES, START, Contrast
from repbias.experiments.contrasts import LayerSlope
from repbias.experiments.effects import Effects
from repbias.experiments.growth import Growth
from repbias.experiments.ladder import Ladder
from repbias.training.checkpoint import INPUT

ScaleName = Literal["quick", "full"]


class Scale(Spec):
    """How much of a study is run: which conditions (None: all) and how many seeds."""

    conditions: tuple[str, ...] | None = Field(default=None, min_length=1)
    seeds: int = Field(ge=1)


def quick_and_full(quick: Iterable[str] | None = None, seeds: tuple[int, int] = (4, 20)) -> dict[ScaleName, Scale]:
    """Return the two scales of a study.

    Parameters
    ----------
    quick : the conditions of the quick scale; by default all, as at the full scale.
    seeds : how many at the quick scale, and at the full one.
    """
    conditions = None if quick is None else tuple(quick)
    return {"quick": Scale(conditions=conditions, seeds=seeds[0]), "full": Scale(seeds=seeds[1])}


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
    scales: dict[ScaleName, Scale] = Field(default_factory=quick_and_full)
    analysis: Analysis | None = None
    claims: tuple[Claim, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    effects: tuple[Effects, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Study({self.name!r}: {self.question} {len(self.conditions)} conditions, {len(self.claims)} claims)"

    __str__ = __repr__

    @field_validator("conditions")
    @classmethod
    def _different_names(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        names = [condition.name for condition in conditions]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"conditions need different names; repeated: {', '.join(repeated)}")
        return conditions

    @field_validator("scales", "claims", "ladders", "effects")
    @classmethod
    def _fits_the_conditions(cls, value: Any, info: ValidationInfo) -> Any:
        if "conditions" in info.data:  # otherwise they were refused, and that error is enough
            found = _misfits(info.field_name, value, info.data["conditions"], info.data.get("analysis"))
            if problems := list(dict.fromkeys(found)):
                raise ValueError("\n    ".join(problems))
        return value

    def at(self, scale: ScaleName) -> tuple[Condition, ...]:
        """Return the conditions of a scale, in the order of the study."""
        chosen = self.scales[scale].conditions
        return tuple(c for c in self.conditions if chosen is None or c.name in chosen)


def _misfits(
    field: str | None, value: Any, conditions: Sequence[Condition], analysis: Analysis | None
) -> Iterator[str]:
    """Yield what keeps a field of a study from being used with its conditions, one sentence per problem."""
    match field:
        case "scales":
            names = [condition.name for condition in conditions]
            for scale, chosen in value.items():
                yield from unknown_names(f"scale {scale!r}: no condition is called", chosen.conditions or (), names)
        case "claims":
            for claim in value:
                yield from _unjudged(claim, conditions, analysis)
        case "ladders":
            for ladder in value:
                yield from _unknown_levels(ladder.lead, {ladder.by: ()}, conditions)
                for rung in (ladder.x, ladder.y):
                    yield from _unread(ladder.lead, rung.contrast, rung.where, conditions, analysis)
        case "effects":
            for effects in value:
                yield from effects.problems(conditions)
                yield from _unread(effects.lead, effects.contrast, effects.where, conditions, analysis)


def _unjudged(claim: Claim, conditions: Sequence[Condition], analysis: Analysis | None) -> Iterator[str]:
    lead = f"claim {claim.id}"
    yield from _unread(lead, claim.contrast, claim.where, conditions, analysis)
    yield from _unknown_levels(lead, claim.primary, conditions)
    chosen = [condition for condition in conditions if claim.concerns(condition)]
    if chosen and claim.compare is not None:
        yield from _incomparable(lead, claim.compare, chosen)


def _unread(
    lead: str, contrast: Contrast, where: Where | None, conditions: Sequence[Condition], analysis: Analysis | None
) -> Iterator[str]:
    """Yield what a contrast reads and the conditions lack: features, measures, layers; `lead` opens each sentence."""
    yield from _unknown_levels(lead, where, conditions)
    chosen = [condition for condition in conditions if condition.matches(where)]
    if not chosen:
        yield f"{lead} concerns no condition; check its where"
    for condition in chosen:
        yield from _lacking(lead, contrast, condition, analysis)


def _unknown_levels(lead: str, where: Where | None, conditions: Sequence[Condition]) -> Iterator[str]:
    for factor, levels in (where or {}).items():
        known = list(dict.fromkeys(c.factors[factor] for c in conditions if factor in c.factors))
        if known:
            yield from unknown_names(f"{lead}: no condition has {factor}", levels, known)
        else:
            factors = dict.fromkeys(name for condition in conditions for name in condition.factors)
            yield from unknown_names(f"{lead}: no condition has a factor", (factor,), factors)


def _incomparable(lead: str, compare: AnyComparison, chosen: Sequence[Condition]) -> Iterator[str]:
    for condition in chosen:
        where = f"{lead}: condition {condition.name!r}"
        yield from unknown_names(f"{where} has no factor", compare.varying, condition.factors)
    able = [condition.factors for condition in chosen if set(compare.varying) <= set(condition.factors)]
    levels = dict.fromkeys(map(compare.level, able))
    if levels:
        yield from (f"{lead}: {problem}" for problem in compare.problems(list(levels)))
    first: dict[frozenset[tuple[str, str]], str] = {}
    for condition in chosen:
        same = first.setdefault(frozenset(condition.factors.items()), condition.name)
        if same != condition.name:
            yield f"{lead} compares by factors, and those of {same!r} and {condition.name!r} are the same; add another"


def _lacking(lead: str, contrast: Contrast, condition: Condition, analysis: Analysis | None) -> Iterator[str]:
    hidden = condition.model.layer_names
    features, measures = condition.task.measured_names, (*MEASURES, *condition.measures)
    if analysis is not None:
        features, measures = (*features, *analysis.features), (*measures, *analysis.measures)
    where = f"{lead}: condition {condition.name!r}"
    if isinstance(contrast, Growth):
        for event in (START, END):
            if event in features:
                yield f"{where} has a feature called {event!r}, which names a step of training; rename the feature"
    if isinstance(contrast, LayerSlope) and len(hidden) < 2:
        yield f"{where} has one hidden layer; a slope over layers needs two"
    yield from unknown_names(f"{where} has no feature", contrast.features(), features)
    of_features = [measure for measure in measures if measure != "joint_r2"]
    yield from unknown_names(f"{where} has no measure", contrast.measures_read(), of_features)
    measured = (INPUT, *condition.layers_measured)
    for layer in contrast.layers_read(hidden):
        if not any(_matches(layer, pattern) for pattern in measured):
            yield f"{where} does not measure layer {layer!r}; {did_you_mean(layer, measured)}"


def _matches(layer: str, pattern: str) -> bool:
    return layer.count(".") == pattern.count(".") and fnmatch.fnmatchcase(layer, pattern)


def read_study(path: Path) -> Study:
    """Read a user's study from a TOML file: the fields of `Study`, with `[[conditions]]` and `[[claims]]`.

    Modules and files of arrays that it names lie in the current folder or beside the TOML file.

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
    look_here(path.parent)
    _find_beside(data, path.parent)
    with explaining(str(path)):
        return Study.model_validate(data)


def _find_beside(data: dict[str, Any], folder: Path) -> None:
    """Make the path of each task's file absolute: in the current folder or, if it is not there, in `folder`."""
    conditions = data.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        task = condition.get("task") if isinstance(condition, dict) else None
        if isinstance(task, dict) and isinstance(task.get("path"), str):
            here, beside = Path(task["path"]), folder / task["path"]
            task["path"] = str((here if here.exists() or not beside.exists() else beside).resolve())
