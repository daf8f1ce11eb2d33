"""Activation patching: give a stimulus another one's activity at a layer, and see whose features are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batch, Batches
from repbias.core.arrays import ArrayLike, FloatArray, IntArray, as_names
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.interventions.erasure import projection_eraser
from repbias.measures.interventions.site import Predict, Site, binary_predictions
from repbias.measures.result import MeasureResult

Mix = Callable[[Tensor, Tensor], Tensor]
"""From the values `[stimulus, position, unit]` of stimuli and of their sources to those that take their place."""


@dataclass(frozen=True, eq=False, repr=False)
class Patching(MeasureResult):
    """Whose label is reported of a stimulus that has another's activity at a layer.

    The pairs fall into two groups for each feature: those whose labels, as predicted with nothing edited, differ, and
    those that agree.

    `plot` draws the share of the differing pairs whose report becomes the source's, beside that of the agreeing pairs
    whose report changes.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    transferred: FloatArray
    """Share of the differing pairs whose report becomes the source's, `[feature]`; NaN where no pair differs."""

    disturbed: FloatArray
    """Share of the agreeing pairs whose report changes, `[feature]`; NaN where no pair agrees."""

    n_differing: IntArray
    """Number of pairs whose predicted labels differ, `[feature]`."""

    n_pairs: int
    """Number of pairs."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `transferred`, `disturbed` and `n_differing`.
        """
        measures = {"transferred": self.transferred, "disturbed": self.disturbed, "n_differing": self.n_differing}
        return measures_table(self.names, measures)

    def _drawing(self) -> Bars:
        label = "pairs that report the source's label"
        disturbed = {"agreeing pairs that change": self.disturbed}
        return Bars(self.names, self.transferred, label, references=disturbed)

    def _title(self) -> str:
        return f"Reports of {self.n_pairs:,} patched stimuli"


def patch(
    model: nn.Module,
    inputs: Any,
    source_inputs: Any,
    layer: str,
    *,
    units: Sequence[int] | None = None,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch_size: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus, and count whose labels are reported.

    Where the layer, or some of its units, carries a feature and the rest of the network reads it there, the source's
    label is reported.

    Parameters
    ----------
    model : any `nn.Module`; run in eval mode, and left as it was.
    inputs : the stimuli that are patched, `[pair, ...]`: a tensor or array, a mapping of arguments by name, or a list
        or loader of batches.
    source_inputs : the stimuli from which the activity comes, row by row, in the same form; see `pairs_differing_in`.
    layer : name of one layer, or of one of its calls, `act#1`; see `read_layers`.
    units : the units that are replaced, at every position; all by default.
    predict : from what the model returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    axes : names of the layer's axes, where its modules do not show which holds the units; see `read_layers`.
    batch_size : stimuli in one forward pass.

    Returns
    -------
    A `Patching`.

    Raises
    ------
    ValueError : an unknown layer or unit, or inputs that do not pair up.
    TypeError : inputs that cannot be read, or a layer or an output without a tensor.

    When not to use it: with random pairs, to say which feature a layer carries; with pairs that differ in one feature
    only, what changes is due to that feature. Replacing the whole of a layer that everything passes through always
    gives the source's report: patch units or a subspace (`patch_subspace`) there.

    Source: Vig et al. (2020), arXiv 2004.12265; Geiger et al. (2021), arXiv 2106.02997.

    Examples
    --------
    >>> import torch, repbias
    >>> stimuli = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    >>> labels = (stimuli > 0).int()
    >>> model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())  # reports the signs of its inputs
    >>> pairs = repbias.pairs_differing_in(labels, 0, seed=0)
    >>> found = repbias.patch(model, stimuli[pairs[:, 0]], stimuli[pairs[:, 1]], "0", units=[0])
    >>> found.transferred.tolist(), found.disturbed.tolist()  # each pair differs in the first feature
    ([1.0, nan], [nan, 0.0])
    """
    pairs = _paired(model, inputs, source_inputs, batch_size)
    if units is None:
        site = Site.find(model, layer, pairs[0], predict, axes, "flatten")
        return _patched(site, pairs, lambda own, source: source, names)
    site = Site.find(model, layer, pairs[0], predict, axes)
    chosen = torch.zeros(site.n_units, dtype=torch.bool)
    chosen[_as_units(units, site.n_units, layer)] = True
    return _patched(site, pairs, lambda own, source: torch.where(chosen.to(own.device), source, own), names)


def patch_subspace(
    model: nn.Module,
    inputs: Any,
    source_inputs: Any,
    layer: str,
    vectors: ArrayLike,
    *,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch_size: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus within a subspace, and count whose labels are reported.

    With phi and phi' the layer's output for a stimulus and its source, and Q an orthonormal basis of the vectors,

        phi  ->  phi + Q Q' (phi' - phi)

    Parameters
    ----------
    model, inputs, source_inputs, layer : as in `patch`, and so are the arguments by name.
    vectors : `[unit]` or `[direction, unit]`, of any length; of the layer's units, at every position, or of all values
        of a stimulus in the order of `read_layers`.

    Returns
    -------
    A `Patching`.

    Raises
    ------
    ValueError, TypeError : as `patch`; ValueError for vectors that do not fit the layer or are all zero.

    When not to use it: to conclude that a direction is where the network keeps a feature. A subspace can change reports
    by activating a pathway that is otherwise dormant.

    Source: Geiger et al. (2023), arXiv 2303.02536; the caution is Makelov, Lange & Nanda's (2023), arXiv 2311.17030.

    Examples
    --------
    >>> import torch, repbias
    >>> stimuli = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    >>> labels = (stimuli > 0).int()
    >>> model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())  # reports the signs of its inputs
    >>> pairs = repbias.pairs_differing_in(labels, 0, seed=0)
    >>> own, source = stimuli[pairs[:, 0]], stimuli[pairs[:, 1]]
    >>> found = repbias.patch_subspace(model, own, source, "0", [0.0, 1.0])
    >>> found.transferred[:1].tolist()  # the second unit does not carry the first feature
    [0.0]
    """
    basis = projection_eraser(vectors).coefficients
    pairs = _paired(model, inputs, source_inputs, batch_size)
    site = Site.of_length(basis.shape[1], "vectors", model, layer, pairs[0], predict, axes)

    def mix(own: Tensor, source: Tensor) -> Tensor:
        directions = basis.to(own.device)
        return own + ((source - own).double() @ directions.T @ directions).to(own)

    return _patched(site, pairs, mix, names)


def _paired(model: nn.Module, inputs: Any, source_inputs: Any, batch_size: int) -> tuple[Batches, Batches]:
    """Return the stimuli and their sources, row by row."""
    own, source = (Batches(one, model, batch_size=batch_size) for one in (inputs, source_inputs))
    if (n := own.count()) != (n_sources := source.count()):
        raise ValueError(
            f"inputs and source_inputs must pair up row by row, got {n} and {n_sources} stimuli: repeat a source "
            "that serves several stimuli"
        )
    return own, source


def _patched(site: Site, pairs: tuple[Batches, Batches], mix: Mix, names: Sequence[str] | None) -> Patching:
    """Run all pairs, with the layer's values `mix(own, source)`."""
    names = as_names(names, site.n_features())
    parts = [_run(site, own, source, mix) for own, source in zip(*pairs, strict=True)]
    before, reported, after = (np.concatenate(column) for column in zip(*parts, strict=True))
    differ = before != reported
    return Patching(
        names=names,
        transferred=_share(after == reported, differ),
        disturbed=_share(after != before, ~differ),
        n_differing=differ.sum(0),
        n_pairs=len(before),
    )


def _run(site: Site, own: Batch, source: Batch, mix: Mix) -> list[IntArray]:
    """Return the labels predicted of the stimuli, of their sources, and of the patched stimuli."""
    values, reported = site.read(source)

    def patched(before: Tensor) -> Tensor:
        if before.shape != values.shape:
            raise ValueError(
                f"inputs and source_inputs must give layer {site.call.label!r} the same shape, got "
                f"{list(before.shape)} and {list(values.shape)} [stimulus, position, unit] in one batch"
            )
        return mix(before, values)

    return [labels.numpy() for labels in (site.predictions(own), reported, site.predictions(own, patched))]


def _as_units(units: Sequence[int], n_units: int, layer: str) -> Tensor:
    columns = np.asarray(units)
    if columns.ndim != 1 or not len(columns) or columns.dtype.kind not in "iu":
        raise ValueError(f"units must be one or more indices of units, [index], got {units!r}")
    if columns.min() < 0 or columns.max() >= n_units:
        raise ValueError(f"units must be from 0 to {n_units - 1} for layer {layer!r}, got {columns.tolist()}")
    return torch.from_numpy(columns.astype(np.int64))


def _share(happened: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the share of the pairs `among` which it happened, `[feature]`; NaN where there are none."""
    counts = among.sum(0)
    return np.where(counts > 0, (happened & among).sum(0) / np.maximum(counts, 1), np.nan)
