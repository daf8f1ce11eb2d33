"""Specs: frozen, validated descriptions of tasks, models, training and conditions.

A study in Python, a TOML file and a stored run hold the same objects. A spec is validated when it is made, all problems
are listed at once, and its canonical JSON is hashed into the identity of a run.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, Union, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    JsonValue,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

# Keyword arguments of a user-defined function; an empty mapping becomes None, so that both have one identity.
Settings: TypeAlias = Annotated[dict[str, JsonValue] | None, AfterValidator(lambda settings: settings or None)]
IDENTITY = "identity"  # the context in which a spec is serialised to be hashed, and not to be made again


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _SpecClass(ModelMetaclass):
    """The class of spec classes, whose `dir`, and so `help`, leaves out what they inherit.

    Pydantic's models have some forty methods, whose documentation is ten times as long as that of a spec. `dir` of an
    instance has all names.
    """

    def __dir__(self) -> list[str]:
        """Return the public names that the class itself defines; a base class documents those that it defines too."""
        names = [name for name in vars(self) if not name.startswith("_")]
        return [name for name in names if not any(name in vars(base) for base in self.__mro__[1:])]


class Spec(BaseModel, metaclass=_SpecClass):
    """A frozen description: validated when made, equal by value, with a canonical JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_fields(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Suggest the nearest field for each unknown one, and leave all other problems unchanged."""
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
        elif kind not in get_args(core_schema.ErrorType):  # from a nested spec, and reworded already
            kind = PydanticCustomError(kind, problem["msg"])  # type: ignore[arg-type]
        return InitErrorDetails(type=kind, loc=problem["loc"], input=problem["input"], ctx=problem.get("ctx", {}))

    def canonical_json(self) -> str:
        """Return the JSON text that identifies this spec: its fields in the order declared, defaults included.

        Keys are not sorted, because the order of features is part of the description (it is the order of a network's
        outputs). Fields that are None are left out, so that a new optional field does not change existing identities.
        """
        fields = self.model_dump(mode="json", exclude_none=True, context=IDENTITY)
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=True)

    def digest(self) -> str:
        """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return digest(self.canonical_json())


class OneOf:
    """Annotates a base spec whose field `kind` says which of several subclasses a value is.

    Parameters
    ----------
    kinds : the subclasses, each with a literal default for `kind`; a mapping without a kind is of the first.
    what : names the field in errors.
    """

    def __init__(self, kinds: Sequence[type[Spec]], what: str) -> None:
        self.kinds = {str(kind.model_fields["kind"].default): kind for kind in kinds}
        self.what = what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a union that is told apart by `kind`."""
        kinds_tagged = tuple(Annotated[kind, Tag(name)] for name, kind in self.kinds.items())
        discriminator = Discriminator(
            self._kind_of,
            custom_error_type=f"{self.what}_kind",
            custom_error_message=f"unknown kind of {self.what}; known: {', '.join(self.kinds)}",
        )
        return handler.generate_schema(Annotated[Union[kinds_tagged], discriminator])  # noqa: UP007 (made at run time)

    def _kind_of(self, given: Any) -> str:
        default = next(iter(self.kinds))
        return str(given.get("kind", default) if isinstance(given, dict) else getattr(given, "kind", default))


def _is_unknown_field(problem: ErrorDetails) -> bool:
    return problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1


def digest(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the known names nearest to `name`, or lists all where none is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}?"
    return f"known: {', '.join(known) or 'none'}"


def unknown_names(lead: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield for each name that is not among the known ones a sentence, which `lead` opens, with the nearest names."""
    known = list(known)
    return (f"{lead} {name!r}; {did_you_mean(name, known)}" for name in names if name not in known)


def refuse_unknown(name: object, known: Iterable[str], what: str) -> None:
    """Raise where `name` is not among the known ones, and suggest the nearest; `what` says what it names."""
    known = list(known)
    if name not in known:
        raise ValueError(f"no {what} is called {name!r}; {did_you_mean(str(name), known)}")


def refuse_all(problems: Iterable[str]) -> None:
    """Raise with every problem, where there are any."""
    if found := list(problems):
        raise ValueError("; ".join(found))


def explain(error: ValidationError, what: str) -> str:
    """Return every problem of a refused spec, one per line, in a user's words rather than pydantic's."""
    found = error.errors(include_url=False)
    places = [problem["loc"] for problem in found]
    # Where items of a tuple are refused, pydantic also finds the tuple too short.
    problems = [p for p in found if p["type"] != "too_short" or not any(_inside(place, p["loc"]) for place in places)]
    lines = [f"{what}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"]
    for problem in problems:
        where = ".".join(str(part) for part in problem["loc"]) or "(as a whole)"
        came = "" if problem["type"] in {"missing", "value_error"} else f" (got {_shortened(problem['input'])})"
        lines.append(f"  {where}: {problem['msg'].removeprefix('Value error, ')}{came}")
    return "\n".join(lines)


@contextmanager
def explaining(what: str, remedy: str = "") -> Iterator[None]:
    """Where a spec is refused inside the block, raise a ValueError with what `explain` says, and a remedy below it."""
    try:
        yield
    except ValidationError as error:
        raise ValueError("\n".join(filter(None, (explain(error, what), remedy)))) from error


def _inside(place: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _shortened(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
