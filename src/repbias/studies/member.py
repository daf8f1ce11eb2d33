"""A member: everything that decides what one trained network and its measurements are."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from repbias.models import MLP
from repbias.specs import Spec, digest
from repbias.tasks import BooleanTask, SymbolTask
from repbias.training import Training


def _task_kind(given: Any) -> str:
    return str(given.get("kind", "boolean") if isinstance(given, dict) else getattr(given, "kind", "boolean"))


AnyTask = Annotated[
    Annotated[BooleanTask, Tag("boolean")] | Annotated[SymbolTask, Tag("symbol")],
    Discriminator(
        _task_kind, custom_error_type="task_kind", custom_error_message="Input should have kind 'boolean' or 'symbol'"
    ),
]
# Part of every run's identity: raise it when a change to the code changes what a run computes.
RESULTS_VERSION = 2


class Member(Spec):
    """Everything that decides what one trained network and its measurements are; its digest names the run."""

    task: AnyTask
    model: MLP
    training: Training
    layers: tuple[str, ...]
    measures: dict[str, str]
    seed: Annotated[int, Field(ge=0)]

    @property
    def run_id(self) -> str:
        """The name of the run's folder: the same settings have the same first part, the seed is the second."""
        settings = self.model_copy(update={"seed": 0}).canonical_json()
        return f"{digest(f'{RESULTS_VERSION} {settings}')}-{self.seed:04d}"
