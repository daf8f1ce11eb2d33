"""Erasure: remove what a linear classifier can read of a feature from a representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from repbias.core.arrays import (
    ArrayLike,
    as_labelled,
    as_representation,
    class_numbers,
)
from repbias.core.display import Displayed
from repbias.core.frames import shared_index
from repbias.features.inference import Features, given_features
from repbias.features.values import of_labels

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


def leace(representation: ArrayLike, labels: Features) -> Eraser:
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
    labels : class labels, or features of any kind, as in `variance_explained`; all are erased together. Of other kinds,
        what is linear in the columns of the design matrix is erased.

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
    shared_index({"representation": representation, "labels": labels})
    x = as_representation(representation, "representation")
    given = given_features(labels, None, None, len(x))
    if given.split is None:
        x, y, names = as_labelled(x, given.labels, given.names)
        features = of_labels(y.cpu().numpy(), class_numbers(y, names, "labels"))
    else:
        features = list(given.split[0].values())
    if len(x) < 2:
        raise ValueError("representation must hold two or more stimuli for a covariance, got 1: give more stimuli")
    code = torch.from_numpy(np.hstack([values.code for values in features]))
    return LeaceFitter(x.double()).fit(code.to(x.device))


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
