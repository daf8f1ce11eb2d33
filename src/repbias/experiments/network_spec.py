"""A network: everything that decides what one trained network and its measurements are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from repbias.core.specs import Spec, digest
from repbias.models import AnyModel
from repbias.tasks import AnyTask
from repbias.training import Training

# Part of every run's identity: raise it when a change to the code changes what a run computes.
RESULTS_VERSION = 3


class NetworkSpec(Spec):
    """Everything that decides what one trained network and its measurements are; its digest names the run."""

    task: AnyTask
    model: AnyModel
    training: Training
    layers: tuple[str, ...]
    measures: dict[str, str]
    seed: Annotated[int, Field(ge=0)]

    @property
    def run_id(self) -> str:
        """The name of the run's folder: the same settings have the same first part, the seed is the second."""
        settings = self.model_copy(update={"seed": 0}).canonical_json()
        return f"{digest(f'{RESULTS_VERSION} {settings}')}-{self.seed:04d}"
