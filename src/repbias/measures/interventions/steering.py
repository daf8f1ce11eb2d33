"""Steering: how far a representation must be pushed along a direction before the network's reports flip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from repbias.activations.layers import Edit
from repbias.core.arrays import ArrayLike, FloatArray, as_labels, as_names, as_representation
from repbias.core.randomness import torch_rng
from repbias.measures.interventions.site import (
    Predict,
    Site,
    as_layer_shape,
    binary_predictions,
    feature_index,
    refuse_unusable,
    tensors,
    unedited,
)
from repbias.measures.interventions.steering_directions import class_masks
from repbias.measures.interventions.steering_result import Steering, unit_size


def steer(
    module: nn.Module,
    inputs: Tensor,
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
    batch: int = 4096,
) -> Steering:
    """Push a layer's output along a vector, towards the opposite class of one feature, and count whose report flips.

    With v the vector scaled to length 1, the layer's output phi is replaced by

        phi + length * v     for stimuli of class `classes[0]`
        phi - length * v     for stimuli of class `classes[1]`

    at every position, and a stimulus flips in a feature where the predicted label differs from that without the push.

    Parameters
    ----------
    module : any `nn.Module`; run in eval mode, and left as it was.
    inputs : `[stimulus, ...]`, passed to the module as they are.
    layer : name of one layer, whose output is a tensor `[stimulus, ..., unit]`.
    vector : from `classes[0]` towards `classes[1]`: `[unit]`, added at every position, or one value for each position
        and unit in the order of `read_layers` with `axes="flatten"`; see `difference_vector` and `probe_direction`.
    lengths : finite, 0 or more, ascending, in `unit`, `[length]`.
    feature : name or index of the steered feature among the predicted ones.
    labels : its class labels, `[stimulus]`. Without them each stimulus is pushed away from the class that the module
        predicts, so none can be pushed towards what is predicted already.
    classes : the two classes; stimuli of any other are left out.
    unit : "absolute", in the representation's own units; "sd", in roots of its total variance; "difference", in
        distances between the means of the two classes. Where a vector `[unit]` is added at many positions, the variance
        is the mean over positions and the means are over positions.
    predict : from what the module returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    batch : stimuli in one forward pass, each length counting.

    Returns
    -------
    A `Steering`. The cost is that of one forward pass of all stimuli for each length and two more.

    Raises
    ------
    ValueError : an unknown layer, feature or unit; a vector that does not fit the layer or has no length; lengths that
        do not ascend; a class without stimuli; a layer on which the output does not depend.
    TypeError : inputs, a layer or an output that are no tensors.

    When not to use it: to compare layers or features by absolute lengths, where a layer of larger activity needs longer
    pushes for anything: compare in "sd" or "difference". Long pushes leave the range of activity the network knows.
    With modules whose output for a stimulus depends on the others in the batch.

    Source: the claim is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; steering by vectors is Turner et al.'s
    (2023), arXiv 2308.10248.
    """
    refuse_unusable(inputs, batch)
    unit_size(unit, 1.0, 1.0)  # an unknown unit is refused before anything runs
    sizes, direction = _as_lengths(lengths), _as_direction(vector)
    given = None if labels is None else class_masks(as_labels(labels, inputs, "labels").cpu(), classes)
    site = Site.find(module, layer, predict)
    response, predicted = site.read_all(inputs, batch)
    names = as_names(names, predicted.shape[1])
    own = feature_index(feature, names)
    first, second = given or class_masks(predicted[:, own : own + 1], classes, "predicted labels")
    shape = as_layer_shape(len(direction), response, site.layer, "vector")
    sd, distance = _scales(site, response, (first, second), shape)
    absolute = sizes * _chosen_scale(site, unit, sd, distance)
    _refuse_independent(site, inputs, response, batch)
    sides = first.double() - second.double()
    flips = _flips(site, inputs, predicted, sides, absolute, direction.reshape(shape), batch)
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


def _scales(site: Site, response: Tensor, masks: tuple[Tensor, Tensor], shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the root of the total variance, and the distance of the class means."""
    flat = as_representation(response.flatten(1), f"the output of layer {site.layer!r}").double()
    n_positions = flat.shape[1] // math.prod(shape)
    variance = float(flat.var(0, correction=0).sum()) / n_positions
    first, second = (flat[mask.to(flat.device)].mean(0).reshape(n_positions, -1).mean(0) for mask in masks)
    return variance**0.5, float((second - first).norm())


def _chosen_scale(site: Site, unit: str, sd: float, distance: float) -> float:
    size = unit_size(unit, sd, distance)
    if size == 0:
        why = "it does not vary over the stimuli" if unit == "sd" else "the means of the two classes are the same"
        raise ValueError(f"layer {site.layer!r} has no {unit!r} to measure lengths in: {why}; choose another unit")
    return size


def _refuse_independent(site: Site, inputs: Tensor, response: Tensor, batch: int) -> None:
    """Raise where a push of ten standard deviations, random in every unit, changes no output of any stimulus."""
    scale = 10 * (float(response.double().std(correction=0)) or 1.0)
    for chunk in inputs.split(batch):
        generator = torch_rng(0, "steering", "dependence")

        def push(output: Tensor, generator: torch.Generator = generator) -> Tensor:
            return output + scale * torch.randn(output.shape, generator=generator).to(output)

        before, after = (list(tensors(site.run(chunk, edit))) for edit in (unedited, push))
        if not before or not all(map(torch.equal, before, after)):
            return
    raise ValueError(
        f"the output does not depend on layer {site.layer!r}: a large random push changed it for none of "
        f"{len(inputs)} stimuli; steer a layer that the output is computed from"
    )


def _flips(
    site: Site, inputs: Tensor, predicted: Tensor, sides: Tensor, lengths: FloatArray, direction: Tensor, batch: int
) -> FloatArray:
    """Return the share of the stimuli with a side whose prediction changes, `[length, feature]`.

    All lengths of a stimulus go through one forward pass together.
    """
    chosen = sides.nonzero()[:, 0]
    flips = torch.zeros(len(lengths), predicted.shape[1], dtype=torch.float64)
    for part in chosen.split(max(1, batch // len(lengths))):
        stacked = inputs[part.to(inputs.device)].repeat(len(lengths), *[1] * (inputs.ndim - 1))
        pushes = torch.outer(torch.from_numpy(lengths), sides[part]).flatten()
        steered = site.predictions(stacked, _pushing(pushes, direction))
        flips += (steered.reshape(len(lengths), len(part), -1) != predicted[part]).sum(1)
    return (flips / len(chosen)).numpy()


def _pushing(pushes: Tensor, direction: Tensor) -> Edit:
    """Return the edit that adds `pushes` `[stimulus]` times the direction."""

    def push(output: Tensor) -> Tensor:
        return output + (pushes.reshape(-1, *[1] * (output.ndim - 1)) * direction).to(output)

    return push
