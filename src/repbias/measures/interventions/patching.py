"""Activation patching: give a stimulus another one's activity at a layer, and see whose features are reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from repbias.core.arrays import ArrayLike, FloatArray, as_names
from repbias.measures.interventions.erasure import projection_eraser
from repbias.measures.interventions.site import (
    Predict,
    Site,
    as_layer_shape,
    binary_predictions,
    refuse_unusable,
    unedited,
)

Mix = Callable[[Tensor, Tensor], Tensor]


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
    inputs: Tensor,
    source_inputs: Tensor,
    layer: str,
    *,
    units: Sequence[int] | None = None,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    batch: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus, and count whose labels are reported.

    Where the layer, or some of its units, carries a feature and the rest of the network reads it there, the source's
    label is reported.

    Parameters
    ----------
    module : any `nn.Module`; run in eval mode, and left as it was.
    inputs : `[pair, ...]`, the stimuli that are patched.
    source_inputs : `[pair, ...]`, the stimuli from which the activity comes, row by row; see `pairs_differing_in`.
    layer : name of one layer, whose output is a tensor `[stimulus, ..., unit]`.
    units : the units that are replaced, at every position; all by default.
    predict : from what the module returns to predicted labels `[stimulus, feature]`; logits above 0 by default.
    names : the features' names; `feature_0`, ... by default.
    batch : stimuli in one forward pass.

    Returns
    -------
    A `Patching`.

    Raises
    ------
    ValueError : an unknown layer or unit, or inputs that do not pair up.
    TypeError : inputs, a layer or an output that are no tensors.

    When not to use it: with random pairs, to say which feature a layer carries; with pairs that differ in one feature
    only, what changes is due to that feature. Replacing the whole of a layer that everything passes through always
    gives the source's report: patch units or a subspace (`patch_subspace`) there.

    Source: Vig et al. (2020), arXiv 2004.12265; Geiger et al. (2021), arXiv 2106.02997.
    """
    pairs = _Pairs.make(Site.find(module, layer, predict), inputs, source_inputs, names, batch)
    if units is None:
        return pairs.patched(lambda own, source: source)
    n_units = pairs.response.shape[-1]
    chosen = torch.zeros(n_units, dtype=torch.bool)
    chosen[_as_units(units, n_units, pairs.site.layer)] = True
    chosen = chosen.to(pairs.response.device)
    return pairs.patched(lambda own, source: torch.where(chosen, source, own))


def patch_subspace(
    module: nn.Module,
    inputs: Tensor,
    source_inputs: Tensor,
    layer: str,
    vectors: ArrayLike,
    *,
    predict: Predict = binary_predictions,
    names: Sequence[str] | None = None,
    batch: int = 4096,
) -> Patching:
    """Replace a layer's output by that of a source stimulus within a subspace, and count whose labels are reported.

    With phi and phi' the layer's output for a stimulus and its source, and Q an orthonormal basis of the vectors,

        phi  ->  phi + Q Q' (phi' - phi)

    Parameters
    ----------
    module, inputs, source_inputs, layer : as in `patch`, and so are the arguments by name.
    vectors : `[unit]` or `[direction, unit]`, of any length; of the layer's units, at every position, or of all
        positions and units in the order of `read_layers` with `axes="flatten"`.

    Returns
    -------
    A `Patching`.

    Raises
    ------
    ValueError, TypeError : as `patch`; ValueError for vectors that do not fit the layer or are all zero.

    When not to use it: to conclude that a direction is where the network keeps a feature. A subspace can change reports
    by waking a pathway that is silent otherwise.

    Source: Geiger et al. (2023), arXiv 2303.02536; the caution is Makelov, Lange & Nanda's (2023), arXiv 2311.17030.
    """
    basis = projection_eraser(vectors).coefficients
    pairs = _Pairs.make(Site.find(module, layer, predict), inputs, source_inputs, names, batch)
    n_values = math.prod(as_layer_shape(basis.shape[1], pairs.response, pairs.site.layer, "vectors"))
    basis = basis.to(pairs.response.device)

    def mix(own: Tensor, source: Tensor) -> Tensor:
        difference = (source - own).double().reshape(-1, n_values)
        return own + (difference @ basis.T @ basis).reshape(own.shape).to(own)

    return pairs.patched(mix)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Stimuli and their sources at a site; `response` is the layer's output for the first stimulus."""

    site: Site
    inputs: Tensor
    source_inputs: Tensor
    response: Tensor
    names: tuple[str, ...]
    batch: int

    @classmethod
    def make(cls, site: Site, inputs: Tensor, source_inputs: Tensor, names: Sequence[str] | None, batch: int) -> _Pairs:
        refuse_unusable(inputs, batch)
        refuse_unusable(source_inputs, batch, "source_inputs")
        if inputs.shape != source_inputs.shape:
            raise ValueError(
                f"inputs and source_inputs must pair up row by row, got shapes {tuple(inputs.shape)} and "
                f"{tuple(source_inputs.shape)}: repeat a source that serves several stimuli"
            )
        response, predicted = site.read(inputs[:1])
        return cls(site, inputs, source_inputs, response, as_names(names, predicted.shape[1]), batch)

    def patched(self, mix: Mix) -> Patching:
        """Run all pairs, with the layer's output `mix(own, source)`."""
        chunks = zip(self.inputs.split(self.batch), self.source_inputs.split(self.batch), strict=True)
        parts = [self._run(own, source, mix) for own, source in chunks]
        before, reported, after = (np.concatenate(column) for column in zip(*parts, strict=True))
        differ = before != reported
        return Patching(
            names=self.names,
            transferred=_share(after == reported, differ),
            disturbed=_share(after != before, ~differ),
            n_differing=differ.sum(0),
            n_pairs=len(before),
        )

    def _run(self, inputs: Tensor, source_inputs: Tensor, mix: Mix) -> list[npt.NDArray[np.int64]]:
        """Return the labels predicted of the stimuli, of their sources, and of the patched stimuli."""
        before = self.site.predictions(inputs, unedited)
        source, reported = self.site.read(source_inputs)
        after = self.site.predictions(inputs, lambda own: mix(own, source))
        return [labels.numpy() for labels in (before, reported, after)]


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
