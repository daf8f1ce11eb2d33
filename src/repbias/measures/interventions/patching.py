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
from repbias.core.arrays import ArrayLike, FloatArray, as_names
from repbias.measures.interventions.erasure import projection_eraser
from repbias.measures.interventions.site import Predict, Site, binary_predictions

Mix = Callable[[Tensor, Tensor], Tensor]
"""From the values `[stimulus, position, unit]` of stimuli and of their sources to those that take their place."""


@dataclass(frozen=True, eq=False)
class Patching:
    """Whose label is reported of a stimulus that has another's activity at a layer.

    The pairs fall into two groups for each feature: those whose labels, as predicted with nothing edited, differ, and
    those that agree.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    transferred: FloatArray
    """Share of the differing pairs whose report becomes the source's, `[feature]`; NaN where no pair differs."""

    disturbed: FloatArray
    """Share of the agreeing pairs whose report changes, `[feature]`; NaN where no pair agrees."""

    n_differing: npt.NDArray[np.int64]
    """Number of pairs whose predicted labels differ, `[feature]`."""

    n_pairs: int
    """Number of pairs."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `transferred`, `disturbed` and `n_differing`.
        """
        measures = {"transferred": self.transferred, "disturbed": self.disturbed, "n_differing": self.n_differing}
        wide = pd.DataFrame(measures, index=list(self.names), dtype=float)
        return wide.melt(ignore_index=False, var_name="measure").rename_axis("feature").reset_index()


def patch(
    module: nn.Module,
    inputs: Any,
    source_inputs: Any,
    layer: str,
    *,
    units: Sequence[int] | None = None,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus, and count whose labels are reported.

    Where the layer, or some of its units, carries a feature and the rest of the network reads it there, the source's
    label is reported.

    Parameters
    ----------
    module : any `nn.Module`; run in eval mode, and left as it was.
    inputs : the stimuli that are patched, `[pair, ...]`: a tensor or array, a mapping of arguments by name, or a list
        or loader of batches.
    source_inputs : the stimuli from which the activity comes, row by row, in the same form; see `pairs_differing_in`.
    layer : name of one layer, or of one of its calls, `act#1`; see `read_layers`.
    units : the units that are replaced, at every position; all by default.
    predict : from what the module returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    axes : names of the layer's axes, where its modules do not show which holds the units; see `read_layers`.
    batch : stimuli in one forward pass.

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
    """
    pairs = _Pairs.of(module, inputs, source_inputs, batch)
    if units is None:
        site = Site.find(module, layer, pairs.own, predict, axes, "flatten")
        return pairs.patched(site, lambda own, source: source, names)
    site = Site.find(module, layer, pairs.own, predict, axes)
    chosen = torch.zeros(site.n_units, dtype=torch.bool)
    chosen[_as_units(units, site.n_units, layer)] = True
    return pairs.patched(site, lambda own, source: torch.where(chosen.to(own.device), source, own), names)


def patch_subspace(
    module: nn.Module,
    inputs: Any,
    source_inputs: Any,
    layer: str,
    vectors: ArrayLike,
    *,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    axes: Axes | None = None,
    batch: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus within a subspace, and count whose labels are reported.

    With phi and phi' the layer's output for a stimulus and its source, and Q an orthonormal basis of the vectors,

        phi  ->  phi + Q Q' (phi' - phi)

    Parameters
    ----------
    module, inputs, source_inputs, layer : as in `patch`, and so are the arguments by name.
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
    """
    basis = projection_eraser(vectors).coefficients
    pairs = _Pairs.of(module, inputs, source_inputs, batch)
    site = Site.of_length(basis.shape[1], "vectors", module, layer, pairs.own, predict, axes)

    def mix(own: Tensor, source: Tensor) -> Tensor:
        directions = basis.to(own.device)
        return own + ((source - own).double() @ directions.T @ directions).to(own)

    return pairs.patched(site, mix, names)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Stimuli and their sources, row by row."""

    own: Batches
    source: Batches

    @classmethod
    def of(cls, module: nn.Module, inputs: Any, source_inputs: Any, batch: int) -> _Pairs:
        own, source = (Batches(one, module, batch_size=batch) for one in (inputs, source_inputs))
        if (n := own.count()) != (n_sources := source.count()):
            raise ValueError(
                f"inputs and source_inputs must pair up row by row, got {n} and {n_sources} stimuli: repeat a source "
                "that serves several stimuli"
            )
        return cls(own, source)

    def patched(self, site: Site, mix: Mix, names: Sequence[str] | None) -> Patching:
        """Run all pairs, with the layer's values `mix(own, source)`."""
        names = as_names(names, site.n_features(self.own))
        parts = [_run(site, own, source, mix) for own, source in zip(self.own, self.source, strict=True)]
        before, reported, after = (np.concatenate(column) for column in zip(*parts, strict=True))
        differ = before != reported
        return Patching(
            names=names,
            transferred=_share(after == reported, differ),
            disturbed=_share(after != before, ~differ),
            n_differing=differ.sum(0),
            n_pairs=len(before),
        )


def _run(site: Site, own: Batch, source: Batch, mix: Mix) -> list[npt.NDArray[np.int64]]:
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
