"""Where a model is edited, how its output is read, and forward passes with and without an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batch, Batches
from repbias.activations.editing import run_edited
from repbias.activations.layers import evaluating, match_one_layer
from repbias.activations.layout import Change
from repbias.activations.survey import Call, survey
from repbias.core.arrays import as_labels

Predict: TypeAlias = Callable[[Any], Any]
"""From what a model returns to the class labels that it reports."""

PUSH = 10.0
"""Standard deviations of the random push that shows whether the output depends on a layer."""


def binary_predictions(output: object) -> Tensor:
    """Return the labels that a model with one logit for each binary feature predicts: 1 where the logit is above 0.

    Parameters
    ----------
    output : logits `[stimulus, feature]`, or `[stimulus]` where there is one feature.

    Returns
    -------
    Labels 0 and 1, `[stimulus, feature]`.

    Raises
    ------
    ValueError : another shape, or a logit that is NaN.
    TypeError : the output is not a tensor.
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"the model returns {type(output).__name__}, not logits [stimulus, feature]: give predict, a function of "
            "what the model returns to labels [stimulus, feature]"
        )
    if output.ndim not in (1, 2):
        raise ValueError(
            f"the model returns shape {tuple(output.shape)}, not logits [stimulus, feature]: give predict, e.g. "
            "predict=lambda output: output.argmax(-1)"
        )
    if bool(output.isnan().any()):
        raise ValueError("the model returns logits that are NaN: look for what makes them, e.g. too large a push")
    return (output > 0).long().reshape(len(output), -1)


def refuse_fractions(values: Tensor | npt.NDArray[Any], what: str) -> None:
    """Raise where reported labels are fractions, such as probabilities."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype.kind != "f":
        return
    if len(rows := np.argwhere((array != np.round(array)) | ~np.isfinite(array))):
        raise ValueError(
            f"{what} must be whole numbers (class labels), got {array[tuple(rows[0])]:.3g} at stimulus {rows[0][0]}: "
            "of probabilities or logits return the class, e.g. output > 0.5 or output.argmax(-1)"
        )


def reported_labels(values: Any, like: Tensor, what: str) -> Tensor:
    """Return reported class labels `[stimulus, feature]`, one row for each of `like`; refuse fractions."""
    refuse_fractions(values, what)
    return as_labels(values, like, what)


@dataclass(frozen=True, eq=False)
class Site:
    """One call of one layer of a model, where edits are made, and how the model's output is read."""

    model: nn.Module
    batches: Batches
    call: Call
    predict: Predict

    @classmethod
    def find(
        cls,
        model: nn.Module,
        layer: str,
        batches: Batches,
        predict: Predict,
        axes: Axes | None,
        pool: Literal["mean", "flatten"] = "mean",
    ) -> Site:
        """Return the site, where exactly one call of one layer of `model` has that name or pattern.

        Parameters
        ----------
        pool : "mean" to change the units at every position, "flatten" to change all values of a stimulus together.
        """
        name = match_one_layer(model, layer)
        calls = survey(model, next(iter(batches)), [name], pool=pool, axes=axes)
        if len(calls) > 1:
            raise ValueError(
                f"layer {name!r} is called {len(calls)} times in a forward pass: name one of its calls, "
                f"{' or '.join(map(repr, calls))}"
            )
        return cls(model, batches, next(iter(calls.values())), predict)

    @classmethod
    def of_length(
        cls,
        n_values: int,
        what: str,
        model: nn.Module,
        layer: str,
        batches: Batches,
        predict: Predict,
        axes: Axes | None,
    ) -> Site:
        """Return the site for vectors of units, changed at every position, or of all values of a stimulus.

        Parameters
        ----------
        n_values : the length of the vectors. what : what errors call them.
        """
        site = cls.find(model, layer, batches, predict, axes, "flatten")
        if n_values == (n_all := site.n_units):
            return site
        site = cls.find(model, layer, batches, predict, axes)
        if n_values != site.n_units:
            positions = f", or for each of the {n_all} positions and units" if n_all > site.n_units else ""
            raise ValueError(
                f"{what} has {n_values} units, layer {site.call.label!r} returns "
                f"{list(site.call.layout.stimulus_shape)} for each stimulus: give one value for each of the "
                f"{site.n_units} units{positions}"
            )
        return site

    @property
    def n_units(self) -> int:
        """Number of units that are changed at each position; of all values, where they are changed together."""
        return self.call.layout.n_units

    def n_features(self) -> int:
        """Return how many features are predicted, from one stimulus."""
        return self.predictions(next(iter(self.batches)).take(torch.arange(1))).shape[1]

    def predictions(self, batch: Batch, change: Change | None = None) -> Tensor:
        """Return the predicted labels `[stimulus, feature]`, on the CPU, while the layer is changed."""
        with torch.no_grad(), evaluating(self.model):
            output = run_edited(self.model, batch, self.call, change)
        return reported_labels(self.predict(output), torch.empty(len(batch)), "the predicted labels")

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the layer's values `[stimulus, position, unit]` and the predictions, with nothing edited."""
        seen: list[Tensor] = []

        def keep(values: Tensor) -> Tensor:
            seen.append(values.clone())
            return values

        predicted = self.predictions(batch, keep)
        return seen[0], predicted

    def read_all(self) -> tuple[Tensor, Tensor]:
        """Return what `read` does for all stimuli."""
        values, predicted = zip(*map(self.read, self.batches), strict=True)
        return torch.cat(values), torch.cat(predicted)


def acts(
    model: nn.Module, batch: Batch, call: Call, outputs: Callable[[Any], Iterable[Tensor]], generator: torch.Generator
) -> bool:
    """Return whether a push of ten standard deviations, random in every value, changes a model's output.

    Parameters
    ----------
    outputs : from what the model returns to the tensors that matter; without any, a change is assumed.
    """

    def push(values: Tensor) -> Tensor:
        size = PUSH * (float(values.double().std(correction=0)) or 1.0)
        return values + size * torch.randn(values.shape, generator=generator).to(values)

    before, after = (list(outputs(run_edited(model, batch, call, change))) for change in (None, push))
    return not before or not all(map(torch.equal, before, after))
