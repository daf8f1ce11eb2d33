"""Ablation: how accurately a network reports each feature after something is erased from a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.core.arrays import ArrayLike, FloatArray, as_labels, as_names
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.interventions.erasure import Eraser
from repbias.measures.interventions.site import Predict, Site, binary_predictions
from repbias.measures.result import MeasureResult


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
