"""The contrasts that can decide a claim: those of what is represented at the end; `growth` has those of learning."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from repbias.core.specs import did_you_mean
from repbias.experiments.contrast import END as END
from repbias.experiments.contrast import MEASURES as MEASURES
from repbias.experiments.contrast import PENULTIMATE, chosen_layer, in_layer, symbol
from repbias.experiments.contrast import START as START
from repbias.experiments.contrast import Contrast as Contrast
from repbias.experiments.contrast import at_last_step as at_last_step
from repbias.experiments.growth import Growth as Growth
from repbias.experiments.growth import Mastery as Mastery
from repbias.experiments.growth import events as events
from repbias.experiments.positions import MasterySlope as MasterySlope
from repbias.experiments.positions import PositionSlope as PositionSlope
from repbias.training.job import passes


class FeatureDifference(Contrast):
    """How much more of `measure` one feature has than another, in one layer, at the network's last step.

    Attributes
    ----------
    layer : a layer's name, or "penultimate" for the last hidden one.
    """

    kind: Literal["difference"] = "difference"
    measure: str = "r2"
    more: str
    less: str
    layer: str = PENULTIMATE

    def describe(self) -> str:
        """See `Contrast`."""
        name = symbol(self.measure)
        return f"{name}({self.more}) - {name}({self.less}), {self.layer} layer, last step"

    def features(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return self.more, self.less

    def compute(self, table: pd.DataFrame, layers: tuple[str, ...]) -> pd.Series:
        """See `Contrast`."""
        (layer,) = self.layers_read(layers)
        return _gaps(table, self.measure, self.more, self.less)[layer]

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (chosen_layer(self.layer, layers),)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)


class Level(Contrast):
    """How much of `measure` some features have in one layer at the network's last step: their mean, or their sum.

    With `less`, the level of those features is taken off.

    Attributes
    ----------
    of, less : features or probes.
    how : "mean" or "sum" over the features of each.
    layer : a layer's name, or "penultimate" for the last hidden one.
    criterion : which of the features must pass the accuracy criterion; by default all. With none, `()`, every network
        counts that did not diverge: for questions in which not learning a feature is part of the answer.
    """

    kind: Literal["level"] = "level"
    measure: str = "r2"
    of: tuple[str, ...] = Field(min_length=1)
    less: tuple[str, ...] = ()
    how: Literal["mean", "sum"] = "mean"
    layer: str = PENULTIMATE
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
        (layer,) = self.layers_read(layers)
        values = in_layer(table, self.measure, layer, self.of + self.less)
        level = self._over_features(values[list(self.of)])
        return level - self._over_features(values[list(self.less)]) if self.less else level

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (chosen_layer(self.layer, layers),)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

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
        gaps = _gaps(table, self.measure, self.more, self.less)[list(layers)]
        positions = np.arange(len(layers)) - (len(layers) - 1) / 2
        return pd.Series(gaps.to_numpy() @ positions / (positions @ positions), index=gaps.index)


class LearnedLevel(Contrast):
    """How much of `measure` those of some features have that the network learned: their mean at its last step.

    For conditions that train one feature each and differ in which: the others do not pass the accuracy criterion and
    are left out. A network that learned none of them has no number; without the criterion, it is read by the feature
    that it reports best.

    Attributes
    ----------
    of : the features. layer : a layer's name, or "penultimate" for the last hidden one.
    """

    kind: Literal["learned level"] = "learned level"
    measure: str = "r2"
    of: tuple[str, ...] = Field(min_length=1)
    layer: str = PENULTIMATE

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

    def layers_read(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """See `Contrast`."""
        return (chosen_layer(self.layer, layers),)

    def measures_read(self) -> tuple[str, ...]:
        """See `Contrast`."""
        return (self.measure,)

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
        (layer,) = self.layers_read(layers)
        values = in_layer(table, self.measure, layer, self.of)
        accuracy = at_last_step(table, "accuracy").droplevel("layer").reindex(values.index, columns=list(self.of))
        return values, accuracy


AnyContrast = Annotated[
    FeatureDifference | Level | Growth | Mastery | LayerSlope | PositionSlope | MasterySlope | LearnedLevel,
    Field(discriminator="kind"),
]


def _gaps(table: pd.DataFrame, measure: str, more: str, less: str) -> pd.DataFrame:
    """Return one feature's measure minus another's at the last step: one row per network, one column per layer.

    NaN where one of them was not measured, for example where an analysis is still to be done.
    """
    values = at_last_step(table, measure).reindex(columns=[more, less])
    return (values[more] - values[less]).unstack("layer").reindex(columns=table["layer"].unique())
