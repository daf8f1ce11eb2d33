"""Steering: how far a representation must be pushed along a direction before the network's reports flip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import evaluating
from repbias.activations.layout import Change
from repbias.activations.outputs import all_tensors
from repbias.core.arrays import ArrayLike, FloatArray, as_labels, as_names, as_representation, feature_index
from repbias.core.randomness import torch_rng
from repbias.core.specs import refuse_unknown
from repbias.figures.drawings import Curves
from repbias.measures.interventions.site import Predict, Site, acts, binary_predictions
from repbias.measures.interventions.steering_directions import class_masks
from repbias.measures.result import MeasureResult

UNITS = ("absolute", "sd", "difference")


@dataclass(frozen=True, eq=False, repr=False)
class Steering(MeasureResult):
    """How often each feature's report flips as one feature is pushed towards its opposite class.

    `plot` draws the share of the stimuli whose report flips over the length of the push, for each feature.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    feature: str
    """The feature that was steered."""

    lengths: FloatArray
    """Lengths of the push in the representation's own units, ascending, `[length]`."""

    flips: FloatArray
    """Share of the steered stimuli whose predicted label differs from that without a push, `[length, feature]`."""

    representation_sd: float
    """The unit "sd": root of the representation's total variance, i.e. of the mean squared distance from the mean."""

    class_distance: float
    """The unit "difference": length of the steered feature's difference vector, i.e. the distance of the means of the
    two classes."""

    n_stimuli: int
    """Number of stimuli that were steered."""

    @property
    def specificity(self) -> FloatArray:
        """The steered feature's flips less the mean of the other features' flips, `[length]`: 1 where it alone flips,
        for every stimulus. Without other features, the flips themselves."""
        own = self.names.index(self.feature)
        others = np.delete(self.flips, own, axis=1)
        return np.asarray(self.flips[:, own] - (others.mean(1) if others.size else 0.0))

    def lengths_in(self, unit: str) -> FloatArray:
        """Return the lengths `[length]` in a unit: "absolute", "sd" or "difference".

        Infinite (and 0 for length 0) where the unit has no length: a representation that does not vary, or classes
        with the same mean.
        """
        return self._converted(self.lengths, unit)

    def length_at(self, fraction: float = 0.5, unit: str = "absolute") -> FloatArray:
        """Return the shortest length at which a fraction of the stimuli flips, `[feature]`.

        Interpolated linearly between the lengths that were measured, and from no flips at length 0; NaN where the
        fraction is never reached.
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be more than 0 and at most 1, got {fraction}")
        lengths = np.append(0.0, self.lengths)
        crossings = [_first_crossing(lengths, np.append(0.0, flips), fraction) for flips in self.flips.T]
        return self._converted(np.array(crossings), unit)

    def _converted(self, lengths: FloatArray, unit: str) -> FloatArray:
        size = unit_size(unit, self.representation_sd, self.class_distance)
        return np.asarray(lengths / size) if size > 0 else np.where(lengths > 0, np.inf, lengths)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure, length, length_sd, length_difference and value.

        Measures: `flips` of each feature at each length, and `specificity` of the steered feature.
        """
        measured = [(name, "flips", flips) for name, flips in zip(self.names, self.flips.T, strict=True)]
        measured.append((self.feature, "specificity", self.specificity))
        lengths = {
            "length": self.lengths,
            "length_sd": self.lengths_in("sd"),
            "length_difference": self.lengths_in("difference"),
        }
        parts = [pd.DataFrame({"feature": name, "measure": of, **lengths, "value": v}) for name, of, v in measured]
        return pd.concat(parts, ignore_index=True)

    def _drawing(self) -> Curves:
        labels = f"length of the push along {self.feature}", "reports that flip"
        return Curves(self.names, self.lengths, self.flips.T, labels, points=True)

    def _title(self) -> str:
        return f"Reports that flip as {self.feature} is steered, of {self.n_stimuli:,} stimuli"


def unit_size(unit: str, representation_sd: float, class_distance: float) -> float:
    """Return the length of a unit in the representation's own units."""
    refuse_unknown(unit, UNITS, "unit of length")
    return {"absolute": 1.0, "sd": representation_sd, "difference": class_distance}[unit]


def _first_crossing(lengths: FloatArray, flips: FloatArray, fraction: float) -> float:
    """Return where the piecewise linear curve first reaches `fraction`; NaN where it never does."""
    reached = np.flatnonzero(flips >= fraction)
    if not len(reached):
        return float("nan")
    stop = reached[0]  # 1 or more: the curve starts with no flips
    step = (fraction - flips[stop - 1]) / (flips[stop] - flips[stop - 1])
    return float(lengths[stop - 1] + step * (lengths[stop] - lengths[stop - 1]))


def steer(
    model: nn.Module,
    inputs: Any,
    layer: str,
    vector: ArrayLike,
    lengths: Sequence[float] | FloatArray,
    *,
    feature: int | str,
    labels: ArrayLike | None = None,
    classes: tuple[int, int] = (0, 1),
    unit: str = "absolute",
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch_size: int = 4096,
) -> Steering:
    """Push a layer's output along a vector, towards the opposite class of one feature, and count whose report flips.

    With v the vector scaled to length 1, the layer's output phi is replaced by

        phi + length * v     for stimuli of class `classes[0]`
        phi - length * v     for stimuli of class `classes[1]`

    at every position, and a stimulus flips in a feature where the predicted label differs from that without the push.

    Parameters
    ----------
    model : any `nn.Module`; run in eval mode, and left as it was.
    inputs : a tensor or array `[stimulus, ...]`, a mapping of arguments by name, or a list or loader of batches.
    layer : name of one layer, or of one of its calls, `act#1`; see `read_layers`.
    vector : from `classes[0]` towards `classes[1]`: `[unit]`, added at every position, or one value for every value of
        a stimulus in the order of `read_layers`; see `difference_vector` and `probe_direction`.
    lengths : finite, 0 or more, ascending, in `unit`, `[length]`.
    feature : name or index of the steered feature among the predicted ones.
    labels : its class labels, `[stimulus]`. Without them each stimulus is pushed away from the class that the model
        predicts, so none can be pushed towards the class that is predicted already.
    classes : the two classes; stimuli of any other are left out.
    unit : "absolute", in the representation's own units; "sd", in roots of its total variance; "difference", in
        distances between the means of the two classes. Where a vector `[unit]` is added at many positions, the variance
        is the mean over positions and the means are over positions.
    predict : from what the model returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    axes : names of the layer's axes, where its modules do not show which holds the units; see `read_layers`.
    batch_size : stimuli in one forward pass, each length counting.

    Returns
    -------
    A `Steering`. The cost is that of one forward pass of all stimuli for each length and two more.

    Raises
    ------
    ValueError : an unknown layer, feature or unit; a vector that does not fit the layer or has no length; lengths that
        do not ascend; a class without stimuli; a layer on which the output does not depend.
    TypeError : inputs that cannot be read, or a layer or an output without a tensor.

    When not to use it: to compare layers or features by absolute lengths, where a layer of larger activity needs longer
    pushes for anything: compare in "sd" or "difference". Long pushes leave the range of activity the network knows.
    With modules whose output for a stimulus depends on the others in the batch.

    Source: the claim is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; steering by vectors is Turner et al.'s
    (2023), arXiv 2308.10248.

    Examples
    --------
    >>> import torch, repbias
    >>> stimuli = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    >>> labels = (stimuli > 0).int()
    >>> model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())  # reports the signs of its inputs
    >>> vector = repbias.difference_vector(stimuli, labels[:, 0])
    >>> found = repbias.steer(model, stimuli, "0", vector, [0.5, 1.5], feature=0)
    >>> found.flips.tolist()  # at each length, for each feature
    [[0.0, 0.0], [1.0, 0.0]]
    """
    unit_size(unit, 1.0, 1.0)  # an unknown unit is refused before anything runs
    sizes, direction = _as_lengths(lengths), _as_direction(vector)
    batches = Batches(inputs, model, batch_size=batch_size)
    given = None if labels is None else class_masks(as_labels(labels, torch.empty(batches.count()), "labels"), classes)
    site = Site.of_length(len(direction), "vector", model, layer, batches, predict, axes)
    values, predicted = site.read_all()
    names = as_names(names, predicted.shape[1])
    own = feature_index(feature, names)
    first, second = given or class_masks(predicted[:, own : own + 1], classes, "predicted labels")
    sd, distance = _scales(site, values, (first, second))
    absolute = sizes * _chosen_scale(site, unit, sd, distance)
    _refuse_independent(site)
    sides = first.double() - second.double()
    flips = _flips(site, predicted, sides, absolute, direction, batch_size)
    return Steering(names, names[own], absolute, flips, sd, distance, n_stimuli=int(sides.count_nonzero()))


def _as_lengths(lengths: Sequence[float] | FloatArray) -> FloatArray:
    sizes = np.asarray(lengths, dtype=np.float64)
    if sizes.ndim != 1 or not len(sizes):
        raise ValueError(f"lengths must be one or more numbers, [length], got shape {sizes.shape}")
    if not np.isfinite(sizes).all() or (sizes < 0).any() or (np.diff(sizes) <= 0).any():
        raise ValueError(
            f"lengths must be finite, 0 or more, and ascend, got {sizes.tolist()}: the sign of each push follows from "
            "the stimulus's class"
        )
    return sizes


def _as_direction(vector: ArrayLike) -> Tensor:
    """Return the vector scaled to length 1, float64 `[unit]`."""
    shape = np.shape(vector)
    if len(shape) != 1:
        raise ValueError(f"vector must be one direction, [unit], got shape {tuple(shape)}: steer one at a time")
    direction = as_representation(vector[None] if isinstance(vector, Tensor) else np.asarray(vector)[None], "vector")
    direction = direction[0].double().cpu()
    if (length := float(direction.norm())) == 0:
        raise ValueError("vector must have a direction, all its values are 0: the two classes may have the same mean")
    return direction / length


def _scales(site: Site, values: Tensor, masks: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Return the root of the total variance, and the distance of the class means."""
    flat = as_representation(values.flatten(1), f"the output of layer {site.call.label!r}").double()
    variance = float(flat.var(0, correction=0).sum()) / values.shape[1]
    places = flat.reshape(values.shape)
    first, second = (places[mask.to(flat.device)].mean((0, 1)) for mask in masks)
    return variance**0.5, float((second - first).norm())


def _chosen_scale(site: Site, unit: str, sd: float, distance: float) -> float:
    size = unit_size(unit, sd, distance)
    if size == 0:
        why = "it does not vary over the stimuli" if unit == "sd" else "the means of the two classes are the same"
        raise ValueError(f"layer {site.call.label!r} has no {unit!r} to measure lengths in: {why}; choose another unit")
    return size


def _refuse_independent(site: Site) -> None:
    """Raise where a large random push changes no output of any stimulus."""
    n_stimuli = 0
    with torch.no_grad(), evaluating(site.model):
        for batch in site.batches:
            n_stimuli += len(batch)
            if acts(site.model, batch, site.call, all_tensors, torch_rng(0, "steering", "dependence")):
                return
    raise ValueError(
        f"the output does not depend on layer {site.call.label!r}: a large random push changed it for none of "
        f"{n_stimuli} stimuli; steer a layer that the output is computed from"
    )


def _flips(
    site: Site, predicted: Tensor, sides: Tensor, lengths: FloatArray, direction: Tensor, batch_size: int
) -> FloatArray:
    """Return the share of the stimuli with a side whose prediction changes, `[length, feature]`.

    All lengths of a stimulus go through one forward pass together.
    """
    flips = torch.zeros(len(lengths), predicted.shape[1], dtype=torch.float64)
    for one in site.batches:
        for part in sides[one.rows].nonzero()[:, 0].split(max(1, batch_size // len(lengths))):
            pushes = torch.outer(torch.from_numpy(lengths), sides[one.rows][part]).flatten()[:, None, None] * direction
            steered = site.predictions(one.take(part.repeat(len(lengths))), _adding(pushes))
            flips += (steered.reshape(len(lengths), len(part), -1) != predicted[one.rows][part]).sum(1)
    return (flips / sides.count_nonzero()).numpy()


def _adding(pushes: Tensor) -> Change:
    """Return the change that adds pushes `[stimulus, 1, unit]` at every position."""
    return lambda values: values + pushes.to(values)
