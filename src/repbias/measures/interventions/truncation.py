"""Truncation to the top principal components: how many of them a network's read-out needs for each feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from repbias.core.arrays import ArrayLike, FloatArray, as_labelled, mapped_about
from repbias.core.results import measures_table
from repbias.figures.drawings import Curves
from repbias.measures.interventions.site import reported_labels
from repbias.measures.result import MeasureResult
from repbias.measures.variance.components import Components
from repbias.measures.variance.sums import as_float64


@dataclass(frozen=True, eq=False, repr=False)
class ComponentsNeeded(MeasureResult):
    """How many of the top components a read-out needs for each feature.

    `plot` draws the accuracy over the number of components kept, for each feature; dotted lines show chance.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    curve: FloatArray
    """Accuracy with the top k components kept, k = 0 (the fit mean alone), 1, ..., all, `[feature, k]`."""

    untruncated: FloatArray
    """Accuracy on the representation as it is, `[feature]`."""

    chance: FloatArray
    """Accuracy of always predicting the most frequent class, `[feature]`."""

    fraction: float
    """The required fraction of the accuracy above chance."""

    needed: FloatArray
    """Number of components from which on that fraction is kept, `[feature]`; inf where all components together do not
    reach it, NaN where the untruncated accuracy is not above chance, so that there is nothing to keep."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `components_needed`, `untruncated_accuracy`, `chance`. `curve` is a separate array.
        """
        measures = {"components_needed": self.needed, "untruncated_accuracy": self.untruncated, "chance": self.chance}
        return measures_table(self.names, measures)

    def _drawing(self) -> Curves:
        kept, labels = np.arange(self.curve.shape[1]), ("components kept", "accuracy")
        return Curves(self.names, kept, self.curve, labels, levels=self.chance)

    def _title(self) -> str:
        return "Components that the read-out needs"


def truncated(representation: ArrayLike, result: Components, k: int) -> Tensor:
    """Return a representation reduced to its top k components, in the coordinates of the units.

    With m the fit mean and A_k the top k axes, `m + (x - m) A_k' A_k`: so that a network can read on from it.

    Parameters
    ----------
    representation : `[stimulus, unit]`, of the layer that `result` was fitted on.
    result : what `components` found.
    k : number of components to keep, from 0 (every stimulus becomes the fit mean) to all of `result`.

    Returns
    -------
    A tensor `[stimulus, unit]`, of the representation's precision (float64 for whole numbers) and on its device.

    Raises
    ------
    ValueError, TypeError : as `variance_explained` for the array; ValueError for another number of units, or a `k`
        out of range.

    When not to use it: to remove a feature. Components mix features, and small ones may carry it in full.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.components(x, labels)
    >>> repbias.truncated(x, found, 1).std(0).round(decimals=1).tolist()  # the second unit is cut
    [1.8, 0.0]
    """
    if not 0 <= k <= len(result.axes):
        raise ValueError(f"k must be from 0 to {len(result.axes)}, the number of components of result, got {k}")
    return mapped_about(representation, result.mean, result.axes[:k].T, result.axes[:k])


def components_needed(
    read_out: Callable[[Tensor], Tensor],
    representation: ArrayLike,
    labels: ArrayLike,
    result: Components,
    *,
    names: Sequence[str] | None = None,
    fraction: float = 0.95,
) -> ComponentsNeeded:
    """Measure how many of the top components a read-out needs for each feature.

    With acc(k) a feature's accuracy after `truncated` to k components, acc without truncation, and chance that of the
    most frequent class of `labels`, the number needed is

        the smallest k such that  acc(k') - chance >= fraction * (acc - chance)  for every k' >= k.

    Correcting for chance is what makes features of different numbers of classes comparable; "from there on" ignores
    a lucky early crossing. The read-out is that of the network: no decoder is fitted to what is left.

    Parameters
    ----------
    read_out : function from a representation, float32 `[stimulus, unit]`, on the device of `representation`, to
        predicted labels `[stimulus, feature]` (`[stimulus]` for one feature), whole numbers or bool. It is called
        once for each k, without gradients, on a copy that it may change.
    representation : `[stimulus, unit]`, best of stimuli that `result` was not fitted on.
    labels : `[stimulus]` or `[stimulus, feature]`, in the order of the read-out.
    result : what `components` found for that layer.
    names : the features' names; those of `result` by default.
    fraction : above 0 and at most 1.

    Returns
    -------
    A `ComponentsNeeded`.

    Raises
    ------
    ValueError : for arrays that do not fit together, a fraction out of range, or a read-out of the wrong shape.
    TypeError : where the read-out does not return numbers.

    When not to use it: as a count of the dimensions that a feature lives in. A feature in one dimension needs as many
    components as have more variance than it.

    Source: the question is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; the formula is this project's choice.

    Examples
    --------
    >>> import torch
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.components(x, labels)
    >>> def read_out(kept):
    ...     return kept > torch.tensor([1.5, 0.5])
    >>> repbias.components_needed(read_out, x, labels, found).needed.tolist()
    [1.0, 2.0]
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction}")
    names = result.names if names is None else names
    x, y, names = as_labelled(representation, labels, names, n_units=result.axes.shape[1])
    with torch.no_grad():
        untruncated = _accuracy(read_out, x, y)
        curve = _accuracy_by_k(read_out, x, y, result)
    chance = np.array([float(torch.bincount(column).max()) / len(y) for column in y.T])
    return ComponentsNeeded(
        names=names,
        curve=curve,
        untruncated=untruncated,
        chance=chance,
        fraction=float(fraction),
        needed=np.array([_needed(*of, fraction) for of in zip(curve, untruncated, chance, strict=True)]),
    )


def _needed(curve: FloatArray, untruncated: float, chance: float, fraction: float) -> float:
    if untruncated <= chance:
        return np.nan
    rounding = 1e-12
    below = np.flatnonzero(curve - chance < fraction * (untruncated - chance) - rounding)
    first = int(below[-1]) + 1 if len(below) else 0
    return float(first) if first < len(curve) else np.inf


def _accuracy_by_k(read_out: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, result: Components) -> FloatArray:
    """Return the accuracy with 0, 1, ..., all components, `[feature, k]`, adding one component at a time."""
    mean, axes = (torch.from_numpy(part).to(x.device) for part in (result.mean, result.axes))
    scores = (x.double() - mean) @ axes.T
    kept = mean.repeat(len(x), 1)
    curve = [_accuracy(read_out, kept, y)]
    for k, axis in enumerate(axes):
        kept.addr_(scores[:, k], axis)
        curve.append(_accuracy(read_out, kept, y))
    return np.stack(curve, axis=1)


def _accuracy(read_out: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> FloatArray:
    """Return the share of stimuli that the read-out classifies correctly, `[feature]`."""
    answer = reported_labels(read_out(x.to(torch.float32, copy=True)), x, "what read_out returns")
    if answer.shape != y.shape:
        raise ValueError(
            f"read_out must return one label for each stimulus and feature, {tuple(y.shape)}, "
            f"got shape {tuple(answer.shape)}: give labels the features that it reports, in its order"
        )
    return as_float64((answer == y).double().mean(0))
