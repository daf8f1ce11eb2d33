"""What a boolean task may have beside features: functions measured and not labelled, and agreement in training."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from repbias.core.specs import Spec, did_you_mean
from repbias.tasks.bits.functions import truth_table


class Probe(Spec):
    """A function of bits that no output reports, measured beside the features: a bit, or part of a hard feature.

    Attributes
    ----------
    function : a registered kind, as of a feature.
    positions : the bits it reads.
    """

    function: str
    positions: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _computable(self) -> Probe:
        truth_table(self.function, len(self.positions))
        return self

    def values(self, bits: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the function of each stimulus `[stimulus]` from its bits `[stimulus, bit]`."""
        own = bits[:, list(self.positions)].astype(np.int64)
        codes = own @ (1 << np.arange(own.shape[1]))
        return truth_table(self.function, own.shape[1])[codes].astype(np.int64)


class Agreement(Spec):
    """Two features that agree in more than half of the training items; in validation and test they are independent.

    Attributes
    ----------
    first, second : the features; the second's labels are made to go along with the first's.
    share : the share of training items in which the two are equal, exactly (as nearly as whole numbers allow).
    """

    first: str
    second: str
    share: float = Field(ge=0, le=1)

    def labels(self, random: np.random.Generator, first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the second feature's labels `[stimulus]`, as balanced as the first's."""
        second = first.copy()
        for value in (0, 1):
            items = random.permutation(np.flatnonzero(first == value))
            second[items[: round((1 - self.share) * len(items))]] = 1 - value
        return second

    def problems(self, features: dict[str, Any]) -> list[str]:
        """Return what keeps a task with these features from having this agreement."""
        problems = [
            f"agreement: no feature is called {name!r}; {did_you_mean(name, features)}"
            for name in (self.first, self.second)
            if name not in features
        ]
        if self.first == self.second:
            problems.append(f"agreement is between two features, got {self.first!r} twice")
        if not problems and any(features[name].is_manipulated for name in (self.first, self.second)):
            problems.append("features that agree have prevalence 0.5 and are always labelled")
        return problems
