"""A condition of a study, one setting of task, model and training, and the networks that it has: one per seed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pydantic import Field, NonNegativeInt, field_validator, model_validator

from repbias.core.specs import Spec, digest
from repbias.experiments.contrast import MEASURES, Contrast
from repbias.models import MLP, AnyModel
from repbias.tasks import AnyTask
from repbias.training import Training

# Part of every run's identity: raise it when a change to the code changes what a run computes.
RESULTS_VERSION = 3
# Conditions by their factors: those that have one of the levels listed for every factor named.
Where = dict[str, tuple[str, ...]]
Tables = Mapping[str, pd.DataFrame]  # the measurements of each condition, by its name


class NetworkSpec(Spec):
    """Everything that decides what one trained network and its measurements are; its digest names the run."""

    task: AnyTask
    model: AnyModel
    training: Training
    layers: tuple[str, ...]
    measures: dict[str, str]
    seed: NonNegativeInt

    @property
    def run_id(self) -> str:
        """The name of the run's folder: the same settings have the same first part, the seed is the second."""
        settings = self.model_copy(update={"seed": 0}).canonical_json()
        return f"{digest(f'{RESULTS_VERSION} {settings}')}-{self.seed:04d}"


class Condition(Spec):
    """One setting of task, model and training, repeated over seeds.

    Attributes
    ----------
    factors : what distinguishes the condition from the others, in words for tables and figures.
    layers : layers to measure; by default all hidden layers and the read-out.
    measures : further measures, name -> "package.module:function"; see `repbias.train`.
    steps : about how many steps a network takes, for estimates of cost and of the time left. It decides nothing.
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
        self.training.check_batch(self.task.n_stimuli[0])
        return self

    @property
    def layers_measured(self) -> tuple[str, ...]:
        """The layers to measure, as glob patterns."""
        return self.layers or self.model.layers_read

    def matches(self, where: Where | None) -> bool:
        """Whether the condition has one of the levels listed for every factor named; always, where none is."""
        return all(self.factors.get(factor) in levels for factor, levels in (where or {}).items())

    def numbers(self, contrast: Contrast, tables: Tables) -> pd.Series:
        """Return a contrast here, one number per network, NaN where it does not count; none without measurements."""
        table = tables.get(self.name)
        return pd.Series(dtype=float) if table is None else contrast.per_seed(table, self.model.layer_names)

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
