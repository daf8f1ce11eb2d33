"""Contrasts of what is represented at the end of training; `growth` has those of learning."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from repbias.core.specs import did_you_mean
from repbias.experiments.contrast import Contrast, LayerContrast, at_last_step, slope_over_positions, symbol
from repbias.experiments.growth import Growth, Mastery, MasterySlope
from repbias.training.job import passes


class FeatureDifference(LayerContrast):
    """How much more of `measure` one feature has than another, in one layer, at the network's last step."""

    kind: Literal["difference"] = "difference"
    more: str
    less: str

    def describe(self) -> str:
        """See `Contrast`."""
        name = symbol(self.measure)
        return f"{name}({self.more}) - {name}({self.less}), {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.more, self.less

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        values = self.values(table, layers)
        return values[self.more] - values[self.less]


class Level(LayerContrast):
    """How much of `measure` some features have in one layer at the network's last step: their mean, or their sum.

    With `less`, the level of those features is taken off.

    Attributes
    ----------
    of, less : features or probes.
    how : "mean" or "sum" over the features of each.
    criterion : which of the features must pass the accuracy criterion; by default all. With none, `()`, every network
        counts that did not diverge: for questions in which not learning a feature is part of the answer.
    """

    kind: Literal["level"] = "level"
    of: tuple[str, ...] = Field(min_length=1)
    less: tuple[str, ...] = ()
    how: Literal["mean", "sum"] = "mean"
    criterion: tuple[str, ...] | None = None

    def describe(self) -> str:
        """See `Contrast`."""
        parts = [self._named(names) for names in (self.of, self.less) if names]
        counted = "" if self.criterion is None else f", accuracy criterion on {' and '.join(self.criterion) or 'none'}"
        return f"{' - '.join(parts)}, {self.layer} layer, last step{counted}"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of + self.less

    def criterion_features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.features() if self.criterion is None else self.criterion

    @model_validator(mode="after")
    def _criterion_is_read(self) -> Level:
        if unread := [name for name in self.criterion or () if name not in self.features()]:
            raise ValueError(
                f"criterion names {unread[0]!r}, which is not read; {did_you_mean(unread[0], self.features())}"
            )
        return self

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        values = self.values(table, layers)
        level = self._over_features(values[list(self.of)])
        return level - self._over_features(values[list(self.less)]) if self.less else level

    def _over_features(self, values: pd.DataFrame) -> pd.Series:
        return values.mean(axis=1, skipna=False) if self.how == "mean" else values.sum(axis=1, skipna=False)

    def _named(self, names: tuple[str, ...]) -> str:
        listed = f"{symbol(self.measure)}({', '.join(names)})"
        return listed if len(names) == 1 else f"{self.how} of {listed}"


class LayerSlope(Contrast):
    """The least-squares slope, per hidden layer, of the difference between two features from first layer to last."""

    kind: Literal["layer slope"] = "layer slope"
    measure: str = "r2"
    more: str
    less: str

    def describe(self) -> str:
        """See `Contrast`."""
        name = symbol(self.measure)
        return f"slope of {name}({self.more}) - {name}({self.less}) over the hidden layers, per layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.more, self.less

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return layers

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        values = at_last_step(table, self.measure).reindex(columns=[self.more, self.less])
        gaps = (values[self.more] - values[self.less]).unstack("layer").reindex(columns=list(layers))
        positions = np.arange(len(layers)) - (len(layers) - 1) / 2
        return pd.Series(gaps.to_numpy() @ positions / (positions @ positions), index=gaps.index)


class PositionSlope(LayerContrast):
    """How much less of `measure` a feature has for each output position later, over features within a network.

    The negative least-squares slope of the measure over the positions at which the network reports the features: above
    0 where earlier ones have more. Over networks whose orders balance one another, differences between features cancel.

    Attributes
    ----------
    of : the features, two or more; all must pass the accuracy criterion.
    """

    kind: Literal["position slope"] = "position slope"
    of: tuple[str, ...] = Field(min_length=2)

    def describe(self) -> str:
        """See `Contrast`."""
        return f"fall of {symbol(self.measure)} per output position, {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`; NaN for every network where the table holds no positions."""
        return -slope_over_positions(self.values(table, layers), table)


class LearnedLevel(LayerContrast):
    """The mean of `measure`, at the network's last step, over those of some features that the network learned.

    For conditions that train one feature each and differ in which: the other features do not pass the accuracy
    criterion and are left out. A network that learned none of them has no number; in the ungated twin, its number is
    that of the feature that it reports best.

    Attributes
    ----------
    of : the features.
    """

    kind: Literal["learned level"] = "learned level"
    of: tuple[str, ...] = Field(min_length=1)

    def describe(self) -> str:
        """See `Contrast`."""
        of = ", ".join(self.of)
        return f"mean {symbol(self.measure)} of those of {of} that pass the criterion, {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.of

    def criterion_features(self) -> tuple[str, ...]:
        """See `Contrast`: the criterion is applied feature by feature."""
        return ()

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        values, accuracy = self._read(table, layers)
        return values.where(passes(accuracy)).mean(axis=1)

    def per_seed_ungated(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        values, accuracy = self._read(table, layers)
        best = accuracy.eq(accuracy.max(axis=1), axis=0)
        return self.per_seed(table, layers).fillna(values.where(best).mean(axis=1))

    def _read(self, table: pd.DataFrame, layers: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The measure and the accuracy of the features, each `[seed, feature]`."""
        values = self.values(table, layers)
        accuracy = at_last_step(table, "accuracy").droplevel("layer").reindex(values.index, columns=list(self.of))
        return values, accuracy


AnyContrast = Annotated[
    FeatureDifference | Level | Growth | Mastery | LayerSlope | PositionSlope | MasterySlope | LearnedLevel,
    Field(discriminator="kind"),
]
