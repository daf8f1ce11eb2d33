"""Specs: frozen, validated descriptions of tasks, models, training and conditions.

What is written in a study, in a TOML file, or in Python is the same object. A wrong value is refused when the spec
is made, with every problem listed at once, and its canonical JSON is hashed into the identity of a run.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema


class Spec(BaseModel):
    """A frozen description: validated when made, equal by value, with a canonical JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _offer_the_nearest(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Say of a field that there is not which was meant, and leave all other problems as they are."""
        try:
            return handler(data)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            if not any(_is_unknown_field(problem) for problem in problems):
                raise
            raise ValidationError.from_exception_data(error.title, [cls._reworded(p) for p in problems]) from None

    @classmethod
    def _reworded(cls, problem: ErrorDetails) -> InitErrorDetails:
        kind: str | PydanticCustomError = problem["type"]
        if _is_unknown_field(problem):
            meant = did_you_mean(str(problem["loc"][0]), cls.model_fields)
            kind = PydanticCustomError("unknown_field", "there is no such field; {meant}", {"meant": meant})
        elif kind not in get_args(core_schema.ErrorType):  # of a spec inside this one, and reworded already
            kind = PydanticCustomError(kind, problem["msg"])  # type: ignore[arg-type]
        return InitErrorDetails(type=kind, loc=problem["loc"], input=problem["input"], ctx=problem.get("ctx", {}))

    def canonical_json(self) -> str:
        """Return the JSON text that identifies this spec: its fields in the order declared, defaults included.

        The order of features is part of the description (it is the order of a network's outputs), so keys are
        not sorted. What is None is left out, so that a new optional field leaves the identity of old specs as it was.
        """
        return json.dumps(self.model_dump(mode="json", exclude_none=True), separators=(",", ":"), ensure_ascii=True)

    def digest(self) -> str:
        """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return digest(self.canonical_json())


def _is_unknown_field(problem: ErrorDetails) -> bool:
    return problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1


def digest(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the known names nearest to `name`, or all of them where none is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}?"
    return f"known: {', '.join(known) or 'none'}"


def explain(error: ValidationError, what: str) -> str:
    """Return every problem of a refused spec, one a line, in a user's words rather than pydantic's."""
    found = error.errors(include_url=False)
    places = [problem["loc"] for problem in found]
    # Where items of a tuple are refused, pydantic also finds the tuple too short.
    problems = [p for p in found if p["type"] != "too_short" or not any(_inside(place, p["loc"]) for place in places)]
    lines = [f"{what}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"]
    for problem in problems:
        where = ".".join(str(part) for part in problem["loc"]) or "(the whole)"
        came = "" if problem["type"] in {"missing", "value_error"} else f" (got {_shortened(problem['input'])})"
        lines.append(f"  {where}: {problem['msg'].removeprefix('Value error, ')}{came}")
    return "\n".join(lines)


def _inside(place: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _shortened(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
