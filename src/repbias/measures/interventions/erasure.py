"""Erasure: remove what a linear classifier can read of a feature, and measure what a network then still reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    as_labelled,
    as_labels,
    as_names,
    as_representation,
    class_numbers,
)
from repbias.core.display import Displayed
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.interventions.site import Predict, Site, binary_predictions
from repbias.measures.result import MeasureResult

WEAKEST = 1e-7
"""Correlations below this are rounding, in float64."""


@dataclass(frozen=True, eq=False, repr=False)
class Eraser(Displayed):
    """An affine map that removes some directions from a representation about a mean:

    phi  ->  phi - removal coefficients (phi - mean)
    """

    mean: Tensor
    """The point that the map leaves in place, float64 `[unit]`."""

    removal: Tensor
    """Directions that are removed, float64 `[unit, direction]`."""

    coefficients: Tensor
    """How much of each direction is read from a stimulus, float64 `[direction, unit]`."""

    @property
    def rank(self) -> int:
        """Number of directions that are removed; 0 where erasure changes nothing."""
        return self.removal.shape[1]

    def _display(self) -> tuple[str, pd.DataFrame]:
        return f"Eraser of {self.rank} directions of {len(self.mean)} units", pd.DataFrame()

    @overload
    def apply(self, representation: Tensor) -> Tensor: ...

    @overload
    def apply(self, representation: npt.ArrayLike) -> npt.NDArray[Any]: ...

    def apply(self, representation: ArrayLike) -> Tensor | npt.NDArray[Any]:
        """Return the representation `[stimulus, unit]` without the feature.

        Computed in float64. A tensor gives a tensor on its device, all else a NumPy array; floating-point types are
        kept, whole numbers become float64.
        """
        x = as_representation(representation, "representation", n_units=len(self.mean))
        mean, removal, coefficients = (part.to(x.device) for part in (self.mean, self.removal, self.coefficients))
        wide = x.double()
        erased = wide - (wide - mean) @ coefficients.T @ removal.T
        erased = erased.to(x.dtype) if x.is_floating_point() else erased
        return erased if isinstance(representation, Tensor) else erased.numpy()

    def apply_at_positions(self, values: Tensor) -> Tensor:
        """Return the values `[stimulus, position, unit]` of a layer without the feature at any position."""
        return self.apply(values.flatten(0, 1)).reshape(values.shape)


def projection_eraser(vectors: ArrayLike, mean: ArrayLike | None = None) -> Eraser:
    """Return the orthogonal projection that removes directions from a representation.

        phi  ->  phi - Q Q' (phi - mean)        Q an orthonormal basis of what the vectors span

    Parameters
    ----------
    vectors : `[unit]` or `[direction, unit]`, of any length; they need not be independent.
    mean : `[unit]`, whose part along the vectors every stimulus gets; 0 by default.

    Returns
    -------
    An `Eraser`, whose rank is the number of independent vectors.

    Raises
    ------
    ValueError : vectors that are all zero, or a mean with another number of units.
    TypeError : arrays that do not hold numbers.

    When not to use it: to guarantee that a feature is gone. Projecting out one probe's direction leaves information
    on the feature in correlated units; `leace` removes all that is linearly readable.

    Source: Ravfogel et al. (2020), arXiv 2004.07667, a single step.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> eraser = repbias.projection_eraser([0.0, 2.0])
    >>> eraser.apply(np.array([[1.0, 5.0]])).tolist()
    [[1.0, 0.0]]
    """
    rows = as_representation(_as_rows(vectors), "vectors").double().cpu()
    centre = torch.zeros(rows.shape[1], dtype=torch.float64)
    if mean is not None:
        centre = as_representation(_as_rows(mean), "mean", n_units=rows.shape[1]).double().cpu()[0]
    lengths = rows.norm(dim=1, keepdim=True)
    if not bool(lengths.any()):
        raise ValueError(f"vectors must span at least one direction, got {len(rows)} of length 0")
    _, strengths, basis = torch.linalg.svd(rows / torch.where(lengths > 0, lengths, 1), full_matrices=False)
    basis = basis[strengths > strengths[0] * max(rows.shape) * torch.finfo(torch.float64).eps]
    return Eraser(centre, basis.T, basis)


def leace(representation: ArrayLike, labels: ArrayLike) -> Eraser:
    """Return the map that makes features unreadable for every linear classifier, with the least change.

    Least-squares concept erasure in closed form. With S the covariance of the representation, C its covariance with the
    features' one-hot codes, W the pseudo-inverse of the root of S, and U an orthonormal basis of the columns of W C,

        phi  ->  phi - W^+ U U' W (phi - mean)

    Of all affine maps after which the covariance with the codes is zero, this one has the least mean squared change.
    Zero covariance is the same as: no linear classifier, under any convex loss, does better than a constant one. Both
    hold on the stimuli of the fit.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device; computed in float64.
    labels : class labels 0, 1, 2, ..., `[stimulus]` or `[stimulus, feature]`; all features are erased together.

    Returns
    -------
    An `Eraser`, of at most (classes - 1) directions a feature; of rank 0 where no feature covaries with any unit.

    Raises
    ------
    ValueError : fewer than two stimuli, arrays that do not fit together, values that are not finite, or labels that are
        negative or not whole.
    TypeError : arrays that do not hold numbers.

    When not to use it: with fewer stimuli than units, to generalise to other stimuli: any labels can then be read
    from the stimuli of the fit, and erasing them removes real variance. Against nonlinear readers, such as the rest
    of a network, which may recover the feature. Where directions differ in spread by more than about ten million, the
    weakest count as rounding, and information in them stays.

    Source: Belrose et al. (2023), arXiv 2306.03819.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> eraser = repbias.leace(x, labels[:, 0])
    >>> eraser.rank
    1
    >>> erased = eraser.apply(x)
    >>> r2 = repbias.variance_explained(erased, labels).r2
    >>> bool(abs(r2[0]) < 0.01), bool(r2[1] > 0.05)
    (True, True)
    """
    x, y, names = as_labelled(representation, labels, None)
    n_classes = class_numbers(y, names, "labels")
    if len(x) < 2:
        raise ValueError("representation must hold two or more stimuli for a covariance, got 1: give more stimuli")
    codes = [nn.functional.one_hot(y[:, k], n) for k, n in enumerate(n_classes)]
    return LeaceFitter(x.double()).fit(torch.cat(codes, dim=1).double())


class LeaceFitter:
    """Fits the erasers of many features of one representation, with one decomposition for all; see `leace`.

    Parameters
    ----------
    representation : float64 `[stimulus, unit]`.
    """

    def __init__(self, representation: Tensor) -> None:
        self._mean = representation.mean(0)
        self._centred = representation - self._mean
        self._whiten, self._colour = _roots(self._centred.T @ self._centred / (len(representation) - 1))

    def fit(self, code: Tensor) -> Eraser:
        """Return the map that erases classes given by one-hot codes, float64 `[stimulus, class]`."""
        covariance = self._centred.T @ (code - code.mean(0)) / (len(code) - 1)
        basis, strengths, _ = torch.linalg.svd(self._whiten @ covariance, full_matrices=False)
        basis = basis[:, strengths > WEAKEST]
        return Eraser(self._mean.cpu(), (self._colour @ basis).cpu(), (basis.T @ self._whiten).cpu())


def _as_rows(values: ArrayLike) -> ArrayLike:
    if isinstance(values, Tensor):
        return values[None] if values.ndim == 1 else values
    return np.atleast_2d(np.asarray(values))


def _roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the root's pseudo-inverse and the root of a covariance matrix, `[unit, unit]` each."""
    variances, axes = torch.linalg.eigh(covariance)
    present = variances > variances[-1] * len(variances) * torch.finfo(torch.float64).eps
    axes, spread = axes[:, present], variances[present].sqrt()
    return axes / spread @ axes.T, axes * spread @ axes.T


@dataclass(frozen=True, eq=False, repr=False)
class Ablation(MeasureResult):
    """How accurately each feature is reported before and after an erasure from a layer.

    `plot` draws the accuracy after the erasure, beside that before it and that of a constant report.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    before: FloatArray
    """Share of stimuli whose report is correct, nothing edited, `[feature]`."""

    after: FloatArray
    """The same with the layer's output erased, `[feature]`."""

    majority: FloatArray
    """Share of the stimuli that are of the most frequent class: the accuracy of a constant report, `[feature]`."""

    n_stimuli: int
    """Number of stimuli."""

    @property
    def drop(self) -> FloatArray:
        """Accuracy that erasure costs, `[feature]`."""
        return self.before - self.after

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `before`, `after`, `drop` and `majority`.
        """
        measures = {"before": self.before, "after": self.after, "drop": self.drop, "majority": self.majority}
        return measures_table(self.names, measures)

    def _drawing(self) -> Bars:
        compared = {"before": self.before, "most frequent class": self.majority}
        return Bars(self.names, self.after, "accuracy after the erasure", references=compared)

    def _title(self) -> str:
        return f"Accuracy of the reports of {self.n_stimuli:,} stimuli, before and after an erasure"


def ablate(
    model: nn.Module,
    inputs: Any,
    layer: str,
    eraser: Eraser,
    labels: ArrayLike,
    *,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch_size: int = 4096,
) -> Ablation:
    """Report each feature's accuracy before and after something is erased from a layer's output.

    Parameters
    ----------
    model : any `nn.Module`; run in eval mode, and left as it was.
    inputs : a tensor or array `[stimulus, ...]`, a mapping of arguments by name, or a list or loader of batches.
    layer : name of one layer, or of one of its calls, `act#1`; see `read_layers`.
    eraser : of the layer's units, applied at every position, or of all values of a stimulus in the order of
        `read_layers`.
    labels : the correct class labels, `[stimulus]` or `[stimulus, feature]`, in the order of the predicted features.
    predict : from what the model returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    axes : names of the layer's axes, where its modules do not show which holds the units; see `read_layers`.
    batch_size : stimuli in one forward pass.

    Returns
    -------
    An `Ablation`.

    Raises
    ------
    ValueError : an unknown layer, an eraser of other units, or labels that do not fit the predictions.
    TypeError : inputs that cannot be read, or a layer or an output without a tensor.

    When not to use it: to conclude that a network does not use a feature because accuracy stays. Information that is
    erased from one layer can bypass it (residual connections) or be read nonlinearly.

    Source: Elazar et al. (2021), arXiv 2006.00995; Belrose et al. (2023), arXiv 2306.03819.

    Examples
    --------
    >>> import torch, repbias
    >>> stimuli = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    >>> labels = (stimuli > 0).int()
    >>> model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())  # reports the signs of its inputs
    >>> found = repbias.ablate(model, stimuli, "0", repbias.projection_eraser([1.0, 0.0]), labels)
    >>> found.before.tolist(), found.after.tolist()
    ([1.0, 1.0], [0.5, 1.0])
    """
    batches = Batches(inputs, model, batch_size=batch_size)
    correct = as_labels(labels, torch.empty(batches.count()), "labels")
    site = Site.of_length(len(eraser.mean), "the eraser", model, layer, batches, predict, axes)
    n_features = site.n_features()
    names = as_names(names, n_features)
    if correct.shape[1] != n_features:
        raise ValueError(
            f"labels must hold the {n_features} features that the model predicts, got {correct.shape[1]}: "
            "give both the same features in the same order"
        )
    before, after = (
        torch.cat([site.predictions(one, change) for one in batches]) for change in (None, eraser.apply_at_positions)
    )
    counts = [np.unique(feature, return_counts=True)[1] for feature in correct.T.numpy()]
    return Ablation(
        names=names,
        before=(before == correct).double().mean(0).numpy(),
        after=(after == correct).double().mean(0).numpy(),
        majority=np.array([count.max() for count in counts]) / len(correct),
        n_stimuli=len(correct),
    )
